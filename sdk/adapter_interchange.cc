#include <selvedge/adapters.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "adapters/bundle.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/file_io.h"
#include "core/mapped_file.h"
#include "inference/session/adapter_set.h"
#include "sdk/engine_impl.h"
#include "sdk/home_impl.h"
#include "sdk/interchange.h"
#include "sdk/registry_entry.h"

namespace selvedge {
namespace {

Result<std::string> FileDigest(const std::string& path) {
  SELVEDGE_ASSIGN_OR_RETURN(const auto file, core::MappedFile::Open(path));
  return core::Hex(core::Sha256Of(file->bytes()));
}

// Writes the folder and the registry row in one transaction, so that a clean-up in another process
// (which holds one too) never takes the folder for an orphan.
Status WriteAndRegister(Home::Impl& home, const adapters::LoraAdapter& adapter,
                        const adapters::BaseShape& shape, const std::string& origin,
                        adapters::Manifest* manifest) {
  SELVEDGE_ASSIGN_OR_RETURN(const adapters::SigningKey key, home.ReadSigningKey());
  const std::lock_guard<std::mutex> lock(home.mutex);
  const Status done = home.vault->Update([&]() -> Status {
    SELVEDGE_ASSIGN_OR_RETURN(*manifest, adapters::WriteAdapter(home.AdapterFolder(manifest->id),
                                                                adapter, *manifest, shape, key));
    return home.vault->registry().Insert(RegistryEntry(*manifest, "available", origin), "");
  });
  if (!done.ok()) home.RemoveAdapterFiles({manifest->id});
  return done;
}

Result<adapters::PublicKey> ParsePublicKey(const std::string& what, const std::string& hex) {
  const Result<std::vector<uint8_t>> bytes = core::FromHex(hex);
  adapters::PublicKey key;
  if (!bytes.ok() || bytes->size() != key.size()) {
    return UsageError(what + ": " + std::to_string(hex.size()) +
                      " characters, a public key has 64 hex digits (`keys show`)");
  }
  std::copy(bytes->begin(), bytes->end(), key.begin());
  return key;
}

Status WriteBundleFile(Home::Impl& home, const adapters::StoredAdapter& stored,
                       const adapters::BaseShape& shape, const std::string& to,
                       const std::string& out) {
  std::optional<adapters::PublicKey> receiver;
  if (!to.empty()) {
    SELVEDGE_ASSIGN_OR_RETURN(receiver, ParsePublicKey("export: receiver", to));
  }
  SELVEDGE_ASSIGN_OR_RETURN(const adapters::SigningKey key, home.ReadSigningKey());
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes,
                            adapters::WriteBundle(stored, shape, key, receiver));
  return core::WriteFileAtomic(out, bytes);
}

// Whether a regular file at `path` begins as a bundle does.
bool LooksLikeBundle(const std::string& path) {
  const auto file = core::MappedFile::Open(path);
  return file.ok() && adapters::IsBundle((*file)->bytes());
}

Result<adapters::StoredAdapter> ReadBundleFile(Home::Impl& home, const std::string& path,
                                               const adapters::BaseShape& shape,
                                               const std::string& trust) {
  if (trust.empty()) {
    return AuthError("import: a bundle: the public key of its sender is needed (--trust)");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const adapters::PublicKey trusted,
                            ParsePublicKey("import: trust", trust));
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<uint8_t> bytes,
                            core::ReadFile(path, adapters::kMaxBundleBytes));
  SELVEDGE_ASSIGN_OR_RETURN(const adapters::SigningKey own, home.ReadSigningKey());
  SELVEDGE_ASSIGN_OR_RETURN(
      adapters::StoredAdapter stored,
      adapters::ReadBundle(bytes, trusted, own, home.config.base_digest, shape));
  const std::lock_guard<std::mutex> lock(home.mutex);
  const Result<AdapterInfo> same = home.vault->registry().Get(stored.manifest.id);
  if (same.ok()) return UsageError("import: " + stored.manifest.id + ": is or was here already");
  if (same.status().code() != StatusCode::kNotFound) return same.status();
  return stored;
}

