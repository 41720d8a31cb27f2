#include "trainer/run/memory_plan.h"

#include <algorithm>
#include <string>

#include "trainer/functions/functions.h"

namespace selvedge::trainer {
namespace {

constexpr size_t kMiB = 1 << 20;
// Resident beside the model when LibTorch has just been loaded, measured on Debian 12: LibTorch
// with its libraries 170 MiB, the rest is the SDK with a vocabulary of 49,152 and the start of a
// run.
constexpr size_t kLoadingBytes = 216 * kMiB;
// The same once the pages of libraries that nothing reads again are dropped.
constexpr size_t kRuntimeBytes = 120 * kMiB;
// The weights of the base are made into tiles once for each micro-batch: more rows than kGoodRows
// make a step a few percent faster, fewer than kEnoughRows markedly slower.
constexpr size_t kMaxRows = 1024;
constexpr size_t kGoodRows = 512;
constexpr size_t kEnoughRows = 256;
constexpr size_t kMaxSlots = 64;
// Without a limit: what the rows and group gradients of a micro-batch may take.
constexpr size_t kComfortableBytes = 768 * kMiB;

// Vectors of P: the state (4 floats) and the step's sum (8 bytes) live through the run.
constexpr size_t kStateBytes = 4 * 4 + 8;
// After the backward pass, when the micro-batch is gone: the state's copy (4 floats), the noised
// sum with its plain twin (8 bytes) or the mean, and a checkpoint being written (2 copies).
constexpr size_t kUpdateBytes = 4 * 4 + 8 + 2 * 4 * 4;

// Floats that one row keeps in one layer between forward and backward: two norm inputs, rotated q
// and k, v, gate, up and the h's; where A is trained also the inputs of its linear layers.
size_t LayerFloats(const inference::Model& model, const LoraLayout& layout) {
  const inference::ModelConfig& c = model.config();
  const size_t q = static_cast<size_t>(c.n_heads) * c.head_dim;
  const size_t kv = static_cast<size_t>(c.n_kv_heads) * c.head_dim;
  size_t floats = 2 * c.n_embd + q + 2 * kv + 2 * c.n_ff + 7 * layout.rank();
  const inference::LayerWeights& layer = model.layers().front();
  if (!layer.attn_q_norm.empty()) floats += q + kv;           // inputs of the heads' norms
  if (!layer.attn_post_norm.empty()) floats += 2 * c.n_embd;  // and of those after a block
  return layout.freeze_a() ? floats : floats + 2 * c.n_embd + q + c.n_ff;
}

// Tries sizes of micro-batches against a limit.
class Planner {
 public:
  Planner(const inference::Model& model, const LoraLayout& layout, size_t longest_rows, int threads)
      : model_(model), layout_(layout), longest_(std::max<size_t>(1, longest_rows)) {
    attention_ = static_cast<size_t>(std::max(1, threads)) *
                 (AttentionScratch(model.config(), longest_) +
                  (layout.dropout() > 0 ? 2 * longest_ * model.config().n_ff : 0) +
                  (model.config().output_cap > 0 ? model.config().n_vocab : 0)) *
                 sizeof(float);
    fixed_ = kRuntimeBytes + model.file().bytes().bytes().size() +
             layout.frozen() * 3 * sizeof(float) + layout.trained() * kStateBytes;
    update_ = layout.trained() * kUpdateBytes;
  }

  size_t fixed() const { return fixed_; }
  // What no plan can go below.
  size_t loading() const { return kLoadingBytes + model_.file().bytes().bytes().size(); }
  size_t group() const { return layout_.trained() * sizeof(float); }

  size_t Peak(const MemoryPlan& plan) const {
    const size_t rows = plan.max_rows * RowBytes(model_, layout_, plan.recomputed_layers);
    const size_t logits =
        LabelChunk(plan.recomputed_layers) * model_.config().n_vocab * sizeof(float);
    const size_t pass = attention_ + logits + rows + plan.max_slots * group();
    return fixed_ + (plan.keeps_tensors ? pass + update_ : std::max(pass, update_));
  }

