#pragma once
// What the files of this folder offer to tables_x86.cc. The folder's files are compiled with the
// flags of their instruction set, use intrinsics only, and keep everything else in anonymous
// namespaces: a template or inline function of the standard library instantiated here could be the
// copy that the linker keeps for the whole program.

#include "core/kernels/kernel_table.h"

namespace selvedge::kernels::x86 {

#define SELVEDGE_DECLARE_FLOAT_KERNELS(isa)                                                        \
  void GemmTile_##isa(size_t rows, size_t k, const float* a, const float* b, float* c, size_t ldc, \
                      bool add);                                                                   \
  void TransposePanel_##isa(const float* src, size_t k, float* dst);                               \
  void DequantizeF16_##isa(const uint8_t* row, size_t first, float* dst, size_t n);                \
  void DequantizeBf16_##isa(const uint8_t* row, size_t first, float* dst, size_t n);               \
  void DequantizeQ8_##isa(const uint8_t* row, size_t first, float* dst, size_t n);                 \
  void DequantizeQ4_##isa(const uint8_t* row, size_t first, float* dst, size_t n);                 \
  void DotRowsF32_##isa(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x, \
                        float* y);                                                                 \
  void DotRowsF16_##isa(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, const float* x, \
                        float* y);                                                                 \
  void DotRowsBf16_##isa(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,                \
                         const float* x, float* y);                                                \
  void RoundToHalf_##isa(const float* x, uint16_t* out, size_t n);                                 \
  void DotRowsHalf_##isa(const HalfRows& rows, const float* x, float* y);                          \
  void AddRowsHalf_##isa(const HalfRows& rows, const float* shrink, const float* weight,           \
                         float* sum);                                                              \
  void WeighRowsHalf_##isa(const HalfRows& rows, const float* weight, float* sum);                 \
  float Dot_##isa(const float* a, const float* b, size_t n);                                       \
  void Axpy_##isa(float alpha, const float* x, float* y, size_t n);                                \
  void RmsNormRow_##isa(const float* x, const float* weight, float eps, size_t n, float* out);     \
  void SiluMul_##isa(const float* gate, const float* up, size_t n, float* out);                    \
  double ExpMinus_##isa(float* x, size_t n, float max);                                            \
  void Softmax_##isa(float* x, size_t n);                                                          \
  void RopeHead_##isa(float* x, size_t rot, const float* cos, const float* sin, bool interleaved);

SELVEDGE_DECLARE_FLOAT_KERNELS(Avx2)
SELVEDGE_DECLARE_FLOAT_KERNELS(Avx512)
#undef SELVEDGE_DECLARE_FLOAT_KERNELS

void QuantizeActivations_Avx2(const float* x, size_t n, int8_t* q, float* scales, int32_t* sums,
                              float* weighted_sums);
void QuantizeActivations256_Avx2(const float* x, size_t n, int8_t* q, float* scales,
                                 int16_t* sums16);

#define SELVEDGE_DECLARE_DOT_ROWS(type)                                                      \
  void DotRows##type##_Avx2(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,       \
                            const QuantizedActivations& x, float* y);                        \
  void DotRows##type##_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, \
                                  const QuantizedActivations& x, float* y);

#define SELVEDGE_DECLARE_QUANTIZED_TYPE(type)                                           \
  void Dequantize##type##_Avx2(const uint8_t* row, size_t first, float* dst, size_t n); \
  SELVEDGE_DECLARE_DOT_ROWS(type)

SELVEDGE_DECLARE_DOT_ROWS(Q8)
SELVEDGE_DECLARE_DOT_ROWS(Q4)
SELVEDGE_DECLARE_QUANTIZED_TYPE(Q4_1)
SELVEDGE_DECLARE_QUANTIZED_TYPE(Q5_0)
SELVEDGE_DECLARE_QUANTIZED_TYPE(Q5_1)
SELVEDGE_DECLARE_QUANTIZED_TYPE(Iq4Nl)
SELVEDGE_DECLARE_QUANTIZED_TYPE(Q2_K)
SELVEDGE_DECLARE_QUANTIZED_TYPE(Q3_K)
SELVEDGE_DECLARE_QUANTIZED_TYPE(Q4_K)
SELVEDGE_DECLARE_QUANTIZED_TYPE(Q5_K)
SELVEDGE_DECLARE_QUANTIZED_TYPE(Q6_K)
#undef SELVEDGE_DECLARE_QUANTIZED_TYPE
#undef SELVEDGE_DECLARE_DOT_ROWS

#define SELVEDGE_DECLARE_DOT_TOKENS(type)                                                      \
  void DotTokens##type##_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, \
                                    size_t tokens, const QuantizedActivations& x, float* y,    \
                                    size_t ldy);
SELVEDGE_DECLARE_DOT_TOKENS(Q3_K)
SELVEDGE_DECLARE_DOT_TOKENS(Q5_K)
SELVEDGE_DECLARE_DOT_TOKENS(Q6_K)
#undef SELVEDGE_DECLARE_DOT_TOKENS

// Integer panels of 32 rows, at most 6 tokens. "Panel16" and "Panel32" are those of Q3_K and Q6_K,
// and of Q5_K, with a scale and a bias for each 16 or 32 values.
#define SELVEDGE_DECLARE_PACK_PANEL(type)                                                      \
  void PackPanel##type##_Avx512Vnni(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, \
                                    uint8_t* panel, float* scales);
#define SELVEDGE_DECLARE_MULTIPLY_PANEL(name)                                                    \
  void name##_Avx512Vnni(size_t tokens, size_t k, const QuantizedActivations& x, int32_t offset, \
                         const uint8_t* panel, const float* scales, const PanelSums& sums);

SELVEDGE_DECLARE_PACK_PANEL(Q8)
SELVEDGE_DECLARE_PACK_PANEL(Q4)
SELVEDGE_DECLARE_PACK_PANEL(Q5_0)
SELVEDGE_DECLARE_PACK_PANEL(Iq4Nl)
SELVEDGE_DECLARE_PACK_PANEL(Q2_K)
SELVEDGE_DECLARE_PACK_PANEL(Q3_K)
SELVEDGE_DECLARE_PACK_PANEL(Q4_K)
SELVEDGE_DECLARE_PACK_PANEL(Q5_K)
SELVEDGE_DECLARE_PACK_PANEL(Q6_K)
SELVEDGE_DECLARE_MULTIPLY_PANEL(MultiplyPanel)
SELVEDGE_DECLARE_MULTIPLY_PANEL(MultiplyPanel16)
SELVEDGE_DECLARE_MULTIPLY_PANEL(MultiplyPanel32)
SELVEDGE_DECLARE_MULTIPLY_PANEL(MultiplyPanelQ2_K)
SELVEDGE_DECLARE_MULTIPLY_PANEL(MultiplyPanelQ4_K)
#undef SELVEDGE_DECLARE_PACK_PANEL
#undef SELVEDGE_DECLARE_MULTIPLY_PANEL

// 16-bit products: 7 rows of activations by 32 columns.
float RoundRow_Avx512Vnni(const float* x, size_t depth, int16_t* q);
void RoundChunks_Avx512Vnni(const float* x, size_t depth, int16_t* q, float* scales);
void RoundColumns_Avx512Vnni(const float* x, size_t rows, int16_t* panel, float* scales);
void MultiplyInt16_Avx512Vnni(size_t rows, size_t depth, const int16_t* a, const float* a_scales,
                              const int16_t* panel, const float* panel_scales, float* c, size_t ldc,
                              bool add);

}  // namespace selvedge::kernels::x86
