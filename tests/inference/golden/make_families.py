"""Makes small random models of every family with the logits that they must give, independently of Selvedge's code.

    python3 make_families.py                              the fixtures of tests/inference, beside this file
    python3 make_families.py FAMILY FILE [--type q8_0] [--dim 512] [--layers 12]
                             [--ffn 1024] [--vocab 2048] [--ctx 512] [--seed 7]       one random model to compare engines with

Needs numpy. Fixtures: families/NAME.gguf (F32), families/NAME.logits.f32 (float32 [5, 128]: logits after tokens POSITIONS
of families/tokens.json, in double precision). What the families differ in is written down here a second time, from their
published model code: q/k/v biases (qwen2), head norms (qwen3, gemma3), sandwich norms, GELU, scaled embeddings, soft caps
and sliding windows (gemma2, gemma3), fused projections, partial rotation and factors by context (phi3), YaRN (llama).
"""
import argparse
import json
import os

import numpy as np

from make_golden import BF16, F16, F32, Q4_0, Q8_0, encode, key, write_gguf

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "families")
POSITIONS = [0, 15, 16, 63, 95]
TOKENS, SEED = 96, 11

# heads, key heads, head size, share of it that is rotated; then what the family has
FAMILIES = {
    "llama_yarn": dict(arch="llama", pairs="adjacent", heads=(4, 2, 8), yarn=(4.0, 32)),
    "qwen2": dict(pairs="halves", heads=(4, 2, 8), bias=True, base=1e6),
    "qwen3": dict(pairs="halves", heads=(4, 2, 16), head_norm=True, base=1e6, untied=True),
    "gemma2": dict(pairs="halves", heads=(4, 2, 16), sandwich=True, gelu=True, scaled=True, caps=(50.0, 30.0), window=16, period=2,
                   layers=3),
    "gemma3": dict(pairs="halves", heads=(4, 1, 16), sandwich=True, head_norm=True, gelu=True, scaled=True, window=16, period=3,
                   base=1e6, local_base=1e4, linear=8.0, layers=4),
    "phi3": dict(pairs="halves", heads=(4, 2, 8), rotated=4, fused=True, factors=True, original=64, untied=True),
}


def sizes(family, dim=32, layers=None, ffn=64, vocab=128, ctx=128, head=None):
    f = dict(bias=False, head_norm=False, sandwich=False, gelu=False, scaled=False, caps=(0, 0), window=0, period=0, base=1e4,
             fused=False, factors=False, untied=False, linear=1.0, yarn=None, original=None, arch=family, layers=2)
    f.update(FAMILIES[family])
    f.update(dim=dim, ffn=ffn, vocab=vocab, ctx=ctx, layers=layers or f["layers"])
    if head:  # grow heads with the model
        n, kv, d = f["heads"]
        f["heads"], f["rotated"] = (n, kv, head), head * f.get("rotated", d) // d
    f.setdefault("rotated", f["heads"][2])
    f.setdefault("local_base", f["base"])
    return f


def random_tensors(f, rng):
    n, kv, d = f["heads"]
    q, k, dim, ffn = n * d, kv * d, f["dim"], f["ffn"]
    matrix = lambda rows, cols, gain=1.0: rng.normal(0, gain / np.sqrt(cols), (rows, cols))
    vector = lambda size, centre=1.0, spread=0.2: centre + spread * rng.normal(size=size)
    t = {"token_embd.weight": rng.normal(0, 0.6 / (np.sqrt(dim) if f["scaled"] else 1), (f["vocab"], dim))}
    for i in range(f["layers"]):
        b = f"blk.{i}."
        t[b + "attn_norm.weight"], t[b + "ffn_norm.weight"] = vector(dim), vector(dim)
        parts = {"q": (q, 1.5), "k": (k, 1.5), "v": (k, 1.0)}
        made = {p: matrix(rows, dim, gain) for p, (rows, gain) in parts.items()}
        gate, up = matrix(ffn, dim), matrix(ffn, dim)
        if f["fused"]:
            t[b + "attn_qkv.weight"] = np.concatenate([made[p] for p in "qkv"])
            t[b + "ffn_up.weight"] = np.concatenate([gate, up])
        else:
            t.update({b + f"attn_{p}.weight": made[p] for p in "qkv"})
            t[b + "ffn_gate.weight"], t[b + "ffn_up.weight"] = gate, up
        t[b + "attn_output.weight"], t[b + "ffn_down.weight"] = matrix(dim, q), matrix(dim, ffn)
        if f["bias"]:
            t.update({b + f"attn_{p}.bias": vector(parts[p][0], 0, 0.5) for p in "qkv"})
        if f["head_norm"]:
            t[b + "attn_q_norm.weight"], t[b + "attn_k_norm.weight"] = vector(d), vector(d)
        if f["sandwich"]:
            t[b + "post_attention_norm.weight"], t[b + "post_ffw_norm.weight"] = vector(dim, 0.6), vector(dim, 0.6)
    t["output_norm.weight"] = vector(dim)
    if f["untied"]:
        t["output.weight"] = matrix(f["vocab"], dim, 2)
    if f["factors"]:
        half = f["rotated"] // 2
        t["rope_factors_short.weight"] = 1 + 0.1 * np.arange(half)
        t["rope_factors_long.weight"] = 1 + 2.0 * np.arange(half)
    return t


