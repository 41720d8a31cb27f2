#include "core/kernels/activation_row.h"

#include "core/kernels/dispatch.h"

namespace selvedge::kernels {

ActivationRow::ActivationRow() : ActivationRow(ActiveTable()) {}

void ActivationRow::Set(const float* x, size_t k) {
  x_ = x;
  k_ = k;
  has32_ = has256_ = false;
}

void ActivationRow::PrepareFor(core::DType type) {
  const ActivationForm form = KernelsOf(table_, type).activations;
  if (form == ActivationForm::kBlocks32 && !has32_) Round32();
  if (form == ActivationForm::kBlocks256 && !has256_) Round256();
}

void ActivationRow::Round32() {
  int8_t* q = q32_.Get(k_);
  float* scales = scales32_.Get(k_ / 32);
  int32_t* sums = sums_.Get(k_ / 32);
  float* weighted = weighted_sums_.Get(k_ / 32);
  table_.quantize_activations(x_, k_, q, scales, sums, weighted);
  blocks32_ = {q, scales, sums, k_, weighted, nullptr};
  has32_ = true;
}

void ActivationRow::Round256() {
  int8_t* q = q256_.Get(k_);
  float* scales = scales256_.Get(k_ / 256);
  int16_t* sums = sums16_.Get(k_ / 16);
  table_.quantize_activations256(x_, k_, q, scales, sums);
  blocks256_ = {q, scales, nullptr, k_, nullptr, sums};
  has256_ = true;
}

void ActivationRow::Products(const WeightView& w, float* y) const {
  const TypeKernels& kernels = KernelsOf(table_, w.type);
  switch (kernels.activations) {
    case ActivationForm::kF32:
      return kernels.dot_rows_f32(w.data, w.row_bytes, w.rows, k_, x_, y);
    case ActivationForm::kBlocks32:
      return kernels.dot_rows_i8(w.data, w.row_bytes, w.rows, k_, blocks32_, y);
    case ActivationForm::kBlocks256:
      return kernels.dot_rows_i8(w.data, w.row_bytes, w.rows, k_, blocks256_, y);
  }
}

}  // namespace selvedge::kernels
