#pragma once
// A fast way through texts that hold few matches: only positions shortly before an anchor, such as
// a digit, are tried.

#include <algorithm>
#include <vector>

#include "privacy/redaction/detector.h"
#include "privacy/redaction/folded_text.h"

namespace selvedge::privacy {

// Calls match_end(i) once at most for each position i up to `reach` before a byte of the classes
// `anchors`, ascending. match_end returns the position behind a match that starts at i, or i.
template <typename MatchEnd>
void ScanBefore(const FoldedText& text, uint8_t anchors, size_t reach, std::vector<Match>* matches,
                const MatchEnd& match_end) {
  const std::string_view view = text.view();
  size_t next = 0;  // first position that was not tried
  for (size_t anchor = 0; anchor < view.size(); ++anchor) {
    if (!IsOf(view[anchor], anchors) || anchor < next) continue;
    for (size_t i = std::max(next, anchor > reach ? anchor - reach : 0); i <= anchor; ++i) {
      next = i + 1;
      const size_t end = match_end(i);
      if (end == i) continue;
      matches->push_back({i, end});
      next = end;
      break;
    }
  }
}

}  // namespace selvedge::privacy
