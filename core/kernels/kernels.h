#pragma once
// Arithmetic on quantized weights. Each entry picks the instruction set once (core/cpu_features.h);
// every fast version has a scalar twin in reference/ that reads like the formula.
//
// Letters: M rows of activations (tokens), N rows of the weight (outputs), K columns (inputs). All
// activations are f32, row-major, contiguous. A weight row is K values in blocks of its type.

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/dtype.h"
#include "core/thread_pool.h"

namespace selvedge::kernels {

// A read-only weight [N, K] as it lies in the model file; does not own the bytes.
struct WeightView {
  const uint8_t* data = nullptr;
  core::DType type = core::DType::kF32;
  size_t rows = 0;  // N
  size_t cols = 0;  // K, a multiple of the type's block
  size_t row_bytes = 0;
  const uint8_t* row(size_t i) const { return data + i * row_bytes; }
};

// dst[0..n) = the n values of a block sequence.
void DequantizeRow(core::DType type, const uint8_t* src, float* dst, size_t n);

// Quantizes n values into dst (RowBytes long). Types F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1,
// Q4_K, Q5_K, Q6_K, bit-exact with ggml's reference quantizer. Returns false for other types.
bool QuantizeRow(core::DType type, const float* src, uint8_t* dst, size_t n);

// y[M, N] = x[M, K] * W^T, for serving. Activations may be rounded to 8-bit blocks of 32 (as ggml
// does), so the error against GemmForward is of the order 1e-2 of the row's norm for Q8_0 and Q4_0
// weights. Any M >= 1. How sums are ordered may depend on M, unless each row is to give the bits
// that it gives alone.
enum class RowSums { kFastest, kAsAlone };
void MatMul(core::ThreadPool& pool, const WeightView& w, const float* x, size_t m, float* y,
            RowSums sums = RowSums::kFastest);

// y[M, N] = x[M, K] * W^T with f32 activations and f32 accumulation, for training. W is dequantized
// tile by tile.
void GemmForward(core::ThreadPool& pool, const WeightView& w, const float* x, size_t m, float* y);

// dx[M, K] (+)= dy[M, N] * W; `accumulate` adds to dx instead of overwriting.
void GemmInputGrad(core::ThreadPool& pool, const WeightView& w, const float* dy, size_t m,
                   float* dx, bool accumulate);

// How GemmForward and GemmInputGrad multiply. kFast rounds both sides to 16-bit integers with exact
// sums where the processor gains by it (AVX-512 VNNI: twice the rate), at an error of about 1e-4 of
// the result's norm; values smaller than 1e-18 in all of a chunk of 64 count as zero. Elsewhere it
// is kFloat32. Infinite and NaN inputs give results that are not finite in both.
enum class GemmPrecision { kFloat32, kFast };
void GemmForward(core::ThreadPool& pool, GemmPrecision precision, const WeightView& w,
                 const float* x, size_t m, float* y);
void GemmInputGrad(core::ThreadPool& pool, GemmPrecision precision, const WeightView& w,
                   const float* dy, size_t m, float* dx, bool accumulate);

// Same as GemmForward and GemmInputGrad for a plain f32 matrix, and C[M,N] (+)= A^T B forms, are
// Eigen's work: not here.

// A cache of keys and values: `rows` is a matrix [N, K] of type F16.
// Nearest halves, ties to even.
void RoundToHalf(const float* x, uint16_t* out, size_t n);
// y[i] = <row i, x>, summed in double precision: nearly the nearest float to the exact product.
void DotRowsHalf(const WeightView& rows, const float* x, float* y);
// sum[K] of halves held as f32: for each row i, sum = half(sum * shrink[i]), then
// sum = half(sum + weight[i] * row i).
void AddRowsHalf(const WeightView& rows, const float* shrink, const float* weight, float* sum);
// sum[K] += weight[i] * row i for each row in turn, in f32 with one rounding each.
void WeighRowsHalf(const WeightView& rows, const float* weight, float* sum);

float DotF32(const float* a, const float* b, size_t n);
void AxpyF32(float alpha, const float* x, float* y, size_t n);  // y += alpha x

// out = x / sqrt(mean(x^2) + eps) * weight; rows of n.
void RmsNorm(const float* x, const float* weight, float eps, size_t rows, size_t n, float* out);
// out = silu(gate) * up, n values
void SiluMul(const float* gate, const float* up, size_t n, float* out);
// x = exp(x - max), n values; returns their sum.
double ExpMinus(float* x, size_t n, float max);
// In-place softmax of n values.
void Softmax(float* x, size_t n);

// Rotary position embedding in place on `heads` heads of head_dim values; cos/sin hold rot/2 values
// for this position. Adjacent pairs (2i, 2i+1) if `interleaved` (GGUF "NORM"), else halves (i, i +
// rot/2) ("NEOX").
void Rope(float* x, size_t heads, size_t head_dim, size_t rot, const float* cos, const float* sin,
          bool interleaved);

}  // namespace selvedge::kernels
