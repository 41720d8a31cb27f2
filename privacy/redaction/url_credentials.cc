#include <algorithm>

#include "privacy/redaction/detector.h"

namespace selvedge::privacy {
namespace {

constexpr size_t kMaxScheme = 24;
constexpr size_t kMaxUserInfo = 512;
constexpr size_t kMaxUrl = 4096;
constexpr size_t kMinBareToken = 16;  // https://TOKEN@host without a colon

bool EndsAuthority(char c) {
  return IsSpace(c) || c == '/' || c == '?' || c == '#' || c == '"' || c == '<' || c == '>' ||
         IsTaken(c);
}

// Whether the authority that starts at i has a password or a token before its last @.
bool HasCredentials(const FoldedText& text, size_t i) {
  size_t at = i;
  size_t colon = i;  // behind the first one; i if there is none
  for (size_t k = i; k < text.size() && k - i < kMaxUserInfo && !EndsAuthority(text.at(k)); ++k) {
    if (text.at(k) == '@') at = k;
    if (text.at(k) == ':' && colon == i) colon = k + 1;
  }
  const bool password = colon > i && colon < at;
  return password || at - i >= kMinBareToken;
}

}  // namespace

void FindUrlCredentials(const FoldedText& text, std::vector<Match>* matches) {
  size_t floor = 0;
  for (size_t i = text.view().find("://"); i < text.size(); i = text.view().find("://", i + 3)) {
    size_t begin = i;
    while (begin > floor && i - begin < kMaxScheme &&
           (IsAlnum(text.before(begin)) || text.before(begin) == '+')) {
      --begin;
    }
    if (begin == i || !HasCredentials(text, i + 3)) continue;
    size_t end = i + 3;
    while (end < text.size() && end - begin < kMaxUrl && !IsSpace(text.at(end)) &&
           text.at(end) != '"' && text.at(end) != '<' && text.at(end) != '>') {
      ++end;
    }
    while (std::string_view(".,;:!?)]'").find(text.before(end)) != std::string_view::npos) --end;
    matches->push_back({begin, end});
    floor = end;
    i = std::max(i, end - 3);
  }
}

}  // namespace selvedge::privacy