def metadata(f):
    a, (n, kv, d) = f["arch"], f["heads"]
    keys = [key("general.architecture", "str", a)]
    u32 = {"context_length": f["ctx"], "embedding_length": f["dim"], "block_count": f["layers"], "feed_forward_length": f["ffn"],
           "attention.head_count": n, "attention.head_count_kv": kv, "attention.key_length": d, "attention.value_length": d,
           "rope.dimension_count": f["rotated"]}
    f32 = {"attention.layer_norm_rms_epsilon": 1e-6, "rope.freq_base": f["base"]}
    if f["window"]:
        u32["attention.sliding_window"], u32["attention.sliding_window_pattern"] = f["window"], f["period"]
    if f["caps"][0]:
        f32["attn_logit_softcapping"], f32["final_logit_softcapping"] = f["caps"]
    if f["yarn"]:
        f32["rope.scaling.factor"], u32["rope.scaling.original_context_length"] = f["yarn"]
    if f["linear"] != 1:
        f32["rope.scaling.factor"] = f["linear"]
    if f["original"]:
        u32["rope.scaling.original_context_length"] = f["original"]
        f32["rope.scaling.attn_factor"] = 1.19
    keys += [key(f"{a}.{k}", "u32", v) for k, v in u32.items()] + [key(f"{a}.{k}", "f32", v) for k, v in f32.items()]
    if f["yarn"] or f["linear"] != 1:
        keys.append(key(f"{a}.rope.scaling.type", "str", "yarn" if f["yarn"] else "linear"))
    tokens = ["<unk>", "<s>", "</s>"]
    types = [2, 3, 3]
    if f["vocab"] > 300:  # takes any text, byte by byte
        tokens += [f"<0x{b:02X}>" for b in range(256)] + ["\u2581"]
        types += [6] * 256 + [1]
    types += [1] * (f["vocab"] - len(types))
    tokens += [f"w{i}" for i in range(len(tokens), f["vocab"])]
    return keys + [key("tokenizer.ggml.model", "str", "llama"), key("tokenizer.ggml.tokens", "[str]", tokens),
                   key("tokenizer.ggml.scores", "[f32]", [-float(i) for i in range(f["vocab"])]),
                   key("tokenizer.ggml.token_type", "[i32]", types),
                   key("tokenizer.ggml.bos_token_id", "u32", 1), key("tokenizer.ggml.eos_token_id", "u32", 2)]


# --- forward pass, double precision, one whole sequence --------------------------------------------
def norm(x, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-6) * w


