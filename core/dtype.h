#pragma once
// Tensor element types, numbered as in GGUF (ggml_type), and the geometry of their blocks.

#include <cstddef>
#include <cstdint>
#include <span>

namespace selvedge::core {

enum class DType : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIQ4_NL = 20,
  kI8 = 24,
  kI16 = 25,
  kI32 = 26,
  kI64 = 27,
  kF64 = 28,
  kBF16 = 30,
};

struct DTypeInfo {
  DType type;
  const char* name;       // "Q8_0"
  uint32_t block_values;  // values in a block
  uint32_t block_bytes;   // bytes of a block
  bool has_kernels;       // core/kernels can multiply with it
  uint32_t halves_at;     // where in a block its f16 numbers lie: scales, or the value itself
  uint32_t halves;        // and how many follow each other
  // Values of a row can be read from any multiple of this on: blocks of 256 consist of such runs.
  uint32_t run_values() const { return block_values < 32 ? block_values : 32; }
};

// Every type, in the order of its number.
std::span<const DTypeInfo> DTypes();

// Null if `id` names no type that Selvedge knows (removed and unknown ids alike).
const DTypeInfo* FindDType(uint32_t id);
inline const DTypeInfo* FindDType(DType type) { return FindDType(static_cast<uint32_t>(type)); }

// Bytes of a row of n values; n must be a multiple of block_values.
inline size_t RowBytes(const DTypeInfo& info, size_t n) {
  return n / info.block_values * info.block_bytes;
}

}  // namespace selvedge::core
