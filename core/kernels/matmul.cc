// y = x * W^T for serving. Few tokens: every weight row is read once, straight from the
// file's bytes (bound by memory). More tokens: panels of the weight are unpacked once and used for
// all of them (bound by arithmetic).

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/kernels/dispatch.h"
#include "core/kernels/scratch.h"

namespace selvedge::kernels {
namespace {

constexpr size_t kFewTokens = 3;
constexpr size_t kFour = 4;  // PanelOrder::kFours
// So many tokens keep the order of summation of dot products where panels have another: short
// prompts then give the bits that llama.cpp gives, longer ones are faster.
constexpr size_t kInOrderTokens = 63;
constexpr size_t kRowsAtOnce = 16;  // what the dot products take at a time, or a multiple
constexpr size_t kPanelK = 1024;    // a slice of an integer panel: 32 KiB
constexpr size_t kMaxPanelCols = 32;
constexpr size_t kInlineWork = 1 << 15;  // products below this are not worth waking a thread

// Rows per range so that a range is at least kInlineWork products.
size_t RowGrain(size_t products_per_row) {
  const size_t rows = kInlineWork / std::max<size_t>(1, products_per_row) + 1;
  return (rows + kRowsAtOnce - 1) / kRowsAtOnce * kRowsAtOnce;
}

QuantizedActivations Quantize32(const KernelTable& table, core::ThreadPool& pool, const float* x,
                                size_t m, size_t k) {
  thread_local Scratch<int8_t> q_scratch;
  thread_local Scratch<float> scale_scratch;
  thread_local Scratch<int32_t> sum_scratch;
  thread_local Scratch<float> weighted_scratch;
  int8_t* q = q_scratch.Get(m * k);
  float* scales = scale_scratch.Get(m * k / 32);
  int32_t* sums = sum_scratch.Get(m * k / 32);
  float* weighted = weighted_scratch.Get(m * k / 32);
  pool.ParallelFor(m, kInlineWork / std::max<size_t>(1, k) + 1, [&](size_t begin, size_t end, int) {
    for (size_t t = begin; t < end; ++t) {
      table.quantize_activations(x + t * k, k, q + t * k, scales + t * k / 32, sums + t * k / 32,
                                 weighted + t * k / 32);
    }
  });
  return {q, scales, sums, k, weighted, nullptr};
}

QuantizedActivations Quantize256(const KernelTable& table, core::ThreadPool& pool, const float* x,
                                 size_t m, size_t k) {
  thread_local Scratch<int8_t> q_scratch;
  thread_local Scratch<float> scale_scratch;
  thread_local Scratch<int16_t> sum_scratch;
  int8_t* q = q_scratch.Get(m * k);
  float* scales = scale_scratch.Get(m * k / 256);
  int16_t* sums = sum_scratch.Get(m * k / 16);
  pool.ParallelFor(m, kInlineWork / std::max<size_t>(1, k) + 1, [&](size_t begin, size_t end, int) {
    for (size_t t = begin; t < end; ++t) {
      table.quantize_activations256(x + t * k, k, q + t * k, scales + t * k / 256,
                                    sums + t * k / 16);
    }
  });
  return {q, scales, nullptr, k, nullptr, sums};
}

// Values [first, stride) of token t.
QuantizedActivations Slice(ActivationForm form, const QuantizedActivations& x, size_t t,
                           size_t first = 0) {
  const size_t at = t * x.stride + first;
  if (form == ActivationForm::kBlocks256) {
    return {x.q + at, x.scales + at / 256, nullptr, x.stride, nullptr, x.sums16 + at / 16};
  }
  return {x.q + at, x.scales + at / 32,        x.sums + at / 32,
          x.stride, x.weighted_sums + at / 32, nullptr};
}

// The most tokens that dot products are for; more go through panels.
size_t FewTokens(const TypeKernels& kernels, RowSums sums) {
  if (kernels.panel_order == PanelOrder::kAsDots) return kFewTokens;
  if (sums == RowSums::kAsAlone) return SIZE_MAX;
  if (kernels.panel_order == PanelOrder::kFours) return kFewTokens;
  return kernels.activations == ActivationForm::kF32 ? kFewTokens : kInOrderTokens;
}

void FewTokensFloat(const KernelTable& table, core::ThreadPool& pool, const WeightView& w,
                    const float* x, size_t m, float* y) {
  const DotRowsF32Fn dots = KernelsOf(table, w.type).dot_rows_f32;
  pool.ParallelFor(w.rows, RowGrain(w.cols * m), [&](size_t begin, size_t end, int) {
    for (size_t r = begin; r < end;
         r += kRowsAtOnce) {  // all tokens while the rows are in the cache
      const size_t rows = std::min(kRowsAtOnce, end - r);
      for (size_t t = 0; t < m; ++t) {
        dots(w.row(r), w.row_bytes, rows, w.cols, x + t * w.cols, y + t * w.rows + r);
      }
    }
  });
}

// Tokens [first, last).
void FewTokensQuantized(const TypeKernels& kernels, core::ThreadPool& pool, const WeightView& w,
                        const QuantizedActivations& x, size_t first, size_t last, float* y) {
  const size_t work = w.cols * (last - first);
  pool.ParallelFor(w.rows, RowGrain(work), [&](size_t begin, size_t end, int) {
    for (size_t r = begin; r < end; r += kRowsAtOnce) {
      const size_t rows = std::min(kRowsAtOnce, end - r);
      if (kernels.dot_tokens_i8 != nullptr && last - first > 1) {
        kernels.dot_tokens_i8(w.row(r), w.row_bytes, rows, w.cols, last - first,
                              Slice(kernels.activations, x, first), y + first * w.rows + r, w.rows);
        continue;
      }
      for (size_t t = first; t < last; ++t) {
        kernels.dot_rows_i8(w.row(r), w.row_bytes, rows, w.cols, Slice(kernels.activations, x, t),
                            y + t * w.rows + r);
      }
    }
  });
}

// The activations as the integer product sees them, for the floating-point path.
void ManyTokensRounded(const KernelTable& table, core::ThreadPool& pool, const WeightView& w,
                       const QuantizedActivations& x, size_t m, float* y) {
  thread_local Scratch<float> scratch;
  float* rounded = scratch.Get(m * w.cols);
  const size_t block =
      KernelsOf(table, w.type).activations == ActivationForm::kBlocks256 ? 256 : 32;
  pool.ParallelFor(m, 16, [&](size_t begin, size_t end, int) {
    for (size_t i = begin * w.cols; i < end * w.cols; i += 32) {
      const float scale = x.scales[i / block];
      for (size_t j = 0; j < 32; ++j) rounded[i + j] = static_cast<float>(x.q[i + j]) * scale;
    }
  });
  GemmForward(table, pool, w, rounded, m, y);
}

struct PanelTask {
  const IntegerPanel& panel;
  const TypeKernels& kernels;
  const WeightView& w;
  const QuantizedActivations& x;
  float* y;  // [m, w.rows]
};

// Rows [row, row + cols) of the weight for tokens [begin, end).
void MultiplyPanel(const PanelTask& task, size_t row, size_t begin, size_t end) {
  const auto& [panel, kernels, w, x, y] = task;
  alignas(64) uint8_t packed[kPanelK * kMaxPanelCols];
  alignas(64) float scales[PanelScales(kPanelK) * kMaxPanelCols];
  thread_local Scratch<float> minima_scratch;
  float* minima = minima_scratch.Get((end - begin) * panel.cols);
  const size_t cols = std::min(panel.cols, w.rows - row);
  const core::DTypeInfo& info = *core::FindDType(w.type);
  for (size_t first = 0; first < w.cols; first += kPanelK) {
    const size_t k = std::min(kPanelK, w.cols - first);
    kernels.pack_panel(w.row(row) + core::RowBytes(info, first), w.row_bytes, cols, k, packed,
                       scales);
    for (size_t t = begin; t < end; t += panel.max_tokens) {
      const size_t tokens = std::min(panel.max_tokens, end - t);
      const QuantizedActivations slice = Slice(kernels.activations, x, t, first);
      float* out = y + t * w.rows + row;
      PanelSums sums = {out, w.rows, minima + (t - begin) * panel.cols, first == 0,
                        first + k == w.cols};
      const int32_t offset = kernels.panel_offset;
      if (cols == panel.cols) {
        kernels.multiply_panel(tokens, k, slice, offset, packed, scales, sums);
        continue;
      }
      float edge[8 * kMaxPanelCols] = {};
      for (size_t i = 0; !sums.first && i < tokens; ++i) {
        std::memcpy(edge + i * panel.cols, out + i * w.rows, cols * sizeof(float));
      }
      sums.y = edge;
      sums.ldy = panel.cols;
      kernels.multiply_panel(tokens, k, slice, offset, packed, scales, sums);
      for (size_t i = 0; i < tokens; ++i) {
        std::memcpy(out + i * w.rows, edge + i * panel.cols, cols * sizeof(float));
      }
    }
  }
}

void ManyTokensInteger(core::ThreadPool& pool, const PanelTask& task, size_t m) {
  const IntegerPanel& panel = task.panel;
  const size_t tiles = (task.w.rows - 1) / panel.cols + 1;
  const size_t groups = (m - 1) / panel.max_tokens + 1;
  const size_t wanted = 4 * static_cast<size_t>(pool.threads());
  const size_t splits =
      pool.threads() == 1 ? 1 : std::clamp<size_t>(wanted / tiles, 1, (groups + 7) / 8);
  pool.ParallelFor(tiles * splits, 1, [&](size_t begin, size_t end, int) {
    for (size_t i = begin; i < end; ++i) {
      const size_t split = i % splits;
      const size_t first = groups * split / splits * panel.max_tokens;
      const size_t last = std::min(m, groups * (split + 1) / splits * panel.max_tokens);
      MultiplyPanel(task, i / splits * panel.cols, first, last);
    }
  });
}

}  // namespace

void MatMul(const KernelTable& table, core::ThreadPool& pool, const WeightView& w, const float* x,
            size_t m, float* y, RowSums sums) {
  if (m == 0 || w.rows == 0) return;
  const TypeKernels& kernels = KernelsOf(table, w.type);
  const size_t few = FewTokens(kernels, sums);
  if (kernels.activations == ActivationForm::kF32) {
    if (m > few) return GemmForward(table, pool, w, x, m, y);
    return FewTokensFloat(table, pool, w, x, m, y);
  }
  const QuantizedActivations q = kernels.activations == ActivationForm::kBlocks32
                                     ? Quantize32(table, pool, x, m, w.cols)
                                     : Quantize256(table, pool, x, m, w.cols);
  if (m <= few) return FewTokensQuantized(kernels, pool, w, q, 0, m, y);
  if (table.integer_panel == nullptr || kernels.pack_panel == nullptr) {
    return ManyTokensRounded(table, pool, w, q, m, y);
  }
  const size_t rest = kernels.panel_order == PanelOrder::kFours ? m % kFour : 0;
  ManyTokensInteger(pool, {*table.integer_panel, kernels, w, q, y}, m - rest);
  if (rest > 0) FewTokensQuantized(kernels, pool, w, q, m - rest, m, y);
}

}  // namespace selvedge::kernels
