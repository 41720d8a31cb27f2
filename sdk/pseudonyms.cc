#include "sdk/pseudonyms.h"

#include <algorithm>
#include <array>

#include "privacy/redaction/redaction_rules.h"

namespace selvedge {
namespace {

// 1 to 9999. Of 100 persons, two share a number in four homes of ten.
constexpr uint32_t kNumbers = 9999;
constexpr std::string_view kPerson = "PERSON";
constexpr std::array<std::string_view, 7> kForgotten = {
    "SECRET", "URL_CREDENTIALS", "CREDIT_CARD", "IBAN_CODE", "US_SSN", "NATIONAL_ID", "ID_NUMBER"};

// ASCII letters in lower case, runs of ASCII white space as one space.
std::string NameKey(std::string_view name) {
  std::string out;
  for (const char c : name) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    if (!space) {
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    } else if (out.empty() || out.back() != ' ') {
      out += ' ';
    }
  }
  return out;
}

// Whether `part` is the first or the last words of `name`.
bool IsPartOf(std::string_view part, std::string_view name) {
  if (part.size() >= name.size()) return false;
  const bool first = name.substr(0, part.size()) == part && name[part.size()] == ' ';
  const size_t rest = name.size() - part.size();
  return first || (name.substr(rest) == part && name[rest - 1] == ' ');
}

// "Lovelace" is the Ada Lovelace of the same record.
const std::string& WholeName(const std::string& name, const std::vector<std::string>& names) {
  const auto whole = std::find_if(names.begin(), names.end(),
                                  [&](const std::string& other) { return IsPartOf(name, other); });
  return whole == names.end() ? name : *whole;
}

std::string PersonPlaceholder(const vault::Vault& vault, const std::string& name) {
  const vault::Bytes hash = vault.KeyedHash("pseudonym", name);
  const uint32_t number = (uint32_t{hash[0]} << 16 | uint32_t{hash[1]} << 8 | hash[2]) % kNumbers;
  return "<PERSON_" + std::to_string(number + 1) + ">";
}

}  // namespace

StoredText WithPseudonyms(const vault::Vault& vault, std::string_view text,
                          const Redaction& redaction, const RedactionRules& rules) {
  std::vector<std::string> names;
  for (const PiiSpan& span : redaction.spans) {
    if (span.type == kPerson)
      names.push_back(NameKey(text.substr(span.start, span.end - span.start)));
  }
  StoredText stored;
  size_t copied = 0;
  for (const PiiSpan& span : redaction.spans) {
    const std::string value(text.substr(span.start, span.end - span.start));
    stored.text.append(text.substr(copied, span.start - copied));
    copied = span.end;
    if (std::find(kForgotten.begin(), kForgotten.end(), span.type) == kForgotten.end()) {
      stored.redacted.push_back({static_cast<int64_t>(stored.text.size()), value});
    }
    if (span.type == kPerson) {
      const std::string& name = WholeName(NameKey(value), names);
      const std::string contact = privacy::ContactOf(rules.compiled(), name);
      stored.text += PersonPlaceholder(vault, contact.empty() ? name : contact);
    } else {
      stored.text += "<" + span.type + ">";
    }
  }
  stored.text.append(text.substr(copied));
  return stored;
}

}  // namespace selvedge
