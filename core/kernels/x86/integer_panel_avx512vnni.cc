#include <immintrin.h>

#include "core/kernels/x86/store_8x8.h"
#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

constexpr size_t kCols = kPanel8x8Cols;
constexpr size_t kTokens = 6;  // 6 x (2 integer + 2 float) accumulators + 2 weights + 1 activation

float ScaleOf(const uint8_t* block) {
  return _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(block[0] | block[1] << 8)));
}

__m256i BlockQ8(const uint8_t* block) {  // q + 128
  return _mm256_xor_si256(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(block + 2)),
                          _mm256_set1_epi8(-128));
}

__m256i BlockQ4(const uint8_t* block) {  // q + 8
  const __m128i q = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + 2));
  const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(q), _mm_srli_epi16(q, 4), 1);
  return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

__m256i BlockQ5(const uint8_t* block) {  // q + 16
  uint32_t fifth;
  __builtin_memcpy(&fifth, block + 2, sizeof fifth);
  const __m256i nibbles = BlockQ4(block + 4);
  return _mm256_mask_add_epi8(nibbles, fifth, nibbles, _mm256_set1_epi8(16));
}

__m256i BlockIq4Nl(const uint8_t* block) {  // q + 128
  const __m128i levels = _mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, -127, -115, -103, -90, -75,
                                       -59, -39, -15);  // unsigned
  return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(levels), BlockQ4(block));
}

template <__m256i (*Load)(const uint8_t*), size_t BlockBytes>
void Pack(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, uint8_t* panel,
          float* scales) {
  for (size_t b = 0; b < k / 32; ++b, w += BlockBytes, panel += 32 * kCols, scales += kCols) {
    for (size_t group = 0; group < kCols; group += 8) {
      __m256i r[8];
#pragma GCC unroll 8
      for (size_t i = 0; i < 8; ++i) {
        const bool present = group + i < rows;
        const uint8_t* block = w + (group + i) * row_bytes;
        r[i] = present ? Load(block) : _mm256_setzero_si256();
        scales[group + i] = present ? ScaleOf(block) : 0.0f;
      }
      Store8x8(r, panel + group * 4);
    }
  }
}

template <size_t Tokens>
void Multiply(size_t k, const QuantizedActivations& x, int32_t offset, const uint8_t* panel,
              const float* scales, const PanelSums& sums) {
  __m512 acc[Tokens][2];
#pragma GCC unroll 6
  for (size_t t = 0; t < Tokens; ++t) {
    const float* y = sums.y + t * sums.ldy;
    acc[t][0] = sums.first ? _mm512_setzero_ps() : _mm512_loadu_ps(y);
    acc[t][1] = sums.first ? _mm512_setzero_ps() : _mm512_loadu_ps(y + 16);
  }
  const size_t scale_stride = x.stride / 32;
  for (size_t b = 0; b < k / 32; ++b, scales += kCols) {
    __m512i sum[Tokens][2];
#pragma GCC unroll 6
    for (size_t t = 0; t < Tokens; ++t) {
      sum[t][0] = _mm512_set1_epi32(-offset * x.sums[t * scale_stride + b]);
      sum[t][1] = sum[t][0];
    }
#pragma GCC unroll 8
    for (size_t g = 0; g < 8; ++g, panel += 4 * kCols) {
      const __m512i w0 = _mm512_load_si512(panel);
      const __m512i w1 = _mm512_load_si512(panel + 64);
#pragma GCC unroll 6
      for (size_t t = 0; t < Tokens; ++t) {
        int32_t four;
        __builtin_memcpy(&four, x.q + t * x.stride + 32 * b + 4 * g, sizeof four);
        const __m512i q = _mm512_set1_epi32(four);
        sum[t][0] = _mm512_dpbusd_epi32(sum[t][0], w0, q);
        sum[t][1] = _mm512_dpbusd_epi32(sum[t][1], w1, q);
      }
    }
    const __m512 d0 = _mm512_loadu_ps(scales);
    const __m512 d1 = _mm512_loadu_ps(scales + 16);
#pragma GCC unroll 6
    for (size_t t = 0; t < Tokens; ++t) {
      const __m512 xd = _mm512_set1_ps(x.scales[t * scale_stride + b]);
      acc[t][0] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[t][0]), _mm512_mul_ps(d0, xd), acc[t][0]);
      acc[t][1] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum[t][1]), _mm512_mul_ps(d1, xd), acc[t][1]);
    }
  }
#pragma GCC unroll 6
  for (size_t t = 0; t < Tokens; ++t) {
    _mm512_storeu_ps(sums.y + t * sums.ldy, acc[t][0]);
    _mm512_storeu_ps(sums.y + t * sums.ldy + 16, acc[t][1]);
  }
}

using MultiplyTokensFn = void (*)(size_t, const QuantizedActivations&, int32_t, const uint8_t*,
                                  const float*, const PanelSums&);
constexpr MultiplyTokensFn kMultiply[kTokens + 1] = {
    nullptr, Multiply<1>, Multiply<2>, Multiply<3>, Multiply<4>, Multiply<5>, Multiply<6>};

}  // namespace

void PackPanelQ8_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            uint8_t* panel, float* scales) {
  Pack<BlockQ8, 34>(w, row_bytes, rows, k, panel, scales);
}

void PackPanelQ4_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            uint8_t* panel, float* scales) {
  Pack<BlockQ4, 18>(w, row_bytes, rows, k, panel, scales);
}

void PackPanelQ5_0_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              uint8_t* panel, float* scales) {
  Pack<BlockQ5, 22>(w, row_bytes, rows, k, panel, scales);
}

void PackPanelIq4Nl_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                               uint8_t* panel, float* scales) {
  Pack<BlockIq4Nl, 18>(w, row_bytes, rows, k, panel, scales);
}

void MultiplyPanel_Avx512Vnni(size_t tokens, size_t k, const QuantizedActivations& x,
                              int32_t offset, const uint8_t* panel, const float* scales,
                              const PanelSums& sums) {
  kMultiply[tokens](k, x, offset, panel, scales, sums);
}

}  // namespace selvedge::kernels::x86
