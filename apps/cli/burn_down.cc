#include "apps/cli/burn_down.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "apps/cli/output.h"

namespace selvedge::cli {
namespace {

constexpr int kRows = 8;

std::string Padded(const std::string& text, size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

std::string Fixed(double v) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f", v);
  return text;
}

// Points of a polyline that goes down in steps: one step for each release.
std::string StepPath(const PrivacyStatus& status, double left, double top, double width,
                     double height) {
  const auto y = [&](double epsilon) {
    return top + height * (1 - epsilon / status.epsilon_budget);
  };
  const double column = width / static_cast<double>(status.burn_down.size() + 1);
  std::string path = Fixed(left) + "," + Fixed(y(status.epsilon_budget));
  double x = left;
  double before = status.epsilon_budget;
  for (const BurnDownPoint& point : status.burn_down) {
    x += column;
    path += " " + Fixed(x) + "," + Fixed(y(before)) + " " + Fixed(x) + "," +
            Fixed(y(point.epsilon_left));
    before = point.epsilon_left;
  }
  return path + " " + Fixed(left + width) + "," + Fixed(y(before));
}

std::string Label(double x, double y, const char* anchor, const std::string& text) {
  return "<text x=\"" + Fixed(x) + "\" y=\"" + Fixed(y) + "\" text-anchor=\"" + anchor + "\">" +
         text + "</text>\n";
}

// One bar for each block: what its groups have left, from least to most spent.
std::string Blocks(const PrivacyStatus& status, double left, double top, double width,
                   double height) {
  std::string svg;
  const double column = width / static_cast<double>(std::max<size_t>(1, status.blocks.size()));
  for (size_t i = 0; i < status.blocks.size(); ++i) {
    const BudgetBlock& block = status.blocks[i];
    const double most = std::max(0.0, 1 - block.epsilon_least / status.epsilon_budget);
    const double x = left + column * static_cast<double>(i);
    svg += "<rect class=\"" + std::string(block.retired == block.groups ? "retired" : "open") +
           "\" x=\"" + Fixed(x + 2) + "\" y=\"" + Fixed(top + height * (1 - most)) + "\" width=\"" +
           Fixed(std::max(1.0, column - 4)) + "\" height=\"" + Fixed(height * most) + "\"><title>" +
           block.arrived + ": " + std::to_string(block.groups) + " groups, " +
           std::to_string(block.retired) + " retired</title></rect>\n";
    if (column >= 60) svg += Label(x + column / 2, top + height + 16, "middle", block.arrived);
  }
  return svg;
}

}  // namespace

std::string BurnDownText(const PrivacyStatus& status, int width) {
  if (status.burn_down.empty()) return "";
  const std::string top = NumberText(status.epsilon_budget);
  const size_t margin = std::max<size_t>(top.size(), 1);
  const auto columns = static_cast<size_t>(std::max(30, width)) - margin - 3;
  // Releases have equal shares of the width; the last value runs to the right edge.
  const size_t points = status.burn_down.size() + 1;
  std::string text = "epsilon left, of the group that spent most\n";
  for (int row = kRows; row >= 1; --row) {
    const double from = status.epsilon_budget * (row - 0.5) / kRows;
    text += Padded(row == kRows ? top : "", margin) + " |";
    for (size_t c = 0; c < columns; ++c) {
      const size_t at = c * points / columns;
      const double left = at == 0 ? status.epsilon_budget : status.burn_down[at - 1].epsilon_left;
      text += left >= from ? '#' : ' ';
    }
    while (text.back() == ' ') text.pop_back();
    text += "\n";
  }
  text += Padded("0", margin) + " +" + std::string(columns, '-') + "\n";
  const std::string first = status.burn_down.front().at.substr(0, 10);
  const std::string last = status.burn_down.back().at.substr(0, 10);
  return text + std::string(margin + 2, ' ') + first +
         std::string(columns > 20 ? columns - 20 : 1, ' ') + last + "\n";
}

std::string BurnDownSvg(const PrivacyStatus& status) {
  constexpr double kLeft = 60, kTop = 40, kWidth = 520, kHeight = 160, kSecond = 270;
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 620 470\" "
      "font-family=\"sans-serif\" "
      "font-size=\"12\">\n<style>rect.open{fill:#3a7}rect.retired{fill:#bbb}polyline{fill:none;"
      "stroke:#25c;stroke-width:2}line{stroke:#444}</style>\n";
  svg += Label(kLeft, 24, "start",
               "Privacy budget left, of the group that spent most (epsilon, delta " +
                   NumberText(status.delta) + ", unit " + status.unit + ")");
  svg += Label(kLeft, kSecond - 16, "start",
               "Budget left of the groups that came in on one day (grey: retired)");
  for (const double top : {kTop, kSecond}) {
    svg += Label(kLeft - 8, top + 10, "end", NumberText(status.epsilon_budget));
    svg += Label(kLeft - 8, top + kHeight, "end", "0");
    svg += "<line x1=\"60\" x2=\"580\" y1=\"" + Fixed(top + kHeight) + "\" y2=\"" +
           Fixed(top + kHeight) + "\"/>\n<line x1=\"60\" x2=\"60\" y1=\"" + Fixed(top) +
           "\" y2=\"" + Fixed(top + kHeight) + "\"/>\n";
  }
  svg += "<polyline points=\"" + StepPath(status, kLeft, kTop, kWidth, kHeight) + "\"/>\n";
  if (!status.burn_down.empty()) {
    svg += Label(kLeft, kTop + kHeight + 16, "start", status.burn_down.front().at.substr(0, 10));
    svg +=
        Label(kLeft + kWidth, kTop + kHeight + 16, "end", status.burn_down.back().at.substr(0, 10));
  }
  return svg + Blocks(status, kLeft, kSecond, kWidth, kHeight) + "</svg>\n";
}

}  // namespace selvedge::cli
