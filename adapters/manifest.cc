#include "adapters/manifest.h"

#include <algorithm>

#include "adapters/checks.h"
#include "storage/untrusted/json_fields.h"
#include "storage/untrusted/strict_json.h"

namespace selvedge::adapters {
namespace {

using Json = nlohmann::json;

constexpr int kFormatVersion = 2;

bool IsPlainName(const std::string& id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !id.empty() && id.size() <= 64 && id.front() != '.' && id.front() != '-' &&
         std::all_of(id.begin(), id.end(), allowed);
}

}  // namespace

Result<PrivacyStatement> ReadPrivacy(const Json& json, const std::string& what) {
  untrusted::JsonFields fields(json, what);
  PrivacyStatement privacy;
  privacy.unit = fields.Text("unit");
  privacy.epsilon = fields.Number("epsilon");
  privacy.delta = fields.Number("delta");
  privacy.accountant = fields.Text("accountant");
  privacy.sampling = fields.Text("sampling");
  privacy.sampling_rate = fields.Number("sampling_rate");
  privacy.noise_multiplier = fields.Number("noise_multiplier");
  privacy.steps = fields.Integer("steps", INT64_MAX);
  privacy.neighbouring = fields.Text("neighbouring");
  SELVEDGE_RETURN_IF_ERROR(fields.Finish());
  return privacy;
}

Json PrivacyJson(const PrivacyStatement& privacy) {
  return {{"unit", privacy.unit},
          {"epsilon", privacy.epsilon},
          {"delta", privacy.delta},
          {"accountant", privacy.accountant},
          {"sampling", privacy.sampling},
          {"sampling_rate", privacy.sampling_rate},
          {"noise_multiplier", privacy.noise_multiplier},
          {"steps", privacy.steps},
          {"neighbouring", privacy.neighbouring}};
}

std::string WriteManifest(const Manifest& manifest) {
  Json json = {{"format_version", manifest.format_version},
               {"id", manifest.id},
               {"parent", manifest.parent},
               {"base_digest", manifest.base_digest},
               {"created", manifest.created},
               {"rank", manifest.rank},
               {"alpha", manifest.alpha},
               {"target_modules", manifest.target_modules},
               {"dp", manifest.dp},
               {"privacy", PrivacyJson(manifest.privacy)},
               {"ledger_head", manifest.ledger_head},
               {"weights_sha256", manifest.weights_sha256},
               {"config_sha256", manifest.config_sha256}};
  if (manifest.format_version >= 2) {
    json["tensors"] = manifest.tensors;
    json["receipt_sha256"] = manifest.receipt_sha256;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<Manifest> ReadManifest(std::string_view text) {
  SELVEDGE_ASSIGN_OR_RETURN(const Json json, untrusted::ParseObject(text, "manifest.json"));
  untrusted::JsonFields fields(json, "manifest.json");
  Manifest manifest;
  manifest.format_version = static_cast<int>(fields.Integer("format_version", INT32_MAX));
  if (manifest.format_version > kFormatVersion) {
    return IncompatibleError("manifest.json: format version: got " +
                             std::to_string(manifest.format_version) + ", at most " +
                             std::to_string(kFormatVersion) + " is known");
  }
  if (manifest.format_version < 1) fields.Fail("format_version", "1 or 2");
  manifest.id = fields.Text("id");
  if (!IsPlainName(manifest.id)) fields.Fail("id", "1 to 64 letters, digits, '-', '_' or '.'");
  manifest.parent = fields.Text("parent");
  if (!manifest.parent.empty() && !IsPlainName(manifest.parent)) {
    fields.Fail("parent", "empty or an adapter's id");
  }
  manifest.base_digest = fields.Digest("base_digest");
  manifest.created = fields.Text("created");
  manifest.rank = static_cast<uint32_t>(fields.Integer("rank", kMaxRank));
  manifest.alpha = static_cast<float>(fields.Number("alpha"));
  manifest.target_modules = fields.Texts("target_modules");
  manifest.dp = fields.Boolean("dp");
  const Json& privacy = fields.Object("privacy");
  SELVEDGE_RETURN_IF_ERROR(fields.status());
  SELVEDGE_ASSIGN_OR_RETURN(manifest.privacy, ReadPrivacy(privacy, "manifest.json: privacy"));
  manifest.ledger_head = fields.Digest("ledger_head", /*may_be_empty=*/true);
  manifest.weights_sha256 = fields.Digest("weights_sha256");
  manifest.config_sha256 = fields.Digest("config_sha256");
  if (manifest.format_version >= 2) {
    manifest.tensors = fields.Integer("tensors", 1 << 20);
    manifest.receipt_sha256 = fields.Digest("receipt_sha256", /*may_be_empty=*/true);
  }
  SELVEDGE_RETURN_IF_ERROR(fields.Finish());
  return manifest;
}

}  // namespace selvedge::adapters
