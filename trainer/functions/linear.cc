#include <torch/csrc/autograd/custom_function.h>

#include "trainer/functions/functions.h"
#include "trainer/functions/tensor_pool.h"

namespace selvedge::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// B of a target as [r, out].
std::vector<float> TransposedB(const LoraTarget& target, const Tape& tape) {
  const size_t r = tape.layout->rank();
  std::vector<float> transposed(r * target.out);
  tape.dense->transpose(target.out, r, tape.b(target), r, transposed.data(), target.out);
  return transposed;
}

// h = x A^T and y += scale h B^T of every sequence. One product per sequence: its shape, and so its
// order of additions, must not depend on what else is in the micro-batch.
void AddLora(const LoraTarget& target, const float* x, float* h, float* y, Tape& tape) {
  const size_t r = tape.layout->rank();
  const auto& segments = tape.batch->segments;
  const std::vector<float> b = TransposedB(target, tape);
  tape.pool->ParallelFor(segments.size(), 1, [&](size_t begin, size_t end, int) {
    for (size_t i = begin; i < end; ++i) {
      const Segment& s = segments[i];
      float* h_s = h + s.begin * r;
      tape.dense->gemm_nt(s.length(), r, target.in, 1, x + s.begin * target.in, target.in,
                          tape.a(target), target.in, false, h_s, r);
      tape.dense->gemm_nn(s.length(), target.out, r, tape.layout->scale(), h_s, r, b.data(),
                          target.out, true, y + s.begin * target.out, target.out);
    }
  });
}

// What the backward pass of one target reads and writes; rows are those of the micro-batch.
struct LoraRows {
  const float* x;  // null if A is frozen
  const float* h;
  const float* dy;
  float* dx;  // null if the input needs no gradient
};

// dB += scale dy^T h of one sequence. The product is made with `out` along its rows, where it is as
// wide as the vectors, and turned over on its way into the gradient; `scratch` is for that.
void AddGradientOfB(const LoraTarget& target, const Segment& s, const LoraRows& rows, float* db,
                    std::vector<float>* scratch, const Tape& tape) {
  const size_t r = tape.layout->rank();
  scratch->resize(2 * r * target.out);
  float* wide = scratch->data();
  float* turned = wide + r * target.out;
  tape.dense->gemm_tn(r, target.out, s.length(), tape.layout->scale(), rows.h + s.begin * r, r,
                      rows.dy + s.begin * target.out, target.out, false, wide, target.out);
  tape.dense->transpose(r, target.out, wide, target.out, turned, r);
  for (size_t i = 0; i < r * target.out; ++i) db[i] += turned[i];
}

// With u = scale dy B: dx += u A, and for the group of each sequence dB += scale dy^T h and
// dA += u^T x.
void AddLoraGradients(const LoraTarget& target, const LoraRows& rows, Tape& tape) {
  const size_t r = tape.layout->rank();
  const MicroBatch& batch = *tape.batch;
  const std::vector<float> b = TransposedB(target, tape);
  tape.pool->ParallelFor(batch.slots.size(), 1, [&](size_t begin, size_t end, int) {
    std::vector<float> u, scratch;
    for (size_t slot = begin; slot < end; ++slot) {
      float* gradient = tape.slot_gradients[slot];
      for (size_t i = batch.slots[slot].begin; i < batch.slots[slot].end; ++i) {
        const Segment& s = batch.segments[i];
        AddGradientOfB(target, s, rows, gradient + target.b_offset, &scratch, tape);
        if (rows.x == nullptr && rows.dx == nullptr) continue;
        u.resize(s.length() * r);
        tape.dense->gemm_nt(s.length(), r, target.out, tape.layout->scale(),
                            rows.dy + s.begin * target.out, target.out, b.data(), target.out, false,
                            u.data(), r);
        if (rows.dx != nullptr) {
          tape.dense->gemm_nn(s.length(), target.in, r, 1, u.data(), r, tape.a(target), target.in,
                              true, rows.dx + s.begin * target.in, target.in);
        }
        if (rows.x != nullptr) {
          tape.dense->gemm_tn(r, target.in, s.length(), 1, u.data(), r,
                              rows.x + s.begin * target.in, target.in, true,
                              gradient + target.a_offset, target.in);
        }
      }
    }
  });
}

