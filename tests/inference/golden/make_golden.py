"""Makes the model fixtures and golden values of tests/inference/, independently of Selvedge's code.

    python3 make_golden.py

Needs numpy and sentencepiece. Writes beside itself:
  tiny_{f32,f16,q8_0,q4_0}.gguf  one random llama model (2 layers, 4 heads, 2 key heads) in four encodings:
       f32    all F32, output tied to the embedding
       f16    attention F16, feed-forward BF16, embedding F16, first norm F16
       q8_0   matrices Q8_0
       q4_0   layers and embedding Q4_0, output.weight apart in Q8_0, linear position scaling by 2, rope_freqs
  tiny_*.logits.f32    [4, 400] float32: logits after tokens POSITIONS of tokens.json, each model's own
                       dequantized weights, double precision
  lora/                a PEFT adapter (rank 4, alpha 6, all seven projections) in Hugging Face row order
  tiny_f32_lora.logits.f32   the same logits of tiny_f32 with it
  tokens.json          the token ids that were run
  tokenizer.json       texts with the ids that sentencepiece itself gives them
"""
import json
import os
import random
import struct
import tempfile

import numpy as np
import sentencepiece as spm

HERE = os.path.dirname(os.path.abspath(__file__))
DIM, LAYERS, HEADS, KV, HD, FFN, CTX, VOCAB = 32, 2, 4, 2, 8, 64, 128, 400
EPS, BASE, SEED, TOKENS = 1e-5, 10000.0, 7, 96
POSITIONS = [0, 63, 64, 95]
F32, F16, Q4_0, Q8_0, BF16 = 0, 1, 2, 8, 30

PROSE = """The garden behind the house is long and narrow, and in the early spring it is mostly mud.
We planted beans along the southern wall, because the bricks keep the warmth of the afternoon well into the night.
Every evening somebody has to carry water from the barrel, and every evening somebody else has forgotten to do it.
"Did you water the beans?" she asked. "I thought that you did," he said, and they both went out with the can.
In June there were 12 rows, in July there were 9, and by the 31st of August the snails had eaten 4 more.
The neighbour, who has grown vegetables for 50 years, says that beer in a saucer helps; the snails seem to agree.
    Indented lines    with    several spaces occur as well, and so do tabs\tlike this one.
A naïve café owner in Zürich wrote: "Größe, Straße, déjà vu" and drew a smiling face under it.
When the first frost came we pulled everything out, wrote down what had worked, and sharpened the spades.
Next year we will try pumpkins, since they need less water and more patience, and we have more of the latter.
"""

TEXTS = ["", " ", "  ", "a", "The garden", " leading", "trailing ", "two  spaces   three", "\n", "\n\n", "a\nb", "\t\tx",
         "naïve café", "Größe", "日本語のテキスト", "emoji 😀👩‍👩‍👧‍👦 end", "שלום \u202eabc", "e\u0301 combining", "\u0000NUL\u0000",
         "<s>", "</s>", "<unk>", "<|im_start|>user", "<|im_end|>", "<0x41>", "<0x0A>", "▁", "a▁b", "1234567890 3.14159",
         "@@sep", "x@@sepy @@sep", "\u00a0nbsp", "\ufeffbom", "\r\n", "\u0085", "\U0010ffff", "ﬁ ligature", "ＡＢＣ",
         "'); DROP TABLE records;--", "{\"a\": [1, 2]}", "a" * 300, "the " * 200, "\u200b\u200d", "́́́"]


def train_tokenizer():
    with tempfile.TemporaryDirectory() as folder:
        text = os.path.join(folder, "text")
        with open(text, "w", encoding="utf-8") as f:
            f.write(PROSE)
        spm.SentencePieceTrainer.train(
            input=text, model_prefix=os.path.join(folder, "m"), model_type="bpe", vocab_size=VOCAB, byte_fallback=True,
            normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=True,
            character_coverage=0.98, unk_id=0, bos_id=1, eos_id=2, pad_id=-1, num_threads=1,
            control_symbols=["<|im_start|>", "<|im_end|>"], user_defined_symbols=["@@sep"],
            allow_whitespace_only_pieces=True, minloglevel=1)
        return spm.SentencePieceProcessor(model_file=os.path.join(folder, "m.model"))


