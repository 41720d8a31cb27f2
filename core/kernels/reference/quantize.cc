// Source of the layouts: ggml block_q8_0 and block_q4_0 (docs/formats). Compiled without
// contraction of a*b+c, so that the bytes are the same on every processor.

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/kernels/reference/half.h"
#include "core/kernels/reference/reference.h"

namespace selvedge::kernels::reference {
namespace {

constexpr size_t kBlock = 32;
constexpr size_t kLargeBlock = 256;
constexpr size_t kQ8Bytes = 34;  // half d; int8 q[32]
constexpr size_t kQ4Bytes = 18;  // half d; nibbles: q[j] low, q[j + 16] high

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

int NibbleOf(float scaled) {
  // Comparing before converting keeps NaN and infinity away from the undefined conversion.
  const float shifted = scaled + 8.5f;
  if (!(shifted > 0)) return 0;
  return shifted < 15.0f ? static_cast<int>(shifted) : 15;
}

void QuantizeQ4(const float* src, uint8_t* dst, size_t n) {
  for (size_t b = 0; b < n / kBlock; ++b, src += kBlock, dst += kQ4Bytes) {
    float largest = 0, signed_largest = 0;
    for (size_t j = 0; j < kBlock; ++j) {
      if (std::fabs(src[j]) > largest) {
        largest = std::fabs(src[j]);
        signed_largest = src[j];
      }
    }
    const float d = signed_largest / -8.0f;
    const float inverse = d != 0 ? 1.0f / d : 0.0f;
    StoreU16(dst, FloatToHalf(d));
    for (size_t j = 0; j < kBlock / 2; ++j) {
      const int low = NibbleOf(src[j] * inverse);
      const int high = NibbleOf(src[j + kBlock / 2] * inverse);
      dst[2 + j] = static_cast<uint8_t>(low | high << 4);
    }
  }
}

}  // namespace

bool QuantizeRow(core::DType type, const float* src, uint8_t* dst, size_t n) {
  switch (type) {
    case core::DType::kF32:
      std::memcpy(dst, src, n * sizeof(float));
      return true;
    case core::DType::kF16:
      for (size_t i = 0; i < n; ++i) StoreU16(dst + 2 * i, FloatToHalf(src[i]));
      return true;
    case core::DType::kBF16:
      for (size_t i = 0; i < n; ++i) StoreU16(dst + 2 * i, FloatToBfloat16(src[i]));
      return true;
    case core::DType::kQ8_0:
      QuantizeQ8(src, dst, n);
      return true;
    case core::DType::kQ4_0:
      QuantizeQ4(src, dst, n);
      return true;
    default:
      return false;
  }
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
