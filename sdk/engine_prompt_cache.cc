// The prompt cache in the home: a checkpoint file of its own, bound to the base model.

#include <selvedge/engine.h>

#include <mutex>

#include "sdk/engine_impl.h"
#include "sdk/home_impl.h"
#include "storage/vault/checkpoint_file.h"

namespace selvedge {
namespace {

Status NeedHome(const Home* home) {
  return home != nullptr ? OkStatus() : UsageError("prompt cache: no home is attached");
}

// A model has a file of its own, which no other model's key material opens.
struct Place {
  std::string path;
  std::string binding;
};

Place PlaceOf(const Home::Impl& home, const std::string& base_digest) {
  return {home.CheckpointPath("prompt-cache-" + base_digest.substr(0, 16)),
          "prompt-cache " + base_digest};
}

}  // namespace

Result<int64_t> Engine::SavePromptCache() const {
  SELVEDGE_RETURN_IF_ERROR(NeedHome(impl_->home));
  Home::Impl& home = *impl_->home->impl();
  SELVEDGE_ASSIGN_OR_RETURN(const std::string digest, impl_->BaseDigest());
  const std::vector<uint8_t> bytes = impl_->prompt_cache.Serialize();
  const Place place = PlaceOf(home, digest);
  const std::lock_guard<std::mutex> lock(home.mutex);
  vault::RemoveCheckpoint(place.path);
  SELVEDGE_RETURN_IF_ERROR(
      vault::WriteCheckpoint(place.path, home.vault->checkpoint_key(), place.binding, bytes));
  return static_cast<int64_t>(bytes.size());
}

Result<int64_t> Engine::LoadPromptCache() {
  SELVEDGE_RETURN_IF_ERROR(NeedHome(impl_->home));
  Home::Impl& home = *impl_->home->impl();
  SELVEDGE_ASSIGN_OR_RETURN(const std::string digest, impl_->BaseDigest());
  const Place place = PlaceOf(home, digest);
  const Result<std::vector<uint8_t>> bytes = [&] {
    const std::lock_guard<std::mutex> lock(home.mutex);
    return vault::ReadCheckpoint(place.path, home.vault->checkpoint_key(), place.binding);
  }();
  if (bytes.status().code() == StatusCode::kNotFound) return int64_t{0};
  SELVEDGE_RETURN_IF_ERROR(bytes.status());
  const inference::ModelConfig& config = impl_->model->config();
  const uint64_t block_bytes =
      inference::KvCache::BytesFor(config, core::DType::kF16, inference::KvCache::kBlockTokens);
  SELVEDGE_RETURN_IF_ERROR(impl_->prompt_cache.Restore(*bytes, block_bytes, config.n_vocab));
  return static_cast<int64_t>(bytes->size());
}

}  // namespace selvedge
