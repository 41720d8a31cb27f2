#include "inference/model/model.h"

#include <atomic>
#include <cmath>

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

void Model::FillRope(int64_t first, size_t count, float* cos, float* sin) const {
  for (size_t t = 0; t < count; ++t) {
    const double position = static_cast<double>(first) + static_cast<double>(t);
    for (const double frequency : rope_frequency_) {
      *cos++ = static_cast<float>(std::cos(position * frequency));
      *sin++ = static_cast<float>(std::sin(position * frequency));
    }
  }
}

const std::vector<float>& Model::rope_cos() const {
  std::call_once(rope_once_, [this] {
    rope_cos_.resize(size_t{config_.n_ctx} * rope_frequency_.size());
    rope_sin_.resize(rope_cos_.size());
    FillRope(0, config_.n_ctx, rope_cos_.data(), rope_sin_.data());
  });
  return rope_cos_;
}

const std::vector<float>& Model::rope_sin() const {
  rope_cos();
  return rope_sin_;
}

const kernels::WeightView* Model::FindWeight(const std::string& base_name) const {
  const auto it = by_name_.find(base_name);
  return it == by_name_.end() ? nullptr : it->second;
}

}  // namespace selvedge::inference
