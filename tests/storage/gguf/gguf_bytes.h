#pragma once
// Builds GGUF bytes field by field, good or bad, without the product's writer.

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/gguf/gguf_file.h"

namespace selvedge::gguf {

class Bytes {
 public:
  template <typename T>
  Bytes& Put(T value) {
    uint8_t bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    for (const uint8_t byte : bytes) data.push_back(byte);
    return *this;
  }
  Bytes& U8(uint8_t v) { return Put(v); }
  Bytes& U32(uint32_t v) { return Put(v); }
  Bytes& U64(uint64_t v) { return Put(v); }
  Bytes& Raw(std::string_view text) {
    data.insert(data.end(), text.begin(), text.end());
    return *this;
  }
  Bytes& Text(std::string_view text) { return U64(text.size()).Raw(text); }
  Bytes& Zeros(size_t n) {
    data.resize(data.size() + n, 0);
    return *this;
  }
  Bytes& PadTo(size_t alignment) {
    while (data.size() % alignment != 0) data.push_back(0);
    return *this;
  }

  // magic, version 3, counts
  Bytes& Preamble(uint64_t tensors, uint64_t keys) {
    return Raw("GGUF").U32(3).U64(tensors).U64(keys);
  }
  Bytes& Key(std::string_view key, ValueType type) {
    return Text(key).U32(static_cast<uint32_t>(type));
  }
  Bytes& Tensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type,
                uint64_t offset) {
    Text(name).U32(static_cast<uint32_t>(dims.size()));
    for (const uint64_t dim : dims) U64(dim);
    return U32(type).U64(offset);
  }

  std::vector<uint8_t> data;
};

// `bytes` must outlive the result.
inline Result<std::shared_ptr<const File>> ParseBytes(const std::vector<uint8_t>& bytes) {
  return File::Parse(core::MappedFile::Wrap(bytes, "test.gguf"));
}

}  // namespace selvedge::gguf
