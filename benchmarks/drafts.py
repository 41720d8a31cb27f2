#!/usr/bin/env python3
"""What guessing from repeated text gains: `selvedge generate` with and without --draft-max, in turns.

    benchmarks/drafts.py --selvedge build/selvedge -m MODEL [--draft-max 8] [-n 128] [-t 1] [--rounds 5] [--prompt FILE]

Greedy. Prints medians of tokens per second, the median of the rounds' ratios, and how many guesses came true; fails if
the texts differ. The prompt is a list that goes on as it began, unless a file is given.
"""
import argparse
import json
import statistics
import subprocess
import sys

LIST = "".join(f"Item {i}: the red boat lay in the harbour, and the price was {i * 7 % 10} pounds.\n"
               for i in range(1, 9)) + "Item 9: the red boat"


def run(a, most):
    command = [a.selvedge, "generate", "--json", "--temp", "0", "--ignore-eos", "-n", str(a.n), "-t", str(a.threads),
               "-p", a.text, "--draft-max", str(most), "--adapter", "none"]
    if a.model:
        command += ["-m", a.model]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--selvedge", default="build/selvedge")
    parser.add_argument("-m", "--model")
    parser.add_argument("--draft-max", type=int, nargs="+", default=[8])
    parser.add_argument("-n", type=int, default=128)
    parser.add_argument("-t", "--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--prompt")
    a = parser.parse_args()
    a.text = open(a.prompt, encoding="utf-8").read() if a.prompt else LIST
    rates = {most: [] for most in [0, *a.draft_max]}
    guesses = {}
    for _ in range(a.rounds):
        text = None
        for most in rates:
            result = run(a, most)
            text = result["text"] if text is None else text
            if result["text"] != text:
                sys.exit(f"draft_max {most}: another text")
            rates[most].append(result["tokens_per_s"])
            guesses[most] = (result["drafted_tokens"], result["accepted_tokens"], result["generated_tokens"])
    for most, values in rates.items():
        ratio = statistics.median(v / plain for v, plain in zip(values, rates[0]))
        drafted, accepted, generated = guesses[most]
        print(f"draft_max {most:2}: {statistics.median(values):9.1f} tokens/s, x {ratio:.2f}, "
              f"{accepted} of {drafted} guesses right, {generated} tokens")


if __name__ == "__main__":
    main()
