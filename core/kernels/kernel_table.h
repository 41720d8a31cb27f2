#pragma once
// The primitives that differ between instruction sets. The loops around them (gemm.cc, matmul.cc)
// are the same for all. Only plain types here: the ISA files include this header.

#include <cstddef>
#include <cstdint>

namespace selvedge::kernels {

// Columns of a packed panel of activations, and the distance between its rows: not a power of two,
// so that the rows do not fall into the same cache sets.
inline constexpr size_t kPanelDepth = 256;
inline constexpr size_t kPanelStride = kPanelDepth + 16;

// Activations rounded to 8 bits, in blocks of 32.
struct QuantizedActivations {
  const int8_t* q;      // [tokens, stride], in [-127, 127]
  const float* scales;  // [tokens, stride / 32], halves (reference::ActivationScale)
  const int32_t* sums;  // [tokens, stride / 32], sum of q over the block
  size_t stride;        // K
};

// Dequantizes n values of a row.
using DequantizeFn = void (*)(const uint8_t* src, float* dst, size_t n);

// y[i] = <row i of w, x> for `rows` rows; x is f32 or, for quantized types, one token of q.
using DotRowsF32Fn = void (*)(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              const float* x, float* y);
using DotRowsI8Fn = void (*)(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                             const QuantizedActivations& x, float* y);

// Integer panels: `cols` rows of w interleaved by 4 values, so that a lane of the integer product
// belongs to one row. Values are stored as q + offset (unsigned).
//   pack    rows <= cols rows of k values (multiple of 32) -> panel [k/4, cols, 4], scales
//           [k/32, cols]; missing rows become zeros
//   multiply  y[tokens, cols] (+)= x * panel^T, tokens <= max_tokens
struct IntegerPanel {
  using PackFn = void (*)(const uint8_t* w, size_t row_bytes, size_t rows, size_t k, uint8_t* panel,
                          float* scales);
  using MultiplyFn = void (*)(size_t tokens, size_t k, const QuantizedActivations& x,
                              int32_t offset, const uint8_t* panel, const float* scales, float* y,
                              size_t ldy, bool add);
  size_t cols;
  size_t max_tokens;
  PackFn pack_q8_0;  // offset 128
  PackFn pack_q4_0;  // offset 8
  MultiplyFn multiply;
};

struct KernelTable {
  // Training and prefill: c[rows, tile_cols] (+)= a[rows, k] * b[k, tile_cols]; rows <= tile_rows,
  // k <= kPanelDepth, a has kPanelStride floats per row, b is aligned to 64 bytes.
  size_t tile_rows;
  size_t tile_cols;
  void (*gemm_tile)(size_t rows, size_t k, const float* a, const float* b, float* c, size_t ldc,
                    bool add);
  // dst[k, tile_cols] = transpose of src[tile_cols, k], whose rows are kPanelStride apart.
  void (*transpose_panel)(const float* src, size_t k, float* dst);

  DequantizeFn dequantize_f16, dequantize_bf16, dequantize_q8_0, dequantize_q4_0;
  DotRowsF32Fn dot_rows_f32, dot_rows_f16, dot_rows_bf16;
  DotRowsI8Fn dot_rows_q8_0, dot_rows_q4_0;
  // q, scales, sums of one token of n values (multiple of 32).
  void (*quantize_activations)(const float* x, size_t n, int8_t* q, float* scales, int32_t* sums);
  const IntegerPanel* integer_panel;  // null: floating point is as fast

  float (*dot)(const float* a, const float* b, size_t n);
  void (*axpy)(float alpha, const float* x, float* y, size_t n);
  void (*rms_norm_row)(const float* x, const float* weight, float eps, size_t n, float* out);
  void (*silu_mul)(const float* gate, const float* up, size_t n, float* out);
  void (*softmax)(float* x, size_t n);
  // One head; cos and sin hold rot / 2 values.
  void (*rope_head)(float* x, size_t rot, const float* cos, const float* sin, bool interleaved);
};

// Each in the file of its instruction set; call it only where the processor has that set.
const KernelTable& ScalarTable();
const KernelTable& Avx2Table();
const KernelTable& Avx512Table();
const KernelTable& Avx512VnniTable();

}  // namespace selvedge::kernels
