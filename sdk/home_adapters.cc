#include <sodium.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>

#include "core/digest.h"
#include "core/secure_random.h"
#include "sdk/home_impl.h"
#include "storage/gguf/gguf_file.h"

namespace selvedge {
namespace {

using Lock = std::lock_guard<std::mutex>;

}  // namespace

adapters::BaseShape ShapeOf(const inference::Model& model) {
  const inference::ModelConfig& c = model.config();
  return {c.architecture, c.n_layers, c.n_heads, c.n_kv_heads, c.head_dim};
}

Result<std::string> NewAdapterId(const std::string& created) {
  SELVEDGE_ASSIGN_OR_RETURN(core::SecureRandom random, core::SecureRandom::Create());
  std::array<uint8_t, 4> suffix;
  random.Fill(suffix);
  std::string id = "a-";
  for (const char c : created) {
    if (c != '-' && c != ':') id += c;
  }
  return id + "-" + core::Hex(suffix);
}

Result<adapters::SigningKey> Home::Impl::ReadSigningKey() {
  const Lock lock(mutex);
  SELVEDGE_ASSIGN_OR_RETURN(vault::Bytes secret, vault->settings().Get("signing_secret_key"));
  adapters::SigningKey key;
  if (secret.size() != key.secret_key.size()) {
    return FormatError("vault: signing key: wrong size");
  }
  key.public_key = config.public_key;
  std::copy(secret.begin(), secret.end(), key.secret_key.begin());
  sodium_memzero(secret.data(), secret.size());
  return key;
}

Result<int64_t> Home::Impl::RegistryGeneration() {
  const Lock lock(mutex);
  return vault->settings().Counter(vault::kAdapterGeneration);
}

Result<std::string> Home::Impl::ActiveAdapterId() {
  const Lock lock(mutex);
  return vault->registry().Active();
}

Status Home::Impl::CheckUsable(const std::string& id) {
  const Lock lock(mutex);
  SELVEDGE_ASSIGN_OR_RETURN(const AdapterInfo info, vault->registry().Get(id));
  if (info.state != "rejected" && info.state != "retired") return OkStatus();
  return PolicyError("adapter: is " + info.state + " (" + info.reason + "), cannot be used");
}

Result<adapters::StoredAdapter> Home::Impl::LoadAdapter(const std::string& id,
                                                        const std::string& base_digest,
                                                        const adapters::BaseShape& shape) {
  SELVEDGE_RETURN_IF_ERROR(CheckUsable(id));
  SELVEDGE_ASSIGN_OR_RETURN(
      adapters::StoredAdapter stored,
      adapters::ReadAdapter(AdapterFolder(id), config.public_key, base_digest, shape));
  // The signature is good, but another adapter of this home may lie in the folder.
  if (stored.manifest.id != id) return AuthError("adapter: the folder holds another adapter");
  return stored;
}

Result<std::shared_ptr<const BaseModel>> Home::Impl::Base() {
  const Lock lock(base_mutex_);
  if (base_ != nullptr && base_->model->file().bytes().Intact().ok()) return base_;
  SELVEDGE_ASSIGN_OR_RETURN(BaseModel loaded, LoadBaseModel(config.model_path));
  const std::string digest = core::Hex(gguf::BaseDigest(loaded.model->file()));
  if (digest != config.base_digest) {
    return IncompatibleError("base model: digest is " + digest.substr(0, 16) +
                             "..., the home was made for " + config.base_digest.substr(0, 16) +
                             "...");
  }
  base_ = std::make_shared<const BaseModel>(std::move(loaded));
  return base_;
}

std::string LedgerAdvice(const std::string& problem) {
  return problem +
         "; the budget counts as spent and nothing more is stored or trained: put the newest "
         "copy of the whole home back, or export the data and make a new home";
}

Status Home::Impl::RequireIntactLedger() {
  SELVEDGE_ASSIGN_OR_RETURN(const vault::LedgerCheck check, vault->CheckLedger());
  if (check.intact) return OkStatus();
  return PolicyError("ledger: " + LedgerAdvice(check.problem));
}

void Home::Impl::RemoveAdapterFiles(const std::vector<std::string>& ids) {
  std::error_code ec;
  for (const std::string& id : ids) std::filesystem::remove_all(AdapterFolder(id), ec);
}

Status Home::Impl::RemoveOrphanFolders() {
  std::set<std::string> known;
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<AdapterInfo> adapters, vault->registry().List());
  for (const AdapterInfo& adapter : adapters) known.insert(adapter.id);
  std::error_code ec;
  std::vector<std::filesystem::path> orphans;
  for (const auto& entry : std::filesystem::directory_iterator(vault->home() + "/adapters", ec)) {
    if (!known.contains(entry.path().filename().string())) orphans.push_back(entry.path());
  }
  for (const auto& path : orphans) std::filesystem::remove_all(path, ec);
  return OkStatus();
}

