#include "inference/session/attention.h"

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

void Attend(core::ThreadPool& pool, const AttentionCall& call, size_t rows_in_chunk) {
  const bool tiled = rows_in_chunk >= kTiledFromRows || call.cache.type() != core::DType::kF16;
  const size_t parts = tiled ? TileCount(call) : call.m * call.config.n_kv_heads;
  const auto body = [&](size_t begin, size_t end, int) {
    if (tiled) {
      AttendByTiles(pool, call, begin, end);
    } else {
      AttendByRows(call, begin, end);
    }
  };
  // One token over a short context is too little to be worth waking other threads for.
  constexpr size_t kWorthSharing = size_t{1} << 18;
  if (call.m * (call.first + call.m) * call.width() < kWorthSharing) {
    body(0, parts, 0);
  } else {
    pool.ParallelFor(parts, 1, body);
  }
}

}  // namespace selvedge::inference
