#include <chrono>
#include <filesystem>
#include <utility>

#include "sdk/engine_impl.h"
#include "sdk/home_impl.h"

namespace selvedge {
namespace {

// What a LoRA file is called in results: its last path component, never the folders above it.
std::string FileLabel(const std::string& path) {
  const std::filesystem::path given(path);
  const auto name = given.filename();
  return name.empty() ? given.parent_path().filename().string() : name.string();
}

}  // namespace

Status Engine::AttachHome(Home* home) {
  const std::lock_guard<std::mutex> lock(impl_->served_mutex);
  impl_->home = home;
  impl_->served = {};
  impl_->ForgetLoaded();
  return home == nullptr ? OkStatus() : impl_->ForgetRemoved().status();
}

Result<AdapterRefresh> Engine::RefreshAdapter() {
  if (impl_->home == nullptr) return UsageError("adapters: no home is attached");
  return impl_->Refresh();
}

void Engine::Impl::ForgetLoaded() {
  const std::lock_guard<std::mutex> lock(loaded_mutex_);
  loaded_.clear();
}

Result<Engine::Impl::Loaded> Engine::Impl::Load(const std::string& id) {
  if (id.empty()) return Loaded{"", nullptr, inference::AdapterSet::Empty()};
  // The registry is asked each time: what is in memory may have been retired since.
  SELVEDGE_RETURN_IF_ERROR(home->impl()->CheckUsable(id));
  {
    const std::lock_guard<std::mutex> lock(loaded_mutex_);
    for (auto known = loaded_.begin(); known != loaded_.end(); ++known) {
      if (known->id != id) continue;
      loaded_.splice(loaded_.begin(), loaded_, known);
      return loaded_.front();
    }
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::string digest, BaseDigest());
  SELVEDGE_ASSIGN_OR_RETURN(auto stored, home->impl()->LoadAdapter(id, digest, base_shape()));
  Loaded loaded{id, std::make_shared<const adapters::LoraAdapter>(std::move(stored.adapter)), {}};
  SELVEDGE_ASSIGN_OR_RETURN(loaded.set,
                            inference::AdapterSet::Build(*model, {{id, loaded.adapter, 1.0}}));
  const std::lock_guard<std::mutex> lock(loaded_mutex_);
  loaded_.push_front(loaded);
  while (loaded_.size() > kept_adapters_ + 1) loaded_.pop_back();
  return loaded;
}

Result<AdapterRefresh> Engine::Impl::Refresh() {
  const std::lock_guard<std::mutex> lock(served_mutex);
  AdapterRefresh refresh;
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t generation, home->impl()->RegistryGeneration());
  if (served.known && served.generation == generation) {
    refresh.adapter_id = served.active.id;
    return refresh;
  }
  const auto start = std::chrono::steady_clock::now();
  SELVEDGE_ASSIGN_OR_RETURN(const std::string active, home->impl()->ActiveAdapterId());
  Served next{true, generation, {}};
  SELVEDGE_ASSIGN_OR_RETURN(next.active, Load(active));
  refresh.changed = !served.known || served.active.id != active;
  refresh.adapter_id = active;
  served = std::move(next);
  if (refresh.changed) {
    refresh.swap_ms =
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }
  return refresh;
}

Result<std::shared_ptr<const inference::AdapterSet>> Engine::Impl::Adapters(
    const std::string& adapter, const std::vector<LoraFile>& lora) {
  Loaded loaded{"", nullptr, inference::AdapterSet::Empty()};
  if (adapter == "active") {
    if (home != nullptr) {
      SELVEDGE_RETURN_IF_ERROR(ForgetRemoved().status());
      SELVEDGE_RETURN_IF_ERROR(Refresh().status());
      const std::lock_guard<std::mutex> lock(served_mutex);
      loaded = served.active;
    }
  } else if (adapter != "none") {
    if (home == nullptr) return UsageError("adapters: an adapter id needs a home");
    SELVEDGE_ASSIGN_OR_RETURN(loaded, Load(adapter));
  }
  if (lora.empty()) return loaded.set;
  std::vector<inference::AdapterSet::Item> items;
  if (loaded.adapter != nullptr) items.push_back({loaded.id, loaded.adapter, 1.0});
  for (const LoraFile& file : lora) {
    SELVEDGE_ASSIGN_OR_RETURN(auto read, adapters::ReadAnyAdapter(file.path, base_shape()));
    items.push_back({FileLabel(file.path),
                     std::make_shared<const adapters::LoraAdapter>(std::move(read)), file.scale});
  }
  return inference::AdapterSet::Build(*model, std::move(items));
}

}  // namespace selvedge
