#pragma once
// Shows text from an outside file in an error message.

#include <string>
#include <string_view>

namespace selvedge::untrusted {

// 'text' in quotes: at most 64 bytes, everything but printable ASCII as \xNN.
std::string Quote(std::string_view text);

}  // namespace selvedge::untrusted