// What is remembered of each weight between forward and backward, by position.
struct Product {
  const kernels::WeightView* weight = nullptr;
  const LoraTarget* target = nullptr;  // null: not adapted
};
using Products = std::vector<Product>;

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static variable_list forward(AutogradContext* ctx, const at::Tensor& x,
                               const c10::optional<at::Tensor>& /*leaf*/, const Products& products,
                               Tape* tape) {
    const auto m = static_cast<size_t>(x.size(0));
    variable_list outputs, saved;
    for (const Product& product : products) {
      at::Tensor y = NewTensor(*tape, x.size(0), static_cast<int64_t>(product.weight->rows));
      tape->CheckStop();
      kernels::GemmForward(*tape->pool, tape->precision, *product.weight, x.data_ptr<float>(), m,
                           y.data_ptr<float>());
      if (product.target != nullptr) {
        at::Tensor h = NewTensor(*tape, x.size(0), static_cast<int64_t>(tape->layout->rank()));
        AddLora(*product.target, x.data_ptr<float>(), h.data_ptr<float>(), y.data_ptr<float>(),
                *tape);
        saved.push_back(h);
      }
      outputs.push_back(y);
    }
    if (!saved.empty() && !tape->layout->freeze_a()) saved.push_back(x);
    ctx->save_for_backward(saved);
    ctx->saved_data["products"] = c10::IValue(c10::List<int64_t>(Packed(products)));
    ctx->saved_data["tape"] = reinterpret_cast<int64_t>(tape);
    return outputs;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    auto* tape = reinterpret_cast<Tape*>(ctx->saved_data["tape"].toInt());
    const Products products = Unpacked(ctx->saved_data["products"].toIntVector());
    const variable_list saved = ctx->get_saved_variables();
    const bool wants_dx = ctx->needs_input_grad(0);
    const float* x = nullptr;
    at::Tensor dx;
    size_t adapted = 0;
    for (const Product& p : products) adapted += p.target != nullptr ? 1 : 0;
    if (saved.size() > adapted) x = saved.back().data_ptr<float>();
    adapted = 0;
    for (size_t i = 0; i < products.size(); ++i) {
      const Product& p = products[i];
      const at::Tensor dy = gradients[i].contiguous();
      const float* dy_data = dy.data_ptr<float>();
      const auto m = static_cast<size_t>(dy.size(0));
      tape->CheckStop();
      if (wants_dx) {
        const bool first = !dx.defined();
        if (first) dx = NewTensor(*tape, dy.size(0), static_cast<int64_t>(p.weight->cols));
        kernels::GemmInputGrad(*tape->pool, tape->precision, *p.weight, dy_data, m,
                               dx.data_ptr<float>(), !first);
      }
      if (p.target == nullptr) continue;
      AddLoraGradients(*p.target,
                       {x, saved[adapted++].data_ptr<float>(), dy_data,
                        dx.defined() ? dx.data_ptr<float>() : nullptr},
                       *tape);
      gradients[i].reset();
    }
    return {dx, at::Tensor(), at::Tensor(), at::Tensor()};
  }

 private:
  // The tape keeps numbers only.
  static std::vector<int64_t> Packed(const Products& products) {
    std::vector<int64_t> numbers;
    for (const Product& p : products) {
      numbers.push_back(reinterpret_cast<int64_t>(p.weight));
      numbers.push_back(reinterpret_cast<int64_t>(p.target));
    }
    return numbers;
  }
  static Products Unpacked(const std::vector<int64_t>& numbers) {
    Products products;
    for (size_t i = 0; i + 1 < numbers.size(); i += 2) {
      products.push_back({reinterpret_cast<const kernels::WeightView*>(numbers[i]),
                          reinterpret_cast<const LoraTarget*>(numbers[i + 1])});
    }
    return products;
  }
};

}  // namespace

std::vector<at::Tensor> LoraLinears(const at::Tensor& x, const at::Tensor& leaf,
                                    std::initializer_list<const kernels::WeightView*> weights,
                                    Tape& tape) {
  Products products;
  // Without an adapter the leaf stays out, and a layer below the first adapted one off the tape.
  bool adapted = false;
  for (const kernels::WeightView* weight : weights) {
    products.push_back({weight, tape.layout->Find(*weight)});
    adapted = adapted || products.back().target != nullptr;
  }
  const c10::optional<at::Tensor> start =
      adapted && leaf.defined() ? c10::make_optional(leaf) : c10::nullopt;
  return LinearFunction::apply(x, start, products, &tape);
}

}  // namespace selvedge::trainer
