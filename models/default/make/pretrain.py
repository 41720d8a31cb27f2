"""Pretrains the default model from the token streams that corpus.py wrote.

    python3 pretrain.py --data DIR --out DIR --steps N --decay D [--workers W] [--resume]

A llama-architecture decoder: RMSNorm, rotary positions (adjacent pairs), grouped-query attention, SwiGLU,
tied embeddings. Hidden matrices are trained with Muon (orthogonalised momentum, Jordan et al. 2024), the
embedding and the norms with AdamW. Learning rate: linear warm-up, constant, linear to zero over the last
--decay steps. Each step takes the next BATCH windows of CONTEXT tokens of the shuffled epoch.

Gradients are computed by W single-threaded processes that take micro-batches of a step from a shared counter, so a
busy core slows one process and not the other; the sum's order, hence the last bits, depend on timing.

On 2 CPU cores set OMP_NUM_THREADS=1; where OpenBLAS does not know the processor, OPENBLAS_CORETYPE=SkylakeX makes
it use AVX-512 (5x on the machine that made the model).
"""
import argparse
import json
import math
import os
import time

import numpy as np
import torch
import torch.multiprocessing as mp
import torch.nn.functional as F

VOCAB, DIM, LAYERS, HEADS, KV_HEADS, HEAD_DIM, FFN, CONTEXT = 4096, 256, 5, 4, 2, 64, 768, 512
ROPE_BASE, NORM_EPS = 10000.0, 1e-5
BATCH, MICRO = 20, 2              # windows in a step, and in one micro-batch
MUON_LR, MUON_MOMENTUM, MUON_DECAY = 0.016, 0.95, 0.05
ADAM_LR, ADAM_BETAS, ADAM_EPS = 3e-3, (0.9, 0.97), 1e-10
WARMUP, SEED = 60, 1


def shapes():
    out = {"token_embd": (VOCAB, DIM), "output_norm": (DIM,)}
    for i in range(LAYERS):
        out.update({f"blk.{i}.attn_norm": (DIM,), f"blk.{i}.ffn_norm": (DIM,),
                    f"blk.{i}.attn_q": (HEADS * HEAD_DIM, DIM), f"blk.{i}.attn_k": (KV_HEADS * HEAD_DIM, DIM),
                    f"blk.{i}.attn_v": (KV_HEADS * HEAD_DIM, DIM), f"blk.{i}.attn_output": (DIM, HEADS * HEAD_DIM),
                    f"blk.{i}.ffn_gate": (FFN, DIM), f"blk.{i}.ffn_up": (FFN, DIM), f"blk.{i}.ffn_down": (DIM, FFN)})
    return out


def init_params():
    g = torch.Generator().manual_seed(SEED)
    params = {}
    for name, shape in shapes().items():
        if len(shape) == 1:
            params[name] = torch.ones(shape)
        else:
            std = 0.02 if name == "token_embd" else 0.5 / math.sqrt(shape[1])
            if name.endswith(("attn_output", "ffn_down")):
                std /= math.sqrt(2 * LAYERS)
            params[name] = torch.randn(shape, generator=g) * std
    return params


def rope_tables(length, device="cpu"):
    freq = ROPE_BASE ** (-torch.arange(0, HEAD_DIM, 2, dtype=torch.float32, device=device) / HEAD_DIM)
    angle = torch.arange(length, dtype=torch.float32, device=device)[:, None] * freq[None, :]
    return torch.cos(angle), torch.sin(angle)


def rms_norm(x, weight):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + NORM_EPS) * weight


def rotate(x, cos, sin):  # x [B, H, T, HEAD_DIM]
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def matmul(x, w, dtype):
    """x @ w.T in dtype, result f32."""
    if dtype == torch.float32:
        return F.linear(x, w)
    return F.linear(x.to(dtype), w.to(dtype)).float()


