// The dense kernels compiled for AVX2.

#include "trainer/math/dense_kernels.h"

namespace selvedge::trainer {
namespace {
#include "trainer/math/dense_kernels.inc"
}  // namespace

const DenseKernels* Avx2DenseKernels() { return &kTable; }

}  // namespace selvedge::trainer
