#include "trainer/job/trainable.h"

namespace selvedge::trainer {
namespace {

// The first property of the model that training lacks; null if there is none.
const char* FirstObstacle(const inference::Model& model) {
  const inference::ModelConfig& c = model.config();
  const inference::LayerWeights& layer = model.layers().front();
  if (model.FindWeight("blk.0.attn_q.weight") == nullptr) return "fused projections";
  if (c.activation != inference::Activation::kSilu) return "GELU";
  if (!layer.attn_post_norm.empty()) return "norms after a block";
  if (c.window > 0) return "sliding windows";
  if (c.attention_cap > 0 || c.output_cap > 0) return "soft caps";
  return nullptr;
}

}  // namespace

Status CheckTrainable(const inference::Model& model) {
  const char* const obstacle = FirstObstacle(model);
  if (obstacle == nullptr) return OkStatus();
  return IncompatibleError("training: model of architecture '" + model.config().architecture +
                           "': has " + obstacle +
                           ", which generate but do not train; llama, qwen2 and qwen3 models do");
}

}  // namespace selvedge::trainer
