#pragma once
// The differentiable operations of the decoder, each a torch::autograd::Function over our own
// kernels: LibTorch keeps the tensors and the tape, the base weights are read where they are
// mapped.
//
// Letters: M rows of the micro-batch, L of them with labels, H query heads, G key heads, D head
// size. Parallel work is split over rows, sequences or groups, never inside a sum, so that results
// do not depend on the number of threads.

#include <ATen/core/Tensor.h>

#include <initializer_list>
#include <utility>
#include <vector>

#include "core/kernels/kernels.h"
#include "trainer/functions/tape.h"

namespace selvedge::trainer {

// y [M, N] = x W^T + scale (x A^T) B^T for each of `weights`, which are of the model's and share
// their input; the gradient of x is gathered in one tensor. Where the layout has a target for a
// weight, the backward pass adds dA and dB of every group to the tape's slot gradients, one
// sequence after the other. `leaf` is any tensor that requires a gradient: it puts the first
// adapted layer on the tape and gets none itself. All results must be used.
std::vector<at::Tensor> LoraLinears(const at::Tensor& x, const at::Tensor& leaf,
                                    std::initializer_list<const kernels::WeightView*> weights,
                                    Tape& tape);

// y [R, n] = x / sqrt(mean(x^2) + eps) * weight over the n columns. `weight` must outlive the tape.
at::Tensor RmsNorm(const at::Tensor& x, const std::vector<float>& weight, Tape& tape);

// {x, RmsNorm(x)}: where a branch leaves the residual stream. The two gradients of x are added in
// place.
std::pair<at::Tensor, at::Tensor> BranchNorm(const at::Tensor& x, const std::vector<float>& weight,
                                             Tape& tape);

// y = a + b, both [M, n].
at::Tensor Sum(const at::Tensor& a, const at::Tensor& b, Tape& tape);

// Rotates x [M, heads * D] by the positions of the micro-batch, as the model's local or its other
// layers do.
at::Tensor Rope(const at::Tensor& x, size_t heads, bool local, Tape& tape);

// y [M, n] = activation(gate) * up, with the model's activation.
at::Tensor GatedUnit(const at::Tensor& gate, const at::Tensor& up, Tape& tape);

// Causal attention of every sequence with itself: q [M, H D], k and v [M, G D] -> [M, H D]. In a
// local layer a row sees the last config.window rows only. Scores are scaled and capped as the
// model's config says. Probabilities are computed kQueryBlock rows at a time and again in the
// backward pass.
at::Tensor Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool local,
                     Tape& tape);
inline constexpr size_t kQueryBlock = 64;
// Scratch of one thread in Attention, in floats, for sequences of up to `longest` rows: a block of
// probabilities, one of their gradients and, with a cap, one of scores; keys and values,
// transposed.
inline size_t AttentionScratch(const inference::ModelConfig& config, size_t longest) {
  const size_t blocks = config.attention_cap > 0 ? 3 : 2;
  return (blocks * kQueryBlock + 2 * config.head_dim) * longest;
}

// Sum of -log softmax(x W^T + scale (x A^T) B^T)[target] over the label rows x [L, n_embd] as a
// scalar, W the model's output matrix, A and B the head's adapter if the layout has one. Logits
// exist for at most LabelChunk rows at a time; all gradients are taken at once, those of A and B
// into the tape's slot gradients. `leaf` as in LoraLinear.
at::Tensor CrossEntropy(const at::Tensor& x, const at::Tensor& leaf, Tape& tape);
// It is smaller where memory is scarce enough for recomputation; results are the same bits.
inline constexpr size_t LabelChunk(size_t recomputed_layers) {
  return recomputed_layers > 0 ? 128 : 256;
}

}  // namespace selvedge::trainer
