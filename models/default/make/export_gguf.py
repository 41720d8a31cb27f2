"""Writes a checkpoint of pretrain.py as a GGUF v3 file (architecture llama, sentencepiece vocabulary).

    python3 export_gguf.py --checkpoint RUN/checkpoint.pt --tokenizer OUT/tokenizer.model --out FILE.gguf [--type q8_0|f32]

The head, tied to the embedding in training, is written as a tensor of its own ("output.weight"): adapters of the head are then
adapters of a tensor of the file, which llama.cpp needs.
Rotary positions were trained on adjacent pairs, which is GGUF's order for llama: nothing is permuted.
Q8_0: blocks of 32 values, scale = max|x| / 127 stored as f16, values rounded half away from zero.
"""
import argparse
import struct

import numpy as np
import sentencepiece as spm
import torch

from pretrain import CONTEXT, DIM, FFN, HEAD_DIM, HEADS, KV_HEADS, LAYERS, NORM_EPS, ROPE_BASE, VOCAB

U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6
ALIGNMENT = 32
TYPES = {"f32": (0, 0), "q8_0": (8, 7)}  # name -> ggml type, general.file_type
CHAT_TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + "
                 "'<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}")


def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack("<Q", len(data)) + data


def value(kind, v):
    if kind == STRING:
        return string(v)
    return struct.pack({U32: "<I", I32: "<i", F32: "<f", BOOL: "<B"}[kind], v)


def entry(key, kind, v):
    return string(key) + struct.pack("<I", kind) + value(kind, v)


def array(key, kind, values):
    return string(key) + struct.pack("<IIQ", ARRAY, kind, len(values)) + b"".join(value(kind, v) for v in values)


def q8_0(x):
    blocks = x.astype(np.float32).reshape(-1, 32)
    scale = np.abs(blocks).max(1, keepdims=True) / np.float32(127)
    inverse = np.divide(np.float32(1), scale, out=np.zeros_like(scale), where=scale > 0)
    scaled = blocks * inverse
    quants = (np.sign(scaled) * np.floor(np.abs(scaled) + np.float32(0.5))).astype(np.int8)
    return np.concatenate([scale.astype(np.float16).view(np.int8), quants], 1).tobytes()


def vocabulary(path):
    sp = spm.SentencePieceProcessor(model_file=path)
    assert sp.vocab_size() == VOCAB
    tokens, scores, types = [], [], []
    for i in range(VOCAB):
        tokens.append(sp.id_to_piece(i))
        scores.append(sp.get_score(i))
        types.append(UNKNOWN if sp.is_unknown(i) else CONTROL if sp.is_control(i) else BYTE if sp.is_byte(i) else NORMAL)
    return sp, tokens, scores, types


def metadata(args):
    sp, tokens, scores, types = vocabulary(args.tokenizer)
    return [
        entry("general.architecture", STRING, "llama"),
        entry("general.type", STRING, "model"),
        entry("general.name", STRING, "selvedge-default"),
        entry("general.license", STRING, "mit"),
        entry("general.file_type", U32, TYPES[args.type][1]),
        entry("general.quantization_version", U32, 2),
        entry("llama.context_length", U32, CONTEXT),
        entry("llama.embedding_length", U32, DIM),
        entry("llama.block_count", U32, LAYERS),
        entry("llama.feed_forward_length", U32, FFN),
        entry("llama.attention.head_count", U32, HEADS),
        entry("llama.attention.head_count_kv", U32, KV_HEADS),
        entry("llama.attention.layer_norm_rms_epsilon", F32, NORM_EPS),
        entry("llama.rope.dimension_count", U32, HEAD_DIM),
        entry("llama.rope.freq_base", F32, ROPE_BASE),
        entry("llama.vocab_size", U32, VOCAB),
        entry("tokenizer.ggml.model", STRING, "llama"),
        entry("tokenizer.ggml.pre", STRING, "default"),
        array("tokenizer.ggml.tokens", STRING, tokens),
        array("tokenizer.ggml.scores", F32, scores),
        array("tokenizer.ggml.token_type", I32, types),
        entry("tokenizer.ggml.bos_token_id", U32, sp.bos_id()),
        entry("tokenizer.ggml.eos_token_id", U32, sp.eos_id()),
        entry("tokenizer.ggml.eot_token_id", U32, sp.piece_to_id("<|im_end|>")),
        entry("tokenizer.ggml.unknown_token_id", U32, sp.unk_id()),
        entry("tokenizer.ggml.add_bos_token", BOOL, 1),
        entry("tokenizer.ggml.add_eos_token", BOOL, 0),
        entry("tokenizer.ggml.add_space_prefix", BOOL, 1),
        entry("tokenizer.chat_template", STRING, CHAT_TEMPLATE),
    ]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--checkpoint", required=True)
    ap.add_argument("--tokenizer", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--type", choices=TYPES, default="q8_0")
    args = ap.parse_args()
    params = torch.load(args.checkpoint)["params"]
    params["output"] = params["token_embd"]
    table, blobs, offset = b"", [], 0
    for name, tensor in params.items():
        x = tensor.numpy()
        quantized = x.ndim == 2 and args.type == "q8_0"
        data = q8_0(x) if quantized else x.astype("<f4").tobytes()
        dims = x.shape[::-1]
        table += string(name + ".weight") + struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
        table += struct.pack("<IQ", TYPES["q8_0"][0] if quantized else 0, offset)
        blobs.append(data + bytes(-len(data) % ALIGNMENT))
        offset += len(blobs[-1])
    meta = metadata(args)
    header = b"GGUF" + struct.pack("<IQQ", 3, len(blobs), len(meta)) + b"".join(meta) + table
    with open(args.out, "wb") as f:
        f.write(header + bytes(-len(header) % ALIGNMENT) + b"".join(blobs))


if __name__ == "__main__":
    main()
