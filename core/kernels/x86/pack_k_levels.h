#pragma once
// The levels of the blocks of 256 in an integer panel. Anonymous namespace: as in k_scales.h.

#include "core/kernels/x86/k_levels_avx2.h"
#include "core/kernels/x86/store_8x8.h"

namespace selvedge::kernels::x86 {
namespace {

// The 8 rows from `w` on, of which `rows` are there, into a run of the panel.
template <typename Type, int run>
void PackRun(const uint8_t* w, size_t row_bytes, size_t rows, uint8_t* panel) {
  __m256i r[8];
  for (size_t i = 0; i < 8; ++i) {
    r[i] = i < rows ? Type::template Levels<run>(w + i * row_bytes) : _mm256_setzero_si256();
  }
  Store8x8(r, panel + 32 * kPanel8x8Cols * run);
}

// All runs of a block.
template <typename Type>
void PackLevels(const uint8_t* w, size_t row_bytes, size_t rows, uint8_t* panel) {
  PackRun<Type, 0>(w, row_bytes, rows, panel);
  PackRun<Type, 1>(w, row_bytes, rows, panel);
  PackRun<Type, 2>(w, row_bytes, rows, panel);
  PackRun<Type, 3>(w, row_bytes, rows, panel);
  PackRun<Type, 4>(w, row_bytes, rows, panel);
  PackRun<Type, 5>(w, row_bytes, rows, panel);
  PackRun<Type, 6>(w, row_bytes, rows, panel);
  PackRun<Type, 7>(w, row_bytes, rows, panel);
}

}  // namespace
}  // namespace selvedge::kernels::x86
