// C (+)= A * B in f32, where B is made from weights tile by tile:
//
//   for each slice of up to 256 of the summed dimension
//     pack A's slice into panels of tile_rows rows            (parallel over panels)
//     for each tile of tile_cols columns of C                 (parallel over tiles)
//       dequantize B's tile into a panel that fits the first-level cache
//       for each panel of A: a register tile of C gathers the products
//
// An element of C is summed in the order of the summed dimension by one thread at a time, whatever
// the number of threads and the split, so results are the same bits for every pool.

#include <algorithm>
#include <cstring>

#include "core/kernels/dispatch.h"
#include "core/kernels/gemm_product.h"
#include "core/kernels/scratch.h"

namespace selvedge::kernels {
namespace {

// Forward: columns of C are rows of W; the summed dimension is K.
struct ForwardPanel {
  const KernelTable& table;
  const WeightView& w;
  DequantizeFn dequantize;

  void Make(const Slice& s, float* panel) const {
    alignas(64) float rows[kMaxTileCols * kPanelStride];
    for (size_t i = 0; i < s.cols; ++i) {
      dequantize(w.row(s.first_col + i), s.first_depth, rows + i * kPanelStride, s.depth);
    }
    for (size_t i = s.cols; i < table.tile_cols; ++i) {
      std::fill_n(rows + i * kPanelStride, s.depth, 0.0f);
    }
    table.transpose_panel(rows, s.depth, panel);
  }
};

// Input gradient: columns of C are columns of W; the summed dimension is N.
struct InputGradPanel {
  const KernelTable& table;
  const WeightView& w;
  DequantizeFn dequantize;
  size_t run;  // DTypeInfo::run_values()

  void Make(const Slice& s, float* panel) const {
    // A tile may begin or end within a run (tiles narrower than 32 columns, the last tile).
    const size_t begin = s.first_col / run * run;
    const size_t end = (s.first_col + s.cols + run - 1) / run * run;
    const bool whole = begin == s.first_col && end - begin == table.tile_cols;
    float piece[2 * kMaxTileCols];
    for (size_t p = 0; p < s.depth; ++p, panel += table.tile_cols) {
      const uint8_t* row = w.row(s.first_depth + p);
      if (whole) {
        dequantize(row, begin, panel, table.tile_cols);
        continue;
      }
      dequantize(row, begin, piece, end - begin);
      std::memcpy(panel, piece + (s.first_col - begin), s.cols * sizeof(float));
      std::fill(panel + s.cols, panel + table.tile_cols, 0.0f);
    }
  }
};

// Rows of A as panels of equal height (the last may be lower): [panels, height, kPanelStride].
struct PackedRows {
  float* data;
  size_t m;
  size_t height;
  size_t panels;
  size_t RowsOf(size_t panel) const { return std::min(height, m - panel * height); }
  float* Panel(size_t panel) const { return data + panel * height * kPanelStride; }
};

void PackRows(core::ThreadPool& pool, const Product& p, size_t first, size_t depth,
              const PackedRows& out) {
  pool.ParallelFor(out.m, 64, [&](size_t begin, size_t end, int) {
    for (size_t i = begin; i < end; ++i) {
      std::memcpy(out.data + i * kPanelStride, p.a + i * p.depth + first, depth * sizeof(float));
    }
  });
}

// One tile of columns against the panels [begin, end).
void MultiplyTile(const Product& p, const PackedRows& a, size_t begin, size_t end, const Slice& s,
                  const float* panel) {
  const KernelTable& t = p.table;
  const bool add = p.accumulate || s.first_depth > 0;
  for (size_t i = begin; i < end; ++i) {
    const size_t rows = a.RowsOf(i);
    OnTile(
        p, p.c + i * a.height * p.cols + s.first_col, rows, s.cols, t.tile_cols, add,
        [&](float* c, size_t ldc) { t.gemm_tile(rows, s.depth, a.Panel(i), panel, c, ldc, add); });
  }
}

template <typename PanelMaker>
void MultiplyRows(core::ThreadPool& pool, const Product& p, const PanelMaker& maker) {
  const KernelTable& t = p.table;
  thread_local Scratch<float> scratch;
  PackedRows a{};
  a.m = p.m;
  a.panels = (p.m - 1) / t.tile_rows + 1;
  a.height = (p.m - 1) / a.panels + 1;
  a.panels = (p.m - 1) / a.height + 1;
  a.data = scratch.Get(a.panels * a.height * kPanelStride);

  const size_t tiles = (p.cols - 1) / t.tile_cols + 1;
  const size_t splits = RowSplits(pool.threads(), tiles, (a.panels + 3) / 4);

  for (size_t first = 0; first < p.depth; first += kPanelDepth) {
    const size_t depth = std::min(kPanelDepth, p.depth - first);
    PackRows(pool, p, first, depth, a);
    pool.ParallelFor(tiles * splits, 1, [&](size_t begin, size_t end, int) {
      alignas(64) float panel[kPanelDepth * kMaxTileCols];
      size_t made = tiles;  // the tile in `panel`
      for (size_t task = begin; task < end; ++task) {
        const size_t tile = task / splits, split = task % splits;
        const size_t col = tile * t.tile_cols;
        const Slice slice{col, std::min(t.tile_cols, p.cols - col), first, depth};
        if (tile != made) maker.Make(slice, panel);
        made = tile;
        MultiplyTile(p, a, a.panels * split / splits, a.panels * (split + 1) / splits, slice,
                     panel);
      }
    });
  }
}

template <typename PanelMaker>
void Multiply(core::ThreadPool& pool, const Product& whole, const PanelMaker& maker) {
  ForRowParts(whole, [&](const Product& part) { MultiplyRows(pool, part, maker); });
}

}  // namespace

void GemmForward(const KernelTable& table, core::ThreadPool& pool, const WeightView& w,
                 const float* x, size_t m, float* y) {
  Multiply(pool, {table, x, m, w.cols, y, w.rows, /*accumulate=*/false},
           ForwardPanel{table, w, KernelsOf(table, w.type).dequantize});
}

void GemmInputGrad(const KernelTable& table, core::ThreadPool& pool, const WeightView& w,
                   const float* dy, size_t m, float* dx, bool accumulate) {
  Multiply(pool, {table, dy, m, w.rows, dx, w.cols, accumulate},
           InputGradPanel{table, w, KernelsOf(table, w.type).dequantize,
                          core::FindDType(w.type)->run_values()});
}

}  // namespace selvedge::kernels
