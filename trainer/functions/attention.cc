#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "trainer/functions/functions.h"
#include "trainer/functions/tensor_pool.h"

namespace selvedge::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// One key head of one sequence with the query heads that share it; offsets are of the sequence's
// first row and the head's first column.
struct Head {
  size_t length = 0;   // rows of the sequence
  size_t dim = 0;      // D
  size_t queries = 0;  // query heads per key head
  size_t window = 0;   // rows that a query sees, its own included
  float scale = 1;     // of scores
  float cap = 0;       // of scaled scores; 0: none
  size_t q_stride = 0;
  size_t kv_stride = 0;
  size_t q_offset = 0;   // into q, o and their gradients
  size_t kv_offset = 0;  // into k, v and their gradients
};

// Queries [row, row + rows) of a head with the keys [first, row + rows) that at least one sees.
struct Block {
  size_t row = 0;
  size_t rows = 0;
  size_t first = 0;
  size_t keys() const { return row + rows - first; }
};

// Calls body(head, scratch) for every (sequence, key head), with AttentionScratch floats.
template <typename Body>
void ForEachHead(Tape& tape, bool local, const Body& body) {
  const inference::ModelConfig& config = tape.model->config();
  const auto& segments = tape.batch->segments;
  const size_t kv_heads = config.n_kv_heads;
  size_t longest = 0;
  for (const Segment& s : segments) longest = std::max(longest, s.length());
  tape.pool->ParallelFor(segments.size() * kv_heads, 1, [&](size_t begin, size_t end, int) {
    std::vector<float> scratch(AttentionScratch(config, longest));
    for (size_t i = begin; i < end; ++i) {
      const Segment& s = segments[i / kv_heads];
      Head head;
      head.length = s.length();
      head.dim = config.head_dim;
      head.queries = config.n_heads / kv_heads;
      head.window = local ? config.window : head.length;
      head.scale = config.attention_scale;
      head.cap = config.attention_cap;
      head.q_stride = static_cast<size_t>(config.n_heads) * head.dim;
      head.kv_stride = kv_heads * head.dim;
      head.q_offset = s.begin * head.q_stride + (i % kv_heads) * head.queries * head.dim;
      head.kv_offset = s.begin * head.kv_stride + (i % kv_heads) * head.dim;
      body(head, scratch.data());
    }
  });
}

template <typename Body>
void ForEachBlock(const Head& head, const Body& body) {
  for (size_t row = 0; row < head.length; row += kQueryBlock) {
    const size_t first = row + 1 > head.window ? row + 1 - head.window : 0;
    body(Block{row, std::min(kQueryBlock, head.length - row), first});
  }
}

// p [rows, keys] = softmax of the block's scores over what each query sees; the rest is zero.
// `keys_t` has the keys transposed, [D, length]. `capped` (null where there is no cap or no need)
// gets the scores that the softmax was taken of.
void Probabilities(const Head& head, const Block& block, const float* q, const float* keys_t,
                   float* p, float* capped, const DenseKernels& dense) {
  const size_t keys = block.keys();
  dense.gemm_nn(block.rows, keys, head.dim, head.scale, q + block.row * head.q_stride,
                head.q_stride, keys_t + block.first, head.length, false, p, keys);
  if (head.cap > 0) {
    dense.soft_cap_row(head.cap, p, block.rows * keys);
    if (capped != nullptr) std::copy(p, p + block.rows * keys, capped);
  }
  for (size_t i = 0; i < block.rows; ++i, p += keys) {
    const size_t end = block.row + i + 1;
    const size_t begin = std::max(block.first, end - std::min(end, head.window));
    std::fill(p, p + begin - block.first, 0.0f);
    dense.softmax_row(p + begin - block.first, end - begin);
    std::fill(p + end - block.first, p + keys, 0.0f);
  }
}

