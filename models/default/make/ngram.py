"""Byte n-gram baseline: interpolated Kneser-Ney (one discount per order) over bytes, order 5 by default.

    python3 ngram.py --data DIR --valid OUT/valid_books.txt ... [--order 5]

Trained on the same text as the model (DIR/*_train.txt, document separators removed); prints bits per byte.
"""
import argparse
import os

import numpy as np

TRAIN = ("books_train", "books_more_train", "conversations_train", "dialogues_train")


def keys(data, n):
    """The n-grams of data as integers, first byte most significant."""
    out = np.zeros(len(data) - n + 1, np.uint64)
    for i in range(n):
        out = (out << np.uint64(8)) | data[i:len(data) - n + 1 + i].astype(np.uint64)
    return out


def lookup(table, counts, wanted):
    at = np.minimum(np.searchsorted(table, wanted), len(table) - 1)
    return np.where(table[at] == wanted, counts[at], 0).astype(np.float64)


class Level:
    """Counts of one order: grams (of n bytes) and, for each context, total count and number of continuations."""

    def __init__(self, grams, counts):
        self.grams, self.counts = grams, counts
        ones, twos = (counts == 1).sum(), (counts == 2).sum()
        self.discount = ones / (ones + 2 * twos) if ones else 0.5
        contexts = grams >> np.uint64(8)
        self.contexts, first = np.unique(contexts, return_index=True)
        self.totals = np.add.reduceat(counts, first)
        self.types = np.diff(np.append(first, len(contexts)))

    def interpolate(self, wanted, lower):
        context = wanted >> np.uint64(8)
        total = lookup(self.contexts, self.totals, context)
        types = lookup(self.contexts, self.types, context)
        count = lookup(self.grams, self.counts, wanted)
        safe = np.maximum(total, 1)
        p = np.maximum(count - self.discount, 0) / safe + self.discount * types / safe * lower
        return np.where(total > 0, p, lower)


def levels(data, order):
    """Highest order with raw counts, lower ones with the number of distinct left neighbours."""
    grams, counts = np.unique(keys(data, order), return_counts=True)
    out = [Level(grams, counts)]
    for n in range(order - 1, 0, -1):
        suffix = np.sort(grams & np.uint64((1 << (8 * n)) - 1))
        grams, counts = np.unique(suffix, return_counts=True)
        out.append(Level(grams, counts))
    return out[::-1]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--valid", nargs="+", required=True)
    ap.add_argument("--order", type=int, default=5)
    args = ap.parse_args()
    text = b"".join(open(os.path.join(args.data, n + ".txt"), "rb").read() for n in TRAIN)
    model = levels(np.frombuffer(text.replace(b"<|endoftext|>\n", b""), np.uint8), args.order)
    for path in args.valid:
        data = np.frombuffer(open(path, "rb").read(), np.uint8)
        p = np.full(len(data) - args.order + 1, 1 / 256)
        for n, level in enumerate(model, 1):
            p = level.interpolate(keys(data, n)[args.order - n:], p)
        print(f"{path}: {-np.log2(p).mean():.4f} bits/byte")


if __name__ == "__main__":
    main()