// From another program: nothing is known of it but its weights.
Result<adapters::StoredAdapter> ReadForeign(const Home::Impl& home, const std::string& path,
                                            const adapters::BaseShape& shape) {
  adapters::StoredAdapter stored;
  SELVEDGE_ASSIGN_OR_RETURN(stored.adapter, adapters::ReadAnyAdapter(path, shape));
  stored.manifest.created = core::NowIso8601Utc();
  SELVEDGE_ASSIGN_OR_RETURN(stored.manifest.id, NewAdapterId(stored.manifest.created));
  stored.manifest.base_digest = home.config.base_digest;
  stored.manifest.dp = false;
  return stored;
}

// llama.cpp finds no "output.weight" in a model whose head is its embedding, and would refuse the
// file with advice that does not help.
Status WriteGguf(const std::string& out, const adapters::LoraAdapter& adapter,
                 const inference::Model& model) {
  const bool head = std::any_of(adapter.tensors.begin(), adapter.tensors.end(),
                                [](const auto& t) { return t.base_name == "output.weight"; });
  if (head && model.tied()) {
    return IncompatibleError(
        "GGUF adapter: 'output.weight': the base has no head of its own (it is tied to the "
        "embedding), so llama.cpp cannot apply this pair; export as PEFT or merge, or train "
        "without lm_head");
  }
  return adapters::WriteGgufLora(out, adapter);
}

}  // namespace

Status RefuseExisting(const std::string& out) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(out, error))) return OkStatus();
  return UsageError("export: the target is there already, a new name is needed");
}

void CountMatches(const adapters::LoraAdapter& adapter, const inference::Model& model,
                  InterchangeReport* report) {
  const auto zero = [](const std::vector<float>& values) {
    return std::all_of(values.begin(), values.end(), [](float v) { return v == 0; });
  };
  report->all_zero = true;
  for (const adapters::LoraTensor& tensor : adapter.tensors) {
    if (!zero(tensor.a) && !zero(tensor.b)) report->all_zero = false;
    report->tensors += 2;
    if (model.FindWeight(tensor.base_name) != nullptr) {
      report->matched += 2;
    } else {
      report->unmatched.push_back(tensor.base_name);
    }
  }
}

Result<ExportSource> OpenForExport(const Home& home, const std::string& id, const std::string& out,
                                   const ExportOptions& options) {
  SELVEDGE_ASSIGN_OR_RETURN(const AdapterInfo info, home.Adapter(id));
  if (!info.dp && !options.allow_without_privacy) {
    return PolicyError("export: " + id +
                       ": trained without differential privacy, it may hold what its records say");
  }
  SELVEDGE_RETURN_IF_ERROR(RefuseExisting(out));
  ExportSource source;
  SELVEDGE_ASSIGN_OR_RETURN(source.base, home.impl()->Base());
  SELVEDGE_ASSIGN_OR_RETURN(
      source.stored, home.impl()->LoadAdapter(id, info.base_digest, ShapeOf(*source.base->model)));
  // The same check as at every use: each tensor fits a weight of the base.
  const auto adapter = std::make_shared<const adapters::LoraAdapter>(source.stored.adapter);
  SELVEDGE_RETURN_IF_ERROR(
      inference::AdapterSet::Build(*source.base->model, {{id, adapter, 1.0}}).status());
  return source;
}

Result<InterchangeReport> ExportAdapter(const Home& home, const std::string& id,
                                        const std::string& out, const ExportOptions& options) {
  if (!options.to.empty() && options.format != AdapterFormat::kBundle) {
    return UsageError("export: a receiver needs the bundle format");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const ExportSource source, OpenForExport(home, id, out, options));
  const adapters::BaseShape shape = ShapeOf(*source.base->model);
  InterchangeReport report;
  report.adapter_id = id;
  CountMatches(source.stored.adapter, *source.base->model, &report);
  std::string weights = out;
  if (options.format == AdapterFormat::kBundle) {
    SELVEDGE_RETURN_IF_ERROR(WriteBundleFile(*home.impl(), source.stored, shape, options.to, out));
  } else if (options.format == AdapterFormat::kGguf) {
    SELVEDGE_RETURN_IF_ERROR(WriteGguf(out, source.stored.adapter, *source.base->model));
  } else {
    SELVEDGE_RETURN_IF_ERROR(adapters::WritePeft(out, source.stored.adapter, shape));
    weights = out + "/adapter_model.safetensors";
    if (!source.stored.receipt.empty()) {
      SELVEDGE_RETURN_IF_ERROR(
          core::WriteFileAtomic(out + "/" + adapters::kReceiptFile, source.stored.receipt));
    }
  }
  SELVEDGE_ASSIGN_OR_RETURN(report.sha256, FileDigest(weights));
  return report;
}

