#include "inference/grammar/schema_reference.h"

#include <algorithm>

#include "storage/untrusted/quote.h"

namespace selvedge::inference {
namespace {

using untrusted::Quote;

const SchemaJson* Step(const SchemaJson& from, const std::string& token) {
  std::string name;
  for (size_t i = 0; i < token.size(); ++i) {
    const bool escaped = token[i] == '~' && i + 1 < token.size();
    if (escaped) ++i;
    name.push_back(!escaped ? token[i] : token[i] == '1' ? '/' : '~');
  }
  if (from.is_object()) return FindMember(from, name);
  if (!from.is_array() || name.empty() || name.size() > 6) return nullptr;
  size_t index = 0;
  for (const char c : name) {
    if (c < '0' || c > '9') return nullptr;
    index = index * 10 + static_cast<size_t>(c - '0');
  }
  return index < from.size() ? &from[index] : nullptr;
}

}  // namespace

const SchemaJson* FindMember(const SchemaJson& object, const std::string& name) {
  const auto it = object.find(name);
  return it == object.end() ? nullptr : &*it;
}

Result<const SchemaJson*> ResolveReference(const SchemaJson& document, const std::string& pointer) {
  if (!pointer.starts_with("#") || (pointer.size() > 1 && pointer[1] != '/')) {
    return IncompatibleError("json schema: $ref " + Quote(pointer) +
                             " is not supported, '#/...' is");
  }
  const SchemaJson* target = &document;
  for (size_t at = 1; at < pointer.size();) {
    const size_t end = std::min(pointer.find('/', at + 1), pointer.size());
    target = Step(*target, pointer.substr(at + 1, end - at - 1));
    if (target == nullptr) {
      return FormatError("json schema: $ref " + Quote(pointer) + " leads nowhere");
    }
    at = end;
  }
  return target;
}

}  // namespace selvedge::inference
