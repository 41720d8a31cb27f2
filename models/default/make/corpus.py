"""Turns the general corpus into the tokenizer and the token streams of the default model.

    python3 corpus.py --data DIR --out DIR

Reads   DIR/{books_train,books_more_train,conversations_train,dialogues_train}.txt (documents separated
        by a line '<|endoftext|>') and DIR/{books_valid,dialogues_valid}.txt.
Writes  OUT/tokenizer.{model,vocab}, OUT/train.u16 (one epoch, documents in a seeded random order),
        OUT/valid_{books,dialogues,conversations}.{u16,json} (json: bytes of text that the tokens stand for) and
        OUT/valid_*.txt (the same text, for the n-gram baseline).

Document form (ids 1 and 2 are <s> and </s>):
  books           <s> up to SEGMENT_BYTES of consecutive paragraphs </s>
  dialogues       <s> <|im_start|>user\\nTEXT<|im_end|>\\n<|im_start|>assistant\\nTEXT<|im_end|>\\n ... </s>
  single turns    <s> TEXT </s>; every seventh dialogue is cut into its turns, so that a short
                  message on its own is in the training distribution.
"""
import argparse
import json
import os
import random

import numpy as np
import sentencepiece as spm

VOCAB_SIZE = 4096
IM_START, IM_END = "<|im_start|>", "<|im_end|>"
SEGMENT_BYTES = 6000
SEED = 20261120
CONVERSATION_VALID_DOCS = 120


def documents(path):
    with open(path, encoding="utf-8") as f:
        for doc in f.read().split("<|endoftext|>"):
            doc = doc.strip()
            if doc:
                yield doc


def segments(doc):
    """Cuts a chapter into runs of whole paragraphs of at most about SEGMENT_BYTES."""
    part, size = [], 0
    for paragraph in doc.split("\n\n"):
        if part and size + len(paragraph) > SEGMENT_BYTES:
            yield "\n\n".join(part)
            part, size = [], 0
        part.append(paragraph)
        size += len(paragraph) + 2
    if part:
        yield "\n\n".join(part)


def turns(doc):
    """The turns of a dialogue, speaker labels removed."""
    out = []
    for line in doc.split("\n"):
        if line[:3] in ("A: ", "B: "):
            out.append((line[0], line[3:]))
        elif out and line:
            out[-1] = (out[-1][0], out[-1][1] + "\n" + line)
    return out


def train_tokenizer(data, out, rng):
    sample = os.path.join(out, "tokenizer_sample.txt")
    with open(sample, "w", encoding="utf-8") as f:
        for name, share in (("books_train", 0.25), ("books_more_train", 0.15), ("conversations_train", 0.6),
                            ("dialogues_train", 0.5)):
            for doc in documents(os.path.join(data, name + ".txt")):
                if rng.random() > share:
                    continue
                is_dialogue = doc.startswith("A: ")
                for text in ([t for _, t in turns(doc)] if is_dialogue else doc.split("\n")):
                    if text.strip():
                        f.write(text + "\n")
    spm.SentencePieceTrainer.train(
        input=sample, model_prefix=os.path.join(out, "tokenizer"), model_type="bpe", vocab_size=VOCAB_SIZE,
        byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
        add_dummy_prefix=True, split_digits=True, character_coverage=0.9998, num_threads=2, max_sentence_length=8192,
        unk_id=0, bos_id=1, eos_id=2, pad_id=-1, control_symbols=[IM_START, IM_END],
        allow_whitespace_only_pieces=True, minloglevel=1)
    os.remove(sample)


class Encoder:
    def __init__(self, path):
        self.sp = spm.SentencePieceProcessor(model_file=path)
        self.im_start, self.im_end = self.sp.piece_to_id(IM_START), self.sp.piece_to_id(IM_END)
        self.newline = self.sp.encode("\n")  # with the dummy prefix, as GGUF runtimes encode text after a control token

    def text(self, doc):
        return [1] + self.sp.encode(doc) + [2]

    def dialogue(self, doc):
        ids = [1]
        for speaker, text in turns(doc):
            role = "user" if speaker == "A" else "assistant"
            ids += [self.im_start] + self.sp.encode(role + "\n" + text) + [self.im_end] + self.newline
        return ids + [2]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", required=True)
    ap.add_argument("--out", required=True)
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)
    rng = random.Random(SEED)
    train_tokenizer(args.data, args.out, rng)
    enc = Encoder(os.path.join(args.out, "tokenizer.model"))

    conversations = list(documents(os.path.join(args.data, "conversations_train.txt")))
    rng.shuffle(conversations)
    held, conversations = conversations[:CONVERSATION_VALID_DOCS], conversations[CONVERSATION_VALID_DOCS:]

    docs = []
    for name in ("books_train", "books_more_train"):
        for doc in documents(os.path.join(args.data, name + ".txt")):
            docs += [enc.text(s) for s in segments(doc)]
    dialogues = conversations + list(documents(os.path.join(args.data, "dialogues_train.txt")))
    for i, doc in enumerate(dialogues):
        if i % 7 == 0:
            docs += [enc.text(t) for _, t in turns(doc)]
        else:
            docs.append(enc.dialogue(doc))
    rng.shuffle(docs)
    np.concatenate([np.asarray(d, np.uint16) for d in docs]).tofile(os.path.join(args.out, "train.u16"))

    valid = {
        "books": [s for d in documents(os.path.join(args.data, "books_valid.txt")) for s in segments(d)],
        "dialogues": [t for d in documents(os.path.join(args.data, "dialogues_valid.txt")) for _, t in turns(d)],
        "conversations": [t for d in held for _, t in turns(d)],
    }
    for name, texts in valid.items():
        ids = [enc.text(t) for t in texts]
        np.concatenate([np.asarray(d, np.uint16) for d in ids]).tofile(os.path.join(args.out, f"valid_{name}.u16"))
        with open(os.path.join(args.out, f"valid_{name}.txt"), "w", encoding="utf-8") as f:
            f.write("\n".join(texts) + "\n")
        with open(os.path.join(args.out, f"valid_{name}.json"), "w") as f:
            json.dump({"documents": len(ids), "tokens": sum(map(len, ids)),
                       "bytes": sum(len(t.encode()) for t in texts)}, f)
    size = os.path.getsize(os.path.join(args.out, "train.u16")) // 2
    print(f"train: {size} tokens in {len(docs)} documents")


if __name__ == "__main__":
    main()
