#pragma once
// The tokenizer of `tokenizer.ggml.model` = "gpt2": byte-level BPE.

#include <array>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "inference/tokenizer/merges.h"
#include "inference/tokenizer/pre_tokenizer.h"
#include "inference/tokenizer/special_text.h"
#include "inference/tokenizer/tokenizer.h"
#include "inference/tokenizer/vocabulary.h"

namespace selvedge::inference {

// Ill-formed bytes become one U+FFFD each. Control tokens come from no text unless asked for;
// user-defined ones are found in any text, as the models' own tokenizers do.
class BpeTokenizer final : public Tokenizer {
 public:
  // kFormat for merges that name absent tokens; kIncompatible for an unknown pre-tokenizer.
  static Result<std::unique_ptr<Tokenizer>> Create(const gguf::File& file, Vocabulary vocabulary);

  Result<std::vector<int32_t>> Encode(std::string_view text, bool add_bos,
                                      bool parse_special) const override;
  std::string PieceBytes(int32_t id) const override;
  std::string Decode(const std::vector<int32_t>& ids) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }

 private:
  BpeTokenizer(Vocabulary vocabulary, PreTokenizer pre_tokenizer);
  void ReadTokens();
  Status EncodeFragment(std::string_view text, std::vector<int32_t>* ids) const;
  void EncodeWord(std::string_view word, std::vector<int32_t>* symbols,
                  std::vector<int32_t>* ids) const;

  Vocabulary vocabulary_;
  PreTokenizer pre_tokenizer_;
  Merges merges_;
  std::vector<std::string> pieces_;                         // [V] bytes of each token
  std::unordered_map<std::string_view, int32_t> by_bytes_;  // tokens that text may become
  std::array<int32_t, 256> byte_ids_;                       // -1: no token spells the byte
  std::unordered_map<std::string_view, int32_t> user_defined_;
  SpecialTextSplitter specials_, user_texts_;
};

}  // namespace selvedge::inference
