#include <algorithm>

#include "privacy/redaction/anchored_scan.h"
#include "privacy/redaction/detector.h"

namespace selvedge::privacy {
namespace {

// Position behind a decimal octet 0..255 at i, or i.
size_t OctetEnd(const FoldedText& text, size_t i) {
  size_t end = i;
  int value = 0;
  while (IsDigit(text.at(end)) && end - i < 3) value = value * 10 + (text.at(end++) - '0');
  return value <= 255 && !IsDigit(text.at(end)) ? end : i;
}

// Position behind the dotted quad at i, or i.
size_t Ipv4End(const FoldedText& text, size_t i) {
  size_t end = i;
  for (int octet = 0; octet < 4; ++octet) {
    if (octet > 0 && text.at(end++) != '.') return i;
    const size_t next = OctetEnd(text, end);
    if (next == end) return i;
    end = next;
  }
  const bool goes_on = text.at(end) == '.' && IsDigit(text.at(end + 1));
  return IsEdge(text.at(end)) && !goes_on ? end : i;
}

// Position behind the IPv6 address at i, or i. RFC 4291, 2.2, all three forms.
size_t Ipv6End(const FoldedText& text, size_t i) {
  int groups = 0;
  bool gap = false;
  bool digit = false;
  size_t end = i;
  if (text.at(i) == ':') {
    if (text.at(i + 1) != ':') return i;
    gap = true;
    end = i + 2;
  }
  while (groups < 8) {
    if (const size_t quad = Ipv4End(text, end); quad > end && groups > 0 && groups <= 6) {
      groups += 2;
      end = quad;
      digit = true;
      break;
    }
    size_t next = end;
    while (IsHex(text.at(next)) && next - end < 5) digit = IsDigit(text.at(next++)) || digit;
    if (next - end > 4) return i;
    if (next == end) break;
    ++groups;
    end = next;
    if (groups == 8 || text.at(end) != ':') break;
    if (text.at(end + 1) == ':') {
      if (gap) return i;
      gap = true;
      end += 2;
    } else if (IsHex(text.at(end + 1))) {
      ++end;
    } else {
      break;
    }
  }
  // "std::ab" and "::1" are more often something else.
  const bool complete = gap ? groups >= 2 && groups <= 7 && digit : groups == 8;
  return complete && IsEdge(text.at(end)) && text.at(end) != ':' ? end : i;
}

// Position behind six hexadecimal octets joined by `mark`, or three quadruples joined by dots, or
// i.
size_t MacEnd(const FoldedText& text, size_t i, char mark, size_t parts, size_t part_size) {
  size_t end = i;
  for (size_t part = 0; part < parts; ++part) {
    if (part > 0 && text.at(end++) != mark) return i;
    for (size_t k = 0; k < part_size; ++k) {
      if (!IsHex(text.at(end++))) return i;
    }
  }
  return IsEdge(text.at(end)) && text.at(end) != mark ? end : i;
}

bool StartsAddress(const FoldedText& text, size_t i) {
  const char before = text.before(i);
  return IsEdge(before) && before != ':' && before != '.' && before != '-';
}

}  // namespace

void FindMacAddresses(const FoldedText& text, std::vector<Match>* matches) {
  // The first mark comes behind two or four digits.
  ScanBefore(text, kColonBit | kDashBit | kDotBit, 4, matches, [&](size_t i) {
    if (!IsHex(text.at(i)) || !StartsAddress(text, i)) return i;
    const size_t end = std::max(MacEnd(text, i, ':', 6, 2), MacEnd(text, i, '-', 6, 2));
    return std::max(end, MacEnd(text, i, '.', 3, 4));
  });
}

void FindIpAddresses(const FoldedText& text, std::vector<Match>* matches) {
  // The first mark comes behind at most four digits.
  ScanBefore(text, kColonBit | kDotBit, 4, matches, [&](size_t i) {
    if ((!IsHex(text.at(i)) && text.at(i) != ':') || !StartsAddress(text, i)) return i;
    return std::max(IsDigit(text.at(i)) ? Ipv4End(text, i) : i, Ipv6End(text, i));
  });
}

}  // namespace selvedge::privacy
