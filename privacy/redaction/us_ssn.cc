#include "privacy/redaction/detector.h"
#include "privacy/redaction/digit_groups.h"

namespace selvedge::privacy {
namespace {

constexpr GapRule kSsnGaps = {"- ", 1};
constexpr size_t kReach = 32;

bool NoGroupIsZero(std::string_view d) {
  return d.substr(0, 3) != "000" && d.substr(3, 2) != "00" && d.substr(5) != "0000";
}

}  // namespace

// AAA-GG-SSSS with one kind of separator, or nine digits after a word that says so. Area numbers
// that were never issued (9xx and 666) count as well: individual taxpayer numbers and mistypings
// look so.
void FindUsSsns(const FoldedText& text, std::vector<Match>* matches) {
  for (size_t pos = 0; pos < text.size();) {
    const std::vector<DigitGroup> g = NextDigitRun(text, kSsnGaps, &pos);
    if (g.empty() || !IsEdge(text.before(g.front().begin)) || !IsEdge(text.at(g.back().end)))
      continue;
    const bool grouped = g.size() == 3 && g[0].size() == 3 && g[1].size() == 2 &&
                         g[2].size() == 4 && text.at(g[0].end) == text.at(g[1].end);
    const bool compact =
        g.size() == 1 && g[0].size() == 9 &&
        HasContextBefore(text, g[0].begin, kReach, {"ssn", "social", "itin", "taxpayer"});
    if ((grouped || compact) && NoGroupIsZero(JoinDigits(text, g, 0, g.size()))) {
      matches->push_back({g.front().begin, g.back().end});
    }
  }
}

}  // namespace selvedge::privacy
