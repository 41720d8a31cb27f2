#!/usr/bin/env python3
"""Training speed and memory of `selvedge bench train` beside PyTorch's CPU LoRA step, in one run.

    OPENBLAS_CORETYPE=SkylakeX OMP_NUM_THREADS=1 benchmarks/train_beside_pytorch.py -m m.gguf --shape smollm2-135m

PyTorch runs the same shape with random weights: a plain llama decoder, LoRA on all linear layers (A and B trained),
AdamW, whole logits, autograd. Peers: f32; bf16 (base weights and activations in bfloat16, LoRA in f32);
per-sample (f32, one sequence at a time with its gradient clipped and added: what a hook-based per-sample gradient
costs at least). Every round runs all of them in turn, each in a process of its own; the table has medians over rounds
of label tokens per second of processor time, and the largest peak resident memory. Needs PyTorch and numpy.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time

SHAPES = {  # layers, width, heads, key heads, ff, vocabulary, tied output; as in make_random_model.cc
    "smollm2-135m": (30, 576, 9, 3, 1536, 49152, True),
    "tinyllama-1.1b": (22, 2048, 32, 4, 5632, 32000, False),
}


def build(shape, rank, base_type):
    import torch
    layers, width, heads, key_heads, ff, vocab, tied = SHAPES[shape]
    kv = width // heads * key_heads
    torch.manual_seed(1)

    def frozen(rows, columns):
        return (torch.randn(rows, columns) * columns**-0.5).to(base_type)

    def linear(rows, columns):
        a = torch.empty(rank, columns).uniform_(-(columns**-0.5), columns**-0.5).requires_grad_(True)
        return frozen(rows, columns), a, torch.zeros(rows, rank).requires_grad_(True)

    blocks = [{"q": linear(width, width), "k": linear(kv, width), "v": linear(kv, width), "o": linear(width, width),
               "gate": linear(ff, width), "up": linear(ff, width), "down": linear(width, ff)} for _ in range(layers)]
    embedding = frozen(vocab, width)
    return {"blocks": blocks, "embedding": embedding, "output": embedding if tied else frozen(vocab, width)}


def make_loss(model, shape, rank, seq_len):
    import torch
    import torch.nn.functional as F
    _, width, heads, key_heads, _, vocab, _ = SHAPES[shape]
    dim, scale = width // heads, 16 / rank
    base_type = model["embedding"].dtype
    angle = torch.outer(torch.arange(seq_len), 10000.0 ** (-torch.arange(0, dim, 2) / dim))
    cos, sin = angle.cos().to(base_type), angle.sin().to(base_type)
    mask = torch.full((seq_len, seq_len), float("-inf"), dtype=base_type).triu(1)

    def linear(x, weights):
        w, a, b = weights
        return F.linear(x, w) + F.linear(F.linear(x, a.to(base_type)), b.to(base_type)) * scale

    def norm(x):
        f = x.float()
        return (f * torch.rsqrt(f.square().mean(-1, keepdim=True) + 1e-5)).to(base_type)

    def rotate(x):  # [batch, heads, T, dim]
        a, b = x[..., : dim // 2], x[..., dim // 2:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def split(x, n):
        return x.view(x.shape[0], x.shape[1], n, dim).transpose(1, 2)

    def loss(tokens):
        x = F.embedding(tokens[:, :-1], model["embedding"])
        for block in model["blocks"]:
            h = norm(x)
            q, k = rotate(split(linear(h, block["q"]), heads)), rotate(split(linear(h, block["k"]), key_heads))
            v = split(linear(h, block["v"]), key_heads)
            k, v = (t.repeat_interleave(heads // key_heads, 1) for t in (k, v))
            p = torch.softmax(q @ k.transpose(-1, -2) * dim**-0.5 + mask, -1)
            x = x + linear((p @ v).transpose(1, 2).reshape(x.shape), block["o"])
            h = norm(x)
            x = x + linear(F.silu(linear(h, block["gate"])) * linear(h, block["up"]), block["down"])
        logits = F.linear(norm(x), model["output"])
        return F.cross_entropy(logits.view(-1, vocab).float(), tokens[:, 1:].reshape(-1))

    return loss


def pytorch(args):
    """Label tokens per CPU second of each step, and peak MiB; runs in a process of its own."""
    import torch
    torch.set_num_threads(args.threads)
    model = build(args.shape, args.rank, torch.bfloat16 if args.peer == "bf16" else torch.float32)
    loss = make_loss(model, args.shape, args.rank, args.seq_len)
    parameters = [p for block in model["blocks"] for w in block.values() for p in w[1:]]
    optimizer = torch.optim.AdamW(parameters, 1e-3)
    tokens = torch.randint(0, SHAPES[args.shape][5], (args.batch_size, args.seq_len + 1))

    def step():
        if args.peer != "per-sample":
            optimizer.zero_grad()
            loss(tokens).backward()
            optimizer.step()
            return
        total = [torch.zeros_like(p) for p in parameters]
        for one in tokens:
            optimizer.zero_grad()
            loss(one[None]).backward()
            size = torch.stack([p.grad.norm() for p in parameters]).norm()
            for t, p in zip(total, parameters):
                t.add_(p.grad, alpha=float(1 / (size + 1e-6).clamp(min=1)))
        for t, p in zip(total, parameters):
            p.grad = t / args.batch_size
        optimizer.step()

    step()
    rates, labels = [], args.batch_size * args.seq_len
    for _ in range(args.steps):
        cpu = time.process_time()
        step()
        rates.append(labels / (time.process_time() - cpu))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rate": statistics.median(rates), "peak": peak}))


def run_peer(args, peer):
    command = [sys.executable, __file__, "--peer", peer, "--shape", args.shape]
    for name in ("rank", "batch_size", "seq_len", "threads", "steps"):
        command += ["--" + name.replace("_", "-"), str(getattr(args, name))]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def run_selvedge(args, dp):
    command = [args.selvedge, "bench", "train", "-m", args.model, "--json", "--dp", dp, "-r", str(args.steps)]
    for name in ("rank", "batch_size", "seq_len", "threads"):
        command += ["--" + name.replace("_", "-"), str(getattr(args, name))]
    if args.memory_limit:
        command += ["--memory-limit", str(args.memory_limit)]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {"rate": report["tokens_per_cpu_s"]["median"], "peak": report["peak_rss_mb"]}


def compare(args):
    runs = {"selvedge, DP on": lambda: run_selvedge(args, "on"), "selvedge, DP off": lambda: run_selvedge(args, "off")}
    for peer in args.peers:
        runs[f"PyTorch {peer}"] = lambda peer=peer: run_peer(args, peer)
    results = {name: [] for name in runs}
    for _ in range(args.rounds):
        for name, run in runs.items():
            results[name].append(run())
    rate = {name: statistics.median(r["rate"] for r in rows) for name, rows in results.items()}
    print(f"{args.shape}, rank {args.rank}, batch {args.batch_size} x {args.seq_len}, {args.threads} thread(s), "
          f"median of {args.rounds} round(s) of {args.steps} steps\n")
    peers = [name for name in runs if name.startswith("PyTorch")]
    print("| | label tokens / CPU s | peak MiB |" + "".join(f" x {p} |" for p in peers))
    print("|---|---|---|" + "---|" * len(peers))
    for name, rows in results.items():
        ratios = "".join(f" {rate[name] / rate[p]:.2f} |" for p in peers)
        print(f"| {name} | {rate[name]:.0f} | {max(r['peak'] for r in rows):.0f} |{ratios}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", help="GGUF file of the shape (build/benchmarks/make_random_model)")
    parser.add_argument("--shape", choices=SHAPES, default="smollm2-135m")
    parser.add_argument("--selvedge", default="build/selvedge")
    parser.add_argument("--peers", nargs="*", default=["f32", "bf16", "per-sample"])
    parser.add_argument("--rank", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=4)
    parser.add_argument("--seq-len", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--memory-limit", type=int, default=0)
    parser.add_argument("--peer", choices=["f32", "bf16", "per-sample"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return pytorch(args)
    if not args.model:
        parser.error("-m is needed")
    os.environ.setdefault("OMP_NUM_THREADS", str(args.threads))
    compare(args)


if __name__ == "__main__":
    main()
