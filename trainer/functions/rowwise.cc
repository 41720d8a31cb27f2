// Operations on one row at a time: norm, rotary embedding, gated unit.

#include <torch/csrc/autograd/custom_function.h>

#include "trainer/functions/functions.h"
#include "trainer/functions/tensor_pool.h"

namespace selvedge::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr size_t kRowGrain = 16;

at::Tensor Normed(const at::Tensor& x, const std::vector<float>& weight, const Tape& tape) {
  at::Tensor y = NewTensor(tape, x.size(0), x.size(1));
  const size_t n = weight.size();
  const float eps = tape.model->config().norm_eps;
  const float* in = x.data_ptr<float>();
  float* out = y.data_ptr<float>();
  tape.pool->ParallelFor(static_cast<size_t>(x.size(0)), kRowGrain,
                         [&](size_t begin, size_t end, int) {
                           for (size_t i = begin; i < end; ++i) {
                             kernels::RmsNorm(in + i * n, weight.data(), eps, 1, n, out + i * n);
                           }
                         });
  return y;
}

// Gradient of the norm's input; `stream`, if it is defined, is added.
at::Tensor NormGradient(const at::Tensor& x, const std::vector<float>& weight, const at::Tensor& dy,
                        const at::Tensor& stream, const Tape& tape) {
  at::Tensor dx = NewTensor(tape, x.size(0), x.size(1));
  const size_t n = weight.size();
  const float eps = tape.model->config().norm_eps;
  const float* in = x.data_ptr<float>();
  const float* din = dy.data_ptr<float>();
  const float* add = stream.defined() ? stream.data_ptr<float>() : nullptr;
  float* dout = dx.data_ptr<float>();
  tape.pool->ParallelFor(static_cast<size_t>(x.size(0)), kRowGrain,
                         [&](size_t begin, size_t end, int) {
                           for (size_t i = begin; i < end; ++i) {
                             tape.dense->rms_norm_grad_row(in + i * n, weight.data(), din + i * n,
                                                           eps, n, dout + i * n);
                             for (size_t j = i * n; add != nullptr && j < (i + 1) * n; ++j)
                               dout[j] += add[j];
                           }
                         });
  return dx;
}

void SaveForNorm(AutogradContext* ctx, const at::Tensor& x, const std::vector<float>* weight,
                 Tape* tape) {
  ctx->save_for_backward({x});
  ctx->saved_data["weight"] = reinterpret_cast<int64_t>(weight);
  ctx->saved_data["tape"] = reinterpret_cast<int64_t>(tape);
}

at::Tensor NormGradient(AutogradContext* ctx, const at::Tensor& dy, const at::Tensor& stream) {
  const auto* weight =
      reinterpret_cast<const std::vector<float>*>(ctx->saved_data["weight"].toInt());
  const auto* tape = reinterpret_cast<const Tape*>(ctx->saved_data["tape"].toInt());
  return NormGradient(ctx->get_saved_variables()[0], *weight, dy.contiguous(), stream, *tape);
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const std::vector<float>* weight, Tape* tape) {
    SaveForNorm(ctx, x, weight, tape);
    return Normed(x, *weight, *tape);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    return {NormGradient(ctx, gradients[0], at::Tensor()), at::Tensor(), at::Tensor()};
  }
};

struct BranchNormFunction : torch::autograd::Function<BranchNormFunction> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& x,
                               const std::vector<float>* weight, Tape* tape) {
    SaveForNorm(ctx, x, weight, tape);
    return {x, Normed(x, *weight, *tape)};
  }

  // The gradient of the stream always exists: every block is added to it.
  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const at::Tensor stream = gradients[0].contiguous();
    if (!gradients[1].defined()) return {stream, at::Tensor(), at::Tensor()};
    return {NormGradient(ctx, gradients[1], stream), at::Tensor(), at::Tensor()};
  }
};

// y = x rotated by +position or, for the gradient (the rotation is orthogonal), -position.
at::Tensor Rotate(const at::Tensor& x, size_t heads, bool local, bool inverse, Tape& tape) {
  const inference::ModelConfig& config = tape.model->config();
  const size_t half = config.rope_dim / 2;
  const inference::RotaryAngles& angles = local ? *tape.local_angles : *tape.angles;
  at::Tensor y = NewTensor(tape, x.size(0), x.size(1));
  const auto columns = static_cast<size_t>(x.size(1));
  const float* in = x.data_ptr<float>();
  float* out = y.data_ptr<float>();
  tape.pool->ParallelFor(static_cast<size_t>(x.size(0)), kRowGrain,
                         [&](size_t begin, size_t end, int) {
                           std::vector<float> negated(half);
                           for (size_t i = begin; i < end; ++i) {
                             const size_t position = tape.batch->positions[i];
                             const float* cos = angles.cos.data() + position * half;
                             const float* sin = angles.sin.data() + position * half;
                             if (inverse) {
                               for (size_t j = 0; j < half; ++j) negated[j] = -sin[j];
                               sin = negated.data();
                             }
                             std::copy(in + i * columns, in + (i + 1) * columns, out + i * columns);
                             kernels::Rope(out + i * columns, heads, config.head_dim,
                                           config.rope_dim, cos, sin, config.rope_interleaved);
                           }
                         });
  return y;
}