Result<std::string> AdapterReceipt(const Home& home, const std::string& id) {
  SELVEDGE_ASSIGN_OR_RETURN(const AdapterInfo info, home.Adapter(id));
  if (!info.dp) return PolicyError("receipt: " + id + ": was trained without privacy, it has none");
  SELVEDGE_ASSIGN_OR_RETURN(const auto base, home.impl()->Base());
  SELVEDGE_ASSIGN_OR_RETURN(const adapters::StoredAdapter stored,
                            home.impl()->LoadAdapter(id, info.base_digest, ShapeOf(*base->model)));
  if (stored.receipt.empty()) {
    return NotFoundError("receipt: " + id + ": was made before receipts were");
  }
  return stored.receipt;
}

Result<InterchangeReport> ImportAdapter(Home& home, const std::string& path,
                                        const ImportOptions& options) {
  Home::Impl& impl = *home.impl();
  SELVEDGE_ASSIGN_OR_RETURN(const auto base, impl.Base());
  const adapters::BaseShape shape = ShapeOf(*base->model);
  const bool bundle = LooksLikeBundle(path);
  if (!bundle && !options.trust.empty()) {
    return AuthError("import: no bundle, so nobody's signature is on it");
  }
  SELVEDGE_ASSIGN_OR_RETURN(
      adapters::StoredAdapter stored,
      bundle ? ReadBundleFile(impl, path, shape, options.trust) : ReadForeign(impl, path, shape));
  const auto adapter = std::make_shared<const adapters::LoraAdapter>(std::move(stored.adapter));
  SELVEDGE_RETURN_IF_ERROR(
      inference::AdapterSet::Build(*base->model, {{"import", adapter, 1.0}}).status());
  const std::string origin = bundle ? "imported, signed by " + options.trust : "imported";
  SELVEDGE_RETURN_IF_ERROR(WriteAndRegister(impl, *adapter, shape, origin, &stored.manifest));
  InterchangeReport report;
  report.adapter_id = stored.manifest.id;
  report.sha256 = stored.manifest.weights_sha256;
  CountMatches(*adapter, *base->model, &report);
  return report;
}

Result<InterchangeReport> ConvertAdapter(const Engine& base, const std::string& in,
                                         const std::string& out) {
  SELVEDGE_RETURN_IF_ERROR(RefuseExisting(out));
  const Engine::Impl& impl = *base.impl();
  const adapters::BaseShape shape = impl.base_shape();
  SELVEDGE_ASSIGN_OR_RETURN(auto read, adapters::ReadAnyAdapter(in, shape));
  const auto adapter = std::make_shared<const adapters::LoraAdapter>(std::move(read));
  SELVEDGE_RETURN_IF_ERROR(
      inference::AdapterSet::Build(*impl.model, {{"convert", adapter, 1.0}}).status());
  InterchangeReport report;
  CountMatches(*adapter, *impl.model, &report);
  std::error_code ec;
  const bool from_gguf = std::filesystem::is_regular_file(in, ec) && !in.ends_with(".safetensors");
  SELVEDGE_RETURN_IF_ERROR(from_gguf ? adapters::WritePeft(out, *adapter, shape)
                                     : WriteGguf(out, *adapter, *impl.model));
  SELVEDGE_ASSIGN_OR_RETURN(report.sha256,
                            FileDigest(from_gguf ? out + "/adapter_model.safetensors" : out));
  return report;
}

}  // namespace selvedge
