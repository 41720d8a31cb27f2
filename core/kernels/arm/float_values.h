#pragma once
// The types of one number per value, four at a time. Anonymous namespace: as in block_values.h.

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace selvedge::kernels::arm {
namespace {

struct F32 {
  static constexpr size_t kBytes = 4;
  static float32x4_t Load(const uint8_t* p) { return vreinterpretq_f32_u8(vld1q_u8(p)); }
};
struct F16 {
  static constexpr size_t kBytes = 2;
  static float32x4_t Load(const uint8_t* p) {
    return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p)));
  }
};
struct Bf16 {
  static constexpr size_t kBytes = 2;
  static float32x4_t Load(const uint8_t* p) {
    return vreinterpretq_f32_u32(vshll_n_u16(vreinterpret_u16_u8(vld1_u8(p)), 16));
  }
};

// The last n < 4 values, and zeros.
template <typename Type>
inline float32x4_t LoadTail(const uint8_t* p, size_t n) {
  uint8_t bytes[16] = {};
  __builtin_memcpy(bytes, p, n * Type::kBytes);
  return Type::Load(bytes);
}

}  // namespace
}  // namespace selvedge::kernels::arm
