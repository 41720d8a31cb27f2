#!/usr/bin/env python3
"""Held-out loss of persons: base, LoRA without DP, LoRA at several epsilons.

    benchmarks/persons.py --persons DIR [--out CELLS.jsonl] [--epsilon 8 --epsilon 2] [--seeds 3] [--only NAME ...] [-- FLAGS]

DIR holds one folder per person with train.jsonl ({"text", "ts"?} a line) and heldout.jsonl. Each cell is a fresh home in a
temporary folder: init, consent, record, train --now FLAGS, eval. Cells are appended to --out as they come; those that are
there with the same flags are not measured again, so a run that was stopped goes on. Then a Markdown table is printed.
Loss is nats per token of all held-out items, each scored whole and on its own; the gate's own held-out records are a part
of train.jsonl. Where the gate refuses, the base stays active: its loss is the cell, the refused candidate's is not known.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile


class Command:
    def __init__(self, binary, home):
        self.binary, self.home = binary, home

    def __call__(self, *args):
        run = subprocess.run([self.binary, "--home", self.home, "--json", *args], capture_output=True, text=True)
        if run.returncode != 0:
            sys.exit(f"selvedge {args[0]}: exit {run.returncode}: {run.stderr.strip()}")
        return json.loads(run.stdout) if run.stdout.strip() else {}


def measure(args, name, epsilon, seed):
    """One cell as a JSON object. epsilon None is without DP."""
    folder = tempfile.mkdtemp(prefix="selvedge-persons-")
    person = os.path.join(args.persons, name)
    try:
        run = Command(args.selvedge, os.path.join(folder, "home"))
        run("init", "--epsilon", str(epsilon or 8), "--delta", "1e-5")
        run("consent", "grant", "--source", "person")
        run("record", "--source", "person", "--format", "jsonl", os.path.join(person, "train.jsonl"))
        privacy = ["--dp", "off"] if epsilon is None else ["--epsilon", str(epsilon)]
        report = run("train", "--now", "-s", str(seed), *privacy, *args.train_flags)
        text = os.path.join(person, "heldout.jsonl")
        before = run("eval", "--text", text, "--adapter", "none")["loss"]
        after = run("eval", "--text", text, "--adapter", "active")["loss"] if report["adapter_id"] else before
        return {**key(args, name, epsilon, seed), "before": before, "after": after, "gate": report["gate"],
                "gate_before": report["loss_holdout_before"], "gate_after": report["loss_holdout_after"],
                "steps": report["steps"], "label_tokens": report["label_tokens"], "plan": report["plan"],
                "sampling_rate": (report["privacy"] or {}).get("sampling_rate")}
    finally:
        shutil.rmtree(folder)


def key(args, name, epsilon, seed):
    return {"person": name, "epsilon": epsilon, "seed": seed, "flags": args.train_flags}


def read_cells(path):
    if not path or not os.path.exists(path):
        return []
    with open(path) as f:
        return [json.loads(line) for line in f]


def find(cells, wanted):
    return next((c for c in cells if all(c[k] == v for k, v in wanted.items())), None)


def print_table(args, cells, names, epsilons):
    labels = ["no DP" if e is None else f"epsilon {e:g}" for e in epsilons]
    print("| person | base | " + " | ".join(labels) + " | kept of the gain without DP | refused |")
    print("|---|---|" + "---|" * (len(labels) + 2))
    for name in names:
        losses, kept, refused, gain, base = [], [], [], None, None
        for epsilon, label in zip(epsilons, labels):
            found = [c for c in (find(cells, key(args, name, epsilon, s)) for s in range(args.seeds)) if c]
            if not found:
                losses.append("-")
                continue
            after = [c["after"] for c in found]
            base, mean = found[0]["before"], statistics.mean(after)
            losses.append(f"{mean:.3f}" + (f" ± {statistics.stdev(after):.3f}" if len(after) > 1 else ""))
            refused += [label] * sum(c["gate"] != "accepted" for c in found)
            if epsilon is None:
                gain = base - mean
            elif gain:
                kept.append(f"{100 * (base - mean) / gain:.0f} %")
        if base is not None:
            print(f"| {name} | {base:.3f} | " + " | ".join(losses) + f" | {', '.join(kept)} | {', '.join(refused)} |")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--persons", required=True)
    ap.add_argument("--selvedge", default="build/selvedge")
    ap.add_argument("--out", help="cells as JSON lines, kept for the next run")
    ap.add_argument("--epsilon", type=float, action="append")
    ap.add_argument("--seeds", type=int, default=1, help="runs for each cell, each with noise of its own")
    ap.add_argument("--only", nargs="*")
    ap.add_argument("--no-dp", action=argparse.BooleanOptionalAction, default=True)
    ap.add_argument("train_flags", nargs="*", help="after --, passed to train")
    args = ap.parse_args()
    epsilons = ([None] if args.no_dp else []) + (args.epsilon or [8.0, 2.0])
    names = args.only or sorted(n for n in os.listdir(args.persons) if os.path.isdir(os.path.join(args.persons, n)))
    names.sort(key=lambda n: os.path.getsize(os.path.join(args.persons, n, "train.jsonl")))
    cells = read_cells(args.out)
    for seed in range(args.seeds):
        for name in names:
            for epsilon in epsilons:
                if find(cells, key(args, name, epsilon, seed)):
                    continue
                cells.append(measure(args, name, epsilon, seed))
                if args.out:
                    with open(args.out, "a") as f:
                        f.write(json.dumps(cells[-1]) + "\n")
    print_table(args, cells, names, epsilons)


if __name__ == "__main__":
    main()