# --- GGUF ---------------------------------------------------------------------------------------
def text_bytes(s):
    raw = s.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


def key(name, kind, value):
    scalar = {"u32": (4, "<I"), "i32": (5, "<i"), "f32": (6, "<f"), "bool": (7, "<?")}
    head = text_bytes(name)
    if kind == "str":
        return head + struct.pack("<i", 8) + text_bytes(value)
    if kind in scalar:
        return head + struct.pack("<i", scalar[kind][0]) + struct.pack(scalar[kind][1], value)
    element = kind[1:-1]
    if element == "str":
        body = b"".join(text_bytes(v) for v in value)
        return head + struct.pack("<iiQ", 9, 8, len(value)) + body
    number, form = scalar[element]
    return head + struct.pack("<iiQ", 9, number, len(value)) + b"".join(struct.pack(form, v) for v in value)


def write_gguf(path, keys, tensors):
    out = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys)
    offset, blobs = 0, []
    for name, (kind, shape, raw) in tensors.items():
        dims = shape[::-1]
        out += text_bytes(name) + struct.pack("<I", len(dims)) + b"".join(struct.pack("<Q", d) for d in dims)
        out += struct.pack("<IQ", kind, offset)
        raw += b"\0" * (-len(raw) % 32)
        blobs.append(raw)
        offset += len(raw)
    out += b"\0" * (-len(out) % 32)
    with open(path, "wb") as f:
        f.write(out + b"".join(blobs))


