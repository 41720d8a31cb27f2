#pragma once
// One LoRA product on a weight, ready to run: y += scale * B (A x). Source: Hu et al. 2021, eq. 3.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "adapters/lora.h"
#include "core/kernels/kernels.h"

namespace selvedge::inference {

// Beside a quantized weight A and B are kept in halves: beside 4-bit weights, the matrices of a
// small model's adapter in f32 would be a tenth of what a token reads. Each row of A and each
// column of B is first divided by a power of two that brings it to at most 1, so no value
// overflows, and one that is not below 2^-14 of its row's largest is off by at most 2^-11 of
// itself. Beside a weight in floating point they stay in f32.
class LoraTerm {
 public:
  // `scale` includes the tensor's own; `weight` is the type of what y is the product of.
  LoraTerm(const adapters::LoraTensor& lora, float scale, core::DType weight);

  size_t rank() const { return a_.rows; }
  float scale() const { return scale_; }

  // c[begin, end) of c[rank] = A x with all scales, for x[in].
  void Inner(const float* x, size_t begin, size_t end, float* c) const;
  // y[begin, end) += B c, for y[out] and c[rank]. The bits are the same for every cut of the rows
  // into ranges whose bounds are multiples of kAlignment, or the end.
  static constexpr size_t kAlignment = 16;
  void Outer(const float* c, size_t begin, size_t end, float* y) const;

 private:
  // [rows, cols] in F16 or F32, and the power of two that each row was divided by.
  struct Matrix {
    core::DType type;
    size_t rows, cols;
    std::vector<uint8_t> bytes;
    std::vector<float> scales;
    Matrix(core::DType type, size_t rows, size_t cols);
    size_t value_bytes() const { return type == core::DType::kF16 ? 2 : 4; }
    void SetRow(size_t row, const float* x);
    // Values of row `row` from `col` on.
    const uint8_t* At(size_t row, size_t col) const {
      return bytes.data() + (row * cols + col) * value_bytes();
    }
    // Rows [begin, end).
    kernels::WeightView View(size_t begin, size_t end) const;
  };
  Matrix a_;                   // A [rank, in]
  Matrix bt_;                  // B transposed [rank, out]
  std::vector<float> scales_;  // [rank]: all scales of row j of both
  float scale_;
};

}  // namespace selvedge::inference
