#!/usr/bin/env python3
"""Held-out loss of persons: base, LoRA without DP, LoRA at several epsilons.

    benchmarks/persons.py --persons DIR [--selvedge build/selvedge] [--epsilon 8 --epsilon 2] [--only NAME ...]

DIR holds one folder per person with train.jsonl ({"text", "ts"?} a line) and heldout.jsonl. Each cell is a fresh home in a
temporary folder: init, consent, record, train --now, eval. Prints a Markdown table; loss is nats per token.
Held-out records are scored one by one; the gate's own held-out records are a part of train.jsonl.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile


class Command:
    def __init__(self, binary, home):
        self.binary, self.home = binary, home

    def __call__(self, *args, check=True):
        run = subprocess.run([self.binary, "--home", self.home, "--json", *args], capture_output=True, text=True)
        if check and run.returncode != 0:
            sys.exit(f"selvedge {args[0]}: exit {run.returncode}: {run.stderr.strip()}")
        return json.loads(run.stdout) if run.stdout.strip() else {}


def measure(binary, person, epsilon, train_flags):
    """One cell: (loss before, loss after, train report). epsilon None is without DP."""
    folder = tempfile.mkdtemp(prefix="selvedge-persons-")
    try:
        run = Command(binary, os.path.join(folder, "home"))
        run("init", "--epsilon", str(epsilon or 8), "--delta", "1e-5")
        run("consent", "grant", "--source", "person")
        run("record", "--source", "person", "--format", "jsonl", os.path.join(person, "train.jsonl"))
        privacy = ["--dp", "off"] if epsilon is None else ["--epsilon", str(epsilon)]
        report = run("train", "--now", *privacy, *train_flags)
        text = os.path.join(person, "heldout.jsonl")
        before = run("eval", "--text", text, "--adapter", "none")["loss"]
        after = run("eval", "--text", text, "--adapter", "active")["loss"]
        return before, after, report
    finally:
        shutil.rmtree(folder)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--persons", required=True)
    ap.add_argument("--selvedge", default="build/selvedge")
    ap.add_argument("--epsilon", type=float, action="append")
    ap.add_argument("--only", nargs="*")
    ap.add_argument("--no-dp", action=argparse.BooleanOptionalAction, default=True)
    ap.add_argument("train_flags", nargs="*", help="after --, passed to train")
    args = ap.parse_args()
    epsilons = ([None] if args.no_dp else []) + (args.epsilon or [8.0, 2.0])
    names = args.only or sorted(n for n in os.listdir(args.persons) if os.path.isdir(os.path.join(args.persons, n)))
    names.sort(key=lambda n: os.path.getsize(os.path.join(args.persons, n, "train.jsonl")))
    labels = ["no DP" if e is None else f"epsilon {e:g}" for e in epsilons]
    print("| person | base | " + " | ".join(labels) + " | kept of the gain without DP | gate |")
    print("|---|---|" + "---|" * (len(labels) + 2))
    for name in names:
        cells, kept, gates, gain = [], [], [], None
        for epsilon in epsilons:
            before, after, report = measure(args.selvedge, os.path.join(args.persons, name), epsilon, args.train_flags)
            cells.append(f"{after:.3f}")
            gates.append(report["gate"].split(":")[0])
            if epsilon is None:
                gain = before - after
            elif gain:
                kept.append(f"{100 * (before - after) / gain:.0f} %")
        print(f"| {name} | {before:.3f} | " + " | ".join(cells) + f" | {', '.join(kept)} | {', '.join(gates)} |", flush=True)


if __name__ == "__main__":
    main()
