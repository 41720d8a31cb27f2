#!/usr/bin/env python3
"""DP-LoRA as it is usually done, in PyTorch, on the default model: what `selvedge train` is to beat.

    OPENBLAS_CORETYPE=SkylakeX OMP_NUM_THREADS=1 /usr/bin/python3 benchmarks/plain_dp_lora.py \\
        --person DIR [--epsilon 8] [--batch 64] [--epochs 3] [--rates 0.0005 0.001 0.002 0.005]

LoRA of rank 8, alpha 16 on all linear layers, A and B trained; Poisson batches of --batch records in the mean; each record's
gradient of its mean loss clipped to norm 1; Gaussian noise; Adam (0.9, 0.999). The base is the model file's weights,
dequantized. Records as they are, no redaction; a tenth is left out, as `train` does for its gate. One run for each rate, the best
on the held-out items is what counts: a choice that costs no privacy here and would in earnest. Losses are nats per token,
each item on its own, as `selvedge eval` counts. Tokens and the noise multiplier come from the command.
"""
import argparse
import json
import math
import os
import random
import subprocess

import numpy as np
import torch
import torch.nn.functional as F

from quantizers import read_tensors

LAYERS, WIDTH, HEADS, KEY_HEADS, CONTEXT, BOS, EOS, EPSILON = 5, 256, 4, 2, 512, 1, 2, 1e-5
DIM, RANK, SCALE = WIDTH // HEADS, 8, 16 / 8
ADAPTED = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
F32, Q8_0 = 0, 8


def read_weights(path):
    weights = {}
    for name, (kind, data) in read_tensors(path).items():
        if kind == F32:
            vector = np.frombuffer(data, np.float32)
            weights[name] = torch.tensor(vector[:WIDTH].copy())
            continue
        assert kind == Q8_0, name
        columns = 768 if "ffn_down" in name else WIDTH
        size = len(data) // 34 * 34
        blocks = np.frombuffer(data[:size], np.uint8).reshape(-1, 34)
        scale = blocks[:, :2].copy().view(np.float16).astype(np.float32)
        values = scale * blocks[:, 2:].view(np.int8).astype(np.float32)
        weights[name] = torch.tensor(values.reshape(-1, columns))
    return weights


