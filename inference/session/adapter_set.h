#pragma once
// The adapters that one generation applies: immutable, bound to a model, shared by sessions.
// Publishing another set is an atomic exchange of a shared_ptr; the old one is freed when its last
// session ends.

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <selvedge/status.h>

#include "adapters/lora.h"
#include "core/digest.h"
#include "inference/model/model.h"
#include "inference/session/lora_term.h"

namespace selvedge::inference {

class AdapterSet {
 public:
  struct Item {
    std::string id;  // registry id or file name
    std::shared_ptr<const adapters::LoraAdapter> adapter;
    double scale = 1;  // the user's, multiplied with the tensor's own
  };

  // kIncompatible if a tensor names no weight of the model, its shape differs or it is of another
  // architecture; kUsage for a non-finite scale; kNumeric for non-finite values. A scale of 0
  // leaves the adapter out of the arithmetic.
  static Result<std::shared_ptr<const AdapterSet>> Build(const Model& model,
                                                         std::vector<Item> items);
  static std::shared_ptr<const AdapterSet> Empty();

  // Terms on a weight of the model this set was built for; empty for most weights most of the time.
  const std::vector<LoraTerm>& TermsOf(const kernels::WeightView& weight) const;
  // y[M, out] += scale * B (A x) for every term on `weight`, x [M, in]. Each row gets the bits that
  // it gets alone.
  void AddTo(core::ThreadPool& pool, const kernels::WeightView& weight, const float* x, size_t m,
             float* y) const;
  std::vector<std::string> ids() const;
  // SHA-256 of all that the set adds to a model: names, matrices, scales, in order. Worked out at
  // the first call; ids do not count.
  const core::Sha256Digest& digest() const;
  bool empty() const { return items_.empty(); }
  // True if the terms are bound to this very object: weights are known by their address.
  bool FitsModel(const Model& model) const { return empty() || model_ == &model; }

 private:
  AdapterSet() = default;
  const Model* model_ = nullptr;  // only compared
  std::vector<Item> items_;
  mutable std::once_flag digest_once_;
  mutable core::Sha256Digest digest_{};
  std::vector<std::pair<const uint8_t*, std::vector<LoraTerm>>>
      terms_;  // by weight data pointer, sorted
};

}  // namespace selvedge::inference
