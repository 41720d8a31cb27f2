#include <algorithm>
#include <array>

#include "privacy/redaction/detector.h"

namespace selvedge::privacy {
namespace {

// Tokens whose issuer gives them a fixed prefix. Sources: the issuers' documentation of their
// formats.
struct KnownPrefix {
  std::string_view prefix;
  size_t min_tail;  // characters that must follow, of [A-Za-z0-9_-.]
};
constexpr std::array<KnownPrefix, 29> kPrefixes = {{{"sk-", 16},
                                                    {"sk_live_", 10},
                                                    {"sk_test_", 10},
                                                    {"pk_live_", 10},
                                                    {"rk_live_", 10},
                                                    {"whsec_", 16},
                                                    {"ghp_", 20},
                                                    {"gho_", 20},
                                                    {"ghu_", 20},
                                                    {"ghs_", 20},
                                                    {"ghr_", 20},
                                                    {"github_pat_", 20},
                                                    {"glpat-", 16},
                                                    {"AKIA", 16},
                                                    {"ASIA", 16},
                                                    {"xoxb-", 10},
                                                    {"xoxp-", 10},
                                                    {"xoxa-", 10},
                                                    {"xoxr-", 10},
                                                    {"xoxs-", 10},
                                                    {"xapp-", 10},
                                                    {"AIza", 30},
                                                    {"ya29.", 20},
                                                    {"npm_", 30},
                                                    {"pypi-", 30},
                                                    {"hf_", 20},
                                                    {"SG.", 30},
                                                    {"dop_v1_", 30},
                                                    {"AGE-SECRET-KEY-1", 20}}};

constexpr size_t kMinSecret = 14;  // the shortest prefix with its tail

bool IsTokenChar(char c) { return IsAlnum(c) || c == '_' || c == '-' || c == '.'; }

// A word such as "sk-eleton-in-the-cupboard" has no digit; every issued token of these lengths has.
bool HasDigit(std::string_view token) { return std::any_of(token.begin(), token.end(), IsDigit); }

// JSON Web Token: two non-empty base64url parts after one that decodes to `{"...` (RFC 7519, 3).
bool IsJwt(std::string_view token) {
  if (token.substr(0, 3) != "eyJ") return false;
  const size_t first = token.find('.');
  const size_t second = first == token.npos ? token.npos : token.find('.', first + 1);
  return first != token.npos && first >= 8 && second != token.npos && second - first > 5;
}

bool IsKnownSecret(std::string_view token) {
  if (token.size() < kMinSecret) return false;  // nearly all words
  if (IsJwt(token)) return true;
  return std::any_of(kPrefixes.begin(), kPrefixes.end(), [&](const KnownPrefix& known) {
    return token.substr(0, known.prefix.size()) == known.prefix &&
           token.size() >= known.prefix.size() + known.min_tail &&
           HasDigit(token.substr(known.prefix.size()));
  });
}

}  // namespace

// Every token has a digit somewhere.
void FindKnownSecrets(const FoldedText& text, std::vector<Match>* matches) {
  const std::string_view view = text.view();
  size_t next = 0;  // behind the token before
  for (size_t digit = 0; digit < view.size(); ++digit) {
    if (!IsDigit(view[digit]) || digit < next) continue;
    size_t begin = digit;
    while (begin > next && IsTokenChar(view[begin - 1])) --begin;
    size_t end = digit;
    while (IsTokenChar(text.at(end))) ++end;
    next = end;
    while (end > begin && !IsAlnum(text.before(end)) && text.before(end) != '_') --end;
    if (IsKnownSecret(view.substr(begin, end - begin))) matches->push_back({begin, end});
  }
}

// RFC 7468, 2: "-----BEGIN X PRIVATE KEY-----" to its END line. Without one the block is taken to
// the end of its base64 lines.
void FindPrivateKeyBlocks(const FoldedText& text, std::vector<Match>* matches) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kLabel = "PRIVATE KEY";
  constexpr std::string_view kEnd = "-----END ";
  constexpr size_t kMaxLine = 80;
  const std::string_view view = text.view();
  size_t next_end = view.find(kEnd);
  for (size_t i = view.find(kBegin); i != view.npos; i = view.find(kBegin, i)) {
    const size_t begin = i;
    i += kBegin.size();
    if (view.substr(i, kMaxLine).find(kLabel) == std::string_view::npos) continue;
    while (next_end != view.npos && next_end < i) next_end = view.find(kEnd, next_end + 1);
    size_t end = next_end;
    if (end != view.npos) {
      end = view.find("-----", end + kEnd.size());
      end = end == view.npos ? view.size() : end + 5;
    } else {
      end = i;
      while (end < view.size() && (IsAlnum(view[end]) || IsSpace(view[end]) ||
                                   std::string_view("+/=-").find(view[end]) != view.npos)) {
        ++end;
      }
      while (IsSpace(text.before(end))) --end;
    }
    matches->push_back({begin, end});
    i = end;
  }
}

}  // namespace selvedge::privacy
