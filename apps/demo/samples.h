#pragma once
// The sample records (samples/README.md) as part of the program, so that an installed one needs no
// files.

#include <string_view>

namespace selvedge::demo {

std::string_view TrainSamples();    // JSON lines
std::string_view HeldoutSamples();  // JSON lines, later than all of the above

}  // namespace selvedge::demo
