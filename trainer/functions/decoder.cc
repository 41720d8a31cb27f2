#include "trainer/functions/decoder.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>

#include "trainer/functions/functions.h"

namespace selvedge::trainer {
namespace {

at::Tensor Embed(Tape& tape) {
  const kernels::WeightView& table = tape.model->token_embedding();
  const auto rows = static_cast<int64_t>(tape.batch->rows());
  at::Tensor x = at::empty({rows, static_cast<int64_t>(table.cols)}, at::kFloat);
  float* out = x.data_ptr<float>();
  for (size_t i = 0; i < tape.batch->rows(); ++i) {
    kernels::DequantizeRow(table.type, table.row(static_cast<size_t>(tape.batch->tokens[i])),
                           out + i * table.cols, table.cols);
  }
  return x;
}

at::Tensor AttentionBlock(const at::Tensor& x, const inference::LayerWeights& layer,
                          const at::Tensor& leaf, Tape& tape) {
  const inference::ModelConfig& config = tape.model->config();
  const at::Tensor h = RmsNorm(x, layer.attn_norm, tape);
  const at::Tensor q = Rope(LoraLinear(h, leaf, layer.attn_q, tape), config.n_heads, tape);
  const at::Tensor k = Rope(LoraLinear(h, leaf, layer.attn_k, tape), config.n_kv_heads, tape);
  const at::Tensor v = LoraLinear(h, leaf, layer.attn_v, tape);
  return LoraLinear(Attention(q, k, v, tape), leaf, layer.attn_output, tape);
}

at::Tensor FeedForwardBlock(const at::Tensor& x, const inference::LayerWeights& layer,
                            const at::Tensor& leaf, Tape& tape) {
  const at::Tensor h = RmsNorm(x, layer.ffn_norm, tape);
  const at::Tensor gate = LoraLinear(h, leaf, layer.ffn_gate, tape);
  const at::Tensor up = LoraLinear(h, leaf, layer.ffn_up, tape);
  return LoraLinear(SwiGlu(gate, up, tape), leaf, layer.ffn_down, tape);
}

// Sum of the label losses as a scalar tensor.
at::Tensor Loss(const at::Tensor& leaf, Tape& tape) {
  at::Tensor x = Embed(tape);
  for (const inference::LayerWeights& layer : tape.model->layers()) {
    x = at::add(x, AttentionBlock(x, layer, leaf, tape));
    x = at::add(x, FeedForwardBlock(x, layer, leaf, tape));
  }
  at::Tensor rows = at::empty({static_cast<int64_t>(tape.batch->label_rows.size())}, at::kLong);
  for (size_t i = 0; i < tape.batch->label_rows.size(); ++i) {
    rows.data_ptr<int64_t>()[i] = tape.batch->label_rows[i];
  }
  return CrossEntropy(RmsNorm(at::index_select(x, 0, rows), tape.model->output_norm(), tape), tape);
}

}  // namespace

void ForwardBackward(Tape& tape) {
  // The gradients that matter are collected by LoraLinear; this leaf only starts the tape.
  at::Tensor leaf = at::empty({0}, at::kFloat);
  leaf.requires_grad_(true);
  Loss(leaf, tape).backward();
}

void ForwardOnly(Tape& tape) {
  const at::NoGradGuard no_grad;
  Loss(at::Tensor(), tape);
}

}  // namespace selvedge::trainer
