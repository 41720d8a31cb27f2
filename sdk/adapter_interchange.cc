#include <selvedge/adapters.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "core/clock.h"
#include "core/digest.h"
#include "core/mapped_file.h"
#include "inference/session/adapter_set.h"
#include "sdk/home_impl.h"

namespace selvedge {
namespace {

// Counts the matrices that have their weight in the base.
void CountMatches(const adapters::LoraAdapter& adapter, const inference::Model& model,
                  InterchangeReport* report) {
  for (const adapters::LoraTensor& tensor : adapter.tensors) {
    report->tensors += 2;
    if (model.FindWeight(tensor.base_name) != nullptr) {
      report->matched += 2;
    } else {
      report->unmatched.push_back(tensor.base_name);
    }
  }
}

Result<std::string> FileDigest(const std::string& path) {
  SELVEDGE_ASSIGN_OR_RETURN(const auto file, core::MappedFile::Open(path));
  return core::Hex(core::Sha256Of(file->bytes()));
}

Status RefuseExisting(const std::string& out) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(out, error))) return OkStatus();
  return UsageError("export: the target is there already, a new name is needed");
}

AdapterInfo InfoOf(const adapters::Manifest& manifest) {
  AdapterInfo info;
  info.id = manifest.id;
  info.base_digest = manifest.base_digest;
  info.rank = static_cast<int>(manifest.rank);
  info.alpha = manifest.alpha;
  info.target_modules = manifest.target_modules;
  info.dp = false;
  info.created = manifest.created;
  info.state = "available";
  info.reason = "imported";
  info.sha256 = manifest.weights_sha256;
  return info;
}

// Writes the folder and the registry row in one transaction, so that a clean-up in another process
// (which holds one too) never takes the folder for an orphan.
Status WriteAndRegister(Home::Impl& home, const adapters::LoraAdapter& adapter,
                        const adapters::BaseShape& shape, adapters::Manifest* manifest) {
  SELVEDGE_ASSIGN_OR_RETURN(const adapters::SigningKey key, home.ReadSigningKey());
  const std::lock_guard<std::mutex> lock(home.mutex);
  const Status done = home.vault->Update([&]() -> Status {
    SELVEDGE_ASSIGN_OR_RETURN(*manifest, adapters::WriteAdapter(home.AdapterFolder(manifest->id),
                                                                adapter, *manifest, shape, key));
    return home.vault->registry().Insert(InfoOf(*manifest), "");
  });
  if (!done.ok()) home.RemoveAdapterFiles({manifest->id});
  return done;
}

}  // namespace

Result<InterchangeReport> ExportAdapter(const Home& home, const std::string& id,
                                        const std::string& out, const ExportOptions& options) {
  SELVEDGE_ASSIGN_OR_RETURN(const AdapterInfo info, home.Adapter(id));
  if (!info.dp && !options.allow_without_privacy) {
    return PolicyError("export: " + id +
                       ": trained without differential privacy, it may hold what its records say");
  }
  SELVEDGE_RETURN_IF_ERROR(RefuseExisting(out));
  SELVEDGE_ASSIGN_OR_RETURN(const auto base, home.impl()->Base());
  const adapters::BaseShape shape = ShapeOf(*base->model);
  SELVEDGE_ASSIGN_OR_RETURN(const adapters::StoredAdapter stored,
                            home.impl()->LoadAdapter(id, info.base_digest, shape));
  InterchangeReport report;
  report.adapter_id = id;
  CountMatches(stored.adapter, *base->model, &report);
  std::string weights = out;
  if (options.format == AdapterFormat::kGguf) {
    SELVEDGE_RETURN_IF_ERROR(adapters::WriteGgufLora(out, stored.adapter));
  } else {
    SELVEDGE_RETURN_IF_ERROR(adapters::WritePeft(out, stored.adapter, shape));
    weights = out + "/adapter_model.safetensors";
  }
  SELVEDGE_ASSIGN_OR_RETURN(report.sha256, FileDigest(weights));
  return report;
}

Result<InterchangeReport> ImportAdapter(Home& home, const std::string& path) {
  Home::Impl& impl = *home.impl();
  SELVEDGE_ASSIGN_OR_RETURN(const auto base, impl.Base());
  const adapters::BaseShape shape = ShapeOf(*base->model);
  SELVEDGE_ASSIGN_OR_RETURN(auto read, adapters::ReadAnyAdapter(path, shape));
  const auto adapter = std::make_shared<const adapters::LoraAdapter>(std::move(read));
  // The same check as at every use: each tensor fits a weight of the base.
  SELVEDGE_RETURN_IF_ERROR(
      inference::AdapterSet::Build(*base->model, {{"import", adapter, 1.0}}).status());
  adapters::Manifest manifest;
  manifest.created = core::NowIso8601Utc();
  SELVEDGE_ASSIGN_OR_RETURN(manifest.id, NewAdapterId(manifest.created));
  manifest.base_digest = impl.config.base_digest;
  manifest.dp = false;
  SELVEDGE_RETURN_IF_ERROR(WriteAndRegister(impl, *adapter, shape, &manifest));
  InterchangeReport report;
  report.adapter_id = manifest.id;
  report.sha256 = manifest.weights_sha256;
  CountMatches(*adapter, *base->model, &report);
  return report;
}

}  // namespace selvedge