std::string Home::Impl::AdapterFolder(const std::string& id) const {
  return vault->home() + "/adapters/" + id;
}

std::string Home::Impl::CheckpointPath(const std::string& job_id) const {
  return vault->home() + "/checkpoints/" + job_id + ".ckpt";
}

Result<int64_t> Home::Impl::RemovalEpoch() {
  return vault->settings().Counter(vault::kRemovalEpoch);
}

void Home::Impl::RemovePromptCaches() {
  std::error_code ec;
  std::vector<std::filesystem::path> caches;
  for (const auto& entry :
       std::filesystem::directory_iterator(vault->home() + "/checkpoints", ec)) {
    if (entry.path().filename().string().starts_with(kPromptCachePrefix)) {
      caches.push_back(entry.path());
    }
  }
  for (const auto& path : caches) std::filesystem::remove(path, ec);
}

Result<std::vector<AdapterInfo>> Home::Adapters() const {
  const Lock lock(impl_->mutex);
  return impl_->vault->registry().List();
}

Result<AdapterInfo> Home::Adapter(const std::string& id) const {
  const Lock lock(impl_->mutex);
  return impl_->vault->registry().Get(id);
}

Status Home::UseAdapter(const std::string& id) {
  if (id != "none") SELVEDGE_RETURN_IF_ERROR(VerifyAdapter(id));
  const Lock lock(impl_->mutex);
  vault::Vault& v = *impl_->vault;
  return v.Update([&] { return v.registry().Activate(id == "none" ? "" : id); });
}

Result<AdapterInfo> Home::RollbackAdapter() {
  const Lock lock(impl_->mutex);
  vault::Vault& v = *impl_->vault;
  std::string id;
  const Status updated = v.Update([&]() -> Status {
    SELVEDGE_ASSIGN_OR_RETURN(id, v.registry().Rollback());
    return OkStatus();
  });
  if (!updated.ok()) return updated;
  if (!id.empty()) return v.registry().Get(id);
  AdapterInfo base;
  base.id = "none";
  base.base_digest = impl_->config.base_digest;
  base.state = "active";
  return base;
}

Status Home::RemoveAdapter(const std::string& id) {
  const Lock lock(impl_->mutex);
  vault::Vault& v = *impl_->vault;
  SELVEDGE_RETURN_IF_ERROR(v.Update([&] { return v.registry().Remove(id); }));
  impl_->RemoveAdapterFiles({id});
  return OkStatus();
}

Status Home::VerifyAdapter(const std::string& id) const {
  SELVEDGE_ASSIGN_OR_RETURN(const AdapterInfo info, Adapter(id));
  SELVEDGE_ASSIGN_OR_RETURN(const std::shared_ptr<const BaseModel> base, impl_->Base());
  SELVEDGE_ASSIGN_OR_RETURN(
      const adapters::StoredAdapter stored,
      impl_->LoadAdapter(id, impl_->config.base_digest, ShapeOf(*base->model)));
  if (stored.manifest.weights_sha256 != info.sha256) {
    return AuthError("adapter: weights differ from the registry's digest");
  }
  return OkStatus();
}

}  // namespace selvedge
