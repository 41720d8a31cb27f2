// Q8_0 and Q4_0 are summed in the orders of dot_rows_in_order_avx512vnni.cc.

#include "core/kernels/x86/blocks32_avx2.h"
#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

constexpr size_t kRows = 4, kQ4Rows = 8;

float Sum(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

// 8 sums of 4 products. maddubs wants one unsigned factor: |w| <= 128, and x takes the sign of w.
// No saturation: 2 * 128 * 127 < 32768, because |x| <= 127.
__m256i Products(__m256i w, __m256i x) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_sign_epi8(w, w), _mm256_sign_epi8(x, w));
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

// reference::NearestHalf
float NearestHalf(float exact) {
  const float half = _cvtsh_ss(_cvtss_sh(exact, _MM_FROUND_TO_NEAREST_INT));
  return __builtin_fabsf(half) <= 65504.0f ? half : exact;
}

template <typename Type, size_t Rows>
void Dots(const uint8_t* w, size_t row_bytes, size_t k, const QuantizedActivations& x, float* y) {
  __m256 acc[Rows];
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) acc[r] = _mm256_setzero_ps();
  __m128 minima[Rows] = {};  // the first lane counts
  for (size_t b = 0; b < k / 32; ++b, w += Type::kBytes) {
    const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.q + 32 * b));
    const __m128 xd = _mm_set_ss(x.scales[b]);
#pragma GCC unroll 4
    for (size_t r = 0; r < Rows; ++r) {
      const uint8_t* block = w + r * row_bytes;
      const __m256 scale = _mm256_broadcastss_ps(_mm_mul_ss(Half(block), xd));
      acc[r] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(Products(Type::Load(block), q)), scale, acc[r]);
      if constexpr (Type::kMinAt != 0) {
        minima[r] =
            _mm_fmadd_ss(Half(block + Type::kMinAt), _mm_set_ss(x.weighted_sums[b]), minima[r]);
      }
    }
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) y[r] = Sum(acc[r]) + _mm_cvtss_f32(minima[r]);
}

template <typename Type>
void DotRows(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
             const QuantizedActivations& x, float* y) {
  size_t r = 0;
  for (; r + kRows <= rows; r += kRows)
    Dots<Type, kRows>(w + r * row_bytes, row_bytes, k, x, y + r);
  for (; r < rows; ++r) Dots<Type, 1>(w + r * row_bytes, row_bytes, k, x, y + r);
}

// The sum of each of eight registers.
__m256i SumEach(const __m256i s[8]) {
  const __m256i first =
      _mm256_hadd_epi32(_mm256_hadd_epi32(s[0], s[1]), _mm256_hadd_epi32(s[2], s[3]));
  const __m256i last =
      _mm256_hadd_epi32(_mm256_hadd_epi32(s[4], s[5]), _mm256_hadd_epi32(s[6], s[7]));
  return _mm256_add_epi32(_mm256_permute2x128_si256(first, last, 0x20),
                          _mm256_permute2x128_si256(first, last, 0x31));
}

// y[0, rows), rows <= kQ4Rows; absent rows repeat the last.
void DotsQ4(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
            const QuantizedActivations& x, float* y) {
  size_t at[kQ4Rows];
  for (size_t i = 0; i < kQ4Rows; ++i) at[i] = (i < rows ? i : rows - 1) * row_bytes;
  __m256 acc = _mm256_setzero_ps();
  for (size_t b = 0; b < k / 32; ++b, w += Q4::kBytes) {
    const __m256i q = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(x.q + 32 * b));
    __m256i s[kQ4Rows];
    short scales[kQ4Rows];
#pragma GCC unroll 8
    for (size_t i = 0; i < kQ4Rows; ++i) {
      s[i] = Products(Q4::Load(w + at[i]), q);
      scales[i] = static_cast<short>(w[at[i]] | w[at[i] + 1] << 8);
    }
    const __m256 wd = _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(scales)));
    const __m256 scale = _mm256_mul_ps(wd, _mm256_set1_ps(x.scales[b]));
    acc = _mm256_fmadd_ps(_mm256_cvtepi32_ps(SumEach(s)), scale, acc);
  }
  float sums[kQ4Rows];
  _mm256_storeu_ps(sums, acc);
  for (size_t i = 0; i < rows; ++i) y[i] = sums[i];
}

}  // namespace

void DotRowsQ8_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                    const QuantizedActivations& x, float* y) {
  DotRows<Q8>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ4_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                    const QuantizedActivations& x, float* y) {
  for (size_t r = 0; r < rows; r += kQ4Rows) {
    const size_t n = rows - r < kQ4Rows ? rows - r : kQ4Rows;
    DotsQ4(w + r * row_bytes, row_bytes, n, k, x, y + r);
  }
}

void DotRowsQ4_1_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                      const QuantizedActivations& x, float* y) {
  DotRows<Q4_1>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ5_0_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                      const QuantizedActivations& x, float* y) {
  DotRows<Q5_0>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ5_1_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                      const QuantizedActivations& x, float* y) {
  DotRows<Q5_1>(w, row_bytes, rows, k, x, y);
}

void DotRowsIq4Nl_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                       const QuantizedActivations& x, float* y) {
  DotRows<Iq4Nl>(w, row_bytes, rows, k, x, y);
}

void QuantizeActivations_Avx2(const float* x, size_t n, int8_t* q, float* scales, int32_t* sums,
                              float* weighted_sums) {
  const __m256 magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7FFFFFFF));
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);  // undoes the packs' lanes
  for (size_t b = 0; b < n / 32; ++b, x += 32, q += 32) {
    __m256 v[4];
    __m256 largest = _mm256_setzero_ps();
    __m256 nan_probe = _mm256_setzero_ps();  // 0 * x is NaN for NaN and infinity
    for (int i = 0; i < 4; ++i) {
      v[i] = _mm256_loadu_ps(x + 8 * i);
      largest = _mm256_max_ps(largest, _mm256_and_ps(v[i], magnitude));
      nan_probe = _mm256_fmadd_ps(v[i], _mm256_setzero_ps(), nan_probe);
    }
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(largest), _mm256_extractf128_ps(largest, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    const float amax = _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
    const bool finite = _mm256_movemask_ps(_mm256_cmp_ps(nan_probe, nan_probe, _CMP_UNORD_Q)) == 0;
    const float scale = finite ? amax / 127.0f : __builtin_nanf("");
    scales[b] = NearestHalf(scale);
    const __m256 inverse = _mm256_set1_ps(finite && amax > 0 ? 127.0f / amax : 0.0f);
    __m256i r[4];
    for (int i = 0; i < 4; ++i) {
      // Not finite: 0 * NaN converts to INT_MIN, so the value is masked to 0 first.
      const __m256 clean = finite ? v[i] : _mm256_setzero_ps();
      r[i] = _mm256_cvtps_epi32(_mm256_mul_ps(clean, inverse));
    }
    const __m256i sum8 =
        _mm256_add_epi32(_mm256_add_epi32(r[0], r[1]), _mm256_add_epi32(r[2], r[3]));
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(sum8), _mm256_extracti128_si256(sum8, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
    sums[b] = _mm_cvtsi128_si32(s);
    weighted_sums[b] = NearestHalf(scale * static_cast<float>(sums[b]));
    const __m256i bytes =
        _mm256_packs_epi16(_mm256_packs_epi32(r[0], r[1]), _mm256_packs_epi32(r[2], r[3]));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(q), _mm256_permutevar8x32_epi32(bytes, order));
  }
}

}  // namespace selvedge::kernels::x86