def angles(f, local, w, n):
    """Frequencies [rotated / 2] and the factor on cosines and sines."""
    dim = f["rotated"]
    plain = (f["local_base"] if local else f["base"]) ** (-np.arange(0, dim, 2) / dim)
    if f["yarn"]:
        factor, original = f["yarn"]
        pair = lambda turns: dim * np.log(original / (turns * 2 * np.pi)) / (2 * np.log(f["base"]))
        low, high = max(np.floor(pair(32)), 0), min(np.ceil(pair(1)), dim - 1)
        stretched = np.clip((np.arange(dim // 2) - low) / max(high - low, 0.001), 0, 1)
        return plain / factor * stretched + plain * (1 - stretched), 0.1 * np.log(factor) + 1
    if f["factors"]:
        return plain / w["rope_factors_long.weight" if f["ctx"] > f["original"] else "rope_factors_short.weight"], 1.19
    return plain / (1 if local else f["linear"]), 1.0


def rotate(x, f, frequency, magnitude):  # x [T, H, D]
    angle = np.arange(len(x))[:, None] * frequency[None]
    c, s = magnitude * np.cos(angle)[:, None], magnitude * np.sin(angle)[:, None]
    out, dim = x.copy(), f["rotated"]
    first, second = (slice(0, dim, 2), slice(1, dim, 2)) if f["pairs"] == "adjacent" else (slice(0, dim // 2), slice(dim // 2, dim))
    out[..., first] = x[..., first] * c - x[..., second] * s
    out[..., second] = x[..., first] * s + x[..., second] * c
    return out


def gate(f, g):
    if not f["gelu"]:
        return g / (1 + np.exp(-g))
    return 0.5 * g * (1 + np.tanh(np.sqrt(2 / np.pi) * (g + 0.044715 * g ** 3)))


def attention(f, w, b, h, local):
    n, kv, d = f["heads"]
    t = len(h)
    if f["fused"]:
        q, k, v = np.split(h @ w[b + "attn_qkv.weight"].T, [n * d, (n + kv) * d], axis=1)
    else:
        q, k, v = (h @ w[b + f"attn_{p}.weight"].T + (w[b + f"attn_{p}.bias"] if f["bias"] else 0) for p in "qkv")
    q, k, v = q.reshape(t, n, d), k.reshape(t, kv, d), v.reshape(t, kv, d)
    if f["head_norm"]:
        q, k = norm(q, w[b + "attn_q_norm.weight"]), norm(k, w[b + "attn_k_norm.weight"])
    turn = angles(f, local, w, t)
    q, k = rotate(q, f, *turn), rotate(k, f, *turn).repeat(n // kv, 1)
    s = np.einsum("thd,shd->hts", q, k) / np.sqrt(d)
    if f["caps"][0]:
        s = f["caps"][0] * np.tanh(s / f["caps"][0])
    distance = np.arange(t)[:, None] - np.arange(t)[None]
    hidden = (distance < 0) | (distance >= f["window"] if local else False)
    s = np.where(hidden, -np.inf, s)
    s = np.exp(s - s.max(-1, keepdims=True))
    return np.einsum("hts,shd->thd", s / s.sum(-1, keepdims=True), v.repeat(n // kv, 1)).reshape(t, n * d) @ w[b + "attn_output.weight"].T


def forward(f, w, ids):
    x = w["token_embd.weight"][ids] * (np.sqrt(f["dim"]) if f["scaled"] else 1)
    for i in range(f["layers"]):
        b = f"blk.{i}."
        local = f["window"] > 0 and (i + 1) % f["period"] != 0
        a = attention(f, w, b, norm(x, w[b + "attn_norm.weight"]), local)
        x = x + (norm(a, w[b + "post_attention_norm.weight"]) if f["sandwich"] else a)
        h = norm(x, w[b + "ffn_norm.weight"])
        if f["fused"]:
            g, u = np.split(h @ w[b + "ffn_up.weight"].T, 2, axis=1)
        else:
            g, u = h @ w[b + "ffn_gate.weight"].T, h @ w[b + "ffn_up.weight"].T
        y = (gate(f, g) * u) @ w[b + "ffn_down.weight"].T
        x = x + (norm(y, w[b + "post_ffw_norm.weight"]) if f["sandwich"] else y)
    logits = norm(x, w["output_norm.weight"]) @ w.get("output.weight", w["token_embd.weight"]).T
    return f["caps"][1] * np.tanh(logits / f["caps"][1]) if f["caps"][1] else logits


def write_model(path, f, kind, rng):
    """Writes a random model of the family; returns its weights as they were encoded."""
    tensors, values = {}, {}
    for name, w in random_tensors(f, rng).items():
        kind_here = kind if w.ndim == 2 else F32
        raw, values[name] = encode(w, kind_here)
        tensors[name] = (kind_here, w.shape, raw)
    write_gguf(path, metadata(f), tensors)
    return values


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("family", nargs="?", choices=sorted(FAMILIES))
    parser.add_argument("file", nargs="?")
    parser.add_argument("--type", default="f32", choices=["f32", "f16", "bf16", "q8_0", "q4_0"])
    for name, value in (("dim", 512), ("layers", 12), ("ffn", 1024), ("vocab", 2048), ("ctx", 512), ("head", 64), ("seed", 7)):
        parser.add_argument("--" + name, type=int, default=value)
    o = parser.parse_args()
    if o.family:
        f = sizes(o.family, o.dim, o.layers, o.ffn, o.vocab, o.ctx, o.head)
        kind = {"f32": F32, "f16": F16, "bf16": BF16, "q8_0": Q8_0, "q4_0": Q4_0}[o.type]
        write_model(o.file, f, kind, np.random.default_rng(o.seed))
        return
    os.makedirs(HERE, exist_ok=True)
    rng = np.random.default_rng(SEED)
    ids = [1] + [int(t) for t in rng.integers(3, 128, TOKENS - 1)]
    for name in FAMILIES:
        f = sizes(name)
        w = write_model(os.path.join(HERE, name + ".gguf"), f, F32, rng)
        forward(f, w, ids)[POSITIONS].astype("<f4").tofile(os.path.join(HERE, name + ".logits.f32"))
    with open(os.path.join(HERE, "tokens.json"), "w") as out:
        json.dump({"positions": POSITIONS, "ids": ids}, out)
        out.write("\n")


if __name__ == "__main__":
    main()
