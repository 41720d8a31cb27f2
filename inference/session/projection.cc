#include "inference/session/projection.h"

#include "inference/session/row_projection.h"

namespace selvedge::inference {

void Project(core::ThreadPool& pool, const AdapterSet& adapters, kernels::RowSums sums,
             const float* x, size_t m, std::span<const Projection> projections) {
  if (m == 1) return ProjectRow(pool, adapters, x, projections);
  for (const Projection& p : projections) {
    kernels::MatMul(pool, *p.weight, x, m, p.y, sums);
    adapters.AddTo(pool, *p.weight, x, m, p.y);
  }
}

}  // namespace selvedge::inference
