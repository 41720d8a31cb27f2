#pragma once
// What dot products of 16 rows at a time share: sums across lanes, halves from 16 places, reading
// ahead. Anonymous namespace: as in k_scales.h.

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace selvedge::kernels::x86 {
namespace {

constexpr size_t kTileRows = 16;

// Where the rows of a tile begin; absent rows repeat the last.
struct TileRows {
  const uint8_t* row[kTileRows];
  TileRows(const uint8_t* w, size_t row_bytes, size_t rows) {
    for (size_t i = 0; i < kTileRows; ++i) row[i] = w + (i < rows ? i : rows - 1) * row_bytes;
  }
};

// Asks for the `bytes` from `p` on, into the second-level cache. Rows lie one after the other, so
// what follows a tile is read next; 16 rows at once are more streams than the processor foresees,
// and it foresees none beyond the end of a page of 4 KiB. A hint: any address will do.
inline void ReadAhead(const uint8_t* p, size_t bytes) {
  for (size_t i = 0; i < bytes; i += 64) _mm_prefetch(p + i, _MM_HINT_T1);
}

// Per 16-byte quarter, the sums of the quarter's four 32-bit lanes: [s0, s1, s2, s3] of each.
inline __m512i SumQuarters(const __m512i s[4]) {
  const __m512i t0 =
      _mm512_add_epi32(_mm512_unpacklo_epi32(s[0], s[1]), _mm512_unpackhi_epi32(s[0], s[1]));
  const __m512i t1 =
      _mm512_add_epi32(_mm512_unpacklo_epi32(s[2], s[3]), _mm512_unpackhi_epi32(s[2], s[3]));
  return _mm512_add_epi32(_mm512_unpacklo_epi64(t0, t1), _mm512_unpackhi_epi64(t0, t1));
}

// The sums of the quarters themselves, lane by lane: quarter i is the sum over s[i].
inline __m512i AddQuarters(const __m512i s[4]) {
  const auto halves = [](__m512i a, __m512i b) {
    return _mm512_add_epi32(_mm512_shuffle_i32x4(a, b, 0x88), _mm512_shuffle_i32x4(a, b, 0xDD));
  };
  return halves(halves(s[0], s[1]), halves(s[2], s[3]));
}

// Lane 4 i + j becomes lane 4 j + i.
inline __m512i TransposeLanes(__m512i v) {
  return _mm512_permutexvar_epi32(
      _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15), v);
}

// 16 bytes from each of four places.
inline __m512i FourQuarters(const uint8_t* a, const uint8_t* b, const uint8_t* c,
                            const uint8_t* d) {
  const auto load = [](const uint8_t* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  };
  __m512i v = _mm512_castsi128_si512(load(a));
  v = _mm512_inserti32x4(v, load(b), 1);
  v = _mm512_inserti32x4(v, load(c), 2);
  return _mm512_inserti32x4(v, load(d), 3);
}

}  // namespace
}  // namespace selvedge::kernels::x86
