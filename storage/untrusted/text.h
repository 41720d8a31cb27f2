#pragma once
// Text found in files from outside: is it valid, and how to show it in an error message.

#include <string>
#include <string_view>

namespace selvedge::untrusted {

// Unicode 15 table 3-7: shortest forms only, no surrogates, nothing above U+10FFFF.
bool IsUtf8(std::string_view text);

// 'text' in quotes for an error message: at most 64 bytes, everything but printable ASCII as \xNN.
std::string Quote(std::string_view text);

// The last component of a path: what an error message may show of it.
std::string BaseName(std::string_view path);

}  // namespace selvedge::untrusted
