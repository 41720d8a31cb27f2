#include "trainer/functions/decoder.h"

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/add.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>

#include <algorithm>
#include <tuple>

#include "trainer/functions/functions.h"
#include "trainer/functions/tensor_pool.h"

namespace selvedge::trainer {
namespace {

at::Tensor Embed(Tape& tape) {
  const kernels::WeightView& table = tape.model->token_embedding();
  const auto rows = static_cast<int64_t>(tape.batch->rows());
  at::Tensor x = NewTensor(tape, rows, static_cast<int64_t>(table.cols));
  float* out = x.data_ptr<float>();
  const float scale = tape.model->config().embedding_scale;
  for (size_t i = 0; i < tape.batch->rows(); ++i, out += table.cols) {
    kernels::DequantizeRow(table.type, table.row(static_cast<size_t>(tape.batch->tokens[i])), out,
                           table.cols);
    if (scale == 1) continue;
    for (size_t j = 0; j < table.cols; ++j) out[j] *= scale;
  }
  return x;
}

// x [M, n] + bias [n], which is frozen; x itself where the family has none.
at::Tensor AddBias(const at::Tensor& x, const std::vector<float>& bias) {
  if (bias.empty()) return x;
  at::Tensor row = at::empty({static_cast<int64_t>(bias.size())}, at::kFloat);
  std::copy(bias.begin(), bias.end(), row.data_ptr<float>());
  return at::add(x, row);
}

// Queries or keys, x [M, heads * D], from product to rotated: with the bias and the norm of each
// head that the family has.
at::Tensor Finish(at::Tensor x, const std::vector<float>& bias, const std::vector<float>& norm,
                  size_t heads, bool local, Tape& tape) {
  x = AddBias(x, bias);
  if (!norm.empty()) {
    const at::IntArrayRef shape = x.sizes();
    const int64_t rows = shape[0] * static_cast<int64_t>(heads);
    x = RmsNorm(x.reshape({rows, shape[1] / static_cast<int64_t>(heads)}), norm, tape)
            .reshape({rows / static_cast<int64_t>(heads), -1});
  }
  return Rope(x, heads, local, tape);
}

// x, or its norm where the family has one between a block and the sum.
at::Tensor PostNorm(const at::Tensor& x, const std::vector<float>& norm, Tape& tape) {
  return norm.empty() ? x : RmsNorm(x, norm, tape);
}

// What attention adds to the stream whose norm is `h`.
at::Tensor AttentionBlock(const at::Tensor& h, size_t index, const at::Tensor& leaf, Tape& tape) {
  const inference::ModelConfig& config = tape.model->config();
  const inference::LayerWeights& layer = tape.model->layers()[index];
  const bool local = config.IsLocal(index);
  std::vector<at::Tensor> y =
      LoraLinears(h, leaf, {&layer.attn_q, &layer.attn_k, &layer.attn_v}, tape);
  const at::Tensor q =
      Finish(std::move(y[0]), layer.attn_q_bias, layer.attn_q_norm, config.n_heads, local, tape);
  const at::Tensor k =
      Finish(std::move(y[1]), layer.attn_k_bias, layer.attn_k_norm, config.n_kv_heads, local, tape);
  const at::Tensor v = AddBias(std::move(y[2]), layer.attn_v_bias);
  y.clear();
  return PostNorm(LoraLinears(Attention(q, k, v, local, tape), leaf, {&layer.attn_output}, tape)[0],
                  layer.attn_post_norm, tape);
}

at::Tensor FeedForwardBlock(const at::Tensor& h, size_t index, const at::Tensor& leaf, Tape& tape) {
  const inference::LayerWeights& layer = tape.model->layers()[index];
  const std::vector<at::Tensor> y = LoraLinears(h, leaf, {&layer.ffn_gate, &layer.ffn_up}, tape);
  return PostNorm(LoraLinears(GatedUnit(y[0], y[1], tape), leaf, {&layer.ffn_down}, tape)[0],
                  layer.ffn_post_norm, tape);
}

at::Tensor Layer(const at::Tensor& x, size_t index, const at::Tensor& leaf, Tape& tape) {
  const inference::LayerWeights& layer = tape.model->layers()[index];
  auto [stream, h] = BranchNorm(x, layer.attn_norm, tape);
  const at::Tensor middle = Sum(stream, AttentionBlock(h, index, leaf, tape), tape);
  std::tie(stream, h) = BranchNorm(middle, layer.ffn_norm, tape);
  return Sum(stream, FeedForwardBlock(h, index, leaf, tape), tape);
}

// Sum of the label losses as a scalar tensor, from the last layer's output.
at::Tensor Loss(const at::Tensor& x, const at::Tensor& leaf, Tape& tape) {
  at::Tensor rows = at::empty({static_cast<int64_t>(tape.batch->label_rows.size())}, at::kLong);
  for (size_t i = 0; i < tape.batch->label_rows.size(); ++i) {
    rows.data_ptr<int64_t>()[i] = tape.batch->label_rows[i];
  }
  return CrossEntropy(RmsNorm(at::index_select(x, 0, rows), tape.model->output_norm(), tape), leaf,
                      tape);
}

// The first layers without a tape: the input of each, and the output of the last.
std::vector<at::Tensor> InputsOfFirstLayers(size_t layers, Tape& tape) {
  const at::NoGradGuard no_grad;
  std::vector<at::Tensor> inputs = {Embed(tape)};
  for (size_t i = 0; i < layers; ++i) {
    inputs.push_back(Layer(inputs.back(), i, at::Tensor(), tape));
  }
  return inputs;
}

}  // namespace

// The last layers keep what their gradients need. The first ones keep their inputs only; going
// back, each is run once more, with a tape of its own (Chen et al. 2016, arXiv 1604.06174).
void ForwardBackward(Tape& tape) {
  // The gradients that matter are collected by LoraLinear; this leaf only starts the tape.
  at::Tensor leaf = at::empty({0}, at::kFloat);
  leaf.requires_grad_(true);
  const size_t layers = tape.model->layers().size();
  const size_t recomputed = std::min(tape.recomputed_layers, layers - 1);
  std::vector<at::Tensor> inputs = InputsOfFirstLayers(recomputed, tape);
  at::Tensor gradient;
  {
    at::Tensor& start = inputs.back();
    start.requires_grad_(recomputed > 0);
    at::Tensor x = start;
    for (size_t i = recomputed; i < layers; ++i) x = Layer(x, i, leaf, tape);
    Loss(x, leaf, tape).backward();
    gradient = start.grad();
  }
  for (size_t i = recomputed; i-- > 0;) {
    inputs.pop_back();
    at::Tensor& input = inputs.back();
    input.requires_grad_(i > 0);
    const at::Tensor output = Layer(input, i, leaf, tape);
    if (!output.requires_grad()) return;
    output.backward(gradient);
    gradient = input.grad();
  }
}

void ForwardOnly(Tape& tape) {
  const at::NoGradGuard no_grad;
  Loss(InputsOfFirstLayers(tape.model->layers().size(), tape).back(), at::Tensor(), tape);
}

}  // namespace selvedge::trainer
