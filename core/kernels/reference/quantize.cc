// Source of the layouts: ggml block_q8_0, block_q4_0, block_q4_1, block_q5_0, block_q5_1
// (block_runs.h); their quantizers are bit-exact with ggml's reference ones. Compiled without
// contraction of a*b+c, so that the bytes are the same on every processor.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "core/kernels/reference/half.h"
#include "core/kernels/reference/quantize_k.h"
#include "core/kernels/reference/reference.h"

namespace selvedge::kernels::reference {
namespace {

constexpr size_t kBlock = 32;
constexpr size_t kLargeBlock = 256;
constexpr size_t kQ8Bytes = 34;  // half d; int8 q[32]

void StoreU16(uint8_t* p, uint16_t value) {
  p[0] = static_cast<uint8_t>(value);
  p[1] = static_cast<uint8_t>(value >> 8);
}

void QuantizeQ8(const float* src, uint8_t* dst, size_t n) {
  for (size_t b = 0; b < n / kBlock; ++b, src += kBlock, dst += kQ8Bytes) {
    float largest = 0;
    for (size_t j = 0; j < kBlock; ++j) largest = std::max(largest, std::fabs(src[j]));
    const float d = largest / 127.0f;
    const float inverse = d != 0 ? 1.0f / d : 0.0f;
    StoreU16(dst, FloatToHalf(d));
    for (size_t j = 0; j < kBlock; ++j) {
      const float q = std::round(src[j] * inverse);
      dst[2 + j] = static_cast<uint8_t>(
          static_cast<int8_t>(std::isfinite(q) ? std::clamp(q, -127.0f, 127.0f) : 0.0f));
    }
  }
}

// The integer part of `shifted`, in [0, most]. Comparing before converting keeps NaN and infinity
// away from the undefined conversion.
int LevelOf(float shifted, int most) {
  if (!(shifted > 0)) return 0;
  return shifted < static_cast<float>(most) ? static_cast<int>(shifted) : most;
}

// Low nibbles first; returns bit 4 of level j as bit j.
uint32_t StoreLevels(const int* levels, uint8_t* nibbles) {
  uint32_t fifth_bits = 0;
  for (size_t j = 0; j < kBlock; ++j) {
    fifth_bits |= static_cast<uint32_t>(levels[j] >> 4) << j;
  }
  for (size_t j = 0; j < kBlock / 2; ++j) {
    nibbles[j] = static_cast<uint8_t>((levels[j] & 15) | (levels[j + 16] & 15) << 4);
  }
  return fifth_bits;
}

void StoreU32(uint8_t* p, uint32_t value) {
  for (size_t i = 0; i < 4; ++i) p[i] = static_cast<uint8_t>(value >> (8 * i));
}

// Levels around `half` of them: the value of largest magnitude becomes 0, so d = -x / half.
float SymmetricLevels(const float* src, int half, int* levels) {
  float largest = 0, signed_largest = 0;
  for (size_t j = 0; j < kBlock; ++j) {
    if (std::fabs(src[j]) > largest) {
      largest = std::fabs(src[j]);
      signed_largest = src[j];
    }
  }
  const float d = signed_largest / static_cast<float>(-half);
  const float inverse = d != 0 ? 1.0f / d : 0.0f;
  for (size_t j = 0; j < kBlock; ++j) {
    const float scaled = src[j] * inverse;
    levels[j] = LevelOf(scaled + (static_cast<float>(half) + 0.5f), 2 * half - 1);
  }
  return d;
}

// Levels from the smallest value up to the largest.
float SpanLevels(const float* src, int most, float* min, int* levels) {
  float low = std::numeric_limits<float>::max(), high = -std::numeric_limits<float>::max();
  for (size_t j = 0; j < kBlock; ++j) {
    low = src[j] < low ? src[j] : low;
    high = src[j] > high ? src[j] : high;
  }
  const float d = (high - low) / static_cast<float>(most);
  const float inverse = d != 0 ? 1.0f / d : 0.0f;
  for (size_t j = 0; j < kBlock; ++j) {
    const float scaled = (src[j] - low) * inverse;
    levels[j] = LevelOf(scaled + 0.5f, most);
  }
  *min = low;
  return d;
}

void QuantizeQ4_0(const float* src, uint8_t* dst, size_t n) {
  for (size_t b = 0; b < n / kBlock; ++b, src += kBlock, dst += 18) {
    int levels[kBlock];
    StoreU16(dst, FloatToHalf(SymmetricLevels(src, 8, levels)));
    StoreLevels(levels, dst + 2);
  }
}

void QuantizeQ5_0(const float* src, uint8_t* dst, size_t n) {
  for (size_t b = 0; b < n / kBlock; ++b, src += kBlock, dst += 22) {
    int levels[kBlock];
    StoreU16(dst, FloatToHalf(SymmetricLevels(src, 16, levels)));
    StoreU32(dst + 2, StoreLevels(levels, dst + 6));
  }
}

void QuantizeQ4_1(const float* src, uint8_t* dst, size_t n) {
  for (size_t b = 0; b < n / kBlock; ++b, src += kBlock, dst += 20) {
    int levels[kBlock];
    float min;
    StoreU16(dst, FloatToHalf(SpanLevels(src, 15, &min, levels)));
    StoreU16(dst + 2, FloatToHalf(min));
    StoreLevels(levels, dst + 4);
  }
}

void QuantizeQ5_1(const float* src, uint8_t* dst, size_t n) {
  for (size_t b = 0; b < n / kBlock; ++b, src += kBlock, dst += 24) {
    int levels[kBlock];
    float min;
    StoreU16(dst, FloatToHalf(SpanLevels(src, 31, &min, levels)));
    StoreU16(dst + 2, FloatToHalf(min));
    StoreU32(dst + 4, StoreLevels(levels, dst + 8));
  }
}

using QuantizeFn = void (*)(const float* src, uint8_t* dst, size_t n);

void CopyF32(const float* src, uint8_t* dst, size_t n) { std::memcpy(dst, src, n * sizeof(float)); }

void QuantizeF16(const float* src, uint8_t* dst, size_t n) {
  for (size_t i = 0; i < n; ++i) StoreU16(dst + 2 * i, FloatToHalf(src[i]));
}

void QuantizeBf16(const float* src, uint8_t* dst, size_t n) {
  for (size_t i = 0; i < n; ++i) StoreU16(dst + 2 * i, FloatToBfloat16(src[i]));
}

constexpr struct {
  core::DType type;
  QuantizeFn quantize;
} kQuantizers[] = {
    {core::DType::kF32, CopyF32},       {core::DType::kF16, QuantizeF16},
    {core::DType::kBF16, QuantizeBf16}, {core::DType::kQ8_0, QuantizeQ8},
    {core::DType::kQ4_0, QuantizeQ4_0}, {core::DType::kQ4_1, QuantizeQ4_1},
    {core::DType::kQ5_0, QuantizeQ5_0}, {core::DType::kQ5_1, QuantizeQ5_1},
    {core::DType::kQ4_K, QuantizeQ4_K}, {core::DType::kQ5_K, QuantizeQ5_K},
    {core::DType::kQ6_K, QuantizeQ6_K},
};

}  // namespace

bool QuantizeRow(core::DType type, const float* src, uint8_t* dst, size_t n) {
  for (const auto& quantizer : kQuantizers) {
    if (quantizer.type != type) continue;
    quantizer.quantize(src, dst, n);
    return true;
  }
  return false;
}

float NearestHalf(float exact) {
  const float half = HalfToFloat(FloatToHalf(exact));
  return std::isfinite(half) ? half : exact;
}

void QuantizeActivations(const float* x, size_t n, int8_t* q, float* scales, int32_t* sums,
                         float* weighted_sums) {
  for (size_t b = 0; b < n / kBlock; ++b, x += kBlock, q += kBlock) {
    float largest = 0;
    for (size_t j = 0; j < kBlock; ++j) largest = std::max(largest, std::fabs(x[j]));
    // A NaN or infinity must reach the output: an infinite scale times q gives one.
    bool finite = true;
    for (size_t j = 0; j < kBlock; ++j) finite = finite && std::isfinite(x[j]);
    const float inverse = finite && largest > 0 ? 127.0f / largest : 0.0f;
    const float scale = finite ? largest / 127.0f : std::nanf("");
    int32_t sum = 0;
    for (size_t j = 0; j < kBlock; ++j) {
      q[j] = finite
                 ? static_cast<int8_t>(std::clamp(std::nearbyint(x[j] * inverse), -127.0f, 127.0f))
                 : int8_t{0};
      sum += q[j];
    }
    scales[b] = NearestHalf(scale);
    sums[b] = sum;
    weighted_sums[b] = NearestHalf(scale * static_cast<float>(sum));
  }
}

void QuantizeActivations256(const float* x, size_t n, int8_t* q, float* scales, int16_t* sums16) {
  for (size_t b = 0; b < n / kLargeBlock; ++b, x += kLargeBlock, q += kLargeBlock) {
    float largest = 0, signed_largest = 0;
    bool finite = true;
    for (size_t j = 0; j < kLargeBlock; ++j) {
      finite = finite && std::isfinite(x[j]);
      if (std::fabs(x[j]) > largest) {
        largest = std::fabs(x[j]);
        signed_largest = x[j];
      }
    }
    // Below 1e-36 the inverse would not be finite.
    const float inverse = finite && largest >= 1e-36f ? -127.0f / signed_largest : 0.0f;
    scales[b] = !finite ? std::nanf("") : inverse != 0 ? 1.0f / inverse : 0.0f;
    for (size_t j = 0; j < kLargeBlock; ++j) {
      const float rounded = finite ? std::nearbyint(inverse * x[j]) : 0.0f;
      q[j] = static_cast<int8_t>(std::clamp(rounded, -127.0f, 127.0f));
    }
    for (size_t i = 0; i < kLargeBlock; i += 16, ++sums16) {
      int sum = 0;
      for (size_t j = 0; j < 16; ++j) sum += q[i + j];
      *sums16 = static_cast<int16_t>(sum);
    }
  }
}

}  // namespace selvedge::kernels::reference