class Decoder:
    def __init__(self, weights):
        self.w = weights
        angle = torch.outer(torch.arange(CONTEXT).float(), 10000.0 ** (-torch.arange(0, DIM, 2).float() / DIM))
        self.cos, self.sin = angle.cos(), angle.sin()

    def norm(self, x, name):
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + EPSILON) * self.w[name]

    def rotate(self, x):  # [heads, T, DIM], adjacent pairs
        cos, sin = self.cos[: x.shape[1]], self.sin[: x.shape[1]]
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)

    def loss(self, ids, lora):
        """Mean loss of the tokens after the first."""
        tokens = torch.tensor(ids)
        x = self.w["token_embd.weight"][tokens[:-1]]
        length = len(ids) - 1
        mask = torch.full((length, length), float("-inf")).triu(1)

        def linear(h, name):
            y = F.linear(h, self.w[name])
            return y + SCALE * F.linear(F.linear(h, lora[name][0]), lora[name][1]) if lora else y

        def heads(h, count):
            return h.view(length, count, DIM).transpose(0, 1)

        for i in range(LAYERS):
            name = lambda part: f"blk.{i}.{part}.weight"  # noqa: E731
            h = self.norm(x, name("attn_norm"))
            q = self.rotate(heads(linear(h, name("attn_q")), HEADS))
            k = self.rotate(heads(linear(h, name("attn_k")), KEY_HEADS)).repeat_interleave(HEADS // KEY_HEADS, 0)
            v = heads(linear(h, name("attn_v")), KEY_HEADS).repeat_interleave(HEADS // KEY_HEADS, 0)
            p = torch.softmax(q @ k.transpose(1, 2) * DIM**-0.5 + mask, -1)
            x = x + linear((p @ v).transpose(0, 1).reshape(length, WIDTH), name("attn_output"))
            h = self.norm(x, name("ffn_norm"))
            x = x + linear(F.silu(linear(h, name("ffn_gate"))) * linear(h, name("ffn_up")), name("ffn_down"))
        logits = F.linear(self.norm(x, "output_norm.weight"), self.w["output.weight"])
        return F.cross_entropy(logits, tokens[1:])


def command(args, *line):
    return json.loads(subprocess.run([args.selvedge, *line, "--json"], check=True, capture_output=True, text=True).stdout)


def read_items(args, name, with_end):
    items = []
    with open(os.path.join(args.person, name)) as f:
        for line in f:
            ids = command(args, "model", "tokenize", json.loads(line)["text"])["ids"]
            items.append(([BOS] + ids + ([EOS] if with_end else []))[:CONTEXT])
    return [i for i in items if len(i) > 1]


def evaluate(decoder, items, lora):
    with torch.no_grad():
        total = sum(decoder.loss(i, lora).item() * (len(i) - 1) for i in items)
    return total / sum(len(i) - 1 for i in items)


def new_lora(weights, generator):
    lora = {}
    for i in range(LAYERS):
        for part in ADAPTED:
            name = f"blk.{i}.{part}.weight"
            rows, columns = weights[name].shape
            a = (torch.rand(RANK, columns, generator=generator) * 2 - 1) / math.sqrt(columns)
            lora[name] = (a.requires_grad_(), torch.zeros(rows, RANK).requires_grad_())
    return lora


def train(args, decoder, records, sigma, steps, rate):
    generator = torch.Generator().manual_seed(args.seed)
    draw = random.Random(args.seed)
    lora = new_lora(decoder.w, generator)
    parameters = [p for pair in lora.values() for p in pair]
    optimizer = torch.optim.Adam(parameters, lr=rate)
    share = args.batch / len(records)
    for _ in range(steps):
        total = [torch.zeros_like(p) for p in parameters]
        for record in records:
            if draw.random() >= share:
                continue
            gradient = torch.autograd.grad(decoder.loss(record, lora), parameters)
            norm = math.sqrt(sum(float(g.square().sum()) for g in gradient))
            for t, g in zip(total, gradient):
                t += g * min(1.0, 1.0 / max(norm, 1e-12))
        for p, t in zip(parameters, total):
            p.grad = (t + sigma * torch.randn(t.shape, generator=generator)) / args.batch
        optimizer.step()
    return lora


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--person", required=True)
    ap.add_argument("--selvedge", default="build/selvedge")
    ap.add_argument("--model", default="models/default/selvedge-default.gguf")
    ap.add_argument("--epsilon", type=float, default=8)
    ap.add_argument("--batch", type=int, default=64)
    ap.add_argument("--epochs", type=int, default=3)
    ap.add_argument("--rates", type=float, nargs="+", default=[0.0005, 0.001, 0.002, 0.005])
    ap.add_argument("--seed", type=int, default=0)
    args = ap.parse_args()
    torch.set_num_threads(1)
    decoder = Decoder(read_weights(args.model))
    records, heldout = read_items(args, "train.jsonl", True), read_items(args, "heldout.jsonl", False)
    random.Random(args.seed).shuffle(records)
    records = records[len(records) // 10:]
    steps = math.ceil(args.epochs * len(records) / args.batch)
    sigma = command(args, "privacy", "noise", "--epsilon", str(args.epsilon), "--sampling-rate",
                    str(args.batch / len(records)), "--steps", str(steps), "--delta", "1e-5")["noise_multiplier"]
    base = evaluate(decoder, heldout, None)
    print(f"{len(records)} records, {steps} steps, noise multiplier {sigma:.3f}, base {base:.3f}", flush=True)
    for rate in args.rates:
        lora = train(args, decoder, records, sigma, steps, rate)
        print(f"rate {rate:g}: {evaluate(decoder, heldout, lora):.3f}", flush=True)


if __name__ == "__main__":
    main()
