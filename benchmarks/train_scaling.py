#!/usr/bin/env python3
"""What a training step costs by the length of its sequences: one table, for docs/results.md.

    benchmarks/train_scaling.py -m 135m.gguf [--lengths 64 256 1024 2048] [--threads 1]

Runs `selvedge bench train` once for each length with as many sequences as make up --tokens label tokens (at least
one), and prints processor time for each label token, the peak resident size, and how long a stop waits for the trainer to look.
Cost linear in tokens is a column of equal numbers but for attention, whose share grows with the length.
"""
import argparse
import json
import subprocess


def measure(args, length):
    command = [args.selvedge, "bench", "train", "-m", args.model, "--json", "--dp", args.dp, "-r", str(args.steps),
               "--threads", str(args.threads), "--batch-size", str(max(1, args.tokens // length)), "--seq-len", str(length)]
    if args.memory_limit:
        command += ["--memory-limit", str(args.memory_limit)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("--selvedge", default="build/selvedge")
    parser.add_argument("--lengths", type=int, nargs="+", default=[64, 128, 256, 512, 1024, 2048])
    parser.add_argument("--tokens", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--dp", choices=["on", "off"], default="on")
    parser.add_argument("--memory-limit", type=int, default=0)
    args = parser.parse_args()
    print("| labels of a sequence | sequences | CPU ms / label token | peak MiB | stop waits, p99 / max ms |\n|---|---|---|---|---|")
    for length in args.lengths:
        report = measure(args, length)
        print(f"| {length} | {report['batch_size']} | {1000 / report['tokens_per_cpu_s']['median']:.2f} | "
              f"{report['peak_rss_mb']:.0f} | {report['stop_ms']['p99']:.0f} / {report['stop_ms']['max']:.0f} |", flush=True)


if __name__ == "__main__":
    main()
