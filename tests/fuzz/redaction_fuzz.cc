// Any text must give spans within it that begin and end with a character, and a result that
// redacting again leaves alone. What is no UTF-8 is tried as the owner's rules only, as in the SDK.

#include <cstdlib>
#include <string>
#include <string_view>

#include <selvedge/privacy.h>

#include "core/utf8.h"
#include "tests/fuzz/seeds.h"

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

bool BeginsCharacter(std::string_view text, size_t at) {
  return at == text.size() || (static_cast<unsigned char>(text[at]) & 0xC0) != 0x80;
}

std::vector<uint8_t> Seed(std::string_view text) { return {text.begin(), text.end()}; }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto rules = selvedge::RedactionRules::Parse(text);
  Check(rules.ok() || !rules.status().message().empty());
  if (!selvedge::core::IsValidUtf8(text)) return 0;
  const selvedge::Redaction found =
      rules.ok() ? selvedge::Redact(text, *rules) : selvedge::Redact(text);
  size_t before = 0;
  for (const selvedge::PiiSpan& span : found.spans) {
    Check(span.start >= before && span.start < span.end && span.end <= size);
    Check(BeginsCharacter(text, span.start) && BeginsCharacter(text, span.end));
    before = span.end;
  }
  if (!rules.ok()) Check(selvedge::Redact(found.text).text == found.text);
  return 0;
}

std::vector<std::vector<uint8_t>> FuzzSeeds() {
  return {
      Seed("Write to anna.meier@example.org or call +49 30 901820, Ann Meier, 12 Mill Lane."),
      Seed("card 4111 1111 1111 1111, iban DE89 3704 0044 0532 0130 00, born 12 May 1984"),
      Seed("https://user:secret@host.example/x?token=abc, 192.168.0.17, fe80::1, SSN 078-05-1120"),
      Seed(
          "password: hunter2hunter2\nAKIAIOSFODNN7EXAMPLE gr\xC3\xBC\xC3\x9F\x65 \xF0\x9F\x90\x9D"),
      Seed("name Ann Meier\nword CLIENT harbour\npattern ID @@-####\nkeep URL\n"),
  };
}
