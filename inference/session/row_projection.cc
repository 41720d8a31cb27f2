#include "inference/session/row_projection.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "core/kernels/activation_row.h"

namespace selvedge::inference {
namespace {

// Rows of a weight that threads take at a time, or a multiple.
constexpr size_t kGrainRows = 16;
static_assert(kGrainRows % LoraTerm::kAlignment == 0);

size_t Grains(size_t rows) { return (rows + kGrainRows - 1) / kGrainRows * kGrainRows; }

// Rows [begin, end) of a weight.
kernels::WeightView Rows(const kernels::WeightView& w, size_t begin, size_t end) {
  return {w.row(begin), w.type, end - begin, w.cols, w.row_bytes};
}

// A term of an adapter; its A x lies from `first` on among those of all terms.
struct Inner {
  const LoraTerm* term;
  size_t projection;
  size_t first;
};

// What outlives a call, so that a token does not allocate.
struct Buffers {
  kernels::ActivationRow row;
  std::vector<Inner> inners;
  std::vector<float> products;  // A x of all terms
};

// The work is a sequence of rows: those of all A, then those of each weight, each part filled up to
// whole grains. Threads take ranges from the front, so every A x is under way before the first row
// of a weight is, and a thread that is done with such a row waits little for those A x that another
// one took.
class RowJob {
 public:
  RowJob(const AdapterSet& adapters, const float* x, std::span<const Projection> projections,
         Buffers& buffers)
      : x_(x), projections_(projections), buffers_(buffers) {
    buffers.row.Set(x, projections.front().weight->cols);
    buffers.inners.clear();
    for (size_t i = 0; i < projections.size(); ++i) {
      buffers.row.PrepareFor(projections[i].weight->type);
      weight_rows_ += Grains(projections[i].weight->rows);
      for (const LoraTerm& term : adapters.TermsOf(*projections[i].weight)) {
        buffers.inners.push_back({&term, i, inner_rows_});
        inner_rows_ += term.rank();
      }
    }
    buffers.products.resize(inner_rows_);
  }

  void Run(core::ThreadPool& pool) {
    pool.ParallelFor(Grains(inner_rows_) + weight_rows_, kGrainRows,
                     [this](size_t begin, size_t end, int) { RunRange(begin, end); });
  }

 private:
  void RunRange(size_t begin, size_t end) {
    RunInner(std::min(begin, inner_rows_), std::min(end, inner_rows_));
    size_t first = Grains(inner_rows_);
    for (size_t i = 0; i < projections_.size(); ++i) {
      const size_t rows = projections_[i].weight->rows;
      const size_t from = std::max(begin, first), to = std::min(end, first + rows);
      if (from < to) RunWeight(i, from - first, to - first);
      first += Grains(rows);
    }
  }

  // Rows [begin, end) of all A.
  void RunInner(size_t begin, size_t end) {
    if (begin == end) return;
    for (const Inner& inner : buffers_.inners) {
      const size_t from = std::max(begin, inner.first);
      const size_t to = std::min(end, inner.first + inner.term->rank());
      if (from >= to) continue;
      inner.term->Inner(x_, from - inner.first, to - inner.first, Products(inner));
    }
    inner_done_.fetch_add(end - begin, std::memory_order_release);
  }

  // Rows [begin, end) of a weight.
  void RunWeight(size_t index, size_t begin, size_t end) {
    const Projection& p = projections_[index];
    buffers_.row.Products(Rows(*p.weight, begin, end), p.y + begin);
    for (const Inner& inner : buffers_.inners) {
      if (inner.projection != index) continue;
      while (inner_done_.load(std::memory_order_acquire) < inner_rows_) std::this_thread::yield();
      inner.term->Outer(Products(inner), begin, end, p.y);
    }
  }

  float* Products(const Inner& inner) const { return buffers_.products.data() + inner.first; }

  const float* x_;
  std::span<const Projection> projections_;
  Buffers& buffers_;
  size_t inner_rows_ = 0, weight_rows_ = 0;
  std::atomic<size_t> inner_done_{0};
};

}  // namespace

void ProjectRow(core::ThreadPool& pool, const AdapterSet& adapters, const float* x,
                std::span<const Projection> projections) {
  thread_local Buffers buffers;
  RowJob(adapters, x, projections, buffers).Run(pool);
}

}  // namespace selvedge::inference
