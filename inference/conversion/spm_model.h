#pragma once
// What of a sentencepiece model file (tokenizer.model) GGUF keeps.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

namespace selvedge::inference {

struct SentencePieceModel {
  struct Piece {
    std::string text;
    float score = 0;
    int32_t type = 1;  // as tokenizer.ggml.token_type
  };
  std::vector<Piece> pieces;
  uint32_t unknown = 0;
  bool add_dummy_prefix = true;
};

// Source: sentencepiece_model.proto: ModelProto {1: pieces {1: piece, 2: score, 3: type}, 2:
// trainer_spec {3: model_type, 40: unk_id}, 3: normalizer_spec {3: add_dummy_prefix}}. kFormat for
// bytes that are no such message, kIncompatible for a model that is not BPE.
Result<SentencePieceModel> ReadSentencePieceModel(std::string_view bytes);

}  // namespace selvedge::inference
