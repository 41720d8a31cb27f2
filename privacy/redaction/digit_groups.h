#pragma once
// Runs of digit groups: "4111 1111-1111 1111" is one run of four groups.

#include <cstddef>
#include <string>
#include <vector>

#include "privacy/redaction/folded_text.h"

namespace selvedge::privacy {

struct DigitGroup {
  size_t begin;  // folded positions
  size_t end;
  size_t size() const { return end - begin; }
};

// What may stand between two groups of a run.
struct GapRule {
  std::string_view characters;  // each character of a gap is one of these
  size_t max_length;
};

// The first maximal run that starts at or after *pos; empty at the end of the text. Moves *pos
// behind it.
std::vector<DigitGroup> NextDigitRun(const FoldedText& text, const GapRule& rule, size_t* pos);

// The digits of groups [first, last).
std::string JoinDigits(const FoldedText& text, const std::vector<DigitGroup>& groups, size_t first,
                       size_t last);

// Whether the group's digits are a number in [1000, 2199]: in prose most likely a year.
bool LooksLikeYear(const FoldedText& text, const DigitGroup& group);

// Whether all groups from first to last have that look.
bool AllYears(const FoldedText& text, const std::vector<DigitGroup>& groups, size_t first,
              size_t last);

}  // namespace selvedge::privacy
