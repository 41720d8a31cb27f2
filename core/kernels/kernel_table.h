#pragma once
// The primitives that differ between instruction sets. The loops around them (gemm.cc, matmul.cc)
// are the same for all. Only plain types here: the ISA files include this header.

#include <cstddef>
#include <cstdint>

#include "core/dtype.h"

namespace selvedge::kernels {

// Columns of a packed panel of activations, and the distance between its rows: not a power of two,
// so that the rows do not fall into the same cache sets.
inline constexpr size_t kPanelDepth = 256;
inline constexpr size_t kPanelStride = kPanelDepth + 16;

// What a type's dot products take. The rounded forms are ggml's Q8_0 and Q8_1 (one thing here) and
// Q8_K.
enum class ActivationForm : uint8_t { kF32, kBlocks32, kBlocks256 };

// Activations rounded to 8 bits, in blocks of 32 or of 256 values.
struct QuantizedActivations {
  const int8_t* q;      // [tokens, stride], in [-127, 127]
  const float* scales;  // [tokens, stride / block]; of 32: halves (reference::NearestHalf)
  const int32_t* sums;  // blocks of 32: [tokens, stride / 32], sum of q over the block
  size_t stride;        // K
  const float* weighted_sums = nullptr;  // blocks of 32: as sums, times the scale; halves
  const int16_t* sums16 = nullptr;       // blocks of 256: [tokens, stride / 16], sums of 16 q
};

// Dequantizes values [first, first + n) of a row; both are multiples of DTypeInfo::run_values().
using DequantizeFn = void (*)(const uint8_t* row, size_t first, float* dst, size_t n);

// y[i] = <row i of w, x> for `rows` rows; x is f32 or, for quantized types, one token of q.
using DotRowsF32Fn = void (*)(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                              const float* x, float* y);
using DotRowsI8Fn = void (*)(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                             const QuantizedActivations& x, float* y);

// y[t * ldy + i] = <row i of w, token t of x> with the bits of DotRowsI8Fn.
using DotTokensI8Fn = void (*)(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                               size_t tokens, const QuantizedActivations& x, float* y, size_t ldy);

// Integer panels: `cols` rows of w interleaved by 4 values, so that a lane of the integer product
// belongs to one row. Values are stored unsigned. Each type brings its own pair of functions:
//   pack    rows <= cols rows of k values (a multiple of the block) -> panel [k/4, cols, 4], and
//           scales, at most PanelScales(k) for each column, as `multiply` wants them; missing
//           rows become zeros
//   multiply  y[tokens, cols] (+)= x * panel^T, tokens <= max_tokens; values are q + offset
// A long k is multiplied slice by slice.
struct IntegerPanel {
  size_t cols;
  size_t max_tokens;
};
constexpr size_t PanelScales(size_t k) { return k / 16 * 2 + k / 128; }

// Where the sums of a slice go.
struct PanelSums {
  float* y;  // [tokens, ldy]
  size_t ldy;
  float* minima;     // [tokens, cols]: what a type keeps apart until the last slice
  bool first, last;  // slice: sums begin; they are complete
};

using PackPanelFn = void (*)(const uint8_t* w, size_t row_bytes, size_t rows, size_t k,
                             uint8_t* panel, float* scales);
using MultiplyPanelFn = void (*)(size_t tokens, size_t k, const QuantizedActivations& x,
                                 int32_t offset, const uint8_t* panel, const float* scales,
                                 const PanelSums& sums);

// Products of f32 matrices as sums of products of 16-bit integers, for training. 64 values that
// follow each other in the summed dimension are a chunk; chunks are rounded with a scale that
// brings their norm to at most kInt16RowNorm on the side of the activations, kInt16WeightNorm (and
// no value above 32767) on that of the weight. By Cauchy and Schwarz a sum over a chunk is then
// below 2^31, so 32-bit sums are exact. The rounding is about 7e-5 of the norm of an activation
// and half of that of a weight.
inline constexpr size_t kInt16Chunk = 64;
inline constexpr float kInt16RowNorm = 32700;  // 32767 less what rounding can add
inline constexpr float kInt16WeightNorm = 65500;
inline constexpr size_t kInt16Stride = kPanelDepth + 32;  // between rows, in values
inline constexpr size_t kInt16Chunks = kPanelDepth / kInt16Chunk;

struct Int16Products {
  size_t tile_rows;
  size_t tile_cols;
  // q[0..depth) = x / scale rounded, with one scale for the row's slice, which is returned, or with
  // scales[c] for each chunk. depth <= kPanelDepth; an odd depth is filled up with a zero.
  float (*round_row)(const float* x, size_t depth, int16_t* q);
  void (*round_chunks)(const float* x, size_t depth, int16_t* q, float* scales);
  // A chunk x[rows, tile_cols], rows <= 64, each column with a scale of its own, to
  // panel[rows / 2, tile_cols, 2]: neighbours in the summed dimension lie side by side.
  void (*round_columns)(const float* x, size_t rows, int16_t* panel, float* scales);
  // c[rows, tile_cols] (+)= a[rows, depth] * panel[depth / 2, tile_cols, 2], with a_scales[rows],
  // panel_scales[chunks, tile_cols]; rows <= tile_rows, rows of `a` are kInt16Stride apart.
  void (*multiply)(size_t rows, size_t depth, const int16_t* a, const float* a_scales,
                   const int16_t* panel, const float* panel_scales, float* c, size_t ldc, bool add);
};

// How the sums of a panel are ordered.
enum class PanelOrder : uint8_t {
  kOwn,
  kAsDots,  // each token has the bits that dot_rows_i8 gives it
  kFours,   // as llama.cpp sums four tokens at a time; it takes up to three others one by one
};

// What a table knows of one tensor type.
struct TypeKernels {
  core::DType type;
  ActivationForm activations;
  DequantizeFn dequantize;
  DotRowsF32Fn dot_rows_f32;  // kF32
  DotRowsI8Fn dot_rows_i8;    // kBlocks32, kBlocks256
  PackPanelFn pack_panel;     // null: KernelTable::integer_panel is not for this type
  MultiplyPanelFn multiply_panel;
  int32_t panel_offset;
  PanelOrder panel_order = PanelOrder::kOwn;
  DotTokensI8Fn dot_tokens_i8 = nullptr;  // null: dot_rows_i8 for each token is as fast
};

struct TypeTable {
  static constexpr size_t kIds = 31;  // above the largest DType with kernels
  TypeKernels rows[kIds];             // by number; all null where there is no such type
};

// A matrix of halves.
struct HalfRows {
  const uint8_t* data;
  size_t row_bytes;
  size_t rows;
  size_t cols;
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

