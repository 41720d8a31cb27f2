#include "inference/tokenizer/tokenizer.h"

#include <algorithm>

#include "inference/tokenizer/bpe_tokenizer.h"
#include "inference/tokenizer/spm_tokenizer.h"
#include "storage/untrusted/quote.h"

namespace selvedge::inference {

Result<std::unique_ptr<Tokenizer>> Tokenizer::FromGguf(const gguf::File& file) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string model, file.GetString("tokenizer.ggml.model"));
  if (model == "llama") {
    SELVEDGE_ASSIGN_OR_RETURN(Vocabulary vocabulary,
                              Vocabulary::FromGguf(file, Vocabulary::Kind::kSentencePiece));
    return SpmTokenizer::Create(std::move(vocabulary));
  }
  if (model == "gpt2") {
    SELVEDGE_ASSIGN_OR_RETURN(Vocabulary vocabulary,
                              Vocabulary::FromGguf(file, Vocabulary::Kind::kByteLevel));
    return BpeTokenizer::Create(file, std::move(vocabulary));
  }
  return IncompatibleError("tokenizer: tokenizer.ggml.model: " + untrusted::Quote(model) +
                           ", 'llama' (sentencepiece) and 'gpt2' (byte-level BPE) are supported");
}

bool Tokenizer::IsEndOfGeneration(int32_t id) const {
  const auto& ends = vocabulary().end_of_generation;
  return std::binary_search(ends.begin(), ends.end(), id);
}

int32_t Tokenizer::FindSpecial(std::string_view text) const {
  const auto it = vocabulary().specials.find(text);
  return it == vocabulary().specials.end() ? -1 : it->second;
}

}  // namespace selvedge::inference