def forward(p, ids, dtype=torch.float32):
    """ids [B, T] -> logits [B, T, VOCAB], float32."""
    B, T = ids.shape
    cos, sin = rope_tables(T, ids.device)
    mask = torch.full((T, T), float("-inf"), device=ids.device).triu(1)
    x = p["token_embd"][ids]
    for i in range(LAYERS):
        h = rms_norm(x, p[f"blk.{i}.attn_norm"])
        q = matmul(h, p[f"blk.{i}.attn_q"], dtype).view(B, T, HEADS, HEAD_DIM).transpose(1, 2)
        k = matmul(h, p[f"blk.{i}.attn_k"], dtype).view(B, T, KV_HEADS, HEAD_DIM).transpose(1, 2)
        v = matmul(h, p[f"blk.{i}.attn_v"], dtype).view(B, T, KV_HEADS, HEAD_DIM).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k = k.repeat_interleave(HEADS // KV_HEADS, 1)
        v = v.repeat_interleave(HEADS // KV_HEADS, 1)
        scores = torch.softmax((q / math.sqrt(HEAD_DIM)) @ k.transpose(2, 3) + mask, -1)
        a = (scores @ v).transpose(1, 2).reshape(B, T, HEADS * HEAD_DIM)
        x = x + matmul(a, p[f"blk.{i}.attn_output"], dtype)
        h = rms_norm(x, p[f"blk.{i}.ffn_norm"])
        h = F.silu(matmul(h, p[f"blk.{i}.ffn_gate"], dtype)) * matmul(h, p[f"blk.{i}.ffn_up"], dtype)
        x = x + matmul(h, p[f"blk.{i}.ffn_down"], dtype)
    return matmul(rms_norm(x, p["output_norm"]), p["token_embd"], dtype)


def orthogonalise(g):
    """The nearest semi-orthogonal matrix of each g [N, R, C], by a quintic Newton-Schulz iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    wide = g.size(1) <= g.size(2)
    x = g if wide else g.transpose(1, 2)
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(5):
        s = x @ x.transpose(1, 2)
        x = a * x + (b * s + c * s @ s) @ x
    return x if wide else x.transpose(1, 2)


class Optimizer:
    def __init__(self, params):
        self.params = params
        self.muon = {}
        for name, p in params.items():
            if p.dim() == 2 and name != "token_embd":
                self.muon.setdefault(tuple(p.shape), []).append(name)
        self.adam = [n for n, p in params.items() if p.dim() == 1 or n == "token_embd"]
        self.state = {n: torch.zeros_like(p) for n, p in params.items()}
        self.square = {n: torch.zeros_like(params[n]) for n in self.adam}
        self.steps = 0

    def step(self, grads, scale):
        """scale multiplies both learning rates (the schedule)."""
        self.steps += 1
        for shape, names in self.muon.items():
            update = []
            for n in names:
                self.state[n].lerp_(grads[n], 1 - MUON_MOMENTUM)
                update.append(grads[n].lerp(self.state[n], MUON_MOMENTUM))
            update = orthogonalise(torch.stack(update)) * max(1.0, shape[0] / shape[1]) ** 0.5
            for n, u in zip(names, update):
                self.params[n].mul_(1 - MUON_LR * scale * MUON_DECAY).sub_(u, alpha=MUON_LR * scale)
        b1, b2 = ADAM_BETAS
        for n in self.adam:
            g = grads[n]
            self.state[n].lerp_(g, 1 - b1)
            self.square[n].lerp_(g * g, 1 - b2)
            m = self.state[n] / (1 - b1 ** self.steps)
            v = self.square[n] / (1 - b2 ** self.steps)
            self.params[n].sub_(m / (v.sqrt() + ADAM_EPS), alpha=ADAM_LR * scale)


def micro_batch_grads(params, window_rows, dtype):
    """Mean loss over the windows [MICRO, CONTEXT + 1] and its gradients (list in the order of params)."""
    ids = torch.from_numpy(window_rows.astype(np.int64)).to(next(iter(params.values())).device)
    logits = forward(params, ids[:, :-1], dtype)
    loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    return loss.detach(), torch.autograd.grad(loss, list(params.values()))


def windows(stream, step, micro):
    first = (step * BATCH + micro * MICRO) * CONTEXT
    rows = [stream[(first + i * CONTEXT) % (len(stream) - CONTEXT - 1):][:CONTEXT + 1] for i in range(MICRO)]
    return np.stack(rows)


def worker(index, args, params, grads, counter, losses, begin, end, first_step, last_step):
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    stream = np.fromfile(os.path.join(args.data, "train.u16"), np.uint16)
    dtype = torch.bfloat16 if args.bf16 else torch.float32
    leaves = {n: p.detach().requires_grad_(True) for n, p in params.items()}
    for step in range(first_step, last_step):
        begin.wait()
        while True:
            with counter.get_lock():
                micro = counter.value
                counter.value += 1
            if micro >= BATCH // MICRO:
                break
            loss, g = micro_batch_grads(leaves, windows(stream, step, micro), dtype)
            losses[index] += loss
            for total, part in zip(grads[index].values(), g):
                total.add_(part)
        end.wait()


def schedule(step, steps, decay):
    return min(1.0, (step + 1) / WARMUP, (steps - step) / max(1, decay))


def validate(params, data, name, limit=None):
    """Cross entropy in nats per token and bits per byte; every document on its own."""
    stream = np.fromfile(os.path.join(data, f"valid_{name}.u16"), np.uint16).astype(np.int64)
    info = json.load(open(os.path.join(data, f"valid_{name}.json")))
    starts = np.flatnonzero(stream == 1).tolist() + [len(stream)]
    pieces = [stream[a:b] for a, b in zip(starts, starts[1:])]
    if limit:
        pieces = pieces[:limit]
    total, count = 0.0, 0
    with torch.no_grad():
        for piece in pieces:
            for a in range(0, len(piece) - 1, CONTEXT):
                ids = torch.from_numpy(piece[a:a + CONTEXT + 1])
                logits = forward(params, ids[None, :-1])
                total += F.cross_entropy(logits[0], ids[1:], reduction="sum").item()
                count += len(ids) - 1
    tokens = info["tokens"] - info["documents"]
    nats = total / count
    return nats, nats * tokens / info["bytes"] / math.log(2)


def save(path, params, optimizer, step):
    torch.save({"step": step, "params": dict(params), "state": optimizer.state, "square": optimizer.square,
                "steps": optimizer.steps}, path + ".tmp")
    os.replace(path + ".tmp", path)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--steps", type=int, required=True)
    ap.add_argument("--decay", type=int, required=True)
    ap.add_argument("--workers", type=int, default=2)
    ap.add_argument("--bf16", action="store_true")
    ap.add_argument("--resume", action="store_true")
    ap.add_argument("--stop-at", type=int, help="stop after this step with a checkpoint")
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.set_num_threads(1)
    checkpoint = os.path.join(args.out, "checkpoint.pt")
    params = init_params()
    optimizer = Optimizer(params)
    first = 0
    if args.resume:
        saved = torch.load(checkpoint)
        for n in params:
            params[n].copy_(saved["params"][n])
            optimizer.state[n].copy_(saved["state"][n])
        for n in optimizer.adam:
            optimizer.square[n].copy_(saved["square"][n])
        optimizer.steps, first = saved["steps"], saved["step"]
    for p in params.values():
        p.share_memory_()
    grads = [{n: torch.zeros_like(p).share_memory_() for n, p in params.items()} for _ in range(args.workers)]
    losses = torch.zeros(args.workers).share_memory_()
    counter = mp.Value("i", 0)
    begin, end = mp.Barrier(args.workers + 1), mp.Barrier(args.workers + 1)
    last = min(args.steps, args.stop_at or args.steps)
    procs = [mp.Process(target=worker, args=(i, args, params, grads, counter, losses, begin, end, first, last),
                        daemon=True) for i in range(args.workers)]
    for p in procs:
        p.start()
    started = time.time()
    for step in range(first, last):
        counter.value = 0
        losses.zero_()
        for g in grads:
            for t in g.values():
                t.zero_()
        begin.wait()
        end.wait()
        micro = BATCH // MICRO
        total = {n: sum(g[n] for g in grads) / micro for n in params}
        loss = losses.sum().item() / micro
        optimizer.step(total, schedule(step, args.steps, args.decay))
        if step % 20 == 0 or step + 1 == last:
            rate = (step + 1 - first) * BATCH * CONTEXT / (time.time() - started)
            print(f"step {step + 1}/{args.steps} loss {loss:.4f} tokens/s {rate:.0f}", flush=True)
        if (step + 1) % 100 == 0 or step + 1 == last:
            save(checkpoint, params, optimizer, step + 1)
        if (step + 1) % 500 == 0:
            print(f"valid books (part) {validate(params, args.data, 'books', 12)}", flush=True)
    for name in ("books", "dialogues", "conversations"):
        nats, bits = validate(params, args.data, name)
        print(f"valid {name}: {nats:.4f} nats/token, {bits:.4f} bits/byte", flush=True)


if __name__ == "__main__":
    main()
