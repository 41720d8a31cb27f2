#include "inference/session/projection.h"

#include <vector>

#include "inference/session/row_projection.h"

namespace selvedge::inference {
namespace {

// Rows [begin, end) of x that share a set.
struct Run {
  const AdapterSet* adapters;
  size_t begin, end;
};

// The stretches of equal sets, those without terms left out.
std::vector<Run> RunsOf(std::span<const AdapterSet* const> adapters) {
  std::vector<Run> runs;
  for (size_t t = 0; t < adapters.size();) {
    const size_t begin = t;
    while (t < adapters.size() && adapters[t] == adapters[begin]) ++t;
    if (!adapters[begin]->empty()) runs.push_back({adapters[begin], begin, t});
  }
  return runs;
}

void AddAdapters(core::ThreadPool& pool, const Run& run, const float* x,
                 std::span<const Projection> projections) {
  for (const Projection& p : projections) {
    run.adapters->AddTo(pool, *p.weight, x + run.begin * p.weight->cols, run.end - run.begin,
                        p.y + run.begin * p.weight->rows);
  }
}

}  // namespace

void Project(core::ThreadPool& pool, std::span<const AdapterSet* const> adapters,
             kernels::RowSums sums, const float* x, std::span<const Projection> projections) {
  const size_t m = adapters.size();
  if (m == 1) return ProjectRow(pool, *adapters[0], x, projections);
  for (const Projection& p : projections) kernels::MatMul(pool, *p.weight, x, m, p.y, sums);
  const std::vector<Run> runs = RunsOf(adapters);
  if (runs.size() == 1) return AddAdapters(pool, runs.front(), x, projections);
  pool.ParallelFor(runs.size(), 1, [&](size_t begin, size_t end, int) {
    for (size_t i = begin; i < end; ++i) AddAdapters(pool, runs[i], x, projections);
  });
}

}  // namespace selvedge::inference
