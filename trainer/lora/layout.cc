#include "trainer/lora/layout.h"

#include <algorithm>
#include <cmath>

namespace selvedge::trainer {
namespace {

// The head's own step is larger: nothing comes after it, and what it writes is what is judged.
constexpr double kHeadRate = 3;

// The trainer's decoder adapts the linear layers of the blocks and the head; embeddings and norms
// are frozen.
bool IsLinear(const inference::Model& model, const kernels::WeightView* weight) {
  if (weight == &model.output()) return true;
  for (const inference::LayerWeights& layer : model.layers()) {
    for (const auto* w : {&layer.attn_q, &layer.attn_k, &layer.attn_v, &layer.attn_output,
                          &layer.ffn_gate, &layer.ffn_up, &layer.ffn_down}) {
      if (w == weight) return true;
    }
  }
  return false;
}

}  // namespace

Result<LoraLayout> LoraLayout::Create(const inference::Model& model, const Config& config) {
  LoraLayout layout;
  layout.rank_ = config.rank;
  layout.alpha_ = config.alpha;
  layout.freeze_a_ = config.freeze_a;
  layout.dropout_ = config.dropout;
  if (!std::isfinite(config.alpha) || config.alpha <= 0) {
    return UsageError("training: alpha: got " + std::to_string(config.alpha) + ", must be above 0");
  }
  std::vector<std::string> names = config.target_modules;
  std::sort(names.begin(), names.end());
  if (names.empty()) return UsageError("training: target modules: none given, at least one needed");
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0 && names[i] == names[i - 1]) {
      return UsageError("training: target modules: '" + names[i] + "' is given twice");
    }
    const kernels::WeightView* weight = model.FindWeight(names[i]);
    if (weight == nullptr || !IsLinear(model, weight)) {
      return UsageError("training: target modules: '" + names[i] +
                        "' is no linear layer of the model");
    }
    const size_t limit = std::min(weight->rows, weight->cols);
    if (config.rank == 0 || config.rank > limit) {
      return UsageError("training: rank: got " + std::to_string(config.rank) + ", '" + names[i] +
                        "' allows 1 to " + std::to_string(limit));
    }
    LoraTarget target{names[i], weight, weight->cols, weight->rows, 0, 0};
    size_t& a_end = config.freeze_a ? layout.frozen_ : layout.trained_;
    target.a_offset = a_end;
    a_end += config.rank * target.in;
    target.b_offset = layout.trained_;
    layout.trained_ += config.rank * target.out;
    target.is_head = weight == &model.output();
    layout.targets_.push_back(std::move(target));
  }
  return layout;
}

std::vector<Block> LoraLayout::Blocks() const {
  std::vector<Block> blocks;
  for (const LoraTarget& target : targets_) {
    if (!freeze_a_) blocks.push_back({target.a_offset + rank_ * target.in, 1});
    const size_t rows = target.is_head ? target.out : 1;
    const size_t block = rank_ * target.out / rows;
    for (size_t i = 1; i <= rows; ++i) {
      blocks.push_back({target.b_offset + i * block, target.is_head ? kHeadRate : 1});
    }
  }
  return blocks;
}

const LoraTarget* LoraLayout::Find(const kernels::WeightView& weight) const {
  for (const LoraTarget& target : targets_) {
    if (target.weight == &weight) return &target;
  }
  return nullptr;
}

adapters::LoraAdapter LoraLayout::Export(const inference::Model& model,
                                         const std::vector<float>& frozen,
                                         const std::vector<float>& trained) const {
  adapters::LoraAdapter adapter;
  adapter.architecture = model.config().architecture;
  adapter.rank = static_cast<uint32_t>(rank_);
  adapter.alpha = alpha_;
  const float* a_base = freeze_a_ ? frozen.data() : trained.data();
  for (const LoraTarget& target : targets_) {
    adapters::LoraTensor tensor;
    tensor.base_name = target.name;
    tensor.rank = adapter.rank;
    tensor.in = static_cast<uint32_t>(target.in);
    tensor.out = static_cast<uint32_t>(target.out);
    const float* a = a_base + target.a_offset;
    const float* b = trained.data() + target.b_offset;
    tensor.a.assign(a, a + rank_ * target.in);
    tensor.b.assign(b, b + rank_ * target.out);
    tensor.scale = scale();
    adapter.tensors.push_back(std::move(tensor));
  }
  return adapter;
}

}  // namespace selvedge::trainer
