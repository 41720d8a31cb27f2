#include "inference/model/model.h"

#include <atomic>

#include "inference/model/finite_check.h"

namespace selvedge::inference {

Status Model::CheckFinite(core::ThreadPool& pool) const {
  for (const gguf::TensorInfo& tensor : file_->tensors()) {
    if (!AllFinite(pool, tensor)) {
      return NumericError("model file: tensor '" + tensor.name +
                          "': holds NaN or infinity, finite values needed");
    }
  }
  return OkStatus();
}

const RopeTable& Model::rope(bool local, int64_t n_ctx) const {
  if (local) return local_rope_;
  const bool beyond = n_ctx > static_cast<int64_t>(config_.rope_scaling.original_context);
  return beyond && long_rope_.pairs() > 0 ? long_rope_ : rope_;
}

const kernels::WeightView* Model::FindWeight(const std::string& base_name) const {
  const auto it = by_name_.find(base_name);
  return it == by_name_.end() ? nullptr : it->second;
}

}  // namespace selvedge::inference
