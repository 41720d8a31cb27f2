#include "inference/tokenizer/spm_library.h"

#include "core/shared_library.h"
#include "inference/tokenizer/spm_plugin.h"

namespace selvedge::inference {

namespace {

// The exported function `name` of type F, null if there is none.
template <typename F>
F* Find(const core::SharedLibrary& library, const char* name) {
  return reinterpret_cast<F*>(library.Symbol(name));
}

}  // namespace

struct SpmModel::Library {
  core::SharedLibrary library;
  decltype(&selvedge_spm_create) create;
  decltype(&selvedge_spm_destroy) destroy;
  decltype(&selvedge_spm_encode) encode;
  decltype(&selvedge_spm_free_ids) free_ids;

  static Result<std::shared_ptr<const Library>> Load();
};

Result<std::shared_ptr<const SpmModel::Library>> SpmModel::Library::Load() {
  // Deep binding keeps sentencepiece's protobuf apart from that of other libraries in the process.
  SELVEDGE_ASSIGN_OR_RETURN(core::SharedLibrary library,
                            core::SharedLibrary::Load("libselvedge_spm.so", /*deep_bind=*/true));
  const auto version =
      Find<decltype(selvedge_spm_abi_version)>(library, "selvedge_spm_abi_version");
  if (version == nullptr || version() != 1) {
    return IncompatibleError("libselvedge_spm.so: is of another version than this program");
  }
  Library out{std::move(library), nullptr, nullptr, nullptr, nullptr};
  out.create = Find<decltype(selvedge_spm_create)>(out.library, "selvedge_spm_create");
  out.destroy = Find<decltype(selvedge_spm_destroy)>(out.library, "selvedge_spm_destroy");
  out.encode = Find<decltype(selvedge_spm_encode)>(out.library, "selvedge_spm_encode");
  out.free_ids = Find<decltype(selvedge_spm_free_ids)>(out.library, "selvedge_spm_free_ids");
  if (!out.create || !out.destroy || !out.encode || !out.free_ids) {
    return IncompatibleError("libselvedge_spm.so: lacks a function that this program needs");
  }
  return std::make_shared<const Library>(std::move(out));
}

void SpmModel::Destroyer::operator()(selvedge_spm* spm) const { library->destroy(spm); }

SpmModel::~SpmModel() = default;

Result<SpmModel> SpmModel::Create(const std::string& proto) {
  SELVEDGE_ASSIGN_OR_RETURN(std::shared_ptr<const Library> library, Library::Load());
  selvedge_spm* spm = library->create(proto.data(), proto.size());
  if (spm == nullptr) return FormatError("vocabulary: sentencepiece does not accept it");
  SpmModel model;
  model.spm_ = std::unique_ptr<selvedge_spm, Destroyer>(spm, Destroyer{std::move(library)});
  return model;
}

Status SpmModel::Encode(std::string_view text, std::vector<int32_t>* ids) const {
  const Library& library = *spm_.get_deleter().library;
  int32_t* found = nullptr;
  size_t count = 0;
  if (library.encode(spm_.get(), text.data(), text.size(), &found, &count) != 0) {
    return InternalError("tokenizer: sentencepiece failed on a text of " +
                         std::to_string(text.size()) + " bytes");
  }
  ids->insert(ids->end(), found, found + count);
  library.free_ids(found);
  return OkStatus();
}

}  // namespace selvedge::inference
