"""Compares Selvedge's token ids with llama.cpp's, line by line, over many scripts.

    python3 tokenizer_parity.py LLAMA_IDS SELVEDGE_IDS VOCAB.gguf... [--pre NAME,...] [--text FILE...] [--lines 2400] [--show 3]

LLAMA_IDS is llama_cpp_ids (its source says how to build it), SELVEDGE_IDS the target selvedge_ids. --pre runs a byte-level vocabulary
under each of these pre-tokenizers, whatever its own is. The corpus: lines of the files under --text, then generated ones
(fixed seed): words of many scripts, emoji with joiners, code, numbers, mixed line ends, odd spaces, the vocabulary's own
special texts and, in every sixth line, bytes that are no UTF-8. Left out are overlong forms and surrogates: llama.cpp reads
them as characters, Selvedge as ill-formed bytes.
"""
import argparse
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

WORDS = """the The THE don't Don'T I'LL we've it's 'S o'clock naïve Größe ĲSSELMEER ŉ ǅ straße ſharp e\u0301te\u0301 İstanbul
Привет мир ЁЖИК Ελληνικά ΆΈΉ עברית שָׁלוֹם العربية مَرْحَبًا فارسی‌ها हिन्दी क्षत्रिय বাংলা தமிழ் తెలుగు ಕನ್ನಡ മലയാളം ไทยภาษา ລາວ
မြန်မာ ខ្មែរ ქართული ՀԱՅ ᏣᎳᎩ ᠮᠣᠩᠭᠣᠯ አማርኛ 日本語 ひらがな カタカナ ﾊﾝｶｸ 漢字かな交じり 中文简体 繁體中文 한국어 ᄒᆞᆫ Tiếng Việt Ⅷ ½ ² ⅔ ٣٤٥ १२३ ๑๒ 𝟘𝟙 𝔘𝔫𝔦
😀 👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️ ☃︎ 🏴󠁧󠁢󠁥󠁮󠁧󠁿 © ™ € £ ₿ … — “quote” «guillemets» ‹x› ¿qué? ¡ya! 、。「」 ！？ ٪ ؟ \u00ad \u200b \u200d \u2060 \ufeff \U0010fffd \ue000 \u0378""".split()
CODE = ["for (int i = 0; i < n; ++i) {", "\tif (x != nullptr) return -1;", "}", "def f(x):\n    return x**2\n\n\n", "<div class=\"a\">&nbsp;</div>",
        "SELECT * FROM t WHERE a='b';--", "https://example.org/a?b=c&d=%20#e", "C:\\path\\to\\file.txt", "{\"k\": [1, 2.5e-3, null]}", "#include <x.h>//c",
        "a+=b<<2|c^~d", "$HOME/.config && echo \"$1\"", "x=1;y=2", "snake_case camelCase PascalCase SCREAMING_CASE", "``code``", "0x1F 1e10 3.14159 1,000,000 12345678901234567890"]
