// C (+)= A * B as sums of products of 16-bit integers (kernel_table.h), where B is made from
// weights tile by tile:
//
//   for each slice of up to 256 of the summed dimension
//     round A's slice, one scale for each row                  (parallel over rows)
//     for each group of columns of C                           (parallel over groups)
//       dequantize B's columns, round them by chunks of 64, interleave them: a panel in L1
//       for each few rows of A: a register tile of C gathers the products
//
// What a row of C is depends on that row of A and on the weight alone: the same bits for every
// number of threads and of rows.

#include <algorithm>
#include <cstring>

#include "core/kernels/dispatch.h"
#include "core/kernels/gemm_product.h"
#include "core/kernels/scratch.h"

namespace selvedge::kernels {
namespace {

struct Panel {
  int16_t* values;  // [kPanelDepth / 2, tile_cols, 2]
  float* scales;    // [kInt16Chunks, tile_cols]
};
constexpr size_t kPanelValues = kPanelDepth * kMaxTileCols;
constexpr size_t kPanelScales = kInt16Chunks * kMaxTileCols;

// Columns [first, first + cols) of a row are about to be read: asks the caches for them now, while
// there is something to multiply.
inline void ReadAhead(const WeightView& w, size_t row, size_t first, size_t cols) {
  if (row >= w.rows || first >= w.cols) return;
  constexpr size_t kLine = 64;
  const uint8_t* at = w.row(row) + first * w.row_bytes / w.cols;
  const uint8_t* end = w.row(row) + std::min(w.cols, first + cols) * w.row_bytes / w.cols;
  for (; at < end; at += kLine) __builtin_prefetch(at, 0, 2);
}

// Forward: columns of C are rows of W; the summed dimension is K.
struct ForwardWeight {
  const KernelTable& table;
  const WeightView& w;
  DequantizeFn dequantize;

  size_t group_cols() const { return table.int16->tile_cols; }

  // The one panel of the slice.
  void Make(const Slice& s, Panel panel) const {
    const Int16Products& t = *table.int16;
    alignas(64) float row[kPanelDepth];
    // Pairs of 16-bit values are moved as if they were floats, kPanelStride of them apart.
    alignas(64) static thread_local float pairs[kMaxTileCols * kPanelStride];
    float scales[kInt16Chunks];
    const size_t chunks = (s.depth - 1) / kInt16Chunk + 1;
    for (size_t i = 0; i < t.tile_cols; ++i) {
      auto* out = reinterpret_cast<int16_t*>(pairs + i * kPanelStride);
      if (i >= s.cols) {
        std::fill_n(out, s.depth + 1, int16_t{0});
        std::fill_n(scales, chunks, 0.0f);
      } else {
        dequantize(w.row(s.first_col + i), s.first_depth, row, s.depth);
        t.round_chunks(row, s.depth, out, scales);
        ReadAhead(w, s.first_col + t.tile_cols + i, s.first_depth, s.depth);
      }
      for (size_t c = 0; c < chunks; ++c) panel.scales[c * t.tile_cols + i] = scales[c];
    }
    table.transpose_panel(pairs, (s.depth + 1) / 2, reinterpret_cast<float*>(panel.values));
  }
};

// Input gradient: columns of C are columns of W; the summed dimension is N.
struct InputGradWeight {
  const KernelTable& table;
  const WeightView& w;
  DequantizeFn dequantize;

  // Wide, because the columns of a group are read row by row: short pieces far apart are slow.
  size_t group_cols() const { return 8 * table.int16->tile_cols; }

