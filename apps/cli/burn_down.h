#pragma once
// What is left of the privacy budget over time, as text for a terminal and as an SVG picture.

#include <string>

#include <selvedge/home.h>

namespace selvedge::cli {

// A step plot of at most `width` columns (at least 30), with its axes; empty without a release.
std::string BurnDownText(const PrivacyStatus& status, int width);

// The same, and the blocks beside it, as a stand-alone SVG document.
std::string BurnDownSvg(const PrivacyStatus& status);

}  // namespace selvedge::cli
