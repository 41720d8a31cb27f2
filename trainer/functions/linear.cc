#include <torch/csrc/autograd/custom_function.h>

#include "trainer/functions/functions.h"
#include "trainer/functions/lora_products.h"
#include "trainer/functions/tensor_pool.h"

namespace selvedge::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

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
        tape->Observe(*product.target, x.data_ptr<float>(), tape->batch->segments);
        AddLora(*product.target, tape->batch->segments, x.data_ptr<float>(), h.data_ptr<float>(),
                y.data_ptr<float>(), *tape);
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
      AddLoraGradients(*p.target, tape->batch->segments, tape->batch->slots,
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
