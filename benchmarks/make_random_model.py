#!/usr/bin/env python3
"""Writes a llama GGUF file of random weights in the shape of a known model, for measurements of speed and memory.

    benchmarks/make_random_model.py --shape smollm2-135m --type q8_0 OUT.gguf

Shapes: those of SmolLM2-135M, TinyLlama-1.1B, and tiny (for a quick look). Types: f32, f16, q8_0, q4_0 for matrices; norms
are f32. The vocabulary is a SentencePiece one of control tokens, 256 bytes and invented words, so that every program
that reads GGUF can load the file; what the model writes is noise. The same arguments give the same bytes.
"""
import argparse
import struct

import numpy as np

SHAPES = {  # layers, width, heads, key heads, ff, vocabulary, context, tied output
    "smollm2-135m": (30, 576, 9, 3, 1536, 49152, 2048, True),
    "tinyllama-1.1b": (22, 2048, 32, 4, 5632, 32000, 2048, False),
    "tiny": (2, 64, 4, 2, 192, 512, 512, True),
}
TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 8}
FILE_TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q8_0": 7}
U32, I32, F32, STRING, ARRAY, BOOL = 4, 5, 6, 8, 9, 7
ALIGNMENT = 32


def text(s):
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


class Metadata:
    def __init__(self):
        self.bytes, self.count = b"", 0

    def _add(self, key, kind, value):
        self.bytes += text(key) + struct.pack("<I", kind) + value
        self.count += 1

    def u32(self, key, v):
        self._add(key, U32, struct.pack("<I", v))

    def f32(self, key, v):
        self._add(key, F32, struct.pack("<f", v))

    def boolean(self, key, v):
        self._add(key, BOOL, struct.pack("<B", v))

    def string(self, key, v):
        self._add(key, STRING, text(v))

    def strings(self, key, values):
        self._add(key, ARRAY, struct.pack("<IQ", STRING, len(values)) + b"".join(map(text, values)))

    def numbers(self, key, kind, code, values):
        self._add(key, ARRAY, struct.pack("<IQ", kind, len(values)) + np.asarray(values, code).tobytes())


def quantize(rows, kind):
    """Bytes of f32 rows. Q8_0 and Q4_0: blocks of 32 values behind an f16 scale (docs/formats)."""
    if kind == "f32":
        return rows.astype("<f4").tobytes()
    if kind == "f16":
        return rows.astype("<f2").tobytes()
    blocks = rows.reshape(-1, 32)
    n = len(blocks)
    largest = blocks[np.arange(n), np.abs(blocks).argmax(1)]
    if kind == "q8_0":
        scale = np.abs(largest) / 127
        q = np.rint(blocks / np.where(scale > 0, scale, 1)[:, None]).astype(np.int8).view(np.uint8)
    else:
        scale = largest / -8
        q = np.clip(np.floor(blocks / np.where(scale != 0, scale, 1)[:, None] + 8.5), 0, 15).astype(np.uint8)
        q = q[:, :16] | q[:, 16:] << 4
    return np.concatenate([scale.astype("<f2").view(np.uint8).reshape(n, 2), q], 1).tobytes()


def tensors(shape):
    """(name, columns, rows); 0 rows is a norm."""
    layers, width, heads, key_heads, ff, vocab, _, tied = SHAPES[shape]
    kv = width // heads * key_heads
    yield "token_embd.weight", width, vocab
    for i in range(layers):
        b = f"blk.{i}."
        yield b + "attn_norm.weight", width, 0
        yield b + "attn_q.weight", width, width
        yield b + "attn_k.weight", width, kv
        yield b + "attn_v.weight", width, kv
        yield b + "attn_output.weight", width, width
        yield b + "ffn_norm.weight", width, 0
        yield b + "ffn_gate.weight", width, ff
        yield b + "ffn_up.weight", width, ff
        yield b + "ffn_down.weight", ff, width
    yield "output_norm.weight", width, 0
    if not tied:
        yield "output.weight", width, vocab


def metadata(shape, kind):
    layers, width, heads, key_heads, ff, vocab, context, _ = SHAPES[shape]
    m = Metadata()
    m.string("general.architecture", "llama")
    m.string("general.name", f"random {shape}")
    m.u32("general.file_type", FILE_TYPES[kind])
    m.u32("general.alignment", ALIGNMENT)
    m.u32("llama.block_count", layers)
    m.u32("llama.context_length", context)
    m.u32("llama.embedding_length", width)
    m.u32("llama.feed_forward_length", ff)
    m.u32("llama.attention.head_count", heads)
    m.u32("llama.attention.head_count_kv", key_heads)
    m.u32("llama.rope.dimension_count", width // heads)
    m.f32("llama.rope.freq_base", 10000.0)
    m.f32("llama.attention.layer_norm_rms_epsilon", 1e-5)
    m.u32("llama.vocab_size", vocab)
    pieces = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    kinds = [2, 3, 3] + [6] * 256
    words = [f"\u2581w{i}" for i in range(vocab - len(pieces))]
    m.string("tokenizer.ggml.model", "llama")
    m.strings("tokenizer.ggml.tokens", pieces + words)
    m.numbers("tokenizer.ggml.scores", F32, "<f4", [0.0] * len(pieces) + [-1.0 - i for i in range(len(words))])
    m.numbers("tokenizer.ggml.token_type", I32, "<i4", kinds + [1] * len(words))
    m.u32("tokenizer.ggml.bos_token_id", 1)
    m.u32("tokenizer.ggml.eos_token_id", 2)
    m.u32("tokenizer.ggml.unknown_token_id", 0)
    m.boolean("tokenizer.ggml.add_bos_token", True)
    return m


def row_bytes(kind, columns):
    return {"f32": 4 * columns, "f16": 2 * columns, "q8_0": columns // 32 * 34, "q4_0": columns // 32 * 18}[kind]


def write(path, shape, kind, seed):
    meta = metadata(shape, kind)
    infos, offset, listed = b"", 0, list(tensors(shape))
    for name, columns, rows in listed:
        dims = [columns, rows] if rows else [columns]
        infos += text(name) + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
        infos += struct.pack("<IQ", TYPES[kind] if rows else 0, offset)
        size = row_bytes(kind, columns) * rows if rows else 4 * columns
        offset += -(-size // ALIGNMENT) * ALIGNMENT
    head = b"GGUF" + struct.pack("<IQQ", 3, len(listed), meta.count) + meta.bytes + infos
    random = np.random.default_rng(seed)
    with open(path, "wb") as out:
        out.write(head + b"\0" * (-len(head) % ALIGNMENT))
        for _, columns, rows in listed:
            if rows == 0:
                out.write(np.ones(columns, "<f4").tobytes())
            for first in range(0, rows, 2048):  # a slice at a time: no large model in memory
                n = min(2048, rows - first)
                values = random.standard_normal((n, columns), np.float32) * np.float32(columns**-0.5)
                out.write(quantize(values, kind))
            out.write(b"\0" * (-out.tell() % ALIGNMENT))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--type", choices=TYPES, default="q8_0")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    write(args.out, args.shape, args.type, args.seed)


if __name__ == "__main__":
    main()
