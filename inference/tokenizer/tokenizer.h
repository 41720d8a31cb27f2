#pragma once
// Text to token ids and back, from the vocabulary in the GGUF file.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

#include "inference/tokenizer/vocabulary.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  // The tokenizer that `tokenizer.ggml.model` names. "llama": sentencepiece, "gpt2": byte-level
  // BPE. Others: kIncompatible, by name.
  static Result<std::unique_ptr<Tokenizer>> FromGguf(const gguf::File& file);

  // Ill-formed UTF-8 becomes byte tokens or U+FFFD, as the class says. Text never yields control
  // tokens unless parse_special.
  virtual Result<std::vector<int32_t>> Encode(std::string_view text, bool add_bos,
                                              bool parse_special) const = 0;
  // The bytes a token stands for ("" for control tokens); pieces may cut a UTF-8 character.
  virtual std::string PieceBytes(int32_t id) const = 0;
  // Text of a whole sequence; the leading space of the first word is dropped when the vocabulary
  // adds one.
  virtual std::string Decode(const std::vector<int32_t>& ids) const = 0;

  virtual const Vocabulary& vocabulary() const = 0;

  int32_t bos() const { return vocabulary().bos; }  // -1 if none
  int32_t eos() const { return vocabulary().eos; }
  bool IsEndOfGeneration(int32_t id) const;  // eos, eot, eom
  bool adds_bos() const { return vocabulary().add_bos; }
  int32_t vocab_size() const { return static_cast<int32_t>(vocabulary().tokens.size()); }
  // Id of a control or user-defined token by its text, or -1.
  int32_t FindSpecial(std::string_view text) const;
};

}  // namespace selvedge::inference
