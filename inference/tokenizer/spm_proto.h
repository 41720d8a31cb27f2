#pragma once
// A sentencepiece model rebuilt from the vocabulary of a GGUF file.

#include <string>

#include "inference/tokenizer/vocabulary.h"

namespace selvedge::inference {

// The serialized ModelProto of a BPE model with identity normalisation and no dummy prefix (the
// tokenizer adds it itself). Control pieces get names that no text can match, so that user text
// never yields them. Source: sentencepiece's sentencepiece_model.proto, field numbers in the code.
std::string BuildSentencePieceProto(const Vocabulary& vocabulary);

}  // namespace selvedge::inference
