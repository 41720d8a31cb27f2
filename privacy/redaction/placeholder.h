#pragma once
// What stands for a redacted span: <TYPE>, or <TYPE_NUMBER> where the home numbers its pseudonyms.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "privacy/redaction/folded_text.h"

namespace selvedge::privacy {

// "<PERSON>"
std::string Placeholder(std::string_view type);

struct PlaceholderSpan {
  size_t start = 0;  // of '<', in bytes
  size_t end = 0;    // behind '>'
};

// Those that redaction left in a text, in order.
std::vector<PlaceholderSpan> FindPlaceholders(std::string_view text);

// Hides the placeholders that earlier redaction left, so that no detector takes one apart.
void TakePlaceholders(FoldedText* text);

}  // namespace selvedge::privacy
