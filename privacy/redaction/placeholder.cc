#include "privacy/redaction/placeholder.h"

namespace selvedge::privacy {
namespace {

constexpr size_t kMaxType = 40;
constexpr size_t kMaxNumberDigits = 6;

// `text` without the bounds: 0 outside.
class PlainText {
 public:
  explicit PlainText(std::string_view text) : text_(text) {}
  char at(size_t i) const { return i < text_.size() ? text_[i] : '\0'; }

 private:
  std::string_view text_;
};

// Position behind the placeholder whose '<' is at i, or i: capitals in words joined by underscores,
// then perhaps a number. A key in angle brackets has its digits elsewhere.
template <typename Text>
size_t PlaceholderEnd(const Text& text, size_t i) {
  size_t end = i + 1;
  while (end - i <= kMaxType && IsUpper(text.at(end))) {
    while (end - i <= kMaxType && IsUpper(text.at(end))) ++end;
    if (text.at(end) == '_') ++end;
  }
  if (end == i + 1) return i;
  const size_t digits = end;
  if (text.at(end - 1) == '_') {
    while (end - digits < kMaxNumberDigits && IsDigit(text.at(end))) ++end;
    if (end == digits) return i;
  }
  return text.at(end) == '>' ? end + 1 : i;
}

}  // namespace

std::string Placeholder(std::string_view type) { return std::string("<").append(type).append(">"); }

std::vector<PlaceholderSpan> FindPlaceholders(std::string_view text) {
  std::vector<PlaceholderSpan> spans;
  const PlainText plain(text);
  for (size_t i = text.find('<'); i != text.npos; i = text.find('<', i + 1)) {
    const size_t end = PlaceholderEnd(plain, i);
    if (end > i) spans.push_back({i, end});
  }
  return spans;
}

void TakePlaceholders(FoldedText* text) {
  for (size_t i = text->view().find('<'); i < text->size(); i = text->view().find('<', i + 1)) {
    const size_t end = PlaceholderEnd(*text, i);
    const bool name = StartsWithNoCase(text->view(), i, "<person");
    if (end > i) text->Take(i, end, name ? kTakenName : kTaken);
  }
}

}  // namespace selvedge::privacy
