#pragma once
// The tokenizer of `tokenizer.ggml.model` = "llama": sentencepiece BPE with byte fallback.

#include <memory>
#include <string>
#include <vector>

#include "inference/tokenizer/special_text.h"
#include "inference/tokenizer/spm_library.h"
#include "inference/tokenizer/tokenizer.h"
#include "inference/tokenizer/vocabulary.h"

namespace selvedge::inference {

class SpmTokenizer final : public Tokenizer {
 public:
  static Result<std::unique_ptr<Tokenizer>> Create(Vocabulary vocabulary);

  Result<std::vector<int32_t>> Encode(std::string_view text, bool add_bos,
                                      bool parse_special) const override;
  std::string PieceBytes(int32_t id) const override;
  std::string Decode(const std::vector<int32_t>& ids) const override;
  int32_t bos() const override { return vocabulary_.bos; }
  int32_t eos() const override { return vocabulary_.eos; }
  bool IsEndOfGeneration(int32_t id) const override;
  bool adds_bos() const override { return vocabulary_.add_bos; }
  int32_t vocab_size() const override { return static_cast<int32_t>(vocabulary_.tokens.size()); }
  int32_t FindSpecial(std::string_view text) const override;

 private:
  SpmTokenizer(Vocabulary vocabulary, SpmModel spm);
  Status EncodeFragment(std::string_view text, std::vector<int32_t>* ids) const;

  Vocabulary vocabulary_;
  SpmModel spm_;
  SpecialTextSplitter splitter_;
  bool words_are_independent_;  // no token reaches over the start of a word
};

}  // namespace selvedge::inference
