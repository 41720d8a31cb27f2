// The dense kernels compiled for AVX512.

// Eigen under a name of its own: its inline functions compiled with avx512 must not be merged with
// those of other files (with the -fno-weak that CMakeLists.txt gives this file, none is shared).
#define Eigen EigenSelvedgeAvx512
#include <Eigen/Core>

#include "trainer/math/dense_kernels.h"

namespace selvedge::trainer {
namespace {
#include "trainer/math/dense_kernels.inc"
}  // namespace

const DenseKernels* Avx512DenseKernels() { return &kTable; }

}  // namespace selvedge::trainer