SPACES = [" ", " ", " ", " ", "  ", "   ", "\t", "\n", "\n\n", "\r\n", "\r", "\n \n", " \n", "\u00a0", "\u3000", "\u2009", "\u2028", "\x0b", "\x0c", "\x85", "\u180e", ""]
MISREAD = re.compile(rb"[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f][\x80-\xbf]|\xf0[\x80-\x8f][\x80-\xbf]{2}|\xed[\xa0-\xbf][\x80-\xbf]")
BROKEN = [b"\xff", b"\x80", b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xfe\xff", b"\xbf\xbf", b"\xe2(\xa1", b"\xc3\xc3\xa9", b"\xf0\x9f"]


def generated(count, specials):
    r = random.Random(5)
    alphabets = [(0x20, 0x7e), (0xa0, 0x24f), (0x370, 0x52f), (0x5d0, 0x6ff), (0x900, 0xdff), (0xe00, 0x11ff), (0x2000, 0x2bff),
                 (0x3000, 0x30ff), (0x4e00, 0x9fff), (0xac00, 0xd7a3), (0xf900, 0xffef), (0x1f300, 0x1faff), (0x10000, 0x1ffff)]
    for i in range(count):
        parts = []
        for _ in range(r.randint(1, 14)):
            kind = r.random()
            if kind < 0.5:
                parts.append(r.choice(WORDS))
            elif kind < 0.65:
                parts.append(r.choice(CODE))
            elif kind < 0.75:
                low, high = r.choice(alphabets)
                parts.append("".join(chr(c) for c in (r.randint(low, high) for _ in range(r.randint(1, 6))) if not 0xd800 <= c < 0xe000))
            elif kind < 0.85:
                parts.append(str(r.randint(0, 10 ** r.randint(1, 12))))
            elif kind < 0.9 and specials:
                parts.append(r.choice(specials))
            else:
                parts.append(r.choice("!?.,;:'\"()[]{}<>/|\\-_=+*&^%$#@~`") * r.randint(1, 5))
            parts.append(r.choice(SPACES))
        line = "".join(parts).encode()
        if i % 6 == 5:
            at = r.randint(0, len(line))
            line = line[:at] + r.choice(BROKEN) + line[at:]
        yield line


# --- enough of GGUF to read the special texts and to change one key --------------------------------
WIDTH = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def read_keys(path):
    """[(name, bytes of the key from its name on)]"""
    raw = open(path, "rb").read()
    count, at, keys = struct.unpack_from("<Q", raw, 16)[0], 24, []

    def string(at):
        size = struct.unpack_from("<Q", raw, at)[0]
        return raw[at + 8:at + 8 + size], at + 8 + size

    def value(kind, at):
        if kind == 8:
            return string(at)[1]
        if kind == 9:
            kind, n = struct.unpack_from("<IQ", raw, at)
            at += 12
            if kind != 8:
                return at + n * WIDTH[kind]
            for _ in range(n):
                at = string(at)[1]
            return at
        return at + WIDTH[kind]

    for _ in range(count):
        begin = at
        name, at = string(at)
        at = value(struct.unpack_from("<I", raw, at)[0], at + 4)
        keys.append((name.decode(), raw[begin:at]))
    return keys


def strings_of(encoded, name):
    at, out = 8 + len(name) + 4 + 4, []
    n = struct.unpack_from("<Q", encoded, at)[0]
    at += 8
    for _ in range(n):
        size = struct.unpack_from("<Q", encoded, at)[0]
        out.append(encoded[at + 8:at + 8 + size])
        at += 8 + size
    return out


def specials_of(keys):
    keys = dict(keys)
    tokens = strings_of(keys["tokenizer.ggml.tokens"], "tokenizer.ggml.tokens")
    name = "tokenizer.ggml.token_type"
    if name not in keys:
        return []
    types = struct.unpack_from(f"<{len(tokens)}i", keys[name], 8 + len(name) + 16)
    return [t.decode(errors="replace") for t, kind in zip(tokens, types) if kind in (3, 4)][:40]


def write_vocabulary(path, keys, pre):
    """The keys without tensors, under another pre-tokenizer."""
    name = b"tokenizer.ggml.pre"
    if pre:
        keys = [k for k in keys if k[0] != name.decode()]
        keys.append((name.decode(), struct.pack("<Q", len(name)) + name + struct.pack("<IQ", 8, len(pre)) + pre.encode()))
    body = b"GGUF" + struct.pack("<IQQ", 3, 0, len(keys)) + b"".join(k[1] for k in keys)
    with open(path, "wb") as f:
        f.write(body + b"\0" * (-len(body) % 32))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("llama_ids")
    parser.add_argument("selvedge_ids")
    parser.add_argument("vocabularies", nargs="+")
    parser.add_argument("--pre", default="")
    parser.add_argument("--text", nargs="*", default=[])
    parser.add_argument("--lines", type=int, default=2400)
    parser.add_argument("--show", type=int, default=3)
    o = parser.parse_args()
    worst = 0
    for path in o.vocabularies:
        keys = read_keys(path)
        lines = [line.encode() for file in o.text for line in open(file, encoding="utf-8")]
        lines += list(generated(o.lines, specials_of(keys)))
        lines = [line for line in lines if not MISREAD.search(line)]
        data = b"".join(struct.pack("<I", len(line)) + line for line in lines)
        for pre in o.pre.split(","):
            with tempfile.TemporaryDirectory() as folder:
                vocabulary = os.path.join(folder, "vocabulary.gguf")
                write_vocabulary(vocabulary, keys, pre)
                for special in "01":
                    theirs = subprocess.run([o.llama_ids, vocabulary, special], input=data, capture_output=True).stdout.split(b"\n")
                    ours = subprocess.run([o.selvedge_ids, vocabulary, special], input=data, capture_output=True)
                    if ours.returncode:
                        sys.exit(f"{path} {pre}: {ours.stderr.decode()}")
                    differ = [i for i, (a, b) in enumerate(zip(theirs, ours.stdout.split(b"\n"))) if a != b]
                    print(f"{os.path.basename(path)} {pre or '(own)'} parse_special={special}: {len(lines)} lines, "
                          f"{sum(len(t.split()) for t in theirs)} ids, {len(differ)} lines differ", flush=True)
                    for i in differ[:o.show]:
                        print("  ", lines[i], "\n   llama.cpp", theirs[i][:300].decode(), "\n   selvedge ", ours.stdout.split(b"\n")[i][:300].decode())
                    worst = max(worst, len(differ))
    sys.exit(1 if worst else 0)


if __name__ == "__main__":
    main()
