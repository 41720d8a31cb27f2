#pragma once
// Working memory of a kernel call: 64-byte aligned, not initialised.

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

namespace selvedge::kernels {

// Grows to the largest request and keeps it. One per thread and use (thread_local): allocating
// megabytes afresh for each product would spend more on page faults than on small products.
template <typename T>
class Scratch {
 public:
  T* Get(size_t n) {
    if (n > size_) {
      data_.reset();
      void* memory = std::aligned_alloc(64, (n * sizeof(T) + 63) / 64 * 64);
      if (memory == nullptr) throw std::bad_alloc();
      data_.reset(static_cast<T*>(memory));
      size_ = n;
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(T* p) const { std::free(p); }
  };
  std::unique_ptr<T, Free> data_;
  size_t size_ = 0;
};

}  // namespace selvedge::kernels
