#include "inference/session/lora_term.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/kernels/activation_row.h"

namespace selvedge::inference {
namespace {

// A power of two not below any |x[i]|, and at most twice the largest; 1 for zeros.
float PowerOfTwoAbove(const float* x, size_t n) {
  float largest = 0;
  for (size_t i = 0; i < n; ++i) largest = std::max(largest, std::abs(x[i]));
  if (largest == 0) return 1;
  int exponent = 0;
  std::frexp(largest, &exponent);
  return std::ldexp(1.0f, std::clamp(exponent, -126, 127));
}

core::DType TypeBeside(core::DType weight) {
  const core::DTypeInfo* info = core::FindDType(weight);
  return info->block_values > 1 ? core::DType::kF16 : core::DType::kF32;
}

}  // namespace

LoraTerm::Matrix::Matrix(core::DType t, size_t r, size_t c)
    : type(t), rows(r), cols(c), bytes(r * c * value_bytes()), scales(r, 1.0f) {}

void LoraTerm::Matrix::SetRow(size_t row, const float* x) {
  uint8_t* to = bytes.data() + row * cols * value_bytes();
  if (type == core::DType::kF32) {
    std::memcpy(to, x, cols * sizeof(float));
    return;
  }
  scales[row] = PowerOfTwoAbove(x, cols);
  const float inverse = 1 / scales[row];  // exact
  std::vector<float> divided(cols);
  for (size_t i = 0; i < cols; ++i) divided[i] = x[i] * inverse;
  kernels::RoundToHalf(divided.data(), reinterpret_cast<uint16_t*>(to), cols);
}

kernels::WeightView LoraTerm::Matrix::View(size_t begin, size_t end) const {
  return {At(begin, 0), type, end - begin, cols, cols * value_bytes()};
}

LoraTerm::LoraTerm(const adapters::LoraTensor& lora, float scale, core::DType weight)
    : a_(TypeBeside(weight), lora.rank, lora.in),
      bt_(TypeBeside(weight), lora.rank, lora.out),
      scales_(lora.rank),
      scale_(scale) {
  std::vector<float> column(lora.out);
  for (size_t j = 0; j < lora.rank; ++j) {
    for (size_t i = 0; i < lora.out; ++i) column[i] = lora.b[i * lora.rank + j];
    a_.SetRow(j, lora.a.data() + j * lora.in);
    bt_.SetRow(j, column.data());
    scales_[j] = scale * a_.scales[j] * bt_.scales[j];
  }
}

void LoraTerm::Inner(const float* x, size_t begin, size_t end, float* c) const {
  kernels::ActivationRow row;
  row.Set(x, a_.cols);
  row.Products(a_.View(begin, end), c + begin);
  for (size_t j = begin; j < end; ++j) c[j] *= scales_[j];
}

void LoraTerm::Outer(const float* c, size_t begin, size_t end, float* y) const {
  if (bt_.type == core::DType::kF16) {
    const size_t row_bytes = bt_.cols * bt_.value_bytes();
    kernels::WeighRowsHalf({bt_.At(0, begin), bt_.type, rank(), end - begin, row_bytes}, c,
                           y + begin);
    return;
  }
  for (size_t j = 0; j < rank(); ++j) {
    const auto* row = reinterpret_cast<const float*>(bt_.At(j, begin));
    kernels::AxpyF32(c[j], row, y + begin, end - begin);
  }
}

}  // namespace selvedge::inference