  // The smallest plan of all.
  MemoryPlan Least() const {
    const size_t layers = model_.config().n_layers;
    return Finished({longest_, 1, 0, layers > 0 ? layers - 1 : 0});
  }

  // The fastest plan under `limit` bytes: enough rows, no more recomputation than needed.
  MemoryPlan Fastest(size_t limit) const {
    for (const size_t rows : {kMaxRows, kGoodRows, kEnoughRows}) {
      const MemoryPlan plan = Finished({std::max(longest_, rows), 1, 0, 0});
      if (plan.peak_bytes <= limit) return WithSlots(plan, limit);
    }
    MemoryPlan plan = Least();
    plan.max_rows = std::max(longest_, kEnoughRows);
    for (size_t n = 1; n <= plan.recomputed_layers; ++n) {
      const MemoryPlan tried = Finished({plan.max_rows, 1, 0, n});
      if (tried.peak_bytes <= limit) return WithSlots(tried, limit);
    }
    plan = Least();
    const size_t row = RowBytes(model_, layout_, plan.recomputed_layers);
    if (limit > plan.peak_bytes) plan.max_rows += (limit - plan.peak_bytes) / row;
    plan.max_rows = std::min(plan.max_rows, std::max(longest_, kEnoughRows));
    return WithSlots(Finished(plan), limit);
  }

 private:
  MemoryPlan Finished(MemoryPlan plan) const {
    plan.peak_bytes = Peak(plan);
    return plan;
  }

  MemoryPlan WithSlots(MemoryPlan plan, size_t limit) const {
    const size_t spare = limit > plan.peak_bytes ? limit - plan.peak_bytes : 0;
    plan.max_slots = std::clamp<size_t>(1 + spare / group(), 1, kMaxSlots);
    plan = Finished(plan);
    MemoryPlan keeping = plan;
    keeping.keeps_tensors = true;
    keeping = Finished(keeping);
    return keeping.peak_bytes <= limit ? keeping : plan;
  }

  const inference::Model& model_;
  const LoraLayout& layout_;
  const size_t longest_;
  size_t fixed_ = 0;      // through the whole run
  size_t attention_ = 0;  // scratch of any micro-batch
  size_t update_ = 0;     // between backward and the next step
};

}  // namespace

size_t RowBytes(const inference::Model& model, const LoraLayout& layout, size_t recomputed_layers) {
  const inference::ModelConfig& c = model.config();
  const size_t q = static_cast<size_t>(c.n_heads) * c.head_dim;
  const size_t kv = static_cast<size_t>(c.n_kv_heads) * c.head_dim;
  const size_t kept = LayerFloats(model, layout) * (c.n_layers - recomputed_layers);
  const size_t inputs = c.n_embd * recomputed_layers;
  // Passing: the widest stretch of one layer, forward or backward.
  const size_t passing = 4 * c.n_embd + 4 * q + 4 * kv + 4 * c.n_ff;
  // The head keeps label rows, their norm and its gradient.
  return sizeof(float) * (kept + inputs + passing + 4 * c.n_embd);
}

Result<MemoryPlan> PlanMemory(const inference::Model& model, const LoraLayout& layout,
                              size_t longest_rows, int threads, int64_t memory_limit_mb) {
  const Planner planner(model, layout, longest_rows, threads);
  const size_t least = std::max(planner.Least().peak_bytes, planner.loading());
  if (memory_limit_mb == 0) {
    return planner.Fastest(std::max(least, planner.fixed() + kComfortableBytes));
  }
  const size_t limit = static_cast<size_t>(memory_limit_mb) * kMiB;
  if (least > limit) {
    return LimitError("training: memory limit: got " + std::to_string(memory_limit_mb) +
                      " MB, this model, rank and record length need " +
                      std::to_string((least + kMiB - 1) / kMiB) + " MB");
  }
  return planner.Fastest(limit);
}

}  // namespace selvedge::trainer
