#include "inference/session/attention.h"

#include <algorithm>
#include <cmath>

namespace selvedge::inference {

void SoftCap(float cap, float* x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = cap * std::tanh(x[i] / cap);
}

void AttentionCall::Score(float* x, size_t n) const {
  const float cap = config.attention_cap;
  for (size_t i = 0; i < n; ++i) x[i] *= config.attention_scale;
  if (cap > 0) SoftCap(cap, x, n);
}

void Attend(core::ThreadPool& pool, std::span<const AttentionCall> calls, bool tiled) {
  const auto parts_of = [tiled](const AttentionCall& call) {
    return tiled ? TileCount(call) : call.m * call.config.n_kv_heads;
  };
  size_t parts = 0, work = 0;
  for (const AttentionCall& call : calls) {
    parts += parts_of(call);
    work += call.m * (call.first + call.m) * call.width();
  }
  const auto body = [&](size_t begin, size_t end, int) {
    size_t first = 0;  // part of this call's start
    for (const AttentionCall& call : calls) {
      const size_t from = std::max(begin, first), to = std::min(end, first + parts_of(call));
      first += parts_of(call);
      if (from >= to) continue;
      const size_t start = first - parts_of(call);
      if (tiled) {
        AttendByTiles(pool, call, from - start, to - start);
      } else if (call.cache.type() == core::DType::kF16) {
        AttendByRows(call, from - start, to - start);
      } else {
        AttendByQuantizedRows(call, from - start, to - start);
      }
    }
  };
  // One token over a short context is too little to be worth waking other threads for.
  constexpr size_t kWorthSharing = size_t{1} << 18;
  if (work < kWorthSharing) {
    body(0, parts, 0);
  } else {
    pool.ParallelFor(parts, 1, body);
  }
}

}  // namespace selvedge::inference
