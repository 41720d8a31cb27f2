#include "adapters/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>

#include "adapters/manifest.h"
#include "adapters/peft.h"
#include "adapters/signature.h"
#include "adapters/tensor_names.h"
#include "core/digest.h"
#include "core/file_io.h"
#include "core/open_regular.h"
#include "storage/untrusted/quote.h"

namespace selvedge::adapters {
namespace {

constexpr char kManifestFile[] = "manifest.json";
constexpr char kSignatureFile[] = "manifest.sig";

std::span<const uint8_t> AsBytes(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

std::string HexDigest(std::span<const uint8_t> bytes) { return core::Hex(core::Sha256Of(bytes)); }

bool IsFolder(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool Exists(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

std::string WithoutSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

// A file that the folder must have: its absence is a fault of the folder, not of the caller.
template <typename T>
Result<T> Needed(Result<T> read, const std::string& name, StatusCode if_missing) {
  if (read.status().code() != StatusCode::kNotFound) return read;
  return Status(if_missing, "adapter: " + name + ": missing");
}

Status RefusePickle(const std::string& name) {
  return IncompatibleError("adapter: " + untrusted::Quote(name) +
                           ": pickle is not supported, safetensors is; the file was not opened");
}

Result<PeftFiles> ReadPeftFiles(const std::string& folder) {
  if (!IsFolder(folder)) {
    return NotFoundError("adapter: " + core::BaseName(folder) + ": no such folder");
  }
  PeftFiles files;
  const std::string weights = folder + "/" + kWeightsFile;
  if (!Exists(weights) && Exists(folder + "/adapter_model.bin")) {
    return RefusePickle("adapter_model.bin");
  }
  SELVEDGE_ASSIGN_OR_RETURN(files.config,
                            Needed(core::ReadTextFile(folder + "/" + kConfigFile, kMaxConfigBytes),
                                   kConfigFile, StatusCode::kFormat));
  SELVEDGE_ASSIGN_OR_RETURN(files.weights, Needed(core::ReadFile(weights, kMaxWeightsBytes),
                                                  kWeightsFile, StatusCode::kFormat));
  return files;
}

// The files of an adapter in `folder`, which is not visible to readers yet.
Status WriteFiles(const std::string& folder, const PeftFiles& files, const Manifest& manifest,
                  const std::string& receipt, const SigningKey& key) {
  const std::string text = WriteManifest(manifest);
  const Signature signature = SignManifest(AsBytes(text), key);
  SELVEDGE_RETURN_IF_ERROR(core::WriteFileAtomic(folder + "/" + kWeightsFile, files.weights));
  SELVEDGE_RETURN_IF_ERROR(core::WriteFileAtomic(folder + "/" + kConfigFile, files.config));
  if (!receipt.empty()) {
    SELVEDGE_RETURN_IF_ERROR(core::WriteFileAtomic(folder + "/" + kReceiptFile, receipt));
  }
  SELVEDGE_RETURN_IF_ERROR(core::WriteFileAtomic(folder + "/" + kManifestFile, text));
  return core::WriteFileAtomic(folder + "/" + kSignatureFile, signature);
}

Status CheckDigests(const Manifest& manifest, const PeftFiles& files) {
  if (HexDigest(AsBytes(files.config)) != manifest.config_sha256) {
    return AuthError("adapter: adapter_config.json: is not the file that was signed");
  }
  if (HexDigest(files.weights) != manifest.weights_sha256) {
    return AuthError("adapter: adapter_model.safetensors: is not the file that was signed");
  }
  return OkStatus();
}

// The receipt that the manifest names; empty for one without privacy or of version 1.
Result<std::string> ReadReceipt(const std::string& folder, const Manifest& manifest) {
  if (manifest.receipt_sha256.empty()) return std::string();
  SELVEDGE_ASSIGN_OR_RETURN(
      std::string text, Needed(core::ReadTextFile(folder + "/" + kReceiptFile, kMaxReceiptBytes),
                               kReceiptFile, StatusCode::kAuth));
  if (HexDigest(AsBytes(text)) != manifest.receipt_sha256) {
    return AuthError("adapter: receipt.json: is not the file that was signed");
  }
  return text;
}

Status CheckDeclared(const Manifest& manifest, const LoraAdapter& adapter) {
  const std::vector<std::string> found = TargetModules(adapter);
  const std::set<std::string> declared(manifest.target_modules.begin(),
                                       manifest.target_modules.end());
  if (declared != std::set<std::string>(found.begin(), found.end())) {
    return FormatError("adapter: tensors: are not those of the manifest's target_modules");
  }
  if (manifest.format_version >= 2 &&
      manifest.tensors != static_cast<int64_t>(adapter.tensors.size())) {
    return FormatError("adapter: tensors: adapts " + std::to_string(adapter.tensors.size()) +
                       " weights, the manifest declares " + std::to_string(manifest.tensors));
  }
  if (manifest.rank != adapter.rank || manifest.alpha != adapter.alpha) {
    return FormatError("adapter: rank and alpha: differ between manifest and config");
  }
  return OkStatus();
}

}  // namespace

Result<Manifest> WriteAdapter(const std::string& folder, const LoraAdapter& adapter,
                              Manifest manifest, const BaseShape& base, const SigningKey& key,
                              const MakeReceipt& receipt) {
  SELVEDGE_ASSIGN_OR_RETURN(const PeftFiles files, SerializePeft(adapter, base));
  manifest.rank = adapter.rank;
  manifest.alpha = adapter.alpha;
  manifest.target_modules = TargetModules(adapter);
  manifest.weights_sha256 = HexDigest(files.weights);
  manifest.config_sha256 = HexDigest(AsBytes(files.config));
  manifest.tensors = static_cast<int64_t>(adapter.tensors.size());
  std::string receipt_text;
  if (receipt != nullptr) {
    SELVEDGE_ASSIGN_OR_RETURN(receipt_text, receipt(manifest));
    manifest.receipt_sha256 = HexDigest(AsBytes(receipt_text));
  } else {
    manifest.receipt_sha256.clear();  // bundles do not carry one
  }
  SELVEDGE_ASSIGN_OR_RETURN(manifest, ReadManifest(WriteManifest(manifest)));  // what readers want

  const std::string target = WithoutSlash(folder);
  if (Exists(target)) {
    return IoError("adapter: " + core::BaseName(target) + ": is there already");
  }
  const size_t slash = target.rfind('/');
  const std::string parent = slash == std::string::npos ? "."
                             : slash == 0               ? "/"
                                                        : target.substr(0, slash);
  const std::string temporary =
      parent + "/.tmp-" + std::to_string(::getpid()) + "-" + core::BaseName(target);
  std::error_code ignored;
  std::filesystem::remove_all(temporary, ignored);  // of an earlier process with this id
  SELVEDGE_RETURN_IF_ERROR(core::MakePrivateFolder(temporary));
  Status status = WriteFiles(temporary, files, manifest, receipt_text, key);
  if (status.ok() && ::rename(temporary.c_str(), target.c_str()) != 0) {
    status = core::FileError(target, "rename", errno);
  }
  if (!status.ok()) {
    std::filesystem::remove_all(temporary, ignored);
    return status;
  }
  SELVEDGE_RETURN_IF_ERROR(core::SyncFolder(parent));
  return manifest;
}

Result<StoredAdapter> ReadAdapter(const std::string& folder, const PublicKey& key,
                                  const std::string& base_digest, const BaseShape& base) {
  if (!IsFolder(folder)) {
    return NotFoundError("adapter: " + core::BaseName(folder) + ": no such folder");
  }
  SELVEDGE_ASSIGN_OR_RETURN(
      const std::string text,
      Needed(core::ReadTextFile(folder + "/" + kManifestFile, kMaxManifestBytes), kManifestFile,
             StatusCode::kAuth));
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<uint8_t> signature,
                            Needed(core::ReadFile(folder + "/" + kSignatureFile, 4096),
                                   kSignatureFile, StatusCode::kAuth));
  SELVEDGE_RETURN_IF_ERROR(VerifyManifest(AsBytes(text), signature, key));
  StoredAdapter stored;
  SELVEDGE_ASSIGN_OR_RETURN(stored.manifest, ReadManifest(text));
  if (stored.manifest.base_digest != base_digest) {
    return IncompatibleError("adapter: " + untrusted::Quote(stored.manifest.id) +
                             ": base digest: got " + stored.manifest.base_digest +
                             ", the model has " + base_digest);
  }
  SELVEDGE_ASSIGN_OR_RETURN(const PeftFiles files, ReadPeftFiles(folder));
  SELVEDGE_RETURN_IF_ERROR(CheckDigests(stored.manifest, files));
  SELVEDGE_ASSIGN_OR_RETURN(stored.receipt, ReadReceipt(folder, stored.manifest));
  SELVEDGE_ASSIGN_OR_RETURN(
      stored.adapter,
      ParsePeft(files.config, core::MappedFile::Wrap(files.weights, kWeightsFile), base));
  SELVEDGE_RETURN_IF_ERROR(CheckDeclared(stored.manifest, stored.adapter));
  return stored;
}

Result<LoraAdapter> ReadPeft(const std::string& folder, const BaseShape& base) {
  SELVEDGE_ASSIGN_OR_RETURN(const PeftFiles files, ReadPeftFiles(folder));
  return ParsePeft(files.config, core::MappedFile::Wrap(files.weights, kWeightsFile), base);
}

Status WritePeft(const std::string& folder, const LoraAdapter& adapter, const BaseShape& base) {
  SELVEDGE_ASSIGN_OR_RETURN(const PeftFiles files, SerializePeft(adapter, base));
  SELVEDGE_RETURN_IF_ERROR(core::MakePrivateFolder(WithoutSlash(folder)));
  SELVEDGE_RETURN_IF_ERROR(core::WriteFileAtomic(folder + "/" + kWeightsFile, files.weights));
  return core::WriteFileAtomic(folder + "/" + kConfigFile, files.config);
}

Result<LoraAdapter> ReadAnyAdapter(const std::string& path, const BaseShape& base) {
  const std::string plain = WithoutSlash(path);
  if (IsFolder(plain)) return ReadPeft(plain, base);
  const std::string name = core::BaseName(plain);
  if (!Exists(plain)) return NotFoundError("adapter: " + untrusted::Quote(name) + ": missing");
  for (const std::string_view pickle : {".bin", ".pt", ".pth", ".pkl", ".ckpt"}) {
    if (name.ends_with(pickle)) return RefusePickle(name);
  }
  if (name == kWeightsFile) {
    return ReadPeft(plain == name ? "." : plain.substr(0, plain.size() - name.size()), base);
  }
  if (name.ends_with(".safetensors")) {
    return IncompatibleError("adapter: " + untrusted::Quote(name) +
                             ": give the folder that also holds adapter_config.json");
  }
  return ReadGgufLora(plain, base);
}

}  // namespace selvedge::adapters