struct RopeFunction : torch::autograd::Function<RopeFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x, int64_t heads, bool local,
                            Tape* tape) {
    ctx->saved_data["heads"] = heads;
    ctx->saved_data["local"] = local;
    ctx->saved_data["tape"] = reinterpret_cast<int64_t>(tape);
    return Rotate(x, static_cast<size_t>(heads), local, false, *tape);
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    auto* tape = reinterpret_cast<Tape*>(ctx->saved_data["tape"].toInt());
    const auto heads = static_cast<size_t>(ctx->saved_data["heads"].toInt());
    const bool local = ctx->saved_data["local"].toBool();
    return {Rotate(gradients[0].contiguous(), heads, local, true, *tape), at::Tensor(),
            at::Tensor(), at::Tensor()};
  }
};

bool IsGelu(const Tape& tape) {
  return tape.model->config().activation == inference::Activation::kGelu;
}

struct GatedUnitFunction : torch::autograd::Function<GatedUnitFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& gate, const at::Tensor& up,
                            Tape* tape) {
    at::Tensor y = NewTensor(*tape, gate.size(0), gate.size(1));
    const auto n = static_cast<size_t>(gate.size(1));
    const float* g = gate.data_ptr<float>();
    const float* u = up.data_ptr<float>();
    float* out = y.data_ptr<float>();
    const auto row = IsGelu(*tape) ? tape->dense->gelu_mul_row : tape->dense->silu_mul_row;
    tape->pool->ParallelFor(static_cast<size_t>(gate.size(0)), kRowGrain,
                            [&](size_t begin, size_t end, int) {
                              for (size_t i = begin; i < end; ++i) {
                                row(g + i * n, u + i * n, n, out + i * n);
                              }
                            });
    ctx->save_for_backward({gate, up});
    ctx->saved_data["tape"] = reinterpret_cast<int64_t>(tape);
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const at::Tensor dy = gradients[0].contiguous();
    const variable_list saved = ctx->get_saved_variables();
    auto* tape = reinterpret_cast<Tape*>(ctx->saved_data["tape"].toInt());
    at::Tensor dgate = NewTensor(*tape, dy.size(0), dy.size(1));
    at::Tensor dup = NewTensor(*tape, dy.size(0), dy.size(1));
    const auto n = static_cast<size_t>(dy.size(1));
    const float* g = saved[0].data_ptr<float>();
    const float* u = saved[1].data_ptr<float>();
    const float* d = dy.data_ptr<float>();
    float* dg = dgate.data_ptr<float>();
    float* du = dup.data_ptr<float>();
    const auto row =
        IsGelu(*tape) ? tape->dense->gelu_mul_grad_row : tape->dense->silu_mul_grad_row;
    tape->pool->ParallelFor(static_cast<size_t>(dy.size(0)), kRowGrain,
                            [&](size_t begin, size_t end, int) {
                              for (size_t i = begin; i < end; ++i) {
                                row(g + i * n, u + i * n, d + i * n, n, dg + i * n, du + i * n);
                              }
                            });
    return {dgate, dup, at::Tensor()};
  }
};

struct SumFunction : torch::autograd::Function<SumFunction> {
  static at::Tensor forward(AutogradContext* /*ctx*/, const at::Tensor& a, const at::Tensor& b,
                            Tape* tape) {
    at::Tensor y = NewTensor(*tape, a.size(0), a.size(1));
    const float* first = a.data_ptr<float>();
    const float* second = b.data_ptr<float>();
    float* out = y.data_ptr<float>();
    const auto n = static_cast<size_t>(a.size(1));
    tape->pool->ParallelFor(static_cast<size_t>(a.size(0)), kRowGrain,
                            [&](size_t begin, size_t end, int) {
                              for (size_t i = begin * n; i < end * n; ++i) {
                                out[i] = first[i] + second[i];
                              }
                            });
    return y;
  }

  static variable_list backward(AutogradContext* /*ctx*/, variable_list gradients) {
    return {gradients[0], gradients[0], at::Tensor()};
  }
};

}  // namespace

at::Tensor RmsNorm(const at::Tensor& x, const std::vector<float>& weight, Tape& tape) {
  return RmsNormFunction::apply(x, &weight, &tape);
}

std::pair<at::Tensor, at::Tensor> BranchNorm(const at::Tensor& x, const std::vector<float>& weight,
                                             Tape& tape) {
  variable_list both = BranchNormFunction::apply(x, &weight, &tape);
  return {std::move(both[0]), std::move(both[1])};
}

at::Tensor Sum(const at::Tensor& a, const at::Tensor& b, Tape& tape) {
  return SumFunction::apply(a, b, &tape);
}

at::Tensor Rope(const at::Tensor& x, size_t heads, bool local, Tape& tape) {
  return RopeFunction::apply(x, static_cast<int64_t>(heads), local, &tape);
}

at::Tensor GatedUnit(const at::Tensor& gate, const at::Tensor& up, Tape& tape) {
  return GatedUnitFunction::apply(gate, up, &tape);
}

}  // namespace selvedge::trainer
