#pragma once
// Reads little-endian fields from bytes of unknown origin without ever passing their end.

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

namespace selvedge::untrusted {

static_assert(std::endian::native == std::endian::little, "file formats are read in place");

class ByteCursor {
 public:
  explicit ByteCursor(std::span<const uint8_t> bytes) : bytes_(bytes) {}

  uint64_t position() const { return position_; }
  uint64_t remaining() const { return bytes_.size() - position_; }

  // False, and nothing moves, if fewer bytes are left than the field needs.
  template <typename T>
  bool Read(T* out) {
    static_assert(std::is_arithmetic_v<T> && !std::is_same_v<T, bool>);
    if (remaining() < sizeof(T)) return false;
    std::memcpy(out, bytes_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return true;
  }

  bool ReadBytes(uint64_t size, std::span<const uint8_t>* out) {
    if (remaining() < size) return false;
    *out = bytes_.subspan(position_, size);
    position_ += size;
    return true;
  }

  std::span<const uint8_t> Since(uint64_t start) const {
    return bytes_.subspan(start, position_ - start);
  }

 private:
  std::span<const uint8_t> bytes_;
  uint64_t position_ = 0;
};

inline std::string_view AsText(std::span<const uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace selvedge::untrusted
