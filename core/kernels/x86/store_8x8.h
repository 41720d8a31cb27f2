#pragma once
// How rows get into an integer panel. Anonymous namespace: as in k_scales.h.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace selvedge::kernels::x86 {
namespace {

constexpr size_t kPanel8x8Cols = 32;  // rows of the weight in a panel: two registers of lanes

// Transposes 8 rows of 8 groups of 4 values: group g of all rows goes to panel[g].
inline void Store8x8(__m256i r[8], uint8_t* panel) {
  __m256i t[8];
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    t[i] = _mm256_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm256_unpackhi_epi32(r[i], r[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm256_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm256_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm256_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    _mm256_store_si256(reinterpret_cast<__m256i*>(panel + j * kPanel8x8Cols * 4),
                       _mm256_permute2x128_si256(r[j], r[4 + j], 0x20));
    _mm256_store_si256(reinterpret_cast<__m256i*>(panel + (4 + j) * kPanel8x8Cols * 4),
                       _mm256_permute2x128_si256(r[j], r[4 + j], 0x31));
  }
}

}  // namespace
}  // namespace selvedge::kernels::x86
