#include "trainer/run/memory_plan.h"

#include <algorithm>
#include <string>

#include "trainer/functions/functions.h"

namespace selvedge::trainer {
namespace {

constexpr size_t kMiB = 1 << 20;
// LibTorch with its libraries, resident before the first tensor (measured on Debian 12).
constexpr size_t kRuntimeBytes = 170 * kMiB;
constexpr size_t kMaxRows = 2048;
constexpr size_t kMaxSlots = 64;

// Vectors of P that live through the run: state (4), its copy during an update (4), checkpoint
// being written (2 copies of 4), the sum (8 bytes) and noise (4 bytes) with its plain twin.
constexpr size_t kBytesPerParameter = 4 * 4 + 4 * 4 + 2 * 4 * 4 + 8 + 8;

}  // namespace

size_t RowBytes(const inference::Model& model, const LoraLayout& layout) {
  const inference::ModelConfig& c = model.config();
  const size_t q = static_cast<size_t>(c.n_heads) * c.head_dim;
  const size_t kv = static_cast<size_t>(c.n_kv_heads) * c.head_dim;
  // Kept by a layer: two norm inputs, rotated q and k, v, gate, up and the h's; where A is trained
  // also the four distinct inputs of its linear layers.
  size_t floats = 2 * c.n_embd + q + 2 * kv + 2 * c.n_ff + 7 * layout.rank();
  if (!model.layers().front().attn_q_norm.empty()) floats += q + kv;  // inputs of the heads' norms
  if (!layout.freeze_a()) floats += 2 * c.n_embd + q + c.n_ff;
  // Passing: the widest stretch of one layer, forward or backward.
  const size_t passing = 4 * c.n_embd + 4 * q + 4 * kv + 4 * c.n_ff;
  // The head keeps label rows, their norm and its gradient.
  return 4 * (floats * c.n_layers + passing + 4 * c.n_embd);
}

Result<MemoryPlan> PlanMemory(const inference::Model& model, const LoraLayout& layout, bool dp,
                              size_t longest_rows, int threads, int64_t memory_limit_mb) {
  const size_t parameters = layout.trained();
  const size_t attention = static_cast<size_t>(std::max(1, threads)) * 2 * kQueryBlock *
                           std::max<size_t>(1, longest_rows) * 4;
  const size_t logits = kLabelChunk * model.config().n_vocab * 4;
  const size_t fixed = kRuntimeBytes + model.file().bytes().bytes().size() + attention + logits +
                       parameters * (kBytesPerParameter + (dp ? 0 : 8)) + layout.frozen() * 4 * 3;
  const size_t row = RowBytes(model, layout);
  const size_t group = parameters * 4;
  const size_t least = fixed + row * longest_rows + group;
  MemoryPlan plan;
  if (memory_limit_mb == 0) {
    plan.max_rows = std::max(longest_rows, kMaxRows);
    plan.max_slots = std::clamp<size_t>((256 * kMiB) / group, 1, kMaxSlots);
    plan.peak_bytes = fixed + row * plan.max_rows + group * plan.max_slots;
    return plan;
  }
  const size_t limit = static_cast<size_t>(memory_limit_mb) * kMiB;
  if (least > limit) {
    return LimitError("training: memory limit: got " + std::to_string(memory_limit_mb) +
                      " MB, this model, rank and record length need " +
                      std::to_string((least + kMiB - 1) / kMiB) + " MB");
  }
  // Half of what is left goes to group gradients, the rest to rows.
  plan.max_slots = std::clamp<size_t>(1 + (limit - least) / 2 / group, 1, kMaxSlots);
  const size_t spare = limit - least - (plan.max_slots - 1) * group;
  plan.max_rows = std::min(std::max(longest_rows, kMaxRows), longest_rows + spare / row);
  plan.peak_bytes = least + (plan.max_slots - 1) * group + (plan.max_rows - longest_rows) * row;
  return plan;
}

}  // namespace selvedge::trainer
