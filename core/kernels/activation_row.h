#pragma once
// One row of activations on its way through several weights: rounded once, then shared by threads.

#include <cstddef>
#include <cstdint>

#include "core/kernels/kernel_table.h"
#include "core/kernels/kernels.h"
#include "core/kernels/scratch.h"

namespace selvedge::kernels {

class ActivationRow {
 public:
  ActivationRow();  // for the active instruction set
  explicit ActivationRow(const KernelTable& table) : table_(table) {}

  // Takes x[k] up, which must stay as it is until the next call.
  void Set(const float* x, size_t k);
  // Rounds it as products with weights of this type take it, if that was not done.
  void PrepareFor(core::DType type);
  // y[i] = <row i of w, x> with the bits of MatMul for M = 1; x was prepared for w.type. Several
  // threads may call it at once.
  void Products(const WeightView& w, float* y) const;

 private:
  void Round32();
  void Round256();

  const KernelTable& table_;
  const float* x_ = nullptr;
  size_t k_ = 0;
  bool has32_ = false, has256_ = false;
  // In blocks of 32 and of 256; the fields of QuantizedActivations.
  Scratch<int8_t> q32_, q256_;
  Scratch<float> scales32_, scales256_, weighted_sums_;
  Scratch<int32_t> sums_;
  Scratch<int16_t> sums16_;
  QuantizedActivations blocks32_{}, blocks256_{};
};

}  // namespace selvedge::kernels
