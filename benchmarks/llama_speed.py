#!/usr/bin/env python3
"""Decode and prefill beside llama.cpp's own llama-bench, on the same files, threads and machine.

    cmake --build build --target make_random_model selvedge
    build/benchmarks/make_random_model tinyllama-1.1b Q8_0 tiny-q8.gguf
    benchmarks/llama_speed.py --llama-bench PATH -m tiny-q8.gguf [-m ...] [-t 1 -t 2] [--rounds 5]
        [--decode 128] [--prefill 512] [--cpu] [--busy N] [--huge-pages] [--lora FILE]

The two take turns, one repetition each a round; the table shows medians of tokens per second and the median of
the rounds' ratios. --cpu compares processor time instead, which a busy machine changes less: the cost of a
repetition is what a run with three takes more than a run with one, halved. It says nothing about waiting, so it is
for one thread. --busy starts N processes that do nothing but compute, for both. With --huge-pages or --lora the
other side is Selvedge itself without them.
"""
import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys


def run(command):
    """Output and processor seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return out, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def selvedge(command, what, model, tokens, threads, repetitions):
    binary, *extra = command
    out, cpu = run([binary, "--json", "bench", what, "-m", model, "-n", str(tokens), "-t", str(threads),
                    "-r", str(repetitions), *extra])
    return json.loads(out)["tokens_per_s"]["median"], cpu


def llama(binary, what, model, tokens, threads, repetitions):
    sizes = ["-n", str(tokens), "-p", "0"] if what == "decode" else ["-p", str(tokens), "-n", "0"]
    out, cpu = run([binary, "-m", model, "-t", str(threads), "-r", str(repetitions), "-o", "json", *sizes])
    return json.loads(out)[0]["avg_ts"], cpu


def rate(engine, arguments, by_cpu):
    if not by_cpu:
        return engine(*arguments, 1)[0]
    tokens = arguments[3]
    return 2 * tokens / (engine(*arguments, 3)[1] - engine(*arguments, 1)[1])


@contextlib.contextmanager
def busy(processes):
    """So many processes that compute until the end of the block."""
    running = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def sides(flags):
    """Two names, each with what measures it."""
    extra = (["--huge-pages", "on"] if flags.huge_pages else []) + (["--lora", flags.lora] if flags.lora else [])
    if extra:
        return [("with", selvedge, [flags.selvedge, *extra]), ("without", selvedge, [flags.selvedge])]
    return [("Selvedge", selvedge, [flags.selvedge]), ("llama.cpp", llama, flags.llama_bench)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--selvedge", default="build/selvedge")
    parser.add_argument("--llama-bench")
    parser.add_argument("-m", "--model", action="append", required=True)
    parser.add_argument("-t", "--threads", type=int, action="append")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--decode", type=int, default=128)
    parser.add_argument("--prefill", type=int, default=512)
    parser.add_argument("--cpu", action="store_true")
    parser.add_argument("--busy", type=int, default=0)
    parser.add_argument("--huge-pages", action="store_true")
    parser.add_argument("--lora")
    flags = parser.parse_args()
    (first, one, one_command), (second, other, other_command) = sides(flags)
    if other_command is None:
        parser.error("--llama-bench is needed")
    print(f"| model | threads | | {first} | {second} | ratio |")
    print("|---|---|---|---|---|---|")
    with busy(flags.busy):
        for model in flags.model:
            for threads in flags.threads or [1]:
                for what, tokens in (("decode", flags.decode), ("prefill", flags.prefill)):
                    if tokens == 0:
                        continue
                    ours, theirs = [], []
                    for _ in range(flags.rounds):
                        ours.append(rate(one, (one_command, what, model, tokens, threads), flags.cpu))
                        theirs.append(rate(other, (other_command, what, model, tokens, threads), flags.cpu))
                    ratio = statistics.median(a / b for a, b in zip(ours, theirs))
                    print(f"| {os.path.basename(model)} | {threads} | {what} {tokens} "
                          f"| {statistics.median(ours):.1f} | {statistics.median(theirs):.1f} | {ratio:.2f} |",
                          flush=True)


if __name__ == "__main__":
    main()
