#pragma once
// Recognises files that people hand over by mistake, so that the error can say what they are.

#include <cstdint>
#include <span>
#include <string_view>

namespace selvedge::untrusted {

// E.g. "a Git LFS pointer, not the file itself (fetch it with `git lfs pull`)"; empty if nothing is
// recognised. GGUF and safetensors are recognised too: each reader asks only about foreign bytes.
std::string_view DescribeFileKind(std::span<const uint8_t> bytes);

}  // namespace selvedge::untrusted
