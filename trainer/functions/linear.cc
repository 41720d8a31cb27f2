#include <torch/csrc/autograd/custom_function.h>

#include "trainer/functions/functions.h"
#include "trainer/functions/tensor_pool.h"

namespace selvedge::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// h = x A^T and y += scale h B^T of every sequence. One product per sequence: its shape, and so its
// order of additions, must not depend on what else is in the micro-batch.
void AddLora(const LoraTarget& target, const float* x, float* h, float* y, Tape& tape) {
  const size_t r = tape.layout->rank();
  const auto& segments = tape.batch->segments;
  tape.pool->ParallelFor(segments.size(), 1, [&](size_t begin, size_t end, int) {
    for (size_t i = begin; i < end; ++i) {
      const Segment& s = segments[i];
      float* h_s = h + s.begin * r;
      tape.dense->gemm_nt(s.length(), r, target.in, 1, x + s.begin * target.in, target.in,
                          tape.a(target), target.in, false, h_s, r);
      tape.dense->gemm_nt(s.length(), target.out, r, tape.layout->scale(), h_s, r, tape.b(target),
                          r, true, y + s.begin * target.out, target.out);
    }
  });
}

// With u = scale dy B: dx += u A, and for the group of each sequence dB += scale dy^T h and
// dA += u^T x. `x` is null if A is frozen, `dx` if the input needs no gradient.
void AddLoraGradients(const LoraTarget& target, const float* x, const float* h, const float* dy,
                      float* dx, Tape& tape) {
  const size_t r = tape.layout->rank();
  const float scale = tape.layout->scale();
  const MicroBatch& batch = *tape.batch;
  tape.pool->ParallelFor(batch.slots.size(), 1, [&](size_t begin, size_t end, int) {
    std::vector<float> u;
    for (size_t slot = begin; slot < end; ++slot) {
      float* gradient = tape.slot_gradients[slot];
      for (size_t i = batch.slots[slot].begin; i < batch.slots[slot].end; ++i) {
        const Segment& s = batch.segments[i];
        const float* dy_s = dy + s.begin * target.out;
        tape.dense->gemm_tn(target.out, r, s.length(), scale, dy_s, target.out, h + s.begin * r, r,
                            true, gradient + target.b_offset, r);
        if (x == nullptr && dx == nullptr) continue;
        u.resize(s.length() * r);
        tape.dense->gemm_nn(s.length(), r, target.out, scale, dy_s, target.out, tape.b(target), r,
                            false, u.data(), r);
        if (dx != nullptr) {
          tape.dense->gemm_nn(s.length(), target.in, r, 1, u.data(), r, tape.a(target), target.in,
                              true, dx + s.begin * target.in, target.in);
        }
        if (x != nullptr) {
          tape.dense->gemm_tn(r, target.in, s.length(), 1, u.data(), r, x + s.begin * target.in,
                              target.in, true, gradient + target.a_offset, target.in);
        }
      }
    }
  });
}

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const c10::optional<at::Tensor>& /*leaf*/,
                            const kernels::WeightView* weight, Tape* tape) {
    const auto m = static_cast<size_t>(x.size(0));
    at::Tensor y = NewTensor(*tape, x.size(0), static_cast<int64_t>(weight->rows));
    tape->CheckStop();
    kernels::GemmForward(*tape->pool, tape->precision, *weight, x.data_ptr<float>(), m,
                         y.data_ptr<float>());
    const LoraTarget* target = tape->layout->Find(*weight);
    ctx->saved_data["weight"] = reinterpret_cast<int64_t>(weight);
    ctx->saved_data["target"] = reinterpret_cast<int64_t>(target);
    ctx->saved_data["tape"] = reinterpret_cast<int64_t>(tape);
    if (target != nullptr) {
      at::Tensor h = NewTensor(*tape, x.size(0), static_cast<int64_t>(tape->layout->rank()));
      AddLora(*target, x.data_ptr<float>(), h.data_ptr<float>(), y.data_ptr<float>(), *tape);
      ctx->save_for_backward(tape->layout->freeze_a() ? variable_list{h} : variable_list{h, x});
    }
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const at::Tensor dy = gradients[0].contiguous();
    const auto* weight =
        reinterpret_cast<const kernels::WeightView*>(ctx->saved_data["weight"].toInt());
    const auto* target = reinterpret_cast<const LoraTarget*>(ctx->saved_data["target"].toInt());
    auto* tape = reinterpret_cast<Tape*>(ctx->saved_data["tape"].toInt());
    at::Tensor dx;
    tape->CheckStop();
    if (ctx->needs_input_grad(0)) {
      dx = NewTensor(*tape, dy.size(0), static_cast<int64_t>(weight->cols));
      kernels::GemmInputGrad(*tape->pool, tape->precision, *weight, dy.data_ptr<float>(),
                             static_cast<size_t>(dy.size(0)), dx.data_ptr<float>(), false);
    }
    if (target != nullptr) {
      const variable_list saved = ctx->get_saved_variables();
      AddLoraGradients(*target, saved.size() > 1 ? saved[1].data_ptr<float>() : nullptr,
                       saved[0].data_ptr<float>(), dy.data_ptr<float>(),
                       dx.defined() ? dx.data_ptr<float>() : nullptr, *tape);
    }
    return {dx, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor LoraLinear(const at::Tensor& x, const at::Tensor& leaf,
                      const kernels::WeightView& weight, Tape& tape) {
  // Without an adapter the leaf stays out, and a layer below the first adapted one off the tape.
  const bool adapted = leaf.defined() && tape.layout->Find(weight) != nullptr;
  const c10::optional<at::Tensor> start = adapted ? c10::make_optional(leaf) : c10::nullopt;
  return LinearFunction::apply(x, start, &weight, &tape);
}

}  // namespace selvedge::trainer
