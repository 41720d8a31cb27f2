// The prompt cache in the home: a checkpoint file of its own, bound to the base model.

#include <selvedge/engine.h>

#include <mutex>
#include <span>

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
  return {home.CheckpointPath(kPromptCachePrefix + base_digest.substr(0, 16)),
          "prompt-cache " + base_digest};
}

// What was saved before records were removed is not taken up after.
constexpr size_t kEpochBytes = 8;

}  // namespace

Result<int64_t> Engine::Impl::ForgetRemoved() {
  int64_t epoch = 0;
  {
    const std::lock_guard<std::mutex> lock(home->impl()->mutex);
    SELVEDGE_ASSIGN_OR_RETURN(epoch, home->impl()->RemovalEpoch());
  }
  if (removal_epoch.exchange(epoch) != epoch) prompt_cache.Clear();
  return epoch;
}

Result<int64_t> Engine::SavePromptCache() const {
  SELVEDGE_RETURN_IF_ERROR(NeedHome(impl_->home));
  Home::Impl& home = *impl_->home->impl();
  SELVEDGE_ASSIGN_OR_RETURN(const std::string digest, impl_->BaseDigest());
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t epoch, impl_->ForgetRemoved());
  std::vector<uint8_t> bytes(kEpochBytes);
  for (size_t i = 0; i < kEpochBytes; ++i) bytes[i] = static_cast<uint8_t>(epoch >> (8 * i));
  const std::vector<uint8_t> entries = impl_->prompt_cache.Serialize();
  bytes.insert(bytes.end(), entries.begin(), entries.end());
  const Place place = PlaceOf(home, digest);
  const std::lock_guard<std::mutex> lock(home.mutex);
  vault::RemoveCheckpoint(place.path);
  SELVEDGE_RETURN_IF_ERROR(
      vault::WriteCheckpoint(place.path, home.vault->checkpoint_key(), place.binding, bytes));
  return static_cast<int64_t>(entries.size());
}

Result<int64_t> Engine::LoadPromptCache() {
  SELVEDGE_RETURN_IF_ERROR(NeedHome(impl_->home));
  Home::Impl& home = *impl_->home->impl();
  SELVEDGE_ASSIGN_OR_RETURN(const std::string digest, impl_->BaseDigest());
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t epoch, impl_->ForgetRemoved());
  const Place place = PlaceOf(home, digest);
  const Result<std::vector<uint8_t>> read = [&] {
    const std::lock_guard<std::mutex> lock(home.mutex);
    return vault::ReadCheckpoint(place.path, home.vault->checkpoint_key(), place.binding);
  }();
  if (read.status().code() == StatusCode::kNotFound) return int64_t{0};
  if (read.status().code() == StatusCode::kAuth) {
    return AuthError("prompt cache: damaged, or of another home");
  }
  SELVEDGE_RETURN_IF_ERROR(read.status());
  const std::span<const uint8_t> bytes(*read);
  if (bytes.size() < kEpochBytes) return FormatError("prompt cache: too short");
  int64_t saved = 0;
  for (size_t i = 0; i < kEpochBytes; ++i) saved |= static_cast<int64_t>(bytes[i]) << (8 * i);
  if (saved != epoch) return int64_t{0};
  const auto entries = bytes.subspan(kEpochBytes);
  SELVEDGE_RETURN_IF_ERROR(impl_->prompt_cache.Restore(entries, impl_->model->config()));
  return static_cast<int64_t>(entries.size());
}

}  // namespace selvedge
