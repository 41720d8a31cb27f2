#include "sdk/base_model.h"

#include <string>
#include <string_view>

#include "core/mapped_file.h"
#include "core/open_regular.h"
#include "models/default/default_model.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge {
namespace {

Result<std::shared_ptr<const gguf::File>> OpenFile(const std::string& path) {
  if (!path.empty()) return gguf::File::Open(path);
  return gguf::File::Parse(core::MappedFile::Wrap(DefaultModelBytes(), "embedded:default"));
}

// Puts the file's name in front of what does not begin with it: "m.gguf: vocabulary: ...".
Status Named(const Status& status, const gguf::File& file) {
  constexpr std::string_view kWhat = "model file: ";
  const std::string name = core::BaseName(file.bytes().name()) + ": ";
  std::string_view rest = status.message();
  if (rest.starts_with(name)) return status;
  if (rest.starts_with(kWhat)) rest.remove_prefix(kWhat.size());
  return Status(status.code(), name + std::string(rest));
}

Result<BaseModel> LoadFrom(const std::shared_ptr<const gguf::File>& file) {
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

}  // namespace

Result<BaseModel> LoadBaseModel(const std::string& path) {
  SELVEDGE_ASSIGN_OR_RETURN(auto file, OpenFile(path));
  Result<BaseModel> base = LoadFrom(file);
  SELVEDGE_RETURN_IF_ERROR(file->bytes().Intact());
  if (!base.ok()) return Named(base.status(), *file);
  return base;
}

}  // namespace selvedge