  const TypeTable* types;
  // q, scales, sums and weighted sums of one token of n values (multiple of 32).
  void (*quantize_activations)(const float* x, size_t n, int8_t* q, float* scales, int32_t* sums,
                               float* weighted_sums);
  // q, scales, sums of 16 of one token of n values (multiple of 256).
  void (*quantize_activations256)(const float* x, size_t n, int8_t* q, float* scales,
                                  int16_t* sums16);
  const IntegerPanel* integer_panel;  // null: floating point is as fast
  const Int16Products* int16;         // null: floating point is as fast

  // Keys and values of attention, see kernels.h.
  void (*round_to_half)(const float* x, uint16_t* out, size_t n);
  void (*dot_rows_half)(const HalfRows& rows, const float* x, float* y);
  void (*add_rows_half)(const HalfRows& rows, const float* shrink, const float* weight, float* sum);

  // sum[cols] += weight[i] * row i for each row in turn, one rounding each.
  void (*weigh_rows_half)(const HalfRows& rows, const float* weight, float* sum);

  float (*dot)(const float* a, const float* b, size_t n);
  void (*axpy)(float alpha, const float* x, float* y, size_t n);
  void (*rms_norm_row)(const float* x, const float* weight, float eps, size_t n, float* out);
  void (*silu_mul)(const float* gate, const float* up, size_t n, float* out);
  double (*exp_minus)(float* x, size_t n, float max);
  void (*softmax)(float* x, size_t n);
  // One head; cos and sin hold rot / 2 values.
  void (*rope_head)(float* x, size_t rot, const float* cos, const float* sin, bool interleaved);
};

// The table of `rows` over that of `base`: rows of the same type replace the base's.
template <size_t n>
constexpr TypeTable WithRows(TypeTable base, const TypeKernels (&rows)[n]) {
  for (const TypeKernels& row : rows) base.rows[static_cast<size_t>(row.type)] = row;
  return base;
}

// Each in the file of its instruction set; call it only where the processor has that set.
const KernelTable& ScalarTable();
const KernelTable& Avx2Table();
const KernelTable& Avx512Table();
const KernelTable& Avx512VnniTable();
const KernelTable& NeonTable();
const KernelTable& DotProdTable();
const KernelTable& I8mmTable();

}  // namespace selvedge::kernels