# --- encodings: bytes, and the values that they stand for -----------------------------------------
def encode(w, kind):
    w = np.asarray(w, np.float32)
    if kind == F32:
        return w.tobytes(), w.astype(np.float64)
    if kind == F16:
        h = w.astype("<f2")
        return h.tobytes(), h.astype(np.float64)
    if kind == BF16:
        bits = w.view(np.uint32)
        half = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")
        return half.tobytes(), (half.astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    x = w.reshape(-1, 32)
    if kind == Q8_0:
        d = (np.abs(x).max(1) / 127).astype("<f2")
        q = np.rint(x / d.astype(np.float32)[:, None]).clip(-127, 127).astype(np.int8)
        raw = b"".join(a.tobytes() + b.tobytes() for a, b in zip(d, q))
        return raw, (d.astype(np.float64)[:, None] * q).reshape(w.shape)
    top = x[np.arange(len(x)), np.abs(x).argmax(1)]
    d = (top / -8).astype("<f2")
    q = np.floor(x / d.astype(np.float32)[:, None] + 8.5).clip(0, 15).astype(np.uint8)
    raw = b"".join(a.tobytes() + (b[:16] | b[16:] << 4).astype(np.uint8).tobytes() for a, b in zip(d, q))
    return raw, (d.astype(np.float64)[:, None] * (q.astype(np.float64) - 8)).reshape(w.shape)


def random_weights(rng):
    shapes = {"token_embd": (VOCAB, DIM)}
    for i in range(LAYERS):
        shapes.update({f"blk.{i}.attn_q": (HEADS * HD, DIM), f"blk.{i}.attn_k": (KV * HD, DIM),
                       f"blk.{i}.attn_v": (KV * HD, DIM), f"blk.{i}.attn_output": (DIM, HEADS * HD),
                       f"blk.{i}.ffn_gate": (FFN, DIM), f"blk.{i}.ffn_up": (FFN, DIM), f"blk.{i}.ffn_down": (DIM, FFN)})
    w = {n: rng.normal(0, 0.3 if n == "token_embd" else 1 / np.sqrt(s[1]), s) for n, s in shapes.items()}
    for n in ["output_norm"] + [f"blk.{i}.{k}_norm" for i in range(LAYERS) for k in ("attn", "ffn")]:
        w[n] = 1 + 0.2 * rng.normal(size=DIM)
    return w


def kinds(variant, name):
    if name.endswith("norm"):
        return F16 if variant == "f16" and name == "blk.0.attn_norm" else F32
    if variant == "f16":
        return BF16 if "ffn" in name else F16
    if variant == "q4_0" and name == "output":
        return Q8_0
    return {"f32": F32, "q8_0": Q8_0, "q4_0": Q4_0}[variant]


def model_keys(sp, variant):
    types = []
    for i in range(VOCAB):
        types.append(2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 6 if sp.is_byte(i) else
                     4 if sp.id_to_piece(i) == "@@sep" else 1)
    keys = [key("general.architecture", "str", "llama"), key("general.name", "str", f"tiny {variant}"),
            key("llama.context_length", "u32", CTX), key("llama.embedding_length", "u32", DIM),
            key("llama.block_count", "u32", LAYERS), key("llama.feed_forward_length", "u32", FFN),
            key("llama.attention.head_count", "u32", HEADS), key("llama.attention.head_count_kv", "u32", KV),
            key("llama.attention.layer_norm_rms_epsilon", "f32", EPS), key("llama.rope.dimension_count", "u32", HD),
            key("llama.rope.freq_base", "f32", BASE), key("tokenizer.ggml.model", "str", "llama"),
            key("tokenizer.ggml.tokens", "[str]", [sp.id_to_piece(i) for i in range(VOCAB)]),
            key("tokenizer.ggml.scores", "[f32]", [sp.get_score(i) for i in range(VOCAB)]),
            key("tokenizer.ggml.token_type", "[i32]", types), key("tokenizer.ggml.bos_token_id", "u32", 1),
            key("tokenizer.ggml.eos_token_id", "u32", 2), key("tokenizer.ggml.unknown_token_id", "u32", 0),
            key("tokenizer.ggml.add_bos_token", "bool", True), key("tokenizer.ggml.add_space_prefix", "bool", True),
            key("tokenizer.chat_template", "str", "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}"
                "<|im_end|>\n{% endfor %}<|im_start|>assistant\n")]
    if variant == "q4_0":
        keys += [key("llama.rope.scaling.type", "str", "linear"), key("llama.rope.scaling.factor", "f32", 2.0)]
    return keys


# --- forward pass, double precision, one whole sequence --------------------------------------------
def norm(x, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * w


def rotate(x, frequency):  # x [T, H, HD], adjacent pairs
    angle = np.arange(len(x))[:, None] * frequency[None]
    c, s = np.cos(angle)[:, None], np.sin(angle)[:, None]
    out = np.empty_like(x)
    out[..., 0::2] = x[..., 0::2] * c - x[..., 1::2] * s
    out[..., 1::2] = x[..., 0::2] * s + x[..., 1::2] * c
    return out


def forward(w, ids, frequency):
    n = len(ids)
    x = w["token_embd"][ids]
    hidden = np.triu(np.full((n, n), -np.inf), 1)
    for i in range(LAYERS):
        p = lambda k: w[f"blk.{i}.{k}"]
        h = norm(x, p("attn_norm"))
        q = rotate((h @ p("attn_q").T).reshape(n, HEADS, HD), frequency)
        k = rotate((h @ p("attn_k").T).reshape(n, KV, HD), frequency).repeat(HEADS // KV, 1)
        v = (h @ p("attn_v").T).reshape(n, KV, HD).repeat(HEADS // KV, 1)
        s = np.einsum("thd,shd->hts", q, k) / np.sqrt(HD) + hidden
        s = np.exp(s - s.max(-1, keepdims=True))
        a = np.einsum("hts,shd->thd", s / s.sum(-1, keepdims=True), v).reshape(n, HEADS * HD)
        x = x + a @ p("attn_output").T
        h = norm(x, p("ffn_norm"))
        g = h @ p("ffn_gate").T
        x = x + (g / (1 + np.exp(-g)) * (h @ p("ffn_up").T)) @ p("ffn_down").T
    return norm(x, w["output_norm"]) @ w.get("output", w["token_embd"]).T


# --- LoRA ---------------------------------------------------------------------------------------
HF = {"attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
      "attn_output": "self_attn.o_proj", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
      "ffn_down": "mlp.down_proj"}


def gguf_rows(b, heads):
    """Rows from Hugging Face order (halves) to GGUF order (adjacent pairs)."""
    return b.reshape(heads, 2, HD // 2, -1).swapaxes(1, 2).reshape(b.shape)


def make_lora(rng, weights):
    rank, alpha, out = 4, 6, dict(weights)
    tensors = {}
    for i in range(LAYERS):
        for name, hf in HF.items():
            w = weights[f"blk.{i}.{name}"]
            a = rng.normal(0, 0.2, (rank, w.shape[1])).astype(np.float32)
            b = rng.normal(0, 0.2, (w.shape[0], rank)).astype(np.float32)
            prefix = f"base_model.model.model.layers.{i}.{hf}.lora_"
            tensors[prefix + "A.weight"], tensors[prefix + "B.weight"] = a, b
            heads = {"attn_q": HEADS, "attn_k": KV}.get(name)
            rows = gguf_rows(b, heads) if heads else b
            out[f"blk.{i}.{name}"] = w + alpha / rank * rows.astype(np.float64) @ a.astype(np.float64)
    folder = os.path.join(HERE, "lora")
    os.makedirs(folder, exist_ok=True)
    header, data = {"__metadata__": {"format": "pt"}}, b""
    for name in sorted(tensors):
        raw = tensors[name].tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(os.path.join(folder, "adapter_model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head + data)
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": "tiny", "inference_mode": True,
              "r": rank, "lora_alpha": alpha, "lora_dropout": 0.0, "fan_in_fan_out": False, "bias": "none",
              "use_rslora": False, "target_modules": sorted(h.split(".")[1] for h in HF.values())}
    with open(os.path.join(folder, "adapter_config.json"), "w") as f:
        json.dump(config, f, indent=2)
        f.write("\n")
    return out


def save_logits(name, w, ids, frequency):
    forward(w, ids, frequency)[POSITIONS].astype("<f4").tofile(os.path.join(HERE, name + ".logits.f32"))


def main():
    rng = np.random.default_rng(SEED)
    sp = train_tokenizer()
    weights = random_weights(rng)
    ids = [1] + [int(t) for t in rng.integers(3, VOCAB, TOKENS - 1)]
    factors = np.array([1.0, 1.5, 4.0, 8.0], np.float32)
    for variant in ("f32", "f16", "q8_0", "q4_0"):
        frequency = BASE ** (-np.arange(0, HD, 2) / HD)
        source = dict(weights)
        if variant == "q4_0":
            source["output"] = rng.normal(0, 0.3, (VOCAB, DIM))
            frequency = frequency / (2.0 * factors)
        tensors, values = {}, {}
        for name, w in source.items():
            raw, values[name] = encode(w, kinds(variant, name))
            tensors[name + ".weight"] = (kinds(variant, name), w.shape, raw)
        if variant == "q4_0":
            tensors["rope_freqs.weight"] = (F32, factors.shape, factors.tobytes())
        write_gguf(os.path.join(HERE, f"tiny_{variant}.gguf"), model_keys(sp, variant), tensors)
        save_logits(f"tiny_{variant}", values, ids, frequency)
        if variant == "f32":
            save_logits("tiny_f32_lora", make_lora(np.random.default_rng(SEED + 1), values), ids, frequency)
    random.seed(SEED)
    alphabet = list("abcdefghijklmnopqrstuvwxyz     \n\t.,'\"0123456789") + ["é", "ß", "😀", "日", "▁", "\u0301", "@@sep", "the ", "<s>"]
    texts = TEXTS + ["".join(random.choices(alphabet, k=random.randint(1, 60))) for _ in range(100)]
    with open(os.path.join(HERE, "tokenizer.json"), "w") as f:
        json.dump([{"text": t, "ids": sp.encode(t)} for t in texts], f, separators=(",", ":"))
        f.write("\n")
    with open(os.path.join(HERE, "tokens.json"), "w") as f:
        json.dump({"positions": POSITIONS, "ids": ids}, f)
        f.write("\n")


if __name__ == "__main__":
    main()
