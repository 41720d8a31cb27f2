// Attention of single rows, for decoding and short prompts. The roundings are those of ggml's
// flash attention for rows (llama.cpp d32676d77, ggml_compute_forward_flash_attn_ext_f16_one_chunk
// with an f16 cache), so that greedy choices agree.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "inference/session/attention.h"

namespace selvedge::inference {
namespace {

constexpr size_t kBlock = KvCache::kBlockTokens;

// Sums of halves lose small terms as they grow, so a sum takes in at most this many positions; sums
// of several spans are joined in f32.
constexpr size_t kSpan = 512;

// The weighted sum of the values of some positions.
struct Partial {
  float max = -std::numeric_limits<float>::infinity();  // largest score
  float weight = 0;                                     // sum of exp(score - max)
};

class RowAttention {
 public:
  explicit RowAttention(const AttentionCall& call)
      : call_(call), d_(call.config.head_dim), half_q_(d_), q_(d_), sum_(d_) {}

  // Row t, query head `head`.
  void Run(size_t t, size_t head) {
    const size_t at = t * call_.width() + head * d_;
    kernels::RoundToHalf(call_.q + at, half_q_.data(), d_);
    kernels::DequantizeRow(core::DType::kF16, reinterpret_cast<const uint8_t*>(half_q_.data()),
                           q_.data(), d_);
    float* out = call_.out + at;
    const size_t end = call_.first + t + 1, begin = call_.Oldest(end - 1);
    const size_t kv_head = head / call_.group();
    Partial total = Span(kv_head, begin, std::min(end, begin + kSpan));
    std::copy(sum_.begin(), sum_.end(), out);
    for (size_t next = begin + kSpan; next < end; next += kSpan) {
      Join(Span(kv_head, next, std::min(end, next + kSpan)), &total, out);
    }
    const float scale = 1.0f / total.weight;
    for (size_t i = 0; i < d_; ++i) out[i] *= scale;
  }

 private:
  // Positions [begin, end), into sum_.
  Partial Span(size_t kv_head, size_t begin, size_t end) {
    std::fill(sum_.begin(), sum_.end(), 0.0f);
    Partial partial;
    while (begin < end) {
      const KvRange range = {call_.layer, kv_head, begin, KvCache::InBlock(begin, end)};
      kernels::DotRowsHalf(call_.cache.Keys(range), q_.data(), scores_);
      call_.Score(scores_, range.count);
      for (size_t j = 0; j < range.count; ++j) Weigh(j, &partial);
      kernels::AddRowsHalf(call_.cache.Values(range), shrink_, scores_, sum_.data());
      begin += range.count;
    }
    return partial;
  }

  // Turns the score of position j into its weight relative to the largest so far, and says by how
  // much the earlier ones shrink.
  void Weigh(size_t j, Partial* partial) {
    const float score = scores_[j];
    if (score > partial->max) {
      shrink_[j] = std::exp(partial->max - score);
      scores_[j] = 1.0f;
      partial->max = score;
    } else {
      shrink_[j] = 1.0f;
      scores_[j] = std::exp(score - partial->max);
    }
    partial->weight = std::fma(partial->weight, shrink_[j], scores_[j]);
  }

  void Join(const Partial& next, Partial* total, float* out) const {
    const float max = std::max(total->max, next.max);
    const float before = std::exp(total->max - max), after = std::exp(next.max - max);
    for (size_t i = 0; i < d_; ++i) out[i] = out[i] * before + sum_[i] * after;
    total->weight = total->weight * before + next.weight * after;
    total->max = max;
  }

  const AttentionCall& call_;
  size_t d_;
  std::vector<uint16_t> half_q_;
  std::vector<float> q_, sum_;  // [head_dim]
  float scores_[kBlock], shrink_[kBlock];
};

}  // namespace

void AttendByRows(const AttentionCall& call, size_t begin, size_t end) {
  RowAttention attention(call);
  for (size_t i = begin; i < end; ++i) {
    const size_t kv_head = i % call.config.n_kv_heads;
    for (size_t h = 0; h < call.group(); ++h) {
      attention.Run(i / call.config.n_kv_heads, kv_head * call.group() + h);
    }
  }
}

}  // namespace selvedge::inference
