#pragma once
// Text to token ids and back, from the vocabulary in the GGUF file.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // The tokenizer that `tokenizer.ggml.model` names. "llama": sentencepiece. Others: kIncompatible,
  // by name.
  static Result<std::unique_ptr<Tokenizer>> FromGguf(const gguf::File& file);

  // Invalid UTF-8 becomes U+FFFD. Text never yields control tokens unless parse_special.
  virtual Result<std::vector<int32_t>> Encode(std::string_view text, bool add_bos,
                                              bool parse_special) const = 0;
  // The bytes a token stands for ("" for control tokens); pieces may cut a UTF-8 character.
  virtual std::string PieceBytes(int32_t id) const = 0;
  // Text of a whole sequence; the leading space of the first word is dropped when the vocabulary
  // adds one.
  virtual std::string Decode(const std::vector<int32_t>& ids) const = 0;

  virtual int32_t bos() const = 0;  // -1 if none
  virtual int32_t eos() const = 0;
  virtual bool IsEndOfGeneration(int32_t id) const = 0;  // eos, eot, eom
  virtual bool adds_bos() const = 0;
  virtual int32_t vocab_size() const = 0;
  // Id of a control or user-defined token by its text, or -1.
  virtual int32_t FindSpecial(std::string_view text) const = 0;
};

}  // namespace selvedge::inference
