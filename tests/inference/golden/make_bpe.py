"""Trains the small byte-level vocabulary of the tests and asks llama.cpp for its ids.

    python3 make_bpe.py LLAMA_IDS

LLAMA_IDS is benchmarks/tokenizer_parity/llama_cpp_ids. Writes bpe.json beside itself: tokens, types, merges and, for every
pre-tokenizer, the ids of each line ({"lines": [hex bytes], "ids": {pre: [[...]]}}). The merges are learned here from
words of make_golden.py and tokenizer_parity.py, by plain counting, so that nothing but the algorithm is anybody's.
"""
import collections
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../../../benchmarks/tokenizer_parity"))
from make_golden import PROSE, key, write_gguf
from tokenizer_parity import CODE, MISREAD, WORDS, generated

MERGES = 700
PRE = ["default", "gpt-2", "smollm", "llama-bpe", "qwen2", "tekken", "dbrx", "gpt-4o"]


def alphabet():
    printable = [b for b in range(256) if 0x21 <= b <= 0x7e or 0xa1 <= b <= 0xac or b >= 0xae]
    table = {b: chr(b) for b in printable}
    for b in range(256):
        table.setdefault(b, chr(256 + sum(1 for c in range(b) if c not in printable)))
    return table


def train():
    spell = alphabet()
    words = collections.Counter(re.findall(r"\s?[^\s]+|\s+", PROSE + " ".join(WORDS * 3) + " ".join(CODE)))
    parts = {w: [spell[b] for b in w.encode()] for w in words}
    merges = []
    while len(merges) < MERGES:
        pairs = collections.Counter()
        for w, symbols in parts.items():
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += words[w]
        best = min(pairs, key=lambda p: (-pairs[p], p))
        merges.append(best)
        for w, symbols in parts.items():
            i = 0
            while i + 1 < len(symbols):
                if (symbols[i], symbols[i + 1]) == best:
                    symbols[i:i + 2] = [best[0] + best[1]]
                i += 1
    tokens = [spell[b] for b in range(256)] + [a + b for a, b in merges]
    return tokens, [f"{a} {b}" for a, b in merges]


def main():
    tokens, merges = train()
    types = [1] * len(tokens) + [3, 3, 3, 4]
    tokens += ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool>"]
    lines = [line for line in generated(100, ["<|im_end|>", "<tool>"]) if not MISREAD.search(line)]
    data = b"".join(struct.pack("<I", len(line)) + line for line in lines)
    ids = {}
    with tempfile.TemporaryDirectory() as folder:
        for pre in PRE:
            path = os.path.join(folder, "bpe.gguf")
            write_gguf(path, [key("general.architecture", "str", "llama"), key("tokenizer.ggml.model", "str", "gpt2"),
                              key("tokenizer.ggml.pre", "str", pre), key("tokenizer.ggml.tokens", "[str]", tokens),
                              key("tokenizer.ggml.token_type", "[i32]", types), key("tokenizer.ggml.merges", "[str]", merges),
                              key("tokenizer.ggml.bos_token_id", "u32", len(tokens) - 4),
                              key("tokenizer.ggml.eos_token_id", "u32", len(tokens) - 4)], {})
            out = subprocess.run([sys.argv[1], path, "0"], input=data, capture_output=True, check=True).stdout
            ids[pre] = [[int(i) for i in line.split()] for line in out.decode().split("\n")[:-1]]
            assert len(ids[pre]) == len(lines)
    with open(os.path.join(HERE, "bpe.json"), "w") as f:
        json.dump({"tokens": tokens, "types": types, "merges": merges, "lines": [line.hex() for line in lines], "ids": ids}, f,
                  separators=(",", ":"))
        f.write("\n")


if __name__ == "__main__":
    main()
