#pragma once
// What the autograd functions need beside tensors. A Tape lives from the forward pass of one
// micro-batch to the end of its backward pass; functions keep a pointer to it.
//
// All tensors are f32, contiguous and on the CPU. Rows of activations are the rows of the
// micro-batch.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/thread_pool.h"
#include "inference/model/model.h"
#include "trainer/lora/layout.h"
#include "trainer/math/dense_kernels.h"
#include "trainer/packing/micro_batch.h"

namespace selvedge::trainer {

class TensorPool;

// Thrown by CheckStop, through LibTorch's autograd engine, to whoever started the pass.
struct StopRequested {};

using InputObserver =
    std::function<void(const LoraTarget&, const float* x, std::span<const Segment> segments)>;

struct Tape {
  const inference::Model* model = nullptr;
  const LoraLayout* layout = nullptr;
  const DenseKernels* dense = nullptr;
  core::ThreadPool* pool = nullptr;
  kernels::GemmPrecision precision = kernels::GemmPrecision::kFloat32;  // of the base's products
  const std::function<bool()>* should_stop = nullptr;                   // null: never
  const MicroBatch* batch = nullptr;
  TensorPool* tensors = nullptr;  // null: LibTorch's own allocator
  uint64_t dropout_seed = 0;      // of this step
  size_t recomputed_layers = 0;   // the first ones, run again in the backward pass
  // Of every position of the batch; the second for local layers.
  const inference::RotaryAngles* angles = nullptr;
  const inference::RotaryAngles* local_angles = nullptr;
  const float* frozen = nullptr;   // A's that are not trained
  const float* trained = nullptr;  // [P]
  // Called in the forward pass with the input x [M, in] of each adapted layer and the segments of
  // its rows; empty: nobody looks.
  InputObserver observer;
  // Where the backward pass adds: one gradient [P] for each slot of the batch.
  std::span<float* const> slot_gradients;
  // Where the forward pass writes: -log p of every label, [L].
  std::span<double> label_losses;

  // Asked before every product with a base weight: the longest stretch of work without a look.
  void CheckStop() const {
    if (should_stop != nullptr && (*should_stop)()) throw StopRequested();
  }
  void Observe(const LoraTarget& target, const float* x, std::span<const Segment> segments) const {
    if (observer) observer(target, x, segments);
  }
  const float* a(const LoraTarget& target) const {
    return (layout->freeze_a() ? frozen : trained) + target.a_offset;
  }
  const float* b(const LoraTarget& target) const { return trained + target.b_offset; }
};

}  // namespace selvedge::trainer