void AttendForward(const Head& head, const float* q, const float* k, const float* v, float* o,
                   float* scratch, const DenseKernels& dense) {
  float* keys_t = scratch;
  float* p = keys_t + head.dim * head.length;
  dense.transpose(head.length, head.dim, k, head.kv_stride, keys_t, head.length);
  for (size_t h = 0; h < head.queries; ++h, q += head.dim, o += head.dim) {
    ForEachBlock(head, [&](const Block& block) {
      Probabilities(head, block, q, keys_t, p, nullptr, dense);
      dense.gemm_nn(block.rows, head.dim, block.keys(), 1, p, block.keys(),
                    v + block.first * head.kv_stride, head.kv_stride, false,
                    o + block.row * head.q_stride, head.q_stride);
    });
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
  float* keys_t = scratch;
  float* values_t = keys_t + head.dim * head.length;
  float* p = values_t + head.dim * head.length;
  float* ds = p + kQueryBlock * head.length;
  dense.transpose(head.length, head.dim, k, head.kv_stride, keys_t, head.length);
  dense.transpose(head.length, head.dim, v, head.kv_stride, values_t, head.length);
  float* capped = head.cap > 0 ? ds + kQueryBlock * head.length : nullptr;
  for (size_t h = 0; h < head.queries; ++h, q += head.dim, g.d_o += head.dim, g.dq += head.dim) {
    ForEachBlock(head, [&](const Block& block) {
      const size_t rows = block.rows, keys = block.keys();
      const size_t from_key = block.first * head.kv_stride;
      const size_t from_query = block.row * head.q_stride;
      const float* d_o = g.d_o + from_query;
      Probabilities(head, block, q, keys_t, p, capped, dense);
      dense.gemm_nn(rows, keys, head.dim, 1, d_o, head.q_stride, values_t + block.first,
                    head.length, false, ds, keys);
      for (size_t i = 0; i < rows; ++i) {
        dense.softmax_grad_row(p + i * keys, ds + i * keys, keys);
      }
      if (capped != nullptr) dense.soft_cap_grad_row(head.cap, capped, rows * keys, ds);
      dense.gemm_tn(keys, head.dim, rows, 1, p, keys, d_o, head.q_stride, true, g.dv + from_key,
                    head.kv_stride);
      dense.gemm_nn(rows, head.dim, keys, head.scale, ds, keys, k + from_key, head.kv_stride, false,
                    g.dq + from_query, head.q_stride);
      dense.gemm_tn(keys, head.dim, rows, head.scale, ds, keys, q + from_query, head.q_stride, true,
                    g.dk + from_key, head.kv_stride);
    });
  }
}

struct AttentionFunction : torch::autograd::Function<AttentionFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& q, const at::Tensor& k,
                            const at::Tensor& v, bool local, Tape* tape) {
    at::Tensor o = NewTensor(*tape, q.size(0), q.size(1));
    const float* q_data = q.data_ptr<float>();
    const float* k_data = k.data_ptr<float>();
    const float* v_data = v.data_ptr<float>();
    float* o_data = o.data_ptr<float>();
    ForEachHead(*tape, local, [&](const Head& head, float* scratch) {
      AttendForward(head, q_data + head.q_offset, k_data + head.kv_offset, v_data + head.kv_offset,
                    o_data + head.q_offset, scratch, *tape->dense);
    });
    ctx->save_for_backward({q, k, v});
    ctx->saved_data["local"] = local;
    ctx->saved_data["tape"] = reinterpret_cast<int64_t>(tape);
    return o;
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const at::Tensor d_o = gradients[0].contiguous();
    const variable_list saved = ctx->get_saved_variables();
    auto* tape = reinterpret_cast<Tape*>(ctx->saved_data["tape"].toInt());
    const bool local = ctx->saved_data["local"].toBool();
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
    ForEachHead(*tape, local, [&](const Head& head, float* scratch) {
      AttendBackward(head, q_data + head.q_offset, k_data + head.kv_offset, v_data + head.kv_offset,
                     {g.d_o + head.q_offset, g.dq + head.q_offset, g.dk + head.kv_offset,
                      g.dv + head.kv_offset},
                     scratch, *tape->dense);
    });
    return {dq, dk, dv, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, bool local,
                     Tape& tape) {
  return AttentionFunction::apply(q, k, v, local, &tape);
}

}  // namespace selvedge::trainer
