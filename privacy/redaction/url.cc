#include <algorithm>
#include <array>

#include "privacy/redaction/detector.h"

// Web addresses: with a scheme, with "www.", or a bare host whose last label is a well-known
// top-level domain. Hosts that are numbers are left to the detector of network addresses.

namespace selvedge::privacy {
namespace {

constexpr size_t kMaxScheme = 24;
constexpr size_t kMaxHost = 255;  // RFC 1035, 2.3.4
constexpr size_t kMaxUrl = 4096;

// Top-level domains that count without a scheme. Country codes that are also English words (it, is,
// in, no, so, me, at, be, to, am, us, my, do, as, by) are missing on purpose: "the end.It was". So
// are endings of common file names (py, rs, sh, md, pl, cc, zip, mov).
constexpr std::array<std::string_view, 47> kDomains = {
    "com",  "org", "net", "edu", "gov", "mil", "info", "biz", "name",   "app",    "dev",  "blog",
    "shop", "xyz", "uk",  "de",  "fr",  "es",  "nl",   "se",  "dk",     "fi",     "cz",   "ch",
    "eu",   "jp",  "cn",  "kr",  "ru",  "ua",  "ca",   "au",  "nz",     "br",     "mx",   "ar",
    "cl",   "za",  "gr",  "pt",  "hu",  "io",  "ai",   "tv",  "online", "social", "cloud"};

bool IsHost(char c) { return IsAlnum(c) || c == '-' || c == '.' || c == kOtherLetter; }

bool EndsUrl(char c) {
  return IsSpace(c) || c == '"' || c == '<' || c == '>' || IsTaken(c) || c == '`' || c == '{' ||
         c == '}' || c == '|' || c == '\\' || c == '^';
}

// Position behind the host at i, without trailing dots; i if none is there.
size_t HostEnd(const FoldedText& text, size_t i) {
  size_t end = i;
  while (end - i <= kMaxHost && IsHost(text.at(end))) ++end;
  while (end > i && (text.before(end) == '.' || text.before(end) == '-')) --end;
  return end;
}

std::string_view LastLabel(std::string_view host) {
  const size_t dot = host.rfind('.');
  return dot == host.npos ? std::string_view() : host.substr(dot + 1);
}

bool HasWellKnownDomain(std::string_view host) {
  const std::string_view label = LastLabel(host);
  return std::any_of(kDomains.begin(), kDomains.end(), [&](std::string_view domain) {
    return label.size() == domain.size() && StartsWithNoCase(label, 0, domain);
  });
}

// Port, path, query and fragment behind the host, without the punctuation of the sentence around.
size_t UrlEnd(const FoldedText& text, size_t begin, size_t host_end) {
  size_t end = host_end;
  if (text.at(end) != ':' && text.at(end) != '/' && text.at(end) != '?' && text.at(end) != '#') {
    return end;
  }
  while (end < text.size() && end - begin < kMaxUrl && !EndsUrl(text.at(end))) ++end;
  const std::string_view url = text.view().substr(begin, end - begin);
  auto unopened = std::count(url.begin(), url.end(), ')') - std::count(url.begin(), url.end(), '(');
  while (end > host_end) {
    const char last = text.before(end);
    if (last == ')' && unopened-- <= 0) break;
    if (std::string_view(".,;:!?)]'*").find(last) == std::string_view::npos) break;
    --end;
  }
  return end;
}

// Where the scheme before "://" at i starts; i if there is none.
size_t SchemeBegin(const FoldedText& text, size_t i, size_t floor) {
  size_t begin = i;
  while (begin > floor && i - begin < kMaxScheme &&
         (IsAlnum(text.before(begin)) || text.before(begin) == '+')) {
    --begin;
  }
  while (begin < i && !IsAlpha(text.at(begin))) ++begin;
  return begin;
}

bool IsNumeric(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) { return IsDigit(c) || c == '.'; });
}

// Position behind a web address whose host (without a scheme) starts at i; i if there is none.
size_t BareUrlEnd(const FoldedText& text, size_t i) {
  const size_t host_end = HostEnd(text, i);
  const std::string_view host = text.view().substr(i, host_end - i);
  if (host.find('.') == host.npos || host.find("..") != host.npos || text.at(host_end) == '@')
    return i;
  const bool www = StartsWithNoCase(host, 0, "www.") && host.find('.', 4) != host.npos;
  const bool named = host.size() > 4 && std::any_of(host.begin(), host.end() - 4, IsAlpha);
  return www || (named && HasWellKnownDomain(host)) ? UrlEnd(text, i, host_end) : i;
}

}  // namespace

void FindUrls(const FoldedText& text, std::vector<Match>* matches) {
  const std::string_view view = text.view();
  size_t floor = 0;
  for (size_t i = 0; i < view.size(); ++i) {
    if (!IsOf(view[i], kDotBit | kColonBit)) continue;
    size_t begin = i;
    size_t end = i;
    if (view.substr(i, 3) == "://") {
      begin = SchemeBegin(text, i, floor);
      const size_t host = HostEnd(text, i + 3);
      const bool named = host > i + 3 && !IsNumeric(view.substr(i + 3, host - i - 3));
      end = begin < i && named ? UrlEnd(text, begin, host) : begin;
    } else if (view[i] == '.') {
      while (begin > floor && i - begin < kMaxHost && IsHost(text.before(begin))) --begin;
      while (begin < i && !IsAlnum(text.at(begin)) && text.at(begin) != kOtherLetter) ++begin;
      end = begin < i && text.before(begin) != '@' ? BareUrlEnd(text, begin) : begin;
      if (end <= begin) i = std::max(i, HostEnd(text, begin));  // the other dots of this word
    }
    if (end <= begin) continue;
    matches->push_back({begin, end});
    floor = end;
    i = end - 1;
  }
}

}  // namespace selvedge::privacy
