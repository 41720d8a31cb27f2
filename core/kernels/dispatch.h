#pragma once
// The kernels with the instruction set as an argument: kernels.h calls these with the active one,
// tests and benchmarks with each.

#include <cstddef>

#include "core/cpu_features.h"
#include "core/kernels/kernel_table.h"
#include "core/kernels/kernels.h"

namespace selvedge::kernels {

// The best table for `isa` in this build; the scalar one where there is none.
const KernelTable& TableFor(core::Isa isa);
// That of the instruction set in use (core::ActiveIsa).
const KernelTable& ActiveTable();

// The row of a type with DTypeInfo::has_kernels.
inline const TypeKernels& KernelsOf(const KernelTable& table, core::DType type) {
  return table.types->rows[static_cast<size_t>(type)];
}
void MatMul(const KernelTable& table, core::ThreadPool& pool, const WeightView& w, const float* x,
            size_t m, float* y, RowSums sums = RowSums::kFastest);
void GemmForward(const KernelTable& table, core::ThreadPool& pool, const WeightView& w,
                 const float* x, size_t m, float* y);
void GemmInputGrad(const KernelTable& table, core::ThreadPool& pool, const WeightView& w,
                   const float* dy, size_t m, float* dx, bool accumulate);

// The table must have 16-bit products.
void GemmForwardInt16(const KernelTable& table, core::ThreadPool& pool, const WeightView& w,
                      const float* x, size_t m, float* y);
void GemmInputGradInt16(const KernelTable& table, core::ThreadPool& pool, const WeightView& w,
                        const float* dy, size_t m, float* dx, bool accumulate);

}  // namespace selvedge::kernels
