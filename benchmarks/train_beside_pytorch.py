#!/usr/bin/env python3
"""Training speed and memory of `selvedge bench train` beside PyTorch's CPU LoRA step, in one run.

    OPENBLAS_CORETYPE=SkylakeX OMP_NUM_THREADS=1 benchmarks/train_beside_pytorch.py -m m.gguf --shape smollm2-135m

PyTorch runs the same shape with random weights: a plain llama decoder, LoRA on all linear layers (A and B trained),
AdamW, whole logits, autograd. Peers: f32; bf16 (base weights and activations in bfloat16, LoRA in f32);
per-sample (f32, one sequence at a time with its gradient clipped and added: what a hook-based per-sample gradient
costs at least); opacus and opacus-ghost (f32, Opacus 1.5.4 with its DPOptimizer; needs it and opt_einsum on
PYTHONPATH). Every round runs all of them in turn, each in a process of its own; the table has medians over rounds
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


def build(shape, rank, base_type, seq_len):
    """The decoder as a module whose trainable parts are plain Linear layers A and B; tokens -> logits."""
    import torch
    import torch.nn.functional as F
    from torch import nn
    layers, width, heads, key_heads, ff, vocab, tied = SHAPES[shape]
    dim, scale, kv = width // heads, 16 / rank, width // heads * key_heads
    torch.manual_seed(1)

    def frozen(rows, columns):
        return (torch.randn(rows, columns) * columns**-0.5).to(base_type)

    angle = torch.outer(torch.arange(seq_len), 10000.0 ** (-torch.arange(0, dim, 2) / dim))
    cos, sin = angle.cos().to(base_type), angle.sin().to(base_type)
    mask = torch.full((seq_len, seq_len), float("-inf"), dtype=base_type).triu(1)

    def norm(x):
        f = x.float()
        return (f * torch.rsqrt(f.square().mean(-1, keepdim=True) + 1e-5)).to(base_type)

    def rotate(x):  # [batch, heads, T, dim]
        a, b = x[..., : dim // 2], x[..., dim // 2:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)

    def split(x, n):
        return x.view(x.shape[0], x.shape[1], n, dim).transpose(1, 2)

    class Adapted(nn.Module):
        def __init__(self, rows, columns):
            super().__init__()
            self.frozen = [frozen(rows, columns)]  # in a list: not a parameter
            self.a = nn.Linear(columns, rank, bias=False)
            self.b = nn.Linear(rank, rows, bias=False)
            nn.init.zeros_(self.b.weight)

        def forward(self, x):
            if base_type == torch.float32:
                return F.linear(x, self.frozen[0]) + self.b(self.a(x)) * scale
            h = F.linear(x, self.a.weight.to(base_type))
            return F.linear(x, self.frozen[0]) + F.linear(h, self.b.weight.to(base_type)) * scale

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.k, self.v, self.o = (Adapted(*s) for s in (
                (width, width), (kv, width), (kv, width), (width, width)))
            self.gate, self.up, self.down = Adapted(ff, width), Adapted(ff, width), Adapted(width, ff)

        def forward(self, x):
            h = norm(x)
            q, k = rotate(split(self.q(h), heads)), rotate(split(self.k(h), key_heads))
            k, v = (t.repeat_interleave(heads // key_heads, 1) for t in (k, split(self.v(h), key_heads)))
            p = torch.softmax(q @ k.transpose(-1, -2) * dim**-0.5 + mask, -1)
            x = x + self.o((p @ v).transpose(1, 2).reshape(x.shape))
            h = norm(x)
            return x + self.down(F.silu(self.gate(h)) * self.up(h))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList(Block() for _ in range(layers))
            embedding = frozen(vocab, width)
            self.frozen = [embedding, embedding if tied else frozen(vocab, width)]

        def forward(self, tokens):
            x = F.embedding(tokens, self.frozen[0])
            for block in self.blocks:
                x = block(x)
            return F.linear(norm(x), self.frozen[1]).float()

    return Decoder()


def opacus_step(model, optimizer, ghost, batch_size):
    """A step of Opacus 1.5.4: per-sample gradients, or ghost norms and a second backward pass."""
    import types
    from torch import nn
    # Opacus names what torch 1.13 has not: torch.func for layers without a rule, and RMSNorm. Neither is used here.
    sys.modules.setdefault("torch.func", types.SimpleNamespace(grad=None, vmap=None))
    if not hasattr(nn, "RMSNorm"):
        nn.RMSNorm = type("RMSNorm", (nn.Module,), {})
    from opacus.grad_sample import GradSampleModule
    from opacus.grad_sample.grad_sample_module_fast_gradient_clipping import GradSampleModuleFastGradientClipping
    from opacus.optimizers import DPOptimizer
    from opacus.optimizers.optimizer_fast_gradient_clipping import DPOptimizerFastGradientClipping
    from opacus.utils.fast_gradient_clipping_utils import DPLossFastGradientClipping
    options = dict(noise_multiplier=1.0, max_grad_norm=1.0, expected_batch_size=batch_size)
    criterion = nn.CrossEntropyLoss()
    if ghost:
        model = GradSampleModuleFastGradientClipping(model, max_grad_norm=1.0, use_ghost_clipping=True)
        optimizer = DPOptimizerFastGradientClipping(optimizer, **options)
        ghost_criterion = DPLossFastGradientClipping(model, optimizer, criterion)
    else:
        model = GradSampleModule(model)
        optimizer = DPOptimizer(optimizer, **options)

    def step(tokens):
        optimizer.zero_grad()
        logits = model(tokens[:, :-1])
        target = tokens[:, 1:].reshape(-1)
        flat = logits.reshape(target.shape[0], -1)
        loss = ghost_criterion(flat, target, shape=logits.shape) if ghost else criterion(flat, target)
        loss.backward()
        optimizer.step()

    return step


def plain_step(model, optimizer, clip_each):
    import torch
    import torch.nn.functional as F
    parameters = list(model.parameters())

    def loss(tokens):
        logits = model(tokens[:, :-1])
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), tokens[:, 1:].reshape(-1))

    def step(tokens):
        if not clip_each:
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
            p.grad = t / len(tokens)
        optimizer.step()

    return step


def pytorch(args):
    """Label tokens per CPU second of each step, and peak MiB; runs in a process of its own."""
    import torch
    torch.set_num_threads(args.threads)
    model = build(args.shape, args.rank, torch.bfloat16 if args.peer == "bf16" else torch.float32, args.seq_len)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    tokens = torch.randint(0, SHAPES[args.shape][5], (args.batch_size, args.seq_len + 1))
    if args.peer.startswith("opacus"):
        step = opacus_step(model, optimizer, args.peer == "opacus-ghost", args.batch_size)
    else:
        step = plain_step(model, optimizer, args.peer == "per-sample")
    step(tokens)
    rates, labels = [], args.batch_size * args.seq_len
    for _ in range(args.steps):
        cpu = time.process_time()
        step(tokens)
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
    parser.add_argument("--peer", choices=["f32", "bf16", "per-sample", "opacus", "opacus-ghost"],
                        help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return pytorch(args)
    if not args.model:
        parser.error("-m is needed")
    os.environ.setdefault("OMP_NUM_THREADS", str(args.threads))
    compare(args)


if __name__ == "__main__":
    main()
