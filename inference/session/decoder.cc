#include "inference/session/decoder.h"

#include <array>

namespace selvedge::inference {

Decoder::Decoder(const Model& model, core::ThreadPool& pool)
    : model_(model), config_(model.config()), pool_(pool), pairs_(model.rope(false, 1).pairs()) {}

void Decoder::Resize(size_t m) {
  m_ = m;
  const size_t heads = size_t{config_.n_heads} * config_.head_dim;
  const size_t kv_heads = size_t{config_.n_kv_heads} * config_.head_dim;
  for (auto* buffer : {&x_, &h_, &y_}) buffer->resize(m * config_.n_embd);
  for (auto* buffer : {&q_, &a_}) buffer->resize(m * heads);
  for (auto* buffer : {&k_, &v_}) buffer->resize(m * kv_heads);
  for (auto* buffer : {&gate_, &up_}) buffer->resize(m * config_.n_ff);
  for (auto* buffer : {&cos_, &sin_}) buffer->resize(m * pairs_);
  if (config_.window == 0) return;
  for (auto* buffer : {&local_cos_, &local_sin_}) buffer->resize(m * pairs_);
}

// Takes up the parts: where each row stands, its angles and its embedding.
void Decoder::Begin(std::span<const DecoderPart> parts, kernels::RowSums sums) {
  parts_ = parts;
  sums_ = sums;
  rows_.clear();
  adapters_.clear();
  for (const DecoderPart& part : parts) {
    for (size_t i = 0; i < part.tokens.size(); ++i) rows_.push_back({part.cache, part.first + i});
    adapters_.insert(adapters_.end(), part.tokens.size(), part.adapters);
  }
  Resize(rows_.size());
  size_t row = 0;
  for (const DecoderPart& part : parts) {
    const auto first = static_cast<int64_t>(part.first);
    const size_t at = row * pairs_, n = part.tokens.size();
    model_.rope(false, part.n_ctx).Fill(first, n, cos_.data() + at, sin_.data() + at);
    if (config_.window > 0) {
      model_.rope(true, part.n_ctx).Fill(first, n, local_cos_.data() + at, local_sin_.data() + at);
    }
    Embed(part.tokens, row);
    row += n;
  }
}

// Rows of elementwise work: shared when there are several.
void Decoder::ForRows(size_t rows, const std::function<void(size_t, size_t, int)>& body) {
  if (rows == 1) {
    body(0, 1, 0);
  } else {
    pool_.ParallelFor(rows, 8, body);
  }
}

void Decoder::Project(const float* x, size_t rows, std::span<const Projection> projections) {
  inference::Project(pool_, std::span(adapters_).last(rows), sums_, x, projections);
}

void Decoder::Norm(const float* x, const std::vector<float>& weight, size_t rows, float* out) {
  const size_t n = config_.n_embd;
  ForRows(rows, [&](size_t begin, size_t end, int) {
    kernels::RmsNorm(x + begin * n, weight.data(), config_.norm_eps, end - begin, n,
                     out + begin * n);
  });
}

// x += y, normed first in families that do so.
void Decoder::AddResidual(const std::vector<float>& norm, size_t rows, float* x) {
  if (!norm.empty()) Norm(y_.data(), norm, rows, y_.data());
  kernels::AxpyF32(1.0f, y_.data(), x, rows * config_.n_embd);
}

void Decoder::Embed(std::span<const int32_t> tokens, size_t row) {
  const kernels::WeightView& embedding = model_.token_embedding();
  float* x = x_.data() + row * config_.n_embd;
  for (const int32_t token : tokens) {
    kernels::DequantizeRow(embedding.type, embedding.row(static_cast<size_t>(token)), x,
                           config_.n_embd);
    for (size_t i = 0; i < config_.n_embd; ++i) x[i] *= config_.embedding_scale;
    x += config_.n_embd;
  }
}

// The queries or keys of one position, x [heads, head_dim], from product to rotated.
void Decoder::Finish(const std::vector<float>& bias, const std::vector<float>& norm, size_t heads,
                     const float* cos, const float* sin, float* x) const {
  if (!bias.empty()) kernels::AxpyF32(1.0f, bias.data(), x, bias.size());
  if (!norm.empty()) {
    kernels::RmsNorm(x, norm.data(), config_.norm_eps, heads, config_.head_dim, x);
  }
  kernels::Rope(x, heads, config_.head_dim, config_.rope_dim, cos, sin, config_.rope_interleaved);
}

void Decoder::RotateAndStore(size_t index, size_t skip) {
  const LayerWeights& layer = model_.layers()[index];
  const size_t heads = size_t{config_.n_heads} * config_.head_dim;
  const size_t kv_heads = size_t{config_.n_kv_heads} * config_.head_dim;
  const bool local = config_.IsLocal(index);
  ForRows(m_, [&](size_t begin, size_t end, int) {
    for (size_t t = begin; t < end; ++t) {
      const float* cos = (local ? local_cos_ : cos_).data() + t * pairs_;
      const float* sin = (local ? local_sin_ : sin_).data() + t * pairs_;
      float* k = k_.data() + t * kv_heads;
      float* v = v_.data() + t * kv_heads;
      Finish(layer.attn_k_bias, layer.attn_k_norm, config_.n_kv_heads, cos, sin, k);
      if (!layer.attn_v_bias.empty()) {
        kernels::AxpyF32(1.0f, layer.attn_v_bias.data(), v, kv_heads);
      }
      rows_[t].cache->Store(index, rows_[t].position, k, v);
      if (t < skip) continue;
      Finish(layer.attn_q_bias, layer.attn_q_norm, config_.n_heads, cos, sin,
             q_.data() + t * heads);
    }
  });
}

// gate = activation(gate) * up. GELU with Phi's tanh form is g sigmoid(z) for z = c g (1 + a g^2),
// c = sqrt(8 / pi), so it is silu(z) / (c (1 + a g^2)).
void Decoder::Activate(float* gate, float* up, size_t n) const {
  if (config_.activation == Activation::kGelu) {
    constexpr float c = 1.5957691216057308f, a = 0.044715f;
    for (size_t i = 0; i < n; ++i) {
      const float slope = c * (1 + a * gate[i] * gate[i]);
      gate[i] *= slope;
      up[i] /= slope;
    }
  }
  kernels::SiluMul(gate, up, n, gate);
}

void Decoder::FeedForward(const LayerWeights& layer, size_t skip) {
  const size_t rows = m_ - skip, n_ff = config_.n_ff;
  float* x = x_.data() + skip * config_.n_embd;
  Norm(x, layer.ffn_norm, rows, h_.data());
  Project(
      h_.data(), rows,
      std::array{Projection{&layer.ffn_gate, gate_.data()}, Projection{&layer.ffn_up, up_.data()}});
  ForRows(rows, [&](size_t begin, size_t end, int) {
    Activate(gate_.data() + begin * n_ff, up_.data() + begin * n_ff, (end - begin) * n_ff);
  });
  Project(gate_.data(), rows, std::array{Projection{&layer.ffn_down, y_.data()}});
  AddResidual(layer.ffn_post_norm, rows, x);
}

// Rows from `skip` on, each over its own sequence.
void Decoder::Attend(size_t index, size_t skip) {
  const size_t heads = size_t{config_.n_heads} * config_.head_dim;
  const bool tiled = rows_[0].cache->type() == core::DType::kF32 ||
                     (m_ >= kTiledFromRows && sums_ == kernels::RowSums::kFastest);
  calls_.clear();
  size_t row = 0;
  for (const DecoderPart& part : parts_) {
    const size_t n = part.tokens.size();
    const size_t from = std::min(n, std::max(skip, row) - row);
    row += n;
    if (from == n) continue;
    const size_t at = row - n + from;
    calls_.push_back({config_, *part.cache, index, part.first + from, n - from,
                      q_.data() + at * heads, a_.data() + (at - skip) * heads});
  }
  inference::Attend(pool_, calls_, tiled);
}

// Rows before `skip` get keys and values only: nobody reads their result.
void Decoder::Layer(size_t index, size_t skip) {
  const LayerWeights& layer = model_.layers()[index];
  const size_t heads = size_t{config_.n_heads} * config_.head_dim;
  const size_t rows = m_ - skip;
  Norm(x_.data(), layer.attn_norm, m_, h_.data());
  const std::array kv = {Projection{&layer.attn_k, k_.data()},
                         Projection{&layer.attn_v, v_.data()}};
  const Projection q = {&layer.attn_q, q_.data() + skip * heads};
  if (skip == 0) {
    Project(h_.data(), m_, std::array{q, kv[0], kv[1]});
  } else {
    Project(h_.data(), m_, kv);
    if (rows > 0) {
      Project(h_.data() + skip * config_.n_embd, rows, std::array{q});
    }
  }
  RotateAndStore(index, skip);
  if (rows == 0) return;
  Attend(index, skip);
  Project(a_.data(), rows, std::array{Projection{&layer.attn_output, y_.data()}});
  AddResidual(layer.attn_post_norm, rows, x_.data() + skip * config_.n_embd);
  FeedForward(layer, skip);
}

void Decoder::Run(std::span<const DecoderPart> parts, size_t logit_rows, kernels::RowSums sums,
                  float* logits) {
  Begin(parts, sums);
  for (size_t i = 0; i < config_.n_layers; ++i) {
    Layer(i, i + 1 == config_.n_layers ? m_ - logit_rows : 0);
  }
  if (logit_rows == 0) return;
  Norm(x_.data() + (m_ - logit_rows) * config_.n_embd, model_.output_norm(), logit_rows, h_.data());
  Project(h_.data(), logit_rows, std::array{Projection{&model_.output(), logits}});
  if (config_.output_cap == 0) return;
  ForRows(logit_rows, [&](size_t begin, size_t end, int) {
    SoftCap(config_.output_cap, logits + begin * config_.n_vocab, (end - begin) * config_.n_vocab);
  });
}

}  // namespace selvedge::inference
