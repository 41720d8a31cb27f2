#include "inference/grammar/json_schema.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "inference/grammar/integer_range.h"
#include "inference/grammar/json_rules.h"
#include "inference/grammar/pattern.h"
#include "inference/grammar/schema_all_of.h"
#include "inference/grammar/schema_reference.h"
#include "storage/untrusted/quote.h"

namespace selvedge::inference {
namespace {

using Json = SchemaJson;
using untrusted::Quote;

constexpr size_t kMostSchemaBytes = size_t{1} << 20;
constexpr int kMostSchemaDepth = 64;
constexpr int64_t kMostCount = 1 << 16;

// What each type may be said about.
const std::map<std::string, std::set<std::string>>& KeywordsOfTypes() {
  static const std::map<std::string, std::set<std::string>> keywords = {
      {"object", {"properties", "required", "additionalProperties"}},
      {"array", {"items", "minItems", "maxItems"}},
      {"string", {"minLength", "maxLength", "pattern", "format"}},
      {"number", {}},
      {"integer", {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}},
      {"boolean", {}},
      {"null", {}}};
  return keywords;
}

Status Wrong(const std::string& keyword, const std::string& needed) {
  return FormatError("json schema: " + keyword + ": " + needed + " is needed");
}

// No keyword but `allowed` and annotations.
Status AllowOnly(const Json& schema, const std::string& beside,
                 const std::set<std::string>& allowed) {
  for (const auto& [name, value] : schema.items()) {
    if (allowed.count(name) == 0 && !IsAnnotation(name)) {
      return IncompatibleError("json schema: keyword " + Quote(name) + " is not supported" +
                               " beside '" + beside + "'");
    }
  }
  return OkStatus();
}

bool IsOfType(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_boolean();
  if (type == "null") return value.is_null();
  return type == "integer" ? value.is_number_integer() : value.is_number();
}

std::string LiteralOf(const Json& value) {
  return GbnfLiteral(value.dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string Joined(const std::vector<std::string>& ways) {
  std::string choice = "(";
  for (size_t i = 0; i < ways.size(); ++i) choice += (i == 0 ? "" : " | ") + ways[i];
  return choice + ")";
}

std::string Times(int64_t least, int64_t most) {
  return "{" + std::to_string(least) + "," + (most < 0 ? "" : std::to_string(most)) + "}";
}

class SchemaWriter {
 public:
  explicit SchemaWriter(const Json& document) : document_(document) {}

  Result<std::string> Run() {
    SELVEDGE_ASSIGN_OR_RETURN(const std::string root, Visit(document_));
    while (!pending_.empty()) {  // not where they are named: schemas may go round in circles
      const std::string pointer = pending_.back();
      pending_.pop_back();
      SELVEDGE_ASSIGN_OR_RETURN(const Json* target, ResolveReference(document_, pointer));
      SELVEDGE_ASSIGN_OR_RETURN(const std::string body, Visit(*target));
      rules_.Add(references_.at(pointer), body);
    }
    return rules_.Text(root);
  }

 private:
  // The grammar of what the schema allows, as one element of a sequence.
  Result<std::string> Visit(const Json& schema) {
    if (schema.is_boolean() && schema.get<bool>()) return rules_.Use("value");
    if (!schema.is_object()) return Wrong("schema", "an object or true");
    if (const Json* ref = FindMember(schema, "$ref")) {
      SELVEDGE_RETURN_IF_ERROR(AllowOnly(schema, "$ref", {"$ref"}));
      return Reference(*ref);
    }
    for (const char* name : {"anyOf", "oneOf"}) {
      if (const Json* ways = FindMember(schema, name)) {
        SELVEDGE_RETURN_IF_ERROR(AllowOnly(schema, name, {name}));
        return AnyOf(name, *ways);
      }
    }
    if (schema.contains("allOf")) {
      SELVEDGE_ASSIGN_OR_RETURN(const Json merged, MergeAllOf(document_, schema));
      return Object(merged);
    }
    SELVEDGE_ASSIGN_OR_RETURN(const std::vector<std::string> types, TypesOf(schema));
    if (const Json* value = FindMember(schema, "const")) {
      SELVEDGE_RETURN_IF_ERROR(AllowOnly(schema, "const", {"const", "type"}));
      return OneOfValues(types, Json::array({*value}));
    }
    if (const Json* values = FindMember(schema, "enum")) {
      SELVEDGE_RETURN_IF_ERROR(AllowOnly(schema, "enum", {"enum", "type"}));
      if (!values->is_array()) return Wrong("enum", "a list of values");
      return OneOfValues(types, *values);
    }
    std::set<std::string> allowed = {"type"};
    for (const std::string& type : types) {
      const auto& more = KeywordsOfTypes().at(type);
      allowed.insert(more.begin(), more.end());
    }
    SELVEDGE_RETURN_IF_ERROR(AllowOnly(schema, "type", allowed));
    if (types.empty()) return rules_.Use("value");
    std::vector<std::string> ways;
    for (const std::string& type : types) {
      SELVEDGE_ASSIGN_OR_RETURN(std::string way, OfType(type, schema));
      ways.push_back(std::move(way));
    }
    return Joined(ways);
  }

  // Empty: any.
  static Result<std::vector<std::string>> TypesOf(const Json& schema) {
    const Json* type = FindMember(schema, "type");
    if (type == nullptr) {
      for (const auto& [name, keywords] : KeywordsOfTypes()) {
        for (const std::string& keyword : keywords) {
          if (schema.contains(keyword)) return std::vector<std::string>{name};
        }
      }
      return std::vector<std::string>{};
    }
    std::vector<std::string> types;
    for (const Json& name : type->is_array() ? *type : Json::array({*type})) {
      if (!name.is_string()) return Wrong("type", "the name of a type or a list of names");
      types.push_back(name.get<std::string>());
      if (KeywordsOfTypes().count(types.back()) == 0) {
        return IncompatibleError("json schema: type " + Quote(types.back()) + " is not supported");
      }
    }
    if (types.empty()) return Wrong("type", "at least one name");
    return types;
  }

  Result<std::string> OfType(const std::string& type, const Json& schema) {
    if (type == "object") return Object(schema);
    if (type == "array") return Array(schema);
    if (type == "string") return String(schema);
    if (type == "integer") return Integer(schema);
    if (type == "boolean") return std::string(R"(("true" | "false"))");
    if (type == "null") return std::string(R"("null")");
    return rules_.Use(type);
  }

  static Result<std::string> OneOfValues(const std::vector<std::string>& types,
                                         const Json& values) {
    std::vector<std::string> ways;
    for (const Json& value : values) {
      const bool fits = types.empty() ||
                        std::any_of(types.begin(), types.end(),
                                    [&](const std::string& type) { return IsOfType(value, type); });
      if (fits) ways.push_back(LiteralOf(value));
    }
    if (ways.empty()) return Wrong("enum", "at least one value of the type");
    return Joined(ways);
  }

  Result<std::string> AnyOf(const char* name, const Json& schemas) {
    if (!schemas.is_array() || schemas.empty()) return Wrong(name, "a list of schemas");
    std::vector<std::string> ways;
    for (const Json& schema : schemas) {
      SELVEDGE_ASSIGN_OR_RETURN(std::string way, Visit(schema));
      ways.push_back(std::move(way));
    }
    return Joined(ways);
  }

  // The schema at a JSON pointer (RFC 6901) becomes a rule, once.
  Result<std::string> Reference(const Json& ref) {
    if (!ref.is_string()) return Wrong("$ref", "a text");
    const auto& pointer = ref.get_ref<const std::string&>();
    const auto [known, is_new] =
        references_.try_emplace(pointer, "ref-" + std::to_string(references_.size()));
    if (is_new) pending_.push_back(pointer);
    return known->second;
  }

  // Counts of `least_name` and `most_name`; -1: no most.
  static Status Counts(const Json& schema, const char* least_name, const char* most_name,
                       int64_t* least, int64_t* most) {
    *least = 0;
    *most = -1;
    for (const auto& [name, value] : {std::pair{least_name, least}, std::pair{most_name, most}}) {
      const Json* given = FindMember(schema, name);
      if (given == nullptr) continue;
      if (!given->is_number_integer() || *given < 0 || *given > kMostCount) {
        return Wrong(name, "a whole number from 0 to " + std::to_string(kMostCount));
      }
      *value = given->get<int64_t>();
    }
    if (*most >= 0 && *most < *least) return Wrong(most_name, "no less than the other bound");
    return OkStatus();
  }

  Result<std::string> String(const Json& schema) {
    if (const Json* pattern = FindMember(schema, "pattern")) {
      SELVEDGE_RETURN_IF_ERROR(AllowOnly(schema, "pattern", {"pattern", "type"}));
      if (!pattern->is_string()) return Wrong("pattern", "a text");
      return GrammarOfPattern(pattern->get_ref<const std::string&>(), &rules_);
    }
    if (const Json* format = FindMember(schema, "format")) {
      SELVEDGE_RETURN_IF_ERROR(AllowOnly(schema, "format", {"format", "type"}));
      return Format(*format);
    }
    int64_t least = 0, most = -1;
    SELVEDGE_RETURN_IF_ERROR(Counts(schema, "minLength", "maxLength", &least, &most));
    if (least == 0 && most < 0) return rules_.Use("string");
    return R"("\"" )" + rules_.Use("character") + Times(least, most) + R"( "\"")";
  }

  Result<std::string> Format(const Json& format) {
    for (const char* known : {"date", "time", "date-time", "uuid", "email", "ipv4"}) {
      if (format == known)
        return R"("\"" )" + rules_.Use(std::string("format-") + known) + R"( "\"")";
    }
    if (!format.is_string()) return Wrong("format", "a text");
    return IncompatibleError("json schema: format " + Quote(format.get_ref<const std::string&>()) +
                             " is not supported, date, time, date-time, uuid, email, ipv4 are");
  }

  // Moves *bound if the keyword says so. Bounds that are no whole numbers go to the next within.
  static Status Bound(const Json& schema, const char* keyword, bool above, bool exclusive,
                      int64_t* bound) {
    const Json* given = FindMember(schema, keyword);
    if (given == nullptr) return OkStatus();
    if (!given->is_number()) return Wrong(keyword, "a number");
    const auto value = given->get<double>();
    constexpr auto kMost = static_cast<double>(kMostJsonInteger);
    double whole = above ? std::ceil(value) : std::floor(value);
    if (exclusive && whole == value) whole += above ? 1 : -1;
    const auto limit = static_cast<int64_t>(std::clamp(whole, -kMost, kMost));
    *bound = above ? std::max(*bound, limit) : std::min(*bound, limit);
    return OkStatus();
  }

  Result<std::string> Integer(const Json& schema) {
    int64_t low = -kMostJsonInteger, high = kMostJsonInteger;
    SELVEDGE_RETURN_IF_ERROR(Bound(schema, "minimum", true, false, &low));
    SELVEDGE_RETURN_IF_ERROR(Bound(schema, "exclusiveMinimum", true, true, &low));
    SELVEDGE_RETURN_IF_ERROR(Bound(schema, "maximum", false, false, &high));
    SELVEDGE_RETURN_IF_ERROR(Bound(schema, "exclusiveMaximum", false, true, &high));
    if (low > high) return Wrong("minimum", "a whole number between the bounds");
    if (low == -kMostJsonInteger && high == kMostJsonInteger) return rules_.Use("integer");
    return IntegerRange(low, high);
  }

  Result<std::string> Array(const Json& schema) {
    int64_t least = 0, most = -1;
    SELVEDGE_RETURN_IF_ERROR(Counts(schema, "minItems", "maxItems", &least, &most));
    const Json* items = FindMember(schema, "items");
    std::string item = rules_.Use("value");
    if (items != nullptr) {
      SELVEDGE_ASSIGN_OR_RETURN(item, Visit(*items));
    }
    const std::string space = rules_.Use("space");
    if (most == 0) return R"("[" )" + space + R"( "]")";
    std::string list = item;
    list += R"( ("," )" + space + " " + item + ")";
    list += Times(std::max<int64_t>(least - 1, 0), most < 0 ? -1 : most - 1);
    if (least == 0) list = "(" + list + ")?";
    return R"("[" )" + space + " " + list + " " + space + R"( "]")";
  }

  struct Property {
    std::string pair;  // key, colon, value
    bool required = false;
  };

  Result<std::vector<Property>> PropertiesOf(const Json& schema) {
    static const Json kAny = true;
    std::vector<std::pair<std::string, const Json*>> listed;
    std::set<std::string> known, required;
    if (const Json* given = FindMember(schema, "properties")) {
      if (!given->is_object()) return Wrong("properties", "an object");
      for (const auto& [name, value] : given->items()) {
        if (known.insert(name).second) listed.emplace_back(name, &value);
      }
    }
    if (const Json* names = FindMember(schema, "required")) {
      if (!names->is_array()) return Wrong("required", "a list of names");
      for (const Json& name : *names) {
        if (!name.is_string()) return Wrong("required", "a list of names");
        const auto& text = name.get_ref<const std::string&>();
        required.insert(text);
        if (known.insert(text).second) listed.emplace_back(text, &kAny);
      }
    }
    const Json* others = FindMember(schema, "additionalProperties");
    const bool closed = others != nullptr && *others == false;
    std::vector<Property> properties;
    for (const auto& [name, value] : listed) {
      if (closed && value == &kAny) return Wrong("required", "a name that 'properties' lists");
      SELVEDGE_ASSIGN_OR_RETURN(const std::string way, Visit(*value));
      properties.push_back({LiteralOf(name) + R"( ":" )" + rules_.Use("space") + " " + way,
                            required.count(name) > 0});
    }
    return properties;
  }

  Result<std::string> Object(const Json& schema) {
    SELVEDGE_ASSIGN_OR_RETURN(const std::vector<Property> properties, PropertiesOf(schema));
    const std::string space = rules_.Use("space");
    const auto braced = [&](const std::string& members) {
      return R"("{" )" + space + " " + members + space + R"( "}")";
    };
    if (!properties.empty()) return braced(Members(properties) + " ");
    const Json* others = FindMember(schema, "additionalProperties");
    if (others != nullptr && *others == false) return braced("");
    std::string value = rules_.Use("value");
    if (others != nullptr) {
      SELVEDGE_ASSIGN_OR_RETURN(value, Visit(*others));
    }
    std::string pair = rules_.Use("string");
    pair += R"( ":" )" + space + " " + value;
    return braced("(" + pair + R"( ("," )" + space + " " + pair + ")*)? ");
  }

  // The properties in order, those that are not required left out at will. Two rules for each
  // place say what may follow, after some property or after none.
  std::string Members(const std::vector<Property>& properties) {
    const std::string object = "object-" + std::to_string(objects_++);
    const auto rule = [&](bool first, size_t i) {
      return i == properties.size() ? std::string(R"("")")
                                    : object + (first ? "-first-" : "-next-") + std::to_string(i);
    };
    for (size_t i = 0; i < properties.size(); ++i) {
      for (const bool first : {true, false}) {
        std::string body = first ? "" : R"("," )" + rules_.Use("space") + " ";
        body += properties[i].pair + " " + rule(false, i + 1);
        if (!properties[i].required) body += " | " + rule(first, i + 1);
        rules_.Add(rule(first, i), body);
      }
    }
    return rule(true, 0);
  }

  const Json& document_;
  JsonRules rules_;
  std::map<std::string, std::string> references_;  // pointer -> rule
  std::vector<std::string> pending_;               // pointers whose rules are not written yet
  size_t objects_ = 0;
};

}  // namespace

Result<std::string> GrammarOfJsonSchema(std::string_view schema) {
  if (schema.size() > kMostSchemaBytes) {
    return LimitError("json schema: " + std::to_string(schema.size()) + " bytes, at most " +
                      std::to_string(kMostSchemaBytes) + " are allowed");
  }
  bool too_deep = false;
  const auto look = [&](int depth, Json::parse_event_t, Json&) {
    too_deep = too_deep || depth > kMostSchemaDepth;
    return !too_deep;
  };
  const Json document = Json::parse(schema, look, /*allow_exceptions=*/false);
  if (too_deep) {
    return LimitError("json schema: nested deeper than " + std::to_string(kMostSchemaDepth));
  }
  if (document.is_discarded()) return FormatError("json schema: is no JSON");
  return SchemaWriter(document).Run();
}

std::string GrammarOfAnyJsonObject() {
  JsonRules rules;
  const std::string object = rules.Use("object");
  return rules.Text(object);
}

}  // namespace selvedge::inference
