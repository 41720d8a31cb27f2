#pragma once
// Memory of activations and their gradients. A pass makes hundreds of tensors of a few widths;
// taken from the general heap they tear holes into it that cost a quarter of the memory.

#include <ATen/core/Tensor.h>

#include <memory>

#include "trainer/functions/tape.h"

namespace selvedge::trainer {

// Keeps the blocks of tensors that are gone for the next one of the same width. A block has room
// for `max_rows` rows; only the rows that were ever written are resident. Not for use by several
// threads; tensors may outlive the pool.
class TensorPool {
 public:
  explicit TensorPool(size_t max_rows);
  ~TensorPool();
  TensorPool(const TensorPool&) = delete;
  TensorPool& operator=(const TensorPool&) = delete;

  // [rows, columns] f32, not initialised. Throws std::bad_alloc.
  at::Tensor Empty(int64_t rows, int64_t columns);

  // Gives unused blocks back to the system.
  void Release();

 private:
  struct Blocks;
  size_t max_rows_;
  std::shared_ptr<Blocks> blocks_;
};

// From the tape's pool, or from LibTorch where the tape has none.
at::Tensor NewTensor(const Tape& tape, int64_t rows, int64_t columns);

}  // namespace selvedge::trainer
