#pragma once
// The characters by which byte-level BPE vocabularies spell bytes.

#include <optional>
#include <string>
#include <string_view>

namespace selvedge::inference {

// The bytes that a token's text stands for; nothing if it has a character outside the alphabet.
// Printable Latin-1 characters stand for themselves, the other 68 bytes in order for U+0100 on.
// Source: the byte encoder of GPT-2's published encoder.py.
std::optional<std::string> BytesOfToken(std::string_view text);

}  // namespace selvedge::inference
