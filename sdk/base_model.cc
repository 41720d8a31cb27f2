#include "sdk/base_model.h"

#include "core/mapped_file.h"
#include "models/default/default_model.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge {
namespace {

Result<std::shared_ptr<const gguf::File>> OpenFile(const std::string& path) {
  if (!path.empty()) return gguf::File::Open(path);
  return gguf::File::Parse(core::MappedFile::Wrap(DefaultModelBytes(), "embedded:default"));
}

}  // namespace

Result<BaseModel> LoadBaseModel(const std::string& path) {
  SELVEDGE_ASSIGN_OR_RETURN(auto file, OpenFile(path));
  BaseModel base;
  SELVEDGE_ASSIGN_OR_RETURN(base.model, inference::Model::Load(file));
  SELVEDGE_ASSIGN_OR_RETURN(base.tokenizer, inference::Tokenizer::FromGguf(*file));
  const auto rows = static_cast<int64_t>(base.model->config().n_vocab);
  if (base.tokenizer->vocab_size() != rows) {
    return FormatError("model file: vocabulary has " +
                       std::to_string(base.tokenizer->vocab_size()) +
                       " tokens, the embedding has " + std::to_string(rows) + " rows");
  }
  return base;
}

}  // namespace selvedge
