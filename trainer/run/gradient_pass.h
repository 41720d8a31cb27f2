#pragma once
// One pass over the groups of a step: micro-batches forward and backward, every group's gradient
// handed out once it is complete.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "trainer/functions/tape.h"
#include "trainer/run/memory_plan.h"

namespace selvedge::trainer {

// The gradient of one group: of the sum of its label losses.
struct GroupResult {
  std::span<const float> gradient;  // [P]
  int64_t labels = 0;
  double loss = 0;  // sum over the labels, nats
};

class GradientPass {
 public:
  // All must outlive the pass. `max_micro_batch_ms` bounds the work between two looks at the stop
  // flag; the size of micro-batches follows the measured speed and has no influence on results.
  GradientPass(const inference::Model& model, const LoraLayout& layout, const MemoryPlan& memory,
               core::ThreadPool& pool, double max_micro_batch_ms);

  // Returns false if `should_stop` said so before the last group was complete.
  bool Run(const std::vector<Group>& groups, std::span<const uint32_t> sampled,
           const std::vector<float>& frozen, const std::vector<float>& trained,
           const std::function<bool()>& should_stop,
           const std::function<void(const GroupResult&)>& on_group);

  // For tests: a fixed size instead of the measured one; 0 = measured.
  void FixRows(size_t rows) { fixed_rows_ = rows; }

 private:
  struct OpenGroup {
    std::vector<float> gradient;
    int64_t labels = 0;
    double loss = 0;
  };
  void RunMicroBatch(const MicroBatch& batch, const std::vector<float>& frozen,
                     const std::vector<float>& trained);
  void AddLosses(const MicroBatch& batch);
  void HandOut(const MicroBatch& batch, const std::function<void(const GroupResult&)>& on_group);

  const inference::Model& model_;
  const LoraLayout& layout_;
  MemoryPlan memory_;
  core::ThreadPool& pool_;
  double max_micro_batch_ms_;
  size_t fixed_rows_ = 0;
  size_t rows_;                     // current size of a micro-batch
  std::vector<OpenGroup> open_;     // by slot; the first may go on from the last micro-batch
  std::vector<double> label_loss_;  // [L]
};

}  // namespace selvedge::trainer
