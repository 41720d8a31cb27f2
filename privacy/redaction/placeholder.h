#pragma once
// What stands for a redacted span: <TYPE>, or <TYPE_NUMBER> where the home numbers its pseudonyms.

#include <string>
#include <string_view>

#include "privacy/redaction/folded_text.h"

namespace selvedge::privacy {

// "<PERSON>"
std::string Placeholder(std::string_view type);

// Hides the placeholders that earlier redaction left, so that no detector takes one apart.
void TakePlaceholders(FoldedText* text);

}  // namespace selvedge::privacy
