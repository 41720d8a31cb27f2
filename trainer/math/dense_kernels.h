#pragma once
// Dense f32 arithmetic around the frozen base: the products of attention and of LoRA's matrices and
// the row operations that training needs beside core/kernels. One body (dense_products.inc,
// dense_kernels.inc), compiled once for each instruction set; the table is picked by
// core::ActiveIsa.
//
// Contract that the trainer's reproducibility rests on: the result of a call depends only on the
// values and the sizes given, never on where the rows lie in memory or on the thread.
//
// Letters: C [M, N], depth K; ld* is the distance between rows in floats. All row-major.

#include <cstddef>

namespace selvedge::trainer {

struct DenseKernels {
  // C (+)= alpha A[M,K] B[N,K]^T; made for a small N and a large K
  void (*gemm_nt)(size_t m, size_t n, size_t k, float alpha, const float* a, size_t lda,
                  const float* b, size_t ldb, bool accumulate, float* c, size_t ldc);
  // C (+)= alpha A[M,K] B[K,N]
  void (*gemm_nn)(size_t m, size_t n, size_t k, float alpha, const float* a, size_t lda,
                  const float* b, size_t ldb, bool accumulate, float* c, size_t ldc);
  // C (+)= alpha A[K,M]^T B[K,N]
  void (*gemm_tn)(size_t m, size_t n, size_t k, float alpha, const float* a, size_t lda,
                  const float* b, size_t ldb, bool accumulate, float* c, size_t ldc);
  // dst[cols, rows] = src[rows, cols]^T
  void (*transpose)(size_t rows, size_t cols, const float* src, size_t lds, float* dst, size_t ldd);

  // x = softmax(x), n values in place.
  void (*softmax_row)(float* x, size_t n);
  // dp = p * (dp - <p, dp>): gradient of softmax_row at its output p, in place in dp.
  void (*softmax_grad_row)(const float* p, float* dp, size_t n);
  // Returns -log softmax(x)[target] and replaces x by its gradient, softmax(x) - onehot(target),
  // divided by `scale`: whoever multiplies the row by a matrix scales the shorter result instead.
  double (*cross_entropy_row)(float* x, size_t n, size_t target, float* scale);
  // dx of out = x / sqrt(mean(x^2) + eps) * weight.
  void (*rms_norm_grad_row)(const float* x, const float* weight, const float* dy, float eps,
                            size_t n, float* dx);
  // Forward and gradients of out = silu(gate) * up.
  void (*silu_mul_row)(const float* gate, const float* up, size_t n, float* out);
  void (*silu_mul_grad_row)(const float* gate, const float* up, const float* dy, size_t n,
                            float* dgate, float* dup);
  // The same for out = gelu(gate) * up, GELU with the tanh form of Phi.
  void (*gelu_mul_row)(const float* gate, const float* up, size_t n, float* out);
  void (*gelu_mul_grad_row)(const float* gate, const float* up, const float* dy, size_t n,
                            float* dgate, float* dup);
  // x = cap tanh(x / cap), n values in place.
  void (*soft_cap_row)(float cap, float* x, size_t n);
  // dx *= 1 - (y / cap)^2: gradient of soft_cap_row at its output y, in place in dx.
  void (*soft_cap_grad_row)(float cap, const float* y, size_t n, float* dx);
};

// The table for core::ActiveIsa().
const DenseKernels& ActiveDenseKernels();

// One per compiled instruction set, for tests: null where this build has none.
const DenseKernels* BaselineDenseKernels();
const DenseKernels* Avx2DenseKernels();
const DenseKernels* Avx512DenseKernels();

}  // namespace selvedge::trainer
