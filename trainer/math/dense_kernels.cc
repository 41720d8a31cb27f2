#include "trainer/math/dense_kernels.h"

#include "core/cpu_features.h"

namespace selvedge::trainer {

#if !defined(__x86_64__)
const DenseKernels* Avx2DenseKernels() { return nullptr; }
const DenseKernels* Avx512DenseKernels() { return nullptr; }
#endif

const DenseKernels& ActiveDenseKernels() {
  const DenseKernels* best = nullptr;
  switch (core::ActiveIsa()) {
    case core::Isa::kAvx512:
    case core::Isa::kAvx512Vnni:
      best = Avx512DenseKernels();
      break;
    case core::Isa::kAvx2:
      best = Avx2DenseKernels();
      break;
    default:
      break;
  }
  return best != nullptr ? *best : *BaselineDenseKernels();
}

}  // namespace selvedge::trainer
