#include "trainer/functions/tensor_pool.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <sys/mman.h>

#include <algorithm>
#include <map>
#include <new>
#include <vector>

namespace selvedge::trainer {

// Free blocks by their size in bytes. Pages of a mapping are resident once they are written.
struct TensorPool::Blocks {
  Blocks() = default;
  Blocks(const Blocks&) = delete;
  Blocks& operator=(const Blocks&) = delete;
  ~Blocks() { Release(); }

  void* Take(size_t bytes) {
    std::vector<void*>& blocks = free[bytes];
    if (!blocks.empty()) {
      void* block = blocks.back();
      blocks.pop_back();
      return block;
    }
    void* block =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) throw std::bad_alloc();
    return block;
  }

  void Release() {
    for (auto& [bytes, blocks] : free) {
      for (void* block : blocks) ::munmap(block, bytes);
      blocks.clear();
    }
  }

  std::map<size_t, std::vector<void*>> free;
};

TensorPool::TensorPool(size_t max_rows)
    : max_rows_(max_rows), blocks_(std::make_shared<Blocks>()) {}
TensorPool::~TensorPool() = default;

at::Tensor TensorPool::Empty(int64_t rows, int64_t columns) {
  const size_t capacity = std::max(max_rows_, static_cast<size_t>(rows));
  const size_t bytes = capacity * static_cast<size_t>(columns) * sizeof(float);
  void* block = blocks_->Take(bytes);
  const auto give_back = [blocks = blocks_, bytes](void* p) { blocks->free[bytes].push_back(p); };
  return at::from_blob(block, {rows, columns}, give_back, at::kFloat);
}

void TensorPool::Release() { blocks_->Release(); }

at::Tensor NewTensor(const Tape& tape, int64_t rows, int64_t columns) {
  constexpr int64_t kSmall = 16 << 10;  // values; the heap serves these well
  if (tape.tensors == nullptr || rows * columns < kSmall) {
    return at::empty({rows, columns}, at::kFloat);
  }
  return tape.tensors->Empty(rows, columns);
}

}  // namespace selvedge::trainer
