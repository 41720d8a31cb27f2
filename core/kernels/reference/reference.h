#pragma once
// The scalar twins: each reads like its formula and is what the fast versions are tested against.
// One thread, no blocking. Letters as in kernels.h.

#include <cstddef>
#include <cstdint>

#include "core/kernels/kernels.h"

namespace selvedge::kernels::reference {

void DequantizeRow(core::DType type, const uint8_t* src, float* dst, size_t n);
bool QuantizeRow(core::DType type, const float* src, uint8_t* dst, size_t n);

// `exact` rounded to a half, as ggml's block_q8_0 and block_q8_1 hold their numbers: we follow
// their results. Beyond the halves' range it stays as it is, so that huge activations do not become
// infinite.
float NearestHalf(float exact);

// Activations for the integer products: per 32 values, q = round(x * 127 / max|x|), ties to even.
//   q             [n] int8 in [-127, 127]
//   scales        [n / 32], NearestHalf(max|x| / 127)
//   sums          [n / 32], of q
//   weighted_sums [n / 32], NearestHalf(max|x| / 127 * sum)
void QuantizeActivations(const float* x, size_t n, int8_t* q, float* scales, int32_t* sums,
                         float* weighted_sums);

// The same per 256 values: scale = -x / 127 of the x that is largest in magnitude, q = round(x /
// scale), and sums of 16 q. Source: ggml's quantize_row_q8_K.
//   scales [n / 256], sums16 [n / 16]
void QuantizeActivations256(const float* x, size_t n, int8_t* q, float* scales, int16_t* sums16);

void MatMul(const WeightView& w, const float* x, size_t m, float* y);
void GemmForward(const WeightView& w, const float* x, size_t m, float* y);
void GemmInputGrad(const WeightView& w, const float* dy, size_t m, float* dx, bool accumulate);

void RoundToHalf(const float* x, uint16_t* out, size_t n);
void DotRowsHalf(const WeightView& rows, const float* x, float* y);
void AddRowsHalf(const WeightView& rows, const float* shrink, const float* weight, float* sum);
void WeighRowsHalf(const WeightView& rows, const float* weight, float* sum);

float DotF32(const float* a, const float* b, size_t n);
void AxpyF32(float alpha, const float* x, float* y, size_t n);
void RmsNorm(const float* x, const float* weight, float eps, size_t rows, size_t n, float* out);
void SiluMul(const float* gate, const float* up, size_t n, float* out);
double ExpMinus(float* x, size_t n, float max);
void Softmax(float* x, size_t n);
void Rope(float* x, size_t heads, size_t head_dim, size_t rot, const float* cos, const float* sin,
          bool interleaved);

}  // namespace selvedge::kernels::reference
