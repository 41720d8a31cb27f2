#include "inference/grammar/schema_all_of.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "storage/untrusted/quote.h"

namespace selvedge::inference {
namespace {

using untrusted::Quote;

// Of members within members: circles of references end here at the latest.
constexpr int kMostDepth = 32;
constexpr int kMostMembers = 4096;

class Merger {
 public:
  explicit Merger(const SchemaJson& document) : document_(document) {
    merged_ = {{"type", "object"},
               {"properties", SchemaJson::object()},
               {"required", SchemaJson::array()}};
  }

  Status Add(const SchemaJson& schema, int depth) {
    if (depth > kMostDepth) {
      return IncompatibleError("json schema: allOf: refers to itself or nests deeper than " +
                               std::to_string(kMostDepth));
    }
    if (++members_ > kMostMembers) {
      return LimitError("json schema: allOf: more than " + std::to_string(kMostMembers) +
                        " members");
    }
    if (!schema.is_object()) return FormatError("json schema: allOf: a list of objects is needed");
    for (const auto& [keyword, value] : schema.items()) {
      SELVEDGE_RETURN_IF_ERROR(AddKeyword(keyword, value, depth));
    }
    return OkStatus();
  }

  SchemaJson Take() { return std::move(merged_); }

 private:
  Status AddKeyword(const std::string& keyword, const SchemaJson& value, int depth) {
    if (IsAnnotation(keyword) || (keyword == "type" && value == "object")) return OkStatus();
    if (keyword == "allOf") return AddAll(value, depth);
    if (keyword == "properties") return AddProperties(value);
    if (keyword == "required") return AddRequired(value);
    if (keyword == "$ref" && value.is_string()) {
      SELVEDGE_ASSIGN_OR_RETURN(const SchemaJson* target,
                                ResolveReference(document_, value.get_ref<const std::string&>()));
      return Add(*target, depth + 1);
    }
    return IncompatibleError("json schema: keyword " + Quote(keyword) +
                             " is not supported beside or within 'allOf'");
  }

  Status AddAll(const SchemaJson& members, int depth) {
    if (!members.is_array() || members.empty()) {
      return FormatError("json schema: allOf: a list of schemas is needed");
    }
    for (const SchemaJson& member : members) SELVEDGE_RETURN_IF_ERROR(Add(member, depth + 1));
    return OkStatus();
  }

  Status AddProperties(const SchemaJson& properties) {
    if (!properties.is_object()) return FormatError("json schema: properties: an object is needed");
    for (const auto& [name, value] : properties.items()) {
      const SchemaJson* known = FindMember(merged_["properties"], name);
      if (known != nullptr && *known != value) {
        return IncompatibleError("json schema: allOf: two members describe the property " +
                                 Quote(name) + " differently, which is not supported");
      }
      merged_["properties"][name] = value;
    }
    return OkStatus();
  }

  Status AddRequired(const SchemaJson& names) {
    if (!names.is_array()) return FormatError("json schema: required: a list of names is needed");
    for (const SchemaJson& name : names) merged_["required"].push_back(name);
    return OkStatus();
  }

  const SchemaJson& document_;
  SchemaJson merged_;
  int members_ = 0;
};

}  // namespace

bool IsAnnotation(const std::string& keyword) {
  constexpr std::string_view kNames[] = {
      "$schema", "$id",     "$comment", "$defs",    "definitions", "title",     "description",
      "default", "example", "examples", "readOnly", "writeOnly",   "deprecated"};
  return std::find(std::begin(kNames), std::end(kNames), keyword) != std::end(kNames);
}

Result<SchemaJson> MergeAllOf(const SchemaJson& document, const SchemaJson& schema) {
  Merger merger(document);
  SELVEDGE_RETURN_IF_ERROR(merger.Add(schema, 0));
  return merger.Take();
}

}  // namespace selvedge::inference
