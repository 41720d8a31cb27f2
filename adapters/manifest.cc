#include "adapters/manifest.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "adapters/checks.h"
#include "adapters/strict_json.h"
#include "storage/untrusted/quote.h"

namespace selvedge::adapters {
namespace {

using Json = nlohmann::json;

constexpr int kFormatVersion = 2;

// Takes fields out of an object one by one, keeps the first error and knows which are left.
class Fields {
 public:
  explicit Fields(const Json& object) : object_(object) {}

  std::string Text(const char* name) {
    const Json* field = Find(name, &Json::is_string, "a string");
    return field == nullptr ? "" : field->get<std::string>();
  }
  // Empty, or lower-case hexadecimal of a SHA-256 digest.
  std::string Digest(const char* name, bool may_be_empty = false) {
    std::string text = Text(name);
    const bool hex =
        text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!hex && !(may_be_empty && text.empty())) Fail(name, "64 hexadecimal digits");
    return text;
  }
  double Number(const char* name) {
    const Json* field = Find(name, &Json::is_number, "a number");
    const double number = field == nullptr ? 0 : field->get<double>();
    if (!(number >= 0) || !std::isfinite(number)) Fail(name, "a number of at least 0");
    return number;
  }
  int64_t Integer(const char* name, int64_t max) {
    const Json* field = Find(name, &Json::is_number_integer, "an integer");
    if (field == nullptr) return 0;
    if (*field < 0 || *field > max) {
      Fail(name, "0 to " + std::to_string(max));
      return 0;
    }
    return field->get<int64_t>();
  }
  bool Boolean(const char* name) {
    const Json* field = Find(name, &Json::is_boolean, "true or false");
    return field != nullptr && field->get<bool>();
  }
  std::vector<std::string> Texts(const char* name) {
    std::vector<std::string> out;
    const Json* field = Find(name, &Json::is_array, "a list of strings");
    if (field == nullptr) return out;
    for (const Json& item : *field) {
      if (!item.is_string()) {
        Fail(name, "a list of strings");
        return {};
      }
      out.push_back(item.get<std::string>());
    }
    return out;
  }
  const Json& Object(const char* name) {
    static const Json empty = Json::object();
    const Json* field = Find(name, &Json::is_object, "an object");
    return field == nullptr ? empty : *field;
  }
  void Fail(const std::string& name, const std::string& allowed) {
    if (status_.ok()) {
      status_ = FormatError("manifest.json: field '" + name + "': must be " + allowed);
    }
  }

  const Status& status() const { return status_; }  // the first error so far

  // The first error, or the first field that nobody took.
  Status Finish() const {
    if (!status_.ok()) return status_;
    for (const auto& [name, value] : object_.items()) {
      if (taken_.contains(name) || name.starts_with("x_")) continue;
      return IncompatibleError("manifest.json: field " + untrusted::Quote(name) +
                               ": not known to this version of Selvedge");
    }
    return OkStatus();
  }

 private:
  using Is = bool (Json::*)() const noexcept;
  const Json* Find(const char* name, Is is, const char* allowed) {
    taken_.insert(name);
    const auto it = object_.find(name);
    if (it != object_.end() && ((*it).*is)()) return &*it;
    Fail(name, allowed);
    return nullptr;
  }

  const Json& object_;
  std::set<std::string> taken_;
  Status status_;
};

bool IsPlainName(const std::string& id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  };
  return !id.empty() && id.size() <= 64 && id.front() != '.' && id.front() != '-' &&
         std::all_of(id.begin(), id.end(), allowed);
}

}  // namespace

Result<PrivacyStatement> ReadPrivacy(const Json& json) {
  Fields fields(json);
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
  SELVEDGE_ASSIGN_OR_RETURN(const Json json, ParseObject(text, "manifest.json"));
  Fields fields(json);
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
  SELVEDGE_ASSIGN_OR_RETURN(manifest.privacy, ReadPrivacy(privacy));
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
