#include <selvedge/engine.h>
#include <selvedge/machine.h>

#include <utility>

#include "core/digest.h"
#include "core/dtype.h"
#include "inference/session/session.h"
#include "sdk/base_model.h"
#include "sdk/engine_impl.h"
#include "sdk/pacing.h"
#include "sdk/weight_pages.h"

namespace selvedge {
namespace {

int64_t TensorBytes(const gguf::File& file) {
  int64_t bytes = 0;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    bytes += static_cast<int64_t>(tensor.data.size());
  }
  return bytes;
}

// Decoding reads every weight once, except that of the embedding it needs one row, and all of it
// again only where it is the output matrix too.
int64_t BytesReadPerToken(const inference::Model& model) {
  const kernels::WeightView& embedding = model.token_embedding();
  const int64_t all = TensorBytes(model.file());
  const auto row = static_cast<int64_t>(embedding.row_bytes);
  if (model.tied()) return all + row;
  return all - static_cast<int64_t>(embedding.rows) * row + row;
}

std::string ChatTemplateText(const gguf::File& file) {
  const auto text = file.GetString("tokenizer.chat_template");
  return text.ok() ? std::string(*text) : "";
}

}  // namespace

Result<Engine> Engine::Open(const EngineOptions& options) {
  if (options.threads < 0 || options.threads > 1024) {
    return UsageError("engine: threads: " + std::to_string(options.threads) +
                      ", 0 to 1024 are allowed");
  }
  if (options.prompt_cache_mb < 0 || options.memory_limit_mb < 0) {
    return UsageError("engine: memory sizes: negative, 0 or more are allowed");
  }
  if (options.kept_adapters < 0 || options.kept_adapters > 1024) {
    return UsageError("engine: kept_adapters: " + std::to_string(options.kept_adapters) +
                      ", 0 to 1024 are allowed");
  }
  const MemoryBudget memory(options);
  SELVEDGE_RETURN_IF_ERROR(memory.CheckFile(options.model_path));
  SELVEDGE_ASSIGN_OR_RETURN(BaseModel base, LoadBaseModel(options.model_path));
  auto impl = std::make_unique<Impl>(options, std::move(base));
  SELVEDGE_ASSIGN_OR_RETURN(impl->huge_page_bytes,
                            PlaceWeights(impl->file().bytes(), options.huge_pages, impl->pool));
  return Engine(std::move(impl));
}

Engine::Impl::Impl(const EngineOptions& options, BaseModel base)
    : path(options.model_path.empty() ? kEmbedded : options.model_path),
      model(std::move(base.model)),
      tokenizer(std::move(base.tokenizer)),
      chat_template(ChatTemplateText(model->file())),
      memory(options),
      power(options.power),
      pool(options.threads > 0 ? options.threads : ThreadsFor(options.power, Machine().cores)),
      prompt_cache(static_cast<uint64_t>(options.prompt_cache_mb) << 20),
      kept_adapters_(static_cast<size_t>(options.kept_adapters)) {}

std::shared_ptr<const inference::TokenTable> Engine::Impl::Tokens() {
  std::call_once(tokens_once_,
                 [this] { tokens_ = std::make_shared<const inference::TokenTable>(*tokenizer); });
  return tokens_;
}

Engine::Engine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

adapters::BaseShape Engine::Impl::base_shape() const {
  const inference::ModelConfig& config = model->config();
  return {config.architecture, config.n_layers, config.n_heads, config.n_kv_heads, config.head_dim};
}

Result<std::string> Engine::Impl::BaseDigest() {
  const std::lock_guard<std::mutex> lock(digest_mutex_);
  if (!base_digest_.empty()) return base_digest_;
  const std::string digest = core::Hex(gguf::BaseDigest(file()));
  SELVEDGE_RETURN_IF_ERROR(file().bytes().Intact());
  return base_digest_ = digest;
}

Result<std::string> Engine::Impl::FileSha256() {
  const std::lock_guard<std::mutex> lock(digest_mutex_);
  if (!file_sha256_.empty()) return file_sha256_;
  const std::string digest = core::Hex(core::Sha256Of(file().bytes().bytes()));
  SELVEDGE_RETURN_IF_ERROR(file().bytes().Intact());
  return file_sha256_ = digest;
}

ModelInfo Engine::info() const {
  const gguf::File& file = impl_->file();
  const inference::ModelConfig& config = impl_->model->config();
  ModelInfo info;
  info.path = impl_->path;
  info.arch = config.architecture;
  if (const auto name = file.GetString("general.name"); name.ok()) info.name = *name;
  for (const gguf::TensorInfo& tensor : file.tensors()) {
    info.parameters += static_cast<int64_t>(tensor.values());
    ++info.types[core::FindDType(tensor.type)->name];
  }
  info.tensors = static_cast<int64_t>(file.tensors().size());
  info.layers = config.n_layers;
  info.embedding_length = config.n_embd;
  info.context_length = config.n_ctx;
  info.vocab_size = config.n_vocab;
  info.file_bytes = static_cast<int64_t>(file.bytes().bytes().size());
  info.huge_page_bytes = static_cast<int64_t>(impl_->huge_page_bytes);
  info.bytes_read_per_token = BytesReadPerToken(*impl_->model);
  return info;
}

Result<std::string> Engine::BaseDigest() const { return impl_->BaseDigest(); }
Result<std::string> Engine::FileSha256() const { return impl_->FileSha256(); }

Result<std::vector<int32_t>> Engine::Tokenize(std::string_view text, bool add_bos,
                                              bool parse_special) const {
  return impl_->tokenizer->Encode(text, add_bos, parse_special);
}

Result<std::string> Engine::Detokenize(const std::vector<int32_t>& ids) const {
  const int32_t size = impl_->tokenizer->vocab_size();
  for (const int32_t id : ids) {
    if (id < 0 || id >= size) {
      return UsageError("detokenize: token id " + std::to_string(id) + ", 0 to " +
                        std::to_string(size - 1) + " are allowed");
    }
  }
  return impl_->tokenizer->Decode(ids);
}

Result<std::vector<float>> Engine::Logits(const std::vector<int32_t>& ids,
                                          const std::vector<LoraFile>& lora, bool all) const {
  if (ids.empty()) return UsageError("logits: no token ids, at least one is needed");
  SELVEDGE_ASSIGN_OR_RETURN(auto set, impl_->Adapters("none", lora));
  SELVEDGE_ASSIGN_OR_RETURN(auto session,
                            inference::Session::Create(impl_->model, set, impl_->pool, 0));
  std::vector<float> logits;
  SELVEDGE_RETURN_IF_ERROR(session->Append(ids, all, &logits));
  return logits;
}

}  // namespace selvedge
