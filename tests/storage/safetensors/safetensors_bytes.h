#pragma once
// Builds safetensors bytes from a header given as text, without the product's writer.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/safetensors/safetensors.h"

namespace selvedge::safetensors {

inline std::vector<uint8_t> WithLength(uint64_t length, std::string_view rest) {
  std::vector<uint8_t> out;
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<uint8_t>(length >> (8 * i)));
  out.insert(out.end(), rest.begin(), rest.end());
  return out;
}

inline std::vector<uint8_t> FileBytes(std::string_view header, size_t data_bytes) {
  return WithLength(header.size(), std::string(header) + std::string(data_bytes, '\x01'));
}

// `bytes` must outlive the result.
inline Result<std::shared_ptr<const File>> ParseBytes(const std::vector<uint8_t>& bytes) {
  return File::Parse(core::MappedFile::Wrap(bytes, "test.safetensors"));
}

}  // namespace selvedge::safetensors
