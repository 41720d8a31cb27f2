#pragma once
// Reads the JSON header of a safetensors file as a stream of events, so that nothing is built for a
// header that breaks a rule or a limit.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <selvedge/status.h>

#include "storage/safetensors/safetensors.h"

namespace selvedge::safetensors {

struct HeaderEntry {
  std::string name;
  ElementType type = ElementType::kF32;
  std::vector<uint64_t> shape;
  uint64_t begin = 0, end = 0;  // bytes from the start of the data
};

struct Header {
  std::map<std::string, std::string> metadata;
  std::vector<HeaderEntry> entries;  // in the order of the header, names unique
};

// Messages have no file name. kFormat, kLimit, kIncompatible.
Result<Header> ReadHeader(std::string_view json);

}  // namespace selvedge::safetensors
