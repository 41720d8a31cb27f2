// The dense kernels compiled for AVX2.

// Eigen under a name of its own: its inline functions compiled with avx2 must not be merged with
// those of other files (with the -fno-weak that CMakeLists.txt gives this file, none is shared).
#define Eigen EigenSelvedgeAvx2
#include <Eigen/Core>

#include "trainer/math/dense_kernels.h"

namespace selvedge::trainer {
namespace {
#include "trainer/math/dense_kernels.inc"
}  // namespace

const DenseKernels* Avx2DenseKernels() { return &kTable; }

}  // namespace selvedge::trainer
