#pragma once
// What products with a weight have in common, in f32 (gemm.cc) and in 16-bit integers
// (gemm_int16.cc): what is multiplied, how it is split, and the ragged edge of C.

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "core/kernels/kernel_table.h"

namespace selvedge::kernels {

inline constexpr size_t kMaxTileCols = 32;
inline constexpr size_t kMaxTileRows = 16;

// C (+)= A * B; B is made from the weight.
struct Product {
  const KernelTable& table;
  const float* a;  // [m, depth]
  size_t m;
  size_t depth;
  float* c;  // [m, cols]
  size_t cols;
  bool accumulate;
};

// A part of the weight: columns of C and rows of the summed dimension.
struct Slice {
  size_t first_col, cols;
  size_t first_depth, depth;
};

// Calls body(part) for parts of at most 1024 rows of A, so that what is packed or rounded of A
// stays in L2: 1.1 MB of floats, 0.6 MB of integers. Nothing is called where there is nothing to
// multiply; a C that nothing is added to is zero then.
template <typename Body>
void ForRowParts(const Product& whole, const Body& body) {
  constexpr size_t kMaxRowsAtOnce = 1024;
  if (whole.m == 0 || whole.cols == 0) return;
  if (whole.depth == 0 && !whole.accumulate) std::fill_n(whole.c, whole.m * whole.cols, 0.0f);
  const size_t parts = (whole.m - 1) / kMaxRowsAtOnce + 1;
  for (size_t i = 0; i < parts; ++i) {
    const size_t begin = whole.m * i / parts, end = whole.m * (i + 1) / parts;
    body(Product{whole.table, whole.a + begin * whole.depth, end - begin, whole.depth,
                 whole.c + begin * whole.cols, whole.cols, whole.accumulate});
  }
}

// Into how many parts the rows are split beside `tasks` groups of columns, at most `most`: few
// columns and many threads are worth making a part of the weight more than once.
inline size_t RowSplits(int threads, size_t tasks, size_t most) {
  return threads == 1 ? 1 : std::clamp<size_t>(4 * static_cast<size_t>(threads) / tasks, 1, most);
}

// Calls multiply(c, ldc) for rows <= kMaxTileRows of one tile of `tile_cols` columns, of which C
// still has `cols`: on C itself, or on a copy that is as wide as the tile.
template <typename Multiply>
void OnTile(const Product& p, float* c, size_t rows, size_t cols, size_t tile_cols, bool add,
            const Multiply& multiply) {
  if (cols == tile_cols) {
    multiply(c, p.cols);
    return;
  }
  float edge[kMaxTileRows * kMaxTileCols] = {};
  for (size_t r = 0; add && r < rows; ++r) {
    std::memcpy(edge + r * tile_cols, c + r * p.cols, cols * sizeof(float));
  }
  multiply(edge, tile_cols);
  for (size_t r = 0; r < rows; ++r) {
    std::memcpy(c + r * p.cols, edge + r * tile_cols, cols * sizeof(float));
  }
}

}  // namespace selvedge::kernels
