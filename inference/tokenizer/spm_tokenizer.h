#pragma once
// The tokenizer of `tokenizer.ggml.model` = "llama": sentencepiece BPE with byte fallback.

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "inference/tokenizer/special_text.h"
#include "inference/tokenizer/spm_library.h"
#include "inference/tokenizer/tokenizer.h"
#include "inference/tokenizer/vocabulary.h"

namespace selvedge::inference {

// Ill-formed bytes become byte tokens, or U+FFFD in a vocabulary without them.
class SpmTokenizer final : public Tokenizer {
 public:
  static Result<std::unique_ptr<Tokenizer>> Create(Vocabulary vocabulary);

  Result<std::vector<int32_t>> Encode(std::string_view text, bool add_bos,
                                      bool parse_special) const override;
  std::string PieceBytes(int32_t id) const override;
  std::string Decode(const std::vector<int32_t>& ids) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  SpmTokenizer(Vocabulary vocabulary, SpmModel spm);
  Status EncodeFragment(std::string_view text, std::vector<int32_t>* ids) const;
  Status EncodeWellFormed(std::string_view text, std::vector<int32_t>* ids) const;
  size_t EncodeIllFormed(std::string_view text, std::vector<int32_t>* ids) const;

  Vocabulary vocabulary_;
  SpmModel spm_;
  SpecialTextSplitter splitter_;
  std::array<int32_t, 256> byte_ids_{};  // of the tokens <0xNN>
  bool words_are_independent_;           // no token reaches over the start of a word
};

}  // namespace selvedge::inference
