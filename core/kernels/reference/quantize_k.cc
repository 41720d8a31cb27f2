// Source of the layouts: ggml's block_q4_K, block_q5_K, block_q6_K (block_runs.h). Compiled without
// contraction of a*b+c, so that the bytes are the same on every processor.

#include "core/kernels/reference/quantize_k.h"

#include <algorithm>
#include <cstring>

#include "core/kernels/reference/half.h"
#include "core/kernels/reference/scale_search.h"

namespace selvedge::kernels::reference {
namespace {

constexpr size_t kBlock = 256;
constexpr size_t kRun = 32;    // values that share a scale in Q4_K and Q5_K
constexpr size_t kGroup = 16;  // and in Q6_K

void StoreHalf(uint8_t* p, float value) {
  const uint16_t half = FloatToHalf(value);
  p[0] = static_cast<uint8_t>(half);
  p[1] = static_cast<uint8_t>(half >> 8);
}

// 256 values as levels, with 6-bit scales and minima of 8 runs.
struct AffineBlock {
  float d = 0, dmin = 0;  // halves
  uint8_t scale[8] = {}, min[8] = {};
  uint8_t q[kBlock] = {};
};

// Weights: large values matter more, but none nothing.
void AffineWeights(const float* x, float* weights) {
  float square = 0;
  for (size_t i = 0; i < kRun; ++i) square += x[i] * x[i];
  const float rms = std::sqrt(square / kRun);
  for (size_t i = 0; i < kRun; ++i) weights[i] = rms + std::fabs(x[i]);
}

AffineBlock FitBlock(const float* x, float levels, Grid grid) {
  AffineBlock out;
  float weights[kRun];
  Affine fits[8];
  float max_scale = 0, max_min = 0;
  for (size_t run = 0; run < 8; ++run) {
    AffineWeights(x + run * kRun, weights);
    fits[run] = FitAffine<kRun>(x + run * kRun, weights, levels, grid, out.q + run * kRun);
    max_scale = std::max(max_scale, fits[run].scale);
    max_min = std::max(max_min, fits[run].min);
  }
  out.d = HalfToFloat(FloatToHalf(max_scale / 63));
  out.dmin = HalfToFloat(FloatToHalf(max_min / 63));
  const float inverse_scale = max_scale > 0 ? 63 / max_scale : 0;
  const float inverse_min = max_min > 0 ? 63 / max_min : 0;
  for (size_t run = 0; run < 8; ++run) {
    out.scale[run] = static_cast<uint8_t>(Level(inverse_scale * fits[run].scale, 0, 63));
    out.min[run] = static_cast<uint8_t>(Level(inverse_min * fits[run].min, 0, 63));
    const float scale = out.d * static_cast<float>(out.scale[run]);
    const float min = out.dmin * static_cast<float>(out.min[run]);
    for (size_t i = run * kRun; scale != 0 && i < (run + 1) * kRun; ++i) {
      out.q[i] = static_cast<uint8_t>(Level((x[i] + min) / scale, 0, levels));
    }
  }
  return out;
}

// d, dmin and the twelve bytes of scales and minima.
void StoreScales(const AffineBlock& block, uint8_t* dst) {
  StoreHalf(dst, block.d);
  StoreHalf(dst + 2, block.dmin);
  for (size_t j = 0; j < 4; ++j) {
    dst[4 + j] = static_cast<uint8_t>(block.scale[j] | block.scale[4 + j] >> 4 << 6);
    dst[8 + j] = static_cast<uint8_t>(block.min[j] | block.min[4 + j] >> 4 << 6);
    dst[12 + j] = static_cast<uint8_t>((block.scale[4 + j] & 15) | (block.min[4 + j] & 15) << 4);
  }
}

void StoreNibbles(const AffineBlock& block, uint8_t* dst) {
  for (size_t i = 0; i < 4; ++i) {
    const uint8_t* low = block.q + 2 * kRun * i;
    for (size_t j = 0; j < kRun; ++j) {
      dst[kRun * i + j] = static_cast<uint8_t>((low[j] & 15) | (low[kRun + j] & 15) << 4);
    }
  }
}

// 256 values as levels of [-32, 31], with 8-bit scales of 16 groups.
struct SymmetricBlock {
  float d = 0;  // a half
  int8_t scale[16] = {};
  int8_t q[kBlock] = {};
};

SymmetricBlock FitSymmetricBlock(const float* x) {
  SymmetricBlock out;
  float fits[16], largest = 0;
  for (size_t g = 0; g < 16; ++g) {
    fits[g] = FitSymmetric<kGroup>(x + g * kGroup, 32);
    largest = std::fabs(fits[g]) > std::fabs(largest) ? fits[g] : largest;
  }
  if (!(std::fabs(largest) >= 1e-15f)) return out;
  const float inverse = -128.0f / largest;
  out.d = HalfToFloat(FloatToHalf(1 / inverse));
  for (size_t g = 0; g < 16; ++g) {
    out.scale[g] = static_cast<int8_t>(Level(inverse * fits[g], -128, 127));
    const float step = out.d * static_cast<float>(out.scale[g]);
    for (size_t i = g * kGroup; step != 0 && i < (g + 1) * kGroup; ++i) {
      out.q[i] = static_cast<int8_t>(Level(x[i] / step, -32, 31));
    }
  }
  return out;
}

void StoreQ6_K(const SymmetricBlock& block, uint8_t* dst) {
  for (size_t half = 0; half < 2; ++half) {
    for (size_t j = 0; j < kRun; ++j) {
      int q[4];
      for (size_t part = 0; part < 4; ++part) q[part] = block.q[128 * half + 32 * part + j] + 32;
      dst[64 * half + j] = static_cast<uint8_t>((q[0] & 15) | (q[2] & 15) << 4);
      dst[64 * half + 32 + j] = static_cast<uint8_t>((q[1] & 15) | (q[3] & 15) << 4);
      dst[128 + 32 * half + j] =
          static_cast<uint8_t>(q[0] >> 4 | q[1] >> 4 << 2 | q[2] >> 4 << 4 | q[3] >> 4 << 6);
    }
  }
  std::memcpy(dst + 192, block.scale, sizeof block.scale);
  StoreHalf(dst + 208, block.d);
}

}  // namespace

void QuantizeQ4_K(const float* src, uint8_t* dst, size_t n) {
  for (size_t b = 0; b < n / kBlock; ++b, src += kBlock, dst += 144) {
    const AffineBlock block = FitBlock(src, 15, {-1.0f, 20});
    StoreScales(block, dst);
    StoreNibbles(block, dst + 16);
  }
}

void QuantizeQ5_K(const float* src, uint8_t* dst, size_t n) {
  for (size_t b = 0; b < n / kBlock; ++b, src += kBlock, dst += 176) {
    const AffineBlock block = FitBlock(src, 31, {-0.5f, 15});
    StoreScales(block, dst);
    for (size_t j = 0; j < kRun; ++j) {
      uint8_t high = 0;
      for (size_t run = 0; run < 8; ++run) {
        high = static_cast<uint8_t>(high | block.q[run * kRun + j] >> 4 << run);
      }
      dst[16 + j] = high;
    }
    StoreNibbles(block, dst + 48);
  }
}

void QuantizeQ6_K(const float* src, uint8_t* dst, size_t n) {
  for (size_t b = 0; b < n / kBlock; ++b, src += kBlock, dst += 210) {
    StoreQ6_K(FitSymmetricBlock(src), dst);
  }
}

}  // namespace selvedge::kernels::reference
