#include <ATen/ops/full.h>
#include <ATen/ops/mul.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "trainer/functions/functions.h"
#include "trainer/functions/tensor_pool.h"

namespace selvedge::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// -log softmax(logits)[target] with the model's cap on logits, which are replaced by the gradient
// divided by `scale`. `capped` is scratch.
double LossOfRow(size_t target, size_t vocab, float* logits, float* scale,
                 std::vector<float>* capped, const Tape& tape) {
  const float cap = tape.model->config().output_cap;
  if (cap == 0) return tape.dense->cross_entropy_row(logits, vocab, target, scale);
  tape.dense->soft_cap_row(cap, logits, vocab);
  capped->assign(logits, logits + vocab);
  const double loss = tape.dense->cross_entropy_row(logits, vocab, target, scale);
  tape.dense->soft_cap_grad_row(cap, capped->data(), vocab, logits);
  return loss;
}

struct CrossEntropyFunction : torch::autograd::Function<CrossEntropyFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, Tape* tape) {
    const kernels::WeightView& output = tape->model->output();
    const size_t vocab = output.rows;
    const size_t n = output.cols;
    const auto labels = static_cast<size_t>(x.size(0));
    const size_t chunk = LabelChunk(tape->recomputed_layers);
    const bool wants_gradient = x.requires_grad();
    at::Tensor dx = NewTensor(*tape, x.size(0), x.size(1));
    at::Tensor logits = NewTensor(*tape, static_cast<int64_t>(std::min(chunk, labels)),
                                  static_cast<int64_t>(vocab));
    float* scores = logits.data_ptr<float>();
    std::vector<float> scales(std::min(chunk, labels));
    for (size_t begin = 0; begin < labels; begin += chunk) {
      const size_t rows = std::min(chunk, labels - begin);
      tape->CheckStop();
      kernels::GemmForward(*tape->pool, tape->precision, output, x.data_ptr<float>() + begin * n,
                           rows, scores);
      tape->pool->ParallelFor(rows, 8, [&](size_t first, size_t last, int) {
        std::vector<float> capped;
        for (size_t i = first; i < last; ++i) {
          tape->label_losses[begin + i] =
              LossOfRow(static_cast<size_t>(tape->batch->targets[begin + i]), vocab,
                        scores + i * vocab, &scales[i], &capped, *tape);
        }
      });
      if (!wants_gradient) continue;
      float* out = dx.data_ptr<float>() + begin * n;
      kernels::GemmInputGrad(*tape->pool, tape->precision, output, scores, rows, out, false);
      for (size_t i = 0; i < rows; ++i, out += n) {
        for (size_t j = 0; j < n; ++j) out[j] *= scales[i];
      }
    }
    double sum = 0;
    for (const double loss : tape->label_losses) sum += loss;
    ctx->save_for_backward({dx});
    return at::full({}, sum, x.options());
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    return {at::mul(ctx->get_saved_variables()[0], gradients[0]), at::Tensor()};
  }
};

}  // namespace

at::Tensor CrossEntropy(const at::Tensor& x, Tape& tape) {
  return CrossEntropyFunction::apply(x, &tape);
}

}  // namespace selvedge::trainer
