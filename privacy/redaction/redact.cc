#include <algorithm>

#include <selvedge/privacy.h>

#include "privacy/redaction/detector.h"

namespace selvedge {
namespace {

std::string Replace(std::string_view text, const std::vector<PiiSpan>& spans) {
  std::string out;
  out.reserve(text.size());
  size_t copied = 0;
  for (const PiiSpan& span : spans) {
    out.append(text.substr(copied, span.start - copied));
    out.append("<").append(span.type).append(">");
    copied = span.end;
  }
  return out.append(text.substr(copied));
}

}  // namespace

Redaction Redact(std::string_view text) {
  privacy::FoldedText folded(text);
  Redaction redaction;
  std::vector<privacy::Match> matches;
  for (const privacy::Detector& detector : privacy::Detectors()) {
    matches.clear();
    detector.find(folded, &matches);
    for (const privacy::Match match : matches) {
      redaction.spans.push_back(
          {folded.OriginalBegin(match.begin), folded.OriginalEnd(match.end - 1), detector.type});
      folded.Take(match.begin, match.end);
    }
  }
  std::sort(redaction.spans.begin(), redaction.spans.end(),
            [](const PiiSpan& a, const PiiSpan& b) { return a.start < b.start; });
  redaction.text = Replace(text, redaction.spans);
  return redaction;
}

}  // namespace selvedge
