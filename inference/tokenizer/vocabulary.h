#pragma once
// The vocabulary of a GGUF file (keys tokenizer.ggml.*), checked before anything uses it.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <selvedge/status.h>

#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

// Values of tokenizer.ggml.token_type, the same as sentencepiece's ModelProto.SentencePiece.Type.
enum class TokenType : int32_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,
  kUnused = 5,
  kByte = 6,
};

struct Vocabulary {
  std::shared_ptr<const std::string> text;  // what `tokens` views: the tokens in a row
  std::vector<std::string_view> tokens;     // [V]
  std::vector<float> scores;                // [V], or empty
  std::vector<TokenType> types;             // [V]
  std::unordered_map<std::string_view, int32_t> specials;  // control and user-defined, by text
  int32_t unknown = -1;
  int32_t bos = -1;  // -1: none
  int32_t eos = -1;
  std::vector<int32_t> end_of_generation;  // eos, eot, eom and <|im_end|>-like; sorted, unique
  std::unordered_set<int32_t> drops_space_after;  // specials that take white space with them
  bool add_bos = true;
  bool add_space_prefix = true;  // sentencepiece only
  bool has_byte_tokens = false;  // all 256 of them

  // Sentencepiece vocabularies have scores, types and an unknown token; byte-level ones no scores,
  // and all tokens are normal where types are missing.
  enum class Kind { kSentencePiece, kByteLevel };

  // Reads and checks a vocabulary. kFormat: missing keys, lengths that differ, empty, repeated or
  // over 4096 byte tokens, non-finite scores, unknown types, a wrong or incomplete set of byte
  // tokens, ids out of range, a count that differs from the embedding's rows. kLimit: over 2^20
  // tokens.
  static Result<Vocabulary> FromGguf(const gguf::File& file, Kind kind);
};

}  // namespace selvedge::inference