  // One panel for each tile of the slice's columns, one after the other.
  void Make(const Slice& s, Panel panel) const {
    thread_local Scratch<float> scratch;
    const size_t tile = table.int16->tile_cols;
    const size_t tiles = (s.cols - 1) / tile + 1;
    float* row = scratch.Get((kInt16Chunk + 1) * group_cols());
    float* chunk = row + group_cols();  // [tiles, kInt16Chunk, tile]
    std::fill(row + s.cols, row + tiles * tile, 0.0f);
    for (size_t first = 0; first < s.depth; first += kInt16Chunk) {
      const size_t rows = std::min(kInt16Chunk, s.depth - first);
      for (size_t p = 0; p < rows; ++p) {
        dequantize(w.row(s.first_depth + first + p), s.first_col, row, s.cols);
        ReadAhead(w, s.first_depth + first + p, s.first_col + s.cols, group_cols());
        for (size_t i = 0; i < tiles; ++i) {
          std::memcpy(chunk + (i * kInt16Chunk + p) * tile, row + i * tile, tile * sizeof(float));
        }
      }
      for (size_t i = 0; i < tiles; ++i) {
        table.int16->round_columns(chunk + i * kInt16Chunk * tile, rows,
                                   panel.values + i * kPanelValues + first * tile,
                                   panel.scales + i * kPanelScales + first / kInt16Chunk * tile);
      }
    }
  }
};

// A slice of A, rounded.
struct RoundedRows {
  int16_t* values;  // [m, kInt16Stride]
  float* scales;    // [m]
};

void RoundRows(core::ThreadPool& pool, const Product& p, const Slice& s, RoundedRows out) {
  pool.ParallelFor(p.m, 64, [&](size_t begin, size_t end, int) {
    for (size_t i = begin; i < end; ++i) {
      out.scales[i] = p.table.int16->round_row(p.a + i * p.depth + s.first_depth, s.depth,
                                               out.values + i * kInt16Stride);
    }
  });
}

// Rows [begin, end) of one tile of C, which begins at column `col`.
void MultiplyTile(const Product& p, RoundedRows a, size_t begin, size_t end, const Slice& s,
                  size_t col, Panel panel) {
  const Int16Products& t = *p.table.int16;
  const size_t cols = std::min(t.tile_cols, p.cols - col);
  const bool add = p.accumulate || s.first_depth > 0;
  for (size_t i = begin; i < end; i += t.tile_rows) {
    const size_t rows = std::min(t.tile_rows, end - i);
    OnTile(p, p.c + i * p.cols + col, rows, cols, t.tile_cols, add, [&](float* c, size_t ldc) {
      t.multiply(rows, s.depth, a.values + i * kInt16Stride, a.scales + i, panel.values,
                 panel.scales, c, ldc, add);
    });
  }
}

// One slice of the summed dimension.
template <typename Weight>
void MultiplySlice(core::ThreadPool& pool, const Product& p, const Weight& weight, RoundedRows a,
                   size_t first_depth, size_t depth) {
  const Int16Products& t = *p.table.int16;
  const size_t group = weight.group_cols();
  const size_t groups = (p.cols - 1) / group + 1;
  const size_t row_tiles = (p.m - 1) / t.tile_rows + 1;
  const size_t splits = RowSplits(pool.threads(), groups, (row_tiles + 7) / 8);
  RoundRows(pool, p, {0, 0, first_depth, depth}, a);
  pool.ParallelFor(groups * splits, 1, [&](size_t begin, size_t end, int) {
    thread_local Scratch<int16_t> values;
    thread_local Scratch<float> scales;
    const size_t tiles = (group - 1) / t.tile_cols + 1;
    const Panel panel{values.Get(tiles * kPanelValues), scales.Get(tiles * kPanelScales)};
    size_t made = groups;  // the group in `panel`
    for (size_t task = begin; task < end; ++task) {
      const size_t index = task / splits, split = task % splits;
      const size_t first = index * group;
      const Slice s{first, std::min(group, p.cols - first), first_depth, depth};
      if (index != made) weight.Make(s, panel);
      made = index;
      const size_t from = row_tiles * split / splits * t.tile_rows;
      const size_t to = std::min(p.m, row_tiles * (split + 1) / splits * t.tile_rows);
      for (size_t i = 0; i * t.tile_cols < s.cols; ++i) {
        MultiplyTile(p, a, from, to, s, first + i * t.tile_cols,
                     {panel.values + i * kPanelValues, panel.scales + i * kPanelScales});
      }
    }
  });
}

template <typename Weight>
void Multiply(core::ThreadPool& pool, const Product& whole, const Weight& weight) {
  thread_local Scratch<int16_t> values;
  thread_local Scratch<float> scales;
  // Slices of nearly equal depth: a short last one would pay for its tile of C like a long one.
  const size_t unit = kInt16Chunk;
  const size_t units = (whole.depth + unit - 1) / unit;
  const size_t slices = (units * unit + kPanelDepth - 1) / kPanelDepth;
  ForRowParts(whole, [&](const Product& part) {
    const RoundedRows a{values.Get(part.m * kInt16Stride), scales.Get(part.m)};
    for (size_t s = 0; s < slices; ++s) {
      const size_t from = units * s / slices * unit;
      const size_t to = std::min(whole.depth, units * (s + 1) / slices * unit);
      MultiplySlice(pool, part, weight, a, from, to - from);
    }
  });
}

}  // namespace

void GemmForwardInt16(const KernelTable& table, core::ThreadPool& pool, const WeightView& w,
                      const float* x, size_t m, float* y) {
  Multiply(pool, {table, x, m, w.cols, y, w.rows, /*accumulate=*/false},
           ForwardWeight{table, w, KernelsOf(table, w.type).dequantize});
}

void GemmInputGradInt16(const KernelTable& table, core::ThreadPool& pool, const WeightView& w,
                        const float* dy, size_t m, float* dx, bool accumulate) {
  Multiply(pool, {table, dy, m, w.rows, dx, w.cols, accumulate},
           InputGradWeight{table, w, KernelsOf(table, w.type).dequantize});
}

}  // namespace selvedge::kernels
