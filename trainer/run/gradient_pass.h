#pragma once
// One pass over the groups of a step: micro-batches forward and backward, every group's gradient
// handed out once it is complete.

#include <cstdint>
#include <functional>
#include <memory>
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
  // All must outlive the pass. The plan's sizes have no influence on results; `seed` is that of
  // dropout.
  GradientPass(const inference::Model& model, const LoraLayout& layout, const MemoryPlan& memory,
               core::ThreadPool& pool, kernels::GemmPrecision precision, uint64_t seed);

  ~GradientPass();

  // `step` decides whose turn it is. Returns false if `should_stop` said so before the last group
  // was complete; it is asked on this thread, before every product with a base weight.
  bool Run(const std::vector<Group>& groups, std::span<const uint32_t> sampled, int64_t step,
           const std::vector<float>& frozen, const std::vector<float>& trained,
           const std::function<bool()>& should_stop,
           const std::function<void(const GroupResult&)>& on_group);

  // The forward pass alone over all of `groups`, as of step 0; `observer` sees the inputs of the
  // adapted layers. Stops as Run does.
  bool Observe(const std::vector<Group>& groups, const std::vector<float>& frozen,
               const std::vector<float>& trained, const std::function<bool()>& should_stop,
               const InputObserver& observer);

 private:
  struct OpenGroup {
    std::vector<float> gradient;
    int64_t labels = 0;
    double loss = 0;
  };
  // What both passes need of a tape; writes label_loss_.
  Tape MakeTape(const MicroBatch& batch, const std::vector<float>& frozen,
                const std::vector<float>& trained, const std::function<bool()>& should_stop);
  void RunMicroBatch(const MicroBatch& batch, const std::vector<float>& frozen,
                     const std::vector<float>& trained, const std::function<bool()>& should_stop);
  void FillAngles(size_t positions);
  void AddLosses(const MicroBatch& batch);
  void HandOut(const MicroBatch& batch, const std::function<void(const GroupResult&)>& on_group);

  const inference::Model& model_;
  const LoraLayout& layout_;
  MemoryPlan memory_;
  core::ThreadPool& pool_;
  kernels::GemmPrecision precision_;
  uint64_t seed_;
  int64_t step_ = 0;  // the one under way
  std::unique_ptr<TensorPool> tensors_;
  size_t positions_ = 0;  // of the longest sequence so far, in the angles
  inference::RotaryAngles angles_;
  inference::RotaryAngles local_angles_;  // empty if no layer is local
  std::vector<OpenGroup> open_;           // by slot; the first may go on from the last micro-batch
  std::vector<double> label_loss_;        // [L]
};

}  // namespace selvedge::trainer
