#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>

#include "trainer/functions/functions.h"
#include "trainer/functions/tensor_pool.h"

namespace selvedge::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// One key head of one sequence with the query heads that share it; pointers are to the sequence's
// first row and the head's first column.
struct Head {
  size_t length = 0;   // rows of the sequence
  size_t dim = 0;      // D
  size_t queries = 0;  // query heads per key head
  size_t q_stride = 0;
  size_t kv_stride = 0;
  size_t q_offset = 0;   // into q, o and their gradients
  size_t kv_offset = 0;  // into k, v and their gradients
};

// Calls body(head, scratch) for every (sequence, key head). The scratch of a thread holds two
// blocks of probabilities, [kQueryBlock, longest sequence] each.
template <typename Body>
void ForEachHead(Tape& tape, const Body& body) {
  const inference::ModelConfig& config = tape.model->config();
  const auto& segments = tape.batch->segments;
  const size_t kv_heads = config.n_kv_heads;
  size_t longest = 0;
  for (const Segment& s : segments) longest = std::max(longest, s.length());
  tape.pool->ParallelFor(segments.size() * kv_heads, 1, [&](size_t begin, size_t end, int) {
    std::vector<float> scratch(2 * kQueryBlock * longest);
    for (size_t i = begin; i < end; ++i) {
      const Segment& s = segments[i / kv_heads];
      Head head;
      head.length = s.length();
      head.dim = config.head_dim;
      head.queries = config.n_heads / kv_heads;
      head.q_stride = static_cast<size_t>(config.n_heads) * head.dim;
      head.kv_stride = kv_heads * head.dim;
      head.q_offset = s.begin * head.q_stride + (i % kv_heads) * head.queries * head.dim;
      head.kv_offset = s.begin * head.kv_stride + (i % kv_heads) * head.dim;
      body(head, scratch.data());
    }
  });
}

// p [rows, keys] = causal softmax of the queries [row, row + rows) of one head over the first
// row + rows keys; what lies after a query is zero.
void Probabilities(const Head& head, size_t row, size_t rows, const float* q, const float* k,
                   float* p, const DenseKernels& dense) {
  const size_t keys = row + rows;
  const float scale = 1.0f / std::sqrt(static_cast<float>(head.dim));
  dense.gemm_nt(rows, keys, head.dim, scale, q + row * head.q_stride, head.q_stride, k,
                head.kv_stride, false, p, keys);
  for (size_t i = 0; i < rows; ++i) {
    dense.softmax_row(p + i * keys, row + i + 1);
    std::fill(p + i * keys + row + i + 1, p + (i + 1) * keys, 0.0f);
  }
}

void AttendForward(const Head& head, const float* q, const float* k, const float* v, float* o,
                   float* scratch, const DenseKernels& dense) {
  for (size_t h = 0; h < head.queries; ++h, q += head.dim, o += head.dim) {
    for (size_t row = 0; row < head.length; row += kQueryBlock) {
      const size_t rows = std::min(kQueryBlock, head.length - row);
      Probabilities(head, row, rows, q, k, scratch, dense);
      dense.gemm_nn(rows, head.dim, row + rows, 1, scratch, row + rows, v, head.kv_stride, false,
                    o + row * head.q_stride, head.q_stride);
    }
  }
}

struct HeadGradients {
  const float* d_o;
  float* dq;
  float* dk;  // dk and dv collect all query heads of the key head, in order
  float* dv;
};

void AttendBackward(const Head& head, const float* q, const float* k, const float* v,
                    HeadGradients g, float* scratch, const DenseKernels& dense) {
  const float scale = 1.0f / std::sqrt(static_cast<float>(head.dim));
  for (size_t h = 0; h < head.queries; ++h, q += head.dim, g.d_o += head.dim, g.dq += head.dim) {
    for (size_t row = 0; row < head.length; row += kQueryBlock) {
      const size_t rows = std::min(kQueryBlock, head.length - row);
      const size_t keys = row + rows;
      const float* d_o = g.d_o + row * head.q_stride;
      float* p = scratch;
      float* ds = scratch + kQueryBlock * head.length;
      Probabilities(head, row, rows, q, k, p, dense);
      dense.gemm_nt(rows, keys, head.dim, 1, d_o, head.q_stride, v, head.kv_stride, false, ds,
                    keys);
      for (size_t i = 0; i < rows; ++i) {
        dense.softmax_grad_row(p + i * keys, ds + i * keys, keys);
      }
      dense.gemm_tn(keys, head.dim, rows, 1, p, keys, d_o, head.q_stride, true, g.dv,
                    head.kv_stride);
      dense.gemm_nn(rows, head.dim, keys, scale, ds, keys, k, head.kv_stride, false,
                    g.dq + row * head.q_stride, head.q_stride);
      dense.gemm_tn(keys, head.dim, rows, scale, ds, keys, q + row * head.q_stride, head.q_stride,
                    true, g.dk, head.kv_stride);
    }
  }
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, Tape* tape) {
    at::Tensor o = NewTensor(*tape, q.size(0), q.size(1));
    const float* q_data = q.data_ptr<float>();
    const float* k_data = k.data_ptr<float>();
    const float* v_data = v.data_ptr<float>();
    float* o_data = o.data_ptr<float>();
    ForEachHead(*tape, [&](const Head& head, float* scratch) {
      AttendForward(head, q_data + head.q_offset, k_data + head.kv_offset, v_data + head.kv_offset,
                    o_data + head.q_offset, scratch, *tape->dense);
    });
    ctx->save_for_backward({q, k, v});
    ctx->saved_data["tape"] = reinterpret_cast<int64_t>(tape);
    return o;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const at::Tensor d_o = gradients[0].contiguous();
    const variable_list saved = ctx->get_saved_variables();
    auto* tape = reinterpret_cast<Tape*>(ctx->saved_data["tape"].toInt());
    at::Tensor dq = NewTensor(*tape, saved[0].size(0), saved[0].size(1));
    at::Tensor dk = NewTensor(*tape, saved[1].size(0), saved[1].size(1));
    at::Tensor dv = NewTensor(*tape, saved[2].size(0), saved[2].size(1));
    std::fill_n(dk.data_ptr<float>(), dk.numel(), 0.0f);
    std::fill_n(dv.data_ptr<float>(), dv.numel(), 0.0f);
    const float* q_data = saved[0].data_ptr<float>();
    const float* k_data = saved[1].data_ptr<float>();
    const float* v_data = saved[2].data_ptr<float>();
    const HeadGradients g{d_o.data_ptr<float>(), dq.data_ptr<float>(), dk.data_ptr<float>(),
                          dv.data_ptr<float>()};
    ForEachHead(*tape, [&](const Head& head, float* scratch) {
      AttendBackward(head, q_data + head.q_offset, k_data + head.kv_offset, v_data + head.kv_offset,
                     {g.d_o + head.q_offset, g.dq + head.q_offset, g.dk + head.kv_offset,
                      g.dv + head.kv_offset},
                     scratch, *tape->dense);
    });
    return {dq, dk, dv, at::Tensor()};
  }
};

}  // namespace

at::Tensor Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, Tape& tape) {
  return AttentionFunction::apply(q, k, v, &tape);
}

}  // namespace selvedge::trainer
