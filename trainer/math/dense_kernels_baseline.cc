// The dense kernels for the instruction set that the whole build targets.

#include "trainer/math/dense_kernels.h"

namespace selvedge::trainer {
namespace {
#include "trainer/math/dense_kernels.inc"
}  // namespace

const DenseKernels* BaselineDenseKernels() { return &kTable; }

}  // namespace selvedge::trainer
