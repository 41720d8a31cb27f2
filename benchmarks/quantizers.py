#!/usr/bin/env python3
"""Compares `selvedge model quantize` with llama.cpp's llama-quantize on one unquantized model.

    benchmarks/quantizers.py --selvedge build/selvedge --llama-quantize .../llama-quantize \
        --model f32.gguf --text held_out.txt [--types q8_0,q4_0,q4_k_m,q6_k]

For each type: whether all tensors have the same type, how many have the same bytes, and the
perplexity of both files on the text, measured by `selvedge eval`.
"""

import argparse
import json
import os
import struct
import subprocess
import tempfile

SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


def read_tensors(path):
    """{name: (type, bytes)} of a GGUF v3 file."""
    with open(path, "rb") as file:
        data = file.read()
    at = 24
    tensors, keys = struct.unpack_from("<QQ", data, 8)

    def number(fmt):
        nonlocal at
        value = struct.unpack_from("<" + fmt, data, at)[0]
        at += struct.calcsize("<" + fmt)
        return value

    def text():
        nonlocal at
        size = number("Q")
        at += size
        return data[at - size : at].decode()

    def skip(kind):
        if kind == 8:
            text()
        elif kind == 9:
            element, count = number("I"), number("Q")
            for _ in range(count):
                skip(element)
        else:
            number(SCALARS[kind])

    for _ in range(keys):
        text()
        skip(number("I"))
    table = []
    for _ in range(tensors):
        name = text()
        for _ in range(number("I")):
            number("Q")
        table.append((name, number("I"), number("Q")))
    start = (at + 31) // 32 * 32
    ends = [offset for _, _, offset in table[1:]] + [len(data) - start]
    return {n: (t, data[start + o : start + e]) for (n, t, o), e in zip(table, ends)}


def perplexity(selvedge, model, text):
    command = [selvedge, "--json", "eval", "-m", model, "--text", text]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["ppl"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--selvedge", required=True)
    parser.add_argument("--llama-quantize", required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--text", required=True)
    parser.add_argument("--types", default="q8_0,q4_0,q4_1,q5_0,q5_1,q4_k_s,q4_k_m,q5_k_m,q6_k")
    args = parser.parse_args()
    base = perplexity(args.selvedge, args.model, args.text)
    print(f"{'type':8} {'same types':>10} {'same bytes':>10} {'llama.cpp':>10} {'selvedge':>10}")
    print(f"{'(model)':8} {'':>10} {'':>10} {base:10.4f} {base:10.4f}")
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = os.path.join(folder, "ours.gguf"), os.path.join(folder, "theirs.gguf")
        for kind in args.types.split(","):
            quiet = {"check": True, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            subprocess.run([args.llama_quantize, args.model, theirs, kind.upper()], **quiet)
            subprocess.run([args.selvedge, "model", "quantize", "--type", kind, args.model, ours], **quiet)
            a, b = read_tensors(ours), read_tensors(theirs)
            types = sum(a[n][0] == b[n][0] for n in b)
            same = sum(a[n] == b[n] for n in b)
            ppl = [perplexity(args.selvedge, m, args.text) for m in (theirs, ours)]
            print(f"{kind:8} {types:5}/{len(b):<4} {same:5}/{len(b):<4} {ppl[0]:10.4f} {ppl[1]:10.4f}")


if __name__ == "__main__":
    main()
