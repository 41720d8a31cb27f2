#include <immintrin.h>

#include "core/kernels/x86/x86_kernels.h"

namespace selvedge::kernels::x86 {
namespace {

constexpr size_t kRows = 4;

// Two blocks at a time fill a register. The integer product wants the weights unsigned, so they are
// held as q + offset and offset * sum(x) is taken away again (shared by all rows).
// Nibbles of two blocks in quarters: first 16 values of both blocks, then the last 16 of both.
template <size_t Bytes, size_t At>
struct NibbleBlocks {
  static constexpr size_t kBytes = Bytes;
  static __m512i Nibbles(const uint8_t* block) {
    const __m128i first = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + At));
    const __m128i second = _mm_loadu_si128(reinterpret_cast<const __m128i*>(block + Bytes + At));
    const __m256i q = _mm256_inserti128_si256(_mm256_castsi128_si256(first), second, 1);
    const __m512i both = _mm512_inserti64x4(_mm512_castsi256_si512(q), _mm256_srli_epi16(q, 4), 1);
    return _mm512_and_si512(both, _mm512_set1_epi8(15));
  }
  // The bits of both blocks (four bytes each, before the nibbles) as 16 in the values' bytes.
  static __m512i FifthBits(const uint8_t* block) {
    uint32_t first, second;
    __builtin_memcpy(&first, block + At - 4, sizeof first);
    __builtin_memcpy(&second, block + Bytes + At - 4, sizeof second);
    const uint64_t low = (first & 0xFFFF) | second << 16;
    const uint64_t high = first >> 16 | (second & 0xFFFF0000);
    return _mm512_maskz_set1_epi8(low | high << 32, 16);
  }
  static __m512i Activations(const int8_t* q) {
    const __m512i x = _mm512_loadu_si512(q);
    return _mm512_shuffle_i64x2(x, x, 0xD8);
  }
  static __m512i Lanes() {
    return _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1, 1, 1);
  }
};

struct Q4_1 : NibbleBlocks<20, 4> {
  static constexpr size_t kMinAt = 2;
  static constexpr char kOffset = 0;
  static __m512i Weights(const uint8_t* block) { return Nibbles(block); }
};

struct Q5_1 : NibbleBlocks<24, 8> {
  static constexpr size_t kMinAt = 2;
  static constexpr char kOffset = 0;
  static __m512i Weights(const uint8_t* block) {
    return _mm512_or_si512(Nibbles(block), FifthBits(block));
  }
};

struct Iq4Nl : NibbleBlocks<18, 2> {
  static constexpr size_t kMinAt = 0;
  static constexpr char kOffset = -128;  // 128 as an unsigned byte
  static __m512i Weights(const uint8_t* block) {
    const __m128i levels = _mm_setr_epi8(1, 24, 45, 63, 79, 93, 106, 118, -127, -115, -103, -90,
                                         -75, -59, -39, -15);  // q + 128, unsigned
    return _mm512_shuffle_epi8(_mm512_broadcast_i32x4(levels), Nibbles(block));
  }
};

int HalfBits(const uint8_t* p) { return p[0] | p[1] << 8; }

template <typename Type, size_t Rows>
void Dots(const uint8_t* w, size_t row_bytes, size_t k, const QuantizedActivations& x, float* y) {
  __m512 acc[Rows];
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) acc[r] = _mm512_setzero_ps();
  __m128 minima[Rows] = {};  // the first two lanes count
  const __m512i lanes = Type::Lanes();
  const size_t blocks = k / 32;
  size_t b = 0;
  for (; b + 2 <= blocks; b += 2, w += 2 * Type::kBytes) {
    const __m512i q = Type::Activations(x.q + 32 * b);
    const __m512i excess =
        _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_set1_epi8(Type::kOffset), q);
    const __m512i start = _mm512_sub_epi32(_mm512_setzero_si512(), excess);
    const __m128 xd =
        _mm_castsi128_ps(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(x.scales + b)));
#pragma GCC unroll 4
    for (size_t r = 0; r < Rows; ++r) {
      const uint8_t* block = w + r * row_bytes;
      const __m512i sum = _mm512_dpbusd_epi32(start, Type::Weights(block), q);
      const __m128i wd = _mm_cvtsi32_si128(HalfBits(block) | HalfBits(block + Type::kBytes) << 16);
      const __m512 scale =
          _mm512_permutexvar_ps(lanes, _mm512_castps128_ps512(_mm_mul_ps(_mm_cvtph_ps(wd), xd)));
      acc[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, acc[r]);
      if constexpr (Type::kMinAt != 0) {
        const uint8_t* min = block + Type::kMinAt;
        const __m128i wm = _mm_cvtsi32_si128(HalfBits(min) | HalfBits(min + Type::kBytes) << 16);
        const __m128i sums = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(x.weighted_sums + b));
        minima[r] = _mm_fmadd_ps(_mm_cvtph_ps(wm), _mm_castsi128_ps(sums), minima[r]);
      }
    }
  }
  if (b < blocks) {  // an odd last block: the missing half is a block of zeros
    alignas(64) int8_t q_pair[64] = {};
    for (int i = 0; i < 32; ++i) q_pair[i] = x.q[32 * b + i];
    const float d_pair[2] = {x.scales[b], 0};
    const float sum_pair[2] = {Type::kMinAt != 0 ? x.weighted_sums[b] : 0, 0};
    const QuantizedActivations last = {q_pair, d_pair, nullptr, 64, sum_pair, nullptr};
    for (size_t r = 0; r < Rows; ++r) {
      uint8_t pair[2 * Type::kBytes] = {};
      for (size_t i = 0; i < Type::kBytes; ++i) pair[i] = w[r * row_bytes + i];
      float rest;
      Dots<Type, 1>(pair, 0, 64, last, &rest);
      y[r] = _mm512_reduce_add_ps(acc[r]) + minima[r][0] + minima[r][1] + rest;
    }
    return;
  }
#pragma GCC unroll 4
  for (size_t r = 0; r < Rows; ++r) {
    y[r] = _mm512_reduce_add_ps(acc[r]) + minima[r][0] + minima[r][1];
  }
}

template <typename Type>
void DotRows(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
             const QuantizedActivations& x, float* y) {
  size_t r = 0;
  for (; r + kRows <= rows; r += kRows)
    Dots<Type, kRows>(w + r * row_bytes, row_bytes, k, x, y + r);
  for (; r < rows; ++r) Dots<Type, 1>(w + r * row_bytes, row_bytes, k, x, y + r);
}

}  // namespace

void DotRowsQ4_1_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  DotRows<Q4_1>(w, row_bytes, rows, k, x, y);
}

void DotRowsQ5_1_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                            const QuantizedActivations& x, float* y) {
  DotRows<Q5_1>(w, row_bytes, rows, k, x, y);
}

void DotRowsIq4Nl_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                             const QuantizedActivations& x, float* y) {
  DotRows<Iq4Nl>(w, row_bytes, rows, k, x, y);
}

}  // namespace selvedge::kernels::x86
