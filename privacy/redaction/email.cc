#include "privacy/redaction/detector.h"

namespace selvedge::privacy {
namespace {

// RFC 5321, 4.5.3.1.
constexpr size_t kMaxLocal = 64;
constexpr size_t kMaxDomain = 255;

bool IsLocal(char c) {
  return IsAlnum(c) || c == kOtherLetter ||
         std::string_view("._%+-'&~").find(c) != std::string_view::npos;
}

bool IsDomain(char c) { return IsAlnum(c) || c == kOtherLetter || c == '-' || c == '.'; }

bool IsLetterLike(char c) { return IsAlpha(c) || c == kOtherLetter; }

// First position of the local part that ends at `end`, not before `floor`; `end` if there is none.
size_t LocalBegin(const FoldedText& text, size_t end, size_t floor) {
  size_t i = end;
  while (i > floor && end - i < kMaxLocal && IsLocal(text.before(i))) --i;
  while (i < end && !IsAlnum(text.at(i)) && text.at(i) != kOtherLetter && text.at(i) != '_') ++i;
  return i;
}

// Position behind the domain that starts at `begin`; `begin` if it has no top-level domain. Backs
// off from trailing labels that cannot be one ("example.org.4" ends at "org").
size_t DomainEnd(const FoldedText& text, size_t begin) {
  size_t end = begin;
  while (end - begin < kMaxDomain && IsDomain(text.at(end))) ++end;
  while (end > begin) {
    size_t label = end;
    size_t letters = 0;
    while (label > begin && text.before(label) != '.') {
      --label;
      letters += IsLetterLike(text.at(label)) ? 1 : 0;
    }
    const bool punycode = StartsWithNoCase(text.view(), label, "xn--");
    if (label > begin + 1 && ((letters >= 2 && letters == end - label) || punycode)) return end;
    end = label > begin ? label - 1 : begin;
  }
  return begin;
}

}  // namespace

void FindEmails(const FoldedText& text, std::vector<Match>* matches) {
  size_t floor = 0;  // behind the match before
  for (size_t at = text.view().find('@'); at < text.size(); at = text.view().find('@', at + 1)) {
    const size_t local_end = text.before(at) == '\n' && at > floor ? at - 1 : at;  // split at the @
    const size_t begin = LocalBegin(text, local_end, floor);
    const size_t domain = text.at(at + 1) == '\n' ? at + 2 : at + 1;
    const size_t end = DomainEnd(text, domain);
    if (begin == local_end || end <= domain) continue;
    matches->push_back({begin, end});
    floor = end;
    at = end - 1;
  }
}

}  // namespace selvedge::privacy
