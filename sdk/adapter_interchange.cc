#include <selvedge/adapters.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "core/digest.h"
#include "core/mapped_file.h"
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

}  // namespace selvedge
