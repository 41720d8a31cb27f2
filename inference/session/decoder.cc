#include "inference/session/decoder.h"

#include <array>

#include "inference/session/attention.h"

namespace selvedge::inference {

Decoder::Decoder(const Model& model, const AdapterSet& adapters, core::ThreadPool& pool)
    : model_(model), config_(model.config()), adapters_(adapters), pool_(pool) {}

void Decoder::Resize(size_t m) {
  m_ = m;
  const size_t heads = size_t{config_.n_heads} * config_.head_dim;
  const size_t kv_heads = size_t{config_.n_kv_heads} * config_.head_dim;
  for (auto* buffer : {&x_, &h_, &y_}) buffer->resize(m * config_.n_embd);
  for (auto* buffer : {&q_, &a_}) buffer->resize(m * heads);
  for (auto* buffer : {&k_, &v_}) buffer->resize(m * kv_heads);
  for (auto* buffer : {&gate_, &up_}) buffer->resize(m * config_.n_ff);
  for (auto* buffer : {&cos_, &sin_}) buffer->resize(m * (config_.rope_dim / 2));
}

// Rows of elementwise work: shared when there are several.
void Decoder::ForRows(size_t rows, const std::function<void(size_t, size_t, int)>& body) {
  if (rows == 1) {
    body(0, 1, 0);
  } else {
    pool_.ParallelFor(rows, 8, body);
  }
}

void Decoder::Norm(const float* x, const std::vector<float>& weight, size_t rows, float* out) {
  const size_t n = config_.n_embd;
  ForRows(rows, [&](size_t begin, size_t end, int) {
    kernels::RmsNorm(x + begin * n, weight.data(), config_.norm_eps, end - begin, n,
                     out + begin * n);
  });
}

void Decoder::Add(const float* from, size_t values, float* to) {
  kernels::AxpyF32(1.0f, from, to, values);
}

void Decoder::Embed(std::span<const int32_t> tokens) {
  const kernels::WeightView& embedding = model_.token_embedding();
  for (size_t t = 0; t < tokens.size(); ++t) {
    kernels::DequantizeRow(embedding.type, embedding.row(static_cast<size_t>(tokens[t])),
                           x_.data() + t * config_.n_embd, config_.n_embd);
  }
}

void Decoder::RotateAndStore(size_t index, size_t first, size_t skip, KvCache* cache) {
  const size_t half = config_.rope_dim / 2;
  const size_t heads = size_t{config_.n_heads} * config_.head_dim;
  const size_t kv_heads = size_t{config_.n_kv_heads} * config_.head_dim;
  ForRows(m_, [&](size_t begin, size_t end, int) {
    for (size_t t = begin; t < end; ++t) {
      const float* cos = cos_.data() + t * half;
      const float* sin = sin_.data() + t * half;
      float* k = k_.data() + t * kv_heads;
      kernels::Rope(k, config_.n_kv_heads, config_.head_dim, config_.rope_dim, cos, sin,
                    config_.rope_interleaved);
      cache->Store(index, first + t, k, v_.data() + t * kv_heads);
      if (t < skip) continue;
      kernels::Rope(q_.data() + t * heads, config_.n_heads, config_.head_dim, config_.rope_dim, cos,
                    sin, config_.rope_interleaved);
    }
  });
}

void Decoder::FeedForward(const LayerWeights& layer, size_t skip) {
  const size_t rows = m_ - skip, n_ff = config_.n_ff;
  float* x = x_.data() + skip * config_.n_embd;
  Norm(x, layer.ffn_norm, rows, h_.data());
  Project(
      pool_, adapters_, h_.data(), rows,
      std::array{Projection{&layer.ffn_gate, gate_.data()}, Projection{&layer.ffn_up, up_.data()}});
  ForRows(rows, [&](size_t begin, size_t end, int) {
    float* gate = gate_.data() + begin * n_ff;
    kernels::SiluMul(gate, up_.data() + begin * n_ff, (end - begin) * n_ff, gate);
  });
  Project(pool_, adapters_, gate_.data(), rows, std::array{Projection{&layer.ffn_down, y_.data()}});
  Add(y_.data(), rows * config_.n_embd, x);
}

// Rows before `skip` get keys and values only: nobody reads their result.
void Decoder::Layer(size_t index, size_t first, size_t skip, KvCache* cache) {
  const LayerWeights& layer = model_.layers()[index];
  const size_t heads = size_t{config_.n_heads} * config_.head_dim;
  const size_t rows = m_ - skip;
  Norm(x_.data(), layer.attn_norm, m_, h_.data());
  const std::array kv = {Projection{&layer.attn_k, k_.data()},
                         Projection{&layer.attn_v, v_.data()}};
  const Projection q = {&layer.attn_q, q_.data() + skip * heads};
  if (skip == 0) {
    Project(pool_, adapters_, h_.data(), m_, std::array{q, kv[0], kv[1]});
  } else {
    Project(pool_, adapters_, h_.data(), m_, kv);
    if (rows > 0) {
      Project(pool_, adapters_, h_.data() + skip * config_.n_embd, rows, std::array{q});
    }
  }
  RotateAndStore(index, first, skip, cache);
  if (rows == 0) return;
  Attend(pool_, config_, *cache, index, first + skip, rows, q.y, a_.data());
  Project(pool_, adapters_, a_.data(), rows, std::array{Projection{&layer.attn_output, y_.data()}});
  Add(y_.data(), rows * config_.n_embd, x_.data() + skip * config_.n_embd);
  FeedForward(layer, skip);
}

void Decoder::Run(std::span<const int32_t> tokens, size_t first, size_t logit_rows, KvCache* cache,
                  float* logits) {
  Resize(tokens.size());
  model_.FillRope(static_cast<int64_t>(first), m_, cos_.data(), sin_.data());
  Embed(tokens);
  for (size_t i = 0; i < config_.n_layers; ++i) {
    Layer(i, first, i + 1 == config_.n_layers ? m_ - logit_rows : 0, cache);
  }
  if (logit_rows == 0) return;
  Norm(x_.data() + (m_ - logit_rows) * config_.n_embd, model_.output_norm(), logit_rows, h_.data());
  Project(pool_, adapters_, h_.data(), logit_rows,
          std::array{Projection{&model_.output(), logits}});
}

}  // namespace selvedge::inference
