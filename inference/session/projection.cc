#include "inference/session/projection.h"

#include <algorithm>

#include "core/kernels/activation_row.h"

namespace selvedge::inference {
namespace {

// Rows of a weight that threads take at a time, or a multiple.
constexpr size_t kGrainRows = 16;

kernels::WeightView Rows(const kernels::WeightView& w, size_t begin, size_t end) {
  return {w.row(begin), w.type, end - begin, w.cols, w.row_bytes};
}

// Rows [begin, end) of the weights laid one after another.
void ProjectRows(const kernels::ActivationRow& x, std::span<const Projection> projections,
                 size_t begin, size_t end) {
  size_t first = 0;  // row of this weight's start
  for (const Projection& p : projections) {
    const size_t from = std::max(begin, first), to = std::min(end, first + p.weight->rows);
    if (from < to) {
      x.Products(Rows(*p.weight, from - first, to - first), p.y + (from - first));
    }
    first += p.weight->rows;
  }
}

void ProjectOne(core::ThreadPool& pool, const float* x, std::span<const Projection> projections) {
  thread_local kernels::ActivationRow scratch;
  kernels::ActivationRow& row = scratch;
  row.Set(x, projections.front().weight->cols);
  size_t rows = 0;
  for (const Projection& p : projections) {
    row.PrepareFor(p.weight->type);
    rows += p.weight->rows;
  }
  pool.ParallelFor(rows, kGrainRows, [&](size_t begin, size_t end, int) {
    ProjectRows(row, projections, begin, end);
  });
}

}  // namespace

void Project(core::ThreadPool& pool, const AdapterSet& adapters, kernels::RowSums sums,
             const float* x, size_t m, std::span<const Projection> projections) {
  if (m == 1) {
    ProjectOne(pool, x, projections);
  } else {
    for (const Projection& p : projections) kernels::MatMul(pool, *p.weight, x, m, p.y, sums);
  }
  for (const Projection& p : projections) adapters.AddTo(pool, *p.weight, x, m, p.y);
}

}  // namespace selvedge::inference
