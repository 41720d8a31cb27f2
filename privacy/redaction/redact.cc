#include <algorithm>

#include <selvedge/privacy.h>

#include "privacy/redaction/detector.h"
#include "privacy/redaction/placeholder.h"
#include "privacy/redaction/redaction_rules.h"

namespace selvedge {
namespace {

using privacy::FoldedText;

// Masking changes what stands beside the rest of the text, and so may bring out a match. Each round
// takes more of the text; texts of people need one or two.
constexpr int kMaxRounds = 8;

std::string Replace(std::string_view text, const std::vector<PiiSpan>& spans) {
  std::string out;
  out.reserve(text.size());
  size_t copied = 0;
  for (const PiiSpan& span : spans) {
    out.append(text.substr(copied, span.start - copied)).append(privacy::Placeholder(span.type));
    copied = span.end;
  }
  return out.append(text.substr(copied));
}

// One pass of the owner's rules, then of all detectors. Spans ascend.
std::vector<PiiSpan> FindSpans(std::string_view text, const RedactionRules::Compiled& rules) {
  FoldedText folded(text);
  privacy::TakePlaceholders(&folded);
  std::vector<PiiSpan> spans;
  const auto take = [&](const privacy::Match& match, const std::string& type) {
    spans.push_back({folded.OriginalBegin(match.begin), folded.OriginalEnd(match.end - 1), type});
    folded.Take(match.begin, match.end);
  };
  for (const privacy::TypedMatch& found : privacy::FindByRules(folded, rules)) {
    take(found.match, found.type);
  }
  std::vector<privacy::Match> matches;
  for (const privacy::Detector& detector : privacy::Detectors()) {
    if (rules.keep.count(detector.type) > 0) continue;
    matches.clear();
    detector.find(folded, &matches);
    for (const privacy::Match& match : matches) take(match, detector.type);
  }
  std::sort(spans.begin(), spans.end(),
            [](const PiiSpan& a, const PiiSpan& b) { return a.start < b.start; });
  return spans;
}

// Adds spans of the masked text to those that it was masked with, as offsets in the original text.
// A span of the masked text never touches a placeholder.
std::vector<PiiSpan> Merge(const std::vector<PiiSpan>& known, std::vector<PiiSpan> found) {
  std::vector<PiiSpan> merged;
  size_t masked = 0;    // what the placeholders so far are long
  size_t original = 0;  // what they stand for
  auto next = found.begin();
  const auto take_before = [&](size_t start) {
    for (; next != found.end() && next->start + original - masked < start; ++next) {
      merged.push_back(
          {next->start + original - masked, next->end + original - masked, next->type});
    }
  };
  for (const PiiSpan& span : known) {
    take_before(span.start);
    merged.push_back(span);
    masked += privacy::Placeholder(span.type).size();
    original += span.end - span.start;
  }
  take_before(std::string_view::npos);
  return merged;
}

}  // namespace

Redaction Redact(std::string_view text) { return Redact(text, RedactionRules()); }

Redaction Redact(std::string_view text, const RedactionRules& rules) {
  Redaction redaction;
  redaction.text = text;
  for (int round = 0; round < kMaxRounds; ++round) {
    std::vector<PiiSpan> found = FindSpans(redaction.text, rules.compiled());
    if (found.empty()) break;
    redaction.spans = Merge(redaction.spans, std::move(found));
    redaction.text = Replace(text, redaction.spans);
  }
  return redaction;
}

}  // namespace selvedge
