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
  return OkStatus();
}

Result<AdapterRefresh> Engine::RefreshAdapter() {
  if (impl_->home == nullptr) return UsageError("adapters: no home is attached");
  return impl_->Refresh();
}

Result<AdapterRefresh> Engine::Impl::Refresh() {
  const std::lock_guard<std::mutex> lock(served_mutex);
  AdapterRefresh refresh;
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t generation, home->impl()->RegistryGeneration());
  if (served.known && served.generation == generation) {
    refresh.adapter_id = served.id;
    return refresh;
  }
  const auto start = std::chrono::steady_clock::now();
  SELVEDGE_ASSIGN_OR_RETURN(const std::string active, home->impl()->ActiveAdapterId());
  Served next;
  next.known = true;
  next.generation = generation;
  next.id = active;
  if (active.empty()) {
    next.set = inference::AdapterSet::Empty();
  } else if (served.known && served.id == active) {
    next.adapter = served.adapter;
    next.set = served.set;
  } else {
    SELVEDGE_ASSIGN_OR_RETURN(const std::string digest, BaseDigest());
    SELVEDGE_ASSIGN_OR_RETURN(auto stored, home->impl()->LoadAdapter(active, digest, base_shape()));
    next.adapter = std::make_shared<const adapters::LoraAdapter>(std::move(stored.adapter));
    SELVEDGE_ASSIGN_OR_RETURN(next.set,
                              inference::AdapterSet::Build(*model, {{active, next.adapter, 1.0}}));
  }
  refresh.changed = !served.known || served.id != active;
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
  std::vector<inference::AdapterSet::Item> items;
  if (adapter == "active") {
    if (home != nullptr) {
      SELVEDGE_RETURN_IF_ERROR(Refresh().status());
      const std::lock_guard<std::mutex> lock(served_mutex);
      if (lora.empty()) return served.set;
      if (served.adapter != nullptr) items.push_back({served.id, served.adapter, 1.0});
    }
  } else if (adapter != "none") {
    if (home == nullptr) return UsageError("adapters: an adapter id needs a home");
    SELVEDGE_ASSIGN_OR_RETURN(const std::string digest, BaseDigest());
    SELVEDGE_ASSIGN_OR_RETURN(auto stored,
                              home->impl()->LoadAdapter(adapter, digest, base_shape()));
    items.push_back(
        {adapter, std::make_shared<const adapters::LoraAdapter>(std::move(stored.adapter)), 1.0});
  }
  for (const LoraFile& file : lora) {
    SELVEDGE_ASSIGN_OR_RETURN(auto read, adapters::ReadAnyAdapter(file.path, base_shape()));
    items.push_back({FileLabel(file.path),
                     std::make_shared<const adapters::LoraAdapter>(std::move(read)), file.scale});
  }
  if (items.empty()) return inference::AdapterSet::Empty();
  return inference::AdapterSet::Build(*model, std::move(items));
}

}  // namespace selvedge
