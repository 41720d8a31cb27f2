#include "inference/session/projection.h"

#include <algorithm>

namespace selvedge::inference {
namespace {

// Rows of a weight in one range: enough to hide the rounding of x that each range repeats.
constexpr size_t kGrainRows = 64;

kernels::WeightView Rows(const kernels::WeightView& w, size_t begin, size_t end) {
  return {w.row(begin), w.type, end - begin, w.cols, w.row_bytes};
}

// Rows [begin, end) of the weights laid one after another.
void ProjectRows(core::ThreadPool& pool, const float* x, std::span<const Projection> projections,
                 size_t begin, size_t end) {
  size_t first = 0;  // row of this weight's start
  for (const Projection& p : projections) {
    const size_t from = std::max(begin, first), to = std::min(end, first + p.weight->rows);
    if (from < to) {
      kernels::MatMul(pool, Rows(*p.weight, from - first, to - first), x, 1, p.y + (from - first));
    }
    first += p.weight->rows;
  }
}

}  // namespace

void Project(core::ThreadPool& pool, const AdapterSet& adapters, kernels::RowSums sums,
             const float* x, size_t m, std::span<const Projection> projections) {
  if (m == 1) {
    size_t rows = 0;
    for (const Projection& p : projections) rows += p.weight->rows;
    pool.ParallelFor(rows, kGrainRows, [&](size_t begin, size_t end, int) {
      ProjectRows(pool, x, projections, begin, end);
    });
  } else {
    for (const Projection& p : projections) kernels::MatMul(pool, *p.weight, x, m, p.y, sums);
  }
  for (const Projection& p : projections) adapters.AddTo(pool, *p.weight, x, m, p.y);
}

}  // namespace selvedge::inference
