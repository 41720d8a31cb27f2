// Attention of single rows over keys and values in blocks of integers: a block of positions is
// unpacked once for all query heads that share it, and all sums are f32.
// Source: Milakov and Gimelshein 2018, algorithm 3 (online normalizer), blockwise.

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "inference/session/attention.h"

namespace selvedge::inference {
namespace {

constexpr size_t kBlock = KvCache::kBlockTokens;

class QuantizedRowAttention {
 public:
  explicit QuantizedRowAttention(const AttentionCall& call)
      : call_(call),
        group_(call.group()),
        d_(call.config.head_dim),
        keys_(kBlock * d_),
        values_(kBlock * d_),
        max_(group_),
        sum_(group_) {}

  // Row t, the query heads of one key head.
  void Run(size_t t, size_t kv_head) {
    const size_t at = t * call_.width() + kv_head * group_ * d_;
    float* out = call_.out + at;
    std::fill_n(out, group_ * d_, 0.0f);
    std::fill(max_.begin(), max_.end(), -std::numeric_limits<float>::infinity());
    std::fill(sum_.begin(), sum_.end(), 0.0f);
    const size_t end = call_.first + t + 1;
    for (size_t begin = call_.Oldest(end - 1); begin < end;) {
      const KvRange range = {call_.layer, kv_head, begin, KvCache::InBlock(begin, end)};
      Unpack(call_.cache.Keys(range), keys_.data());
      Unpack(call_.cache.Values(range), values_.data());
      for (size_t h = 0; h < group_; ++h) {
        Add(call_.q + at + h * d_, range.count, &max_[h], &sum_[h], out + h * d_);
      }
      begin += range.count;
    }
    for (size_t h = 0; h < group_; ++h) {
      for (size_t i = 0; i < d_; ++i) out[h * d_ + i] /= sum_[h];
    }
  }

 private:
  void Unpack(const kernels::WeightView& rows, float* to) const {
    kernels::DequantizeRow(rows.type, rows.data, to, rows.rows * d_);
  }

  // `count` positions to the running maximum, sum and weighted sum of values of one query.
  void Add(const float* q, size_t count, float* max, float* sum, float* out) {
    float scores[kBlock];
    for (size_t j = 0; j < count; ++j) scores[j] = kernels::DotF32(q, keys_.data() + j * d_, d_);
    call_.Score(scores, count);
    const float larger = std::max(*max, *std::max_element(scores, scores + count));
    const float shrink = std::exp(*max - larger);
    *sum = *sum * shrink + static_cast<float>(kernels::ExpMinus(scores, count, larger));
    *max = larger;
    for (size_t i = 0; i < d_; ++i) out[i] *= shrink;
    for (size_t j = 0; j < count; ++j) {
      kernels::AxpyF32(scores[j], values_.data() + j * d_, out, d_);
    }
  }

  const AttentionCall& call_;
  size_t group_, d_;
  std::vector<float> keys_, values_;  // [kBlock, head_dim]
  std::vector<float> max_, sum_;      // [group]: largest score, sum of exp(score - max)
};

}  // namespace

void AttendByQuantizedRows(const AttentionCall& call, size_t begin, size_t end) {
  QuantizedRowAttention attention(call);
  for (size_t i = begin; i < end; ++i) {
    attention.Run(i / call.config.n_kv_heads, i % call.config.n_kv_heads);
  }
}

}  // namespace selvedge::inference
