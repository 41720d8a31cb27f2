// d * scale * level is exact in f32 (reference/block_runs.h), so a fused subtraction of the minimum
// gives the bits of the scalar twin.

#include "core/kernels/arm/arm_kernels.h"
#include "core/kernels/arm/block_values.h"
#include "core/kernels/arm/float_values.h"

namespace selvedge::kernels::arm {
namespace {

template <typename Type>
void DequantizeFloats(const uint8_t* src, float* dst, size_t n) {
  size_t i = 0;
  for (; i + 4 <= n; i += 4) vst1q_f32(dst + i, Type::Load(src + i * Type::kBytes));
  if (i == n) return;
  float tail[4];
  vst1q_f32(tail, LoadTail<Type>(src + i * Type::kBytes, n - i));
  for (size_t j = i; j < n; ++j) dst[j] = tail[j - i];
}

// dst[0..16) = bytes * scale - min.
void Store16(float* dst, int8x16_t bytes, float scale, float min) {
  const int16x8_t halves[2] = {vmovl_s8(vget_low_s8(bytes)), vmovl_high_s8(bytes)};
  const float32x4_t minus = vdupq_n_f32(-min);
  for (size_t h = 0; h < 2; ++h) {
    const int32x4_t low = vmovl_s16(vget_low_s16(halves[h])), high = vmovl_high_s16(halves[h]);
    vst1q_f32(dst + 8 * h, vfmaq_n_f32(minus, vcvtq_f32_s32(low), scale));
    vst1q_f32(dst + 8 * h + 4, vfmaq_n_f32(minus, vcvtq_f32_s32(high), scale));
  }
}

template <typename Type>
void Dequantize32(const uint8_t* row, size_t first, float* dst, size_t n) {
  const uint8_t* block = row + first / 32 * Type::kBytes;
  for (size_t i = 0; i < n; i += 32, block += Type::kBytes, dst += 32) {
    const float d = HalfAt(block);
    float min = 0;
    if constexpr (Type::kMinAt != 0) min = -HalfAt(block + Type::kMinAt);
    const int8x16x2_t q = Type::Load(block);
    Store16(dst, q.val[0], d, min);
    Store16(dst + 16, q.val[1], d, min);
  }
}

// What a block of 256 needs once.
struct BlockValues {
  float scales[16];
  float mins[16];
};

template <typename Type>
void ReadBlock(const uint8_t* block, BlockValues* out) {
  int8_t scales[16];
  vst1q_s8(scales, Type::Scales(block));
  const float d = HalfAt(block + Type::kDAt);
  for (size_t i = 0; i < 16; ++i) out->scales[i] = d * scales[i];
  if constexpr (Type::kMin) {
    uint8_t mins[16];
    vst1q_u8(mins, Type::Mins(block));
    const float dmin = HalfAt(block + Type::kDMinAt);
    for (size_t i = 0; i < 16; ++i) out->mins[i] = dmin * mins[i];
  } else {
    for (float& min : out->mins) min = 0;
  }
}

template <typename Type, int run>
void StoreRun(const uint8_t* block, const BlockValues& values, float* dst) {
  const uint8x16x2_t levels = Type::template Levels<run>(block);
  const int8x16_t offset = vdupq_n_s8(Type::kOffset);
  Store16(dst, vsubq_s8(Signed(levels.val[0]), offset), values.scales[2 * run],
          values.mins[2 * run]);
  Store16(dst + 16, vsubq_s8(Signed(levels.val[1]), offset), values.scales[2 * run + 1],
          values.mins[2 * run + 1]);
}

template <typename Type>
void Dequantize256(const uint8_t* row, size_t first, float* dst, size_t n) {
  using StoreRunFn = void (*)(const uint8_t*, const BlockValues&, float*);
  constexpr StoreRunFn kRuns[8] = {StoreRun<Type, 0>, StoreRun<Type, 1>, StoreRun<Type, 2>,
                                   StoreRun<Type, 3>, StoreRun<Type, 4>, StoreRun<Type, 5>,
                                   StoreRun<Type, 6>, StoreRun<Type, 7>};
  BlockValues values;
  for (size_t i = first; i < first + n; i += 32, dst += 32) {
    const uint8_t* block = row + i / 256 * Type::kBytes;
    if (i == first || i % 256 == 0) ReadBlock<Type>(block, &values);
    kRuns[i % 256 / 32](block, values, dst);
  }
}

}  // namespace

void DequantizeF16_Neon(const uint8_t* row, size_t first, float* dst, size_t n) {
  DequantizeFloats<F16>(row + 2 * first, dst, n);
}

void DequantizeBf16_Neon(const uint8_t* row, size_t first, float* dst, size_t n) {
  DequantizeFloats<Bf16>(row + 2 * first, dst, n);
}

#define SELVEDGE_DEFINE_DEQUANTIZE(type, dequantize)                                     \
  void Dequantize##type##_Neon(const uint8_t* row, size_t first, float* dst, size_t n) { \
    dequantize<type>(row, first, dst, n);                                                \
  }
SELVEDGE_DEFINE_DEQUANTIZE(Q8_0, Dequantize32)
SELVEDGE_DEFINE_DEQUANTIZE(Q4_0, Dequantize32)
SELVEDGE_DEFINE_DEQUANTIZE(Q4_1, Dequantize32)
SELVEDGE_DEFINE_DEQUANTIZE(Q5_0, Dequantize32)
SELVEDGE_DEFINE_DEQUANTIZE(Q5_1, Dequantize32)
SELVEDGE_DEFINE_DEQUANTIZE(IQ4_NL, Dequantize32)
SELVEDGE_DEFINE_DEQUANTIZE(Q2_K, Dequantize256)
SELVEDGE_DEFINE_DEQUANTIZE(Q3_K, Dequantize256)
SELVEDGE_DEFINE_DEQUANTIZE(Q4_K, Dequantize256)
SELVEDGE_DEFINE_DEQUANTIZE(Q5_K, Dequantize256)
SELVEDGE_DEFINE_DEQUANTIZE(Q6_K, Dequantize256)

}  // namespace selvedge::kernels::arm
