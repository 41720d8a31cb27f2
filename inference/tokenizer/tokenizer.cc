#include "inference/tokenizer/tokenizer.h"

#include "inference/tokenizer/spm_tokenizer.h"
#include "inference/tokenizer/vocabulary.h"

namespace selvedge::inference {

Result<std::unique_ptr<Tokenizer>> Tokenizer::FromGguf(const gguf::File& file) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string kind, file.GetString("tokenizer.ggml.model"));
  if (kind != "llama") {
    return IncompatibleError("tokenizer: tokenizer.ggml.model: '" + kind.substr(0, 32) +
                             "', 'llama' (sentencepiece) is supported");
  }
  SELVEDGE_ASSIGN_OR_RETURN(Vocabulary vocabulary, Vocabulary::FromGguf(file));
  return SpmTokenizer::Create(std::move(vocabulary));
}

}  // namespace selvedge::inference
