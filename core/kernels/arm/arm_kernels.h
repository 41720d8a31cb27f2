#pragma once
// What the files of this folder offer to tables_arm.cc. NEON, with fused multiply-add and
// conversions of halves, is in every 64-bit Arm processor; the files named dotprod and i8mm are
// compiled with the flags of those extensions, use intrinsics only, and keep everything else in
// anonymous namespaces: a template or inline function of the standard library instantiated there
// could be the copy that the linker keeps for the whole program.
//
// Products of quantized types are summed in one order, whatever the number of tokens and the
// extension: whole blocks, exact in integers, one after the other.

#include "core/kernels/kernel_table.h"

namespace selvedge::kernels::arm {

void GemmTile_Neon(size_t rows, size_t k, const float* a, const float* b, float* c, size_t ldc,
                   bool add);
void TransposePanel_Neon(const float* src, size_t k, float* dst);

void DequantizeF16_Neon(const uint8_t* row, size_t first, float* dst, size_t n);
void DequantizeBf16_Neon(const uint8_t* row, size_t first, float* dst, size_t n);
void DotRowsF32_Neon(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                     float* y);
void DotRowsF16_Neon(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                     float* y);
void DotRowsBf16_Neon(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x,
                      float* y);

void QuantizeActivations_Neon(const float* x, size_t n, int8_t* q, float* scales, int32_t* sums,
                              float* weighted_sums);
void QuantizeActivations256_Neon(const float* x, size_t n, int8_t* q, float* scales,
                                 int16_t* sums16);

void RoundToHalf_Neon(const float* x, uint16_t* out, size_t n);
void DotRowsHalf_Neon(const HalfRows& rows, const float* x, float* y);
void AddRowsHalf_Neon(const HalfRows& rows, const float* shrink, const float* weight, float* sum);
void WeighRowsHalf_Neon(const HalfRows& rows, const float* weight, float* sum);

float Dot_Neon(const float* a, const float* b, size_t n);
void Axpy_Neon(float alpha, const float* x, float* y, size_t n);
void RmsNormRow_Neon(const float* x, const float* weight, float eps, size_t n, float* out);
void SiluMul_Neon(const float* gate, const float* up, size_t n, float* out);
double ExpMinus_Neon(float* x, size_t n, float max);
void Softmax_Neon(float* x, size_t n);
void RopeHead_Neon(float* x, size_t rot, const float* cos, const float* sin, bool interleaved);

// `type` is one of Q8_0, Q4_0, ..., Q6_K.
#define SELVEDGE_DECLARE_ARM_TYPE(type)                                                         \
  void Dequantize##type##_Neon(const uint8_t* row, size_t first, float* dst, size_t n);         \
  void DotRows##type##_Neon(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,          \
                            const QuantizedActivations& x, float* y);                           \
  void DotRows##type##_DotProd(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,       \
                               const QuantizedActivations& x, float* y);                        \
  void PackPanel##type##_DotProd(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,     \
                                 uint8_t* panel, float* scales);                                \
  void PackPanel##type##_I8mm(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,        \
                              uint8_t* panel, float* scales);                                   \
  void MultiplyPanel##type##_DotProd(size_t tokens, size_t k, const QuantizedActivations& x,    \
                                     int32_t offset, const uint8_t* panel, const float* scales, \
                                     const PanelSums& sums);                                    \
  void MultiplyPanel##type##_I8mm(size_t tokens, size_t k, const QuantizedActivations& x,       \
                                  int32_t offset, const uint8_t* panel, const float* scales,    \
                                  const PanelSums& sums);
#define SELVEDGE_FOR_ARM_TYPES(apply)                                                   \
  apply(Q8_0) apply(Q4_0) apply(Q4_1) apply(Q5_0) apply(Q5_1) apply(IQ4_NL) apply(Q2_K) \
      apply(Q3_K) apply(Q4_K) apply(Q5_K) apply(Q6_K)
SELVEDGE_FOR_ARM_TYPES(SELVEDGE_DECLARE_ARM_TYPE)
#undef SELVEDGE_DECLARE_ARM_TYPE

// Columns and most tokens of the integer panels (kernel_table.h).
inline constexpr size_t kPanelCols = 8;
inline constexpr size_t kTokens_DotProd = 4;
inline constexpr size_t kTokens_I8mm = 6;

}  // namespace selvedge::kernels::arm
