#!/usr/bin/env python3
"""Makes names.txt, the lexicon of privacy/redaction/name_lexicon.h.

    make_names.py --census names.db --forenames common-forenames-by-country.csv \
        --surnames common-surnames-by-country.csv --faker faker/providers/person \
        --dictionary american-english --texts FILE.txt... > names.txt

One line per word, sorted by bytes: the word in lower case ASCII letters, a space, and the sum of its
bits as one digit 0-9a-v:
    1 given name   2 family name   4 also an ordinary English word   8 a capitalised word that names
    no person (capitalised.txt)   16 an everyday word, capitalised by its place in the sentence

Sources are in SOURCES.md.
"""
import argparse
import ast
import collections
import csv
import pathlib
import re
import sqlite3
import unicodedata

GIVEN, FAMILY, WORD, OTHER, EVERYDAY = 1, 2, 4, 8, 16
STROKES = str.maketrans("øØłŁđĐðÐþÞßæÆœŒıħ", "oOlLdDdDtTsaAoOih")
DIGITS = "0123456789abcdefghijklmnopqrstuv"
MIN_LENGTH = 2
MOST_SURNAMES = 50000  # of the census, by frequency
WORD_COUNT = 3  # in lower case, in all texts together
WORD_SHARE = 0.25  # of lower case among all writings that do not begin a sentence
EVERYDAY_COUNT = 400


def fold(name):
    text = unicodedata.normalize("NFKD", name.translate(STROKES))
    return "".join(c for c in text if not unicodedata.combining(c)).lower()


def parts(name):
    return [p for p in re.split(r"[^a-z]+", fold(name)) if len(p) >= MIN_LENGTH]


def census(path):
    base = sqlite3.connect(path)
    for table, bit in (("male", GIVEN), ("female", GIVEN), ("surname", FAMILY)):
        query = f"SELECT name FROM {table} ORDER BY freq LIMIT {MOST_SURNAMES}"  # freq is cumulative
        for (name,) in base.execute(query):
            yield fold(name), bit


def by_country(path, bit):
    with open(path, encoding="utf-8-sig", newline="") as file:
        for row in csv.DictReader(file):
            for column in ("Localized Name", "Romanized Name"):
                for part in parts(row[column] or ""):
                    yield part, bit


def faker(folder):
    """Strings of the lists first_names*, last_names* of every locale; other scripts fall away."""
    for path in sorted(pathlib.Path(folder).glob("*/__init__.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            targets = [t.id for t in getattr(node, "targets", []) if isinstance(t, ast.Name)]
            bit = next((b for word, b in (("first_name", GIVEN), ("last_name", FAMILY))
                        if targets and word in targets[0]), 0)
            if bit:
                for string in ast.walk(node.value):
                    if isinstance(string, ast.Constant) and isinstance(string.value, str):
                        for part in parts(string.value):
                            yield part, bit


def count_words(paths):
    lower, upper = collections.Counter(), collections.Counter()
    for path in paths:
        text = pathlib.Path(path).read_text(encoding="utf-8", errors="replace")
        lower.update(re.findall(r"(?<![A-Za-z'])[a-z]{2,}(?![A-Za-z])", text))
        upper.update(w.lower() for w in re.findall(r"(?<=[a-z,;] )[A-Z][a-z]+(?![A-Za-z])", text))
    return lower, upper


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--census", required=True)
    parser.add_argument("--forenames", required=True)
    parser.add_argument("--surnames", required=True)
    parser.add_argument("--faker", required=True)
    parser.add_argument("--dictionary", required=True)
    parser.add_argument("--texts", nargs="+", required=True)
    args = parser.parse_args()

    bits = collections.defaultdict(int)
    for name, bit in census(args.census):
        bits[name] |= bit
    for name, bit in by_country(args.forenames, GIVEN):
        bits[name] |= bit
    for name, bit in by_country(args.surnames, FAMILY):
        bits[name] |= bit
    for name, bit in faker(args.faker):
        bits[name] |= bit
    lower, upper = count_words(args.texts)
    for word, count in lower.items():
        if count >= WORD_COUNT and count >= WORD_SHARE * (count + upper[word]):
            bits[word] |= WORD | (EVERYDAY if count >= EVERYDAY_COUNT else 0)
    for word in pathlib.Path(args.dictionary).read_text(encoding="utf-8").split():
        if word.islower() and not bits[word]:
            bits[word] |= WORD
    hand = pathlib.Path(__file__).with_name("capitalised.txt").read_text(encoding="utf-8")
    for line in hand.splitlines():
        if not line.startswith("#"):
            for word in line.split():
                bits[word] |= OTHER
    for word in sorted(bits):
        if re.fullmatch(r"[a-z]{2,20}", word):
            print(f"{word} {DIGITS[bits[word]]}")


if __name__ == "__main__":
    main()
