#include "inference/session/adapter_set.h"

#include <algorithm>
#include <cmath>

namespace selvedge::inference {
namespace {

std::string Shape(size_t rows, size_t cols) {
  std::string out = "[";
  out += std::to_string(rows) + ", " + std::to_string(cols) + "]";
  return out;
}

bool AllFinite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// The weight that `lora` adds to, if it fits.
Result<const kernels::WeightView*> Match(const Model& model, const adapters::LoraTensor& lora) {
  const std::string where = "adapter: tensor '" + lora.base_name + "': ";
  const kernels::WeightView* weight = model.FindWeight(lora.base_name);
  if (weight == nullptr) return IncompatibleError(where + "the model has no such weight");
  if (weight->rows != lora.out || weight->cols != lora.in) {
    return IncompatibleError(where + "made for a weight of shape " + Shape(lora.out, lora.in) +
                             ", the model's is " + Shape(weight->rows, weight->cols));
  }
  if (lora.rank == 0 || lora.a.size() != size_t{lora.rank} * lora.in ||
      lora.b.size() != size_t{lora.rank} * lora.out) {
    return IncompatibleError(where + "rank " + std::to_string(lora.rank) +
                             " does not agree with the sizes of A and B");
  }
  if (!AllFinite(lora.a) || !AllFinite(lora.b) || !std::isfinite(lora.scale)) {
    return NumericError(where + "holds NaN or infinity, finite values needed");
  }
  return weight;
}

// Rows of x that a thread takes at a time, or a multiple.
constexpr size_t kRowsAtOnce = 8;

}  // namespace

Result<std::shared_ptr<const AdapterSet>> AdapterSet::Build(const Model& model,
                                                            std::vector<Item> items) {
  std::shared_ptr<AdapterSet> set(new AdapterSet());
  for (const Item& item : items) {
    if (!std::isfinite(item.scale) || std::abs(item.scale) > 1e6) {
      return UsageError("adapter '" + item.id + "': scale is not finite or above 1e6 in size");
    }
    if (item.adapter->architecture != model.config().architecture) {
      return IncompatibleError("adapter '" + item.id + "': made for architecture '" +
                               item.adapter->architecture + "', the model's is '" +
                               model.config().architecture + "'");
    }
    for (const adapters::LoraTensor& lora : item.adapter->tensors) {
      SELVEDGE_ASSIGN_OR_RETURN(const kernels::WeightView* weight, Match(model, lora));
      if (item.scale == 0) continue;
      const float scale = static_cast<float>(item.scale * lora.scale);
      auto at =
          std::lower_bound(set->terms_.begin(), set->terms_.end(), weight->data,
                           [](const auto& entry, const uint8_t* d) { return entry.first < d; });
      if (at == set->terms_.end() || at->first != weight->data) {
        at = set->terms_.insert(at, {weight->data, {}});
      }
      at->second.emplace_back(lora, scale, weight->type);
    }
  }
  set->model_ = &model;
  set->items_ = std::move(items);
  return std::shared_ptr<const AdapterSet>(std::move(set));
}

std::shared_ptr<const AdapterSet> AdapterSet::Empty() {
  return std::shared_ptr<const AdapterSet>(new AdapterSet());
}

const std::vector<LoraTerm>& AdapterSet::TermsOf(const kernels::WeightView& weight) const {
  static const std::vector<LoraTerm> kNone;
  const auto at =
      std::lower_bound(terms_.begin(), terms_.end(), weight.data,
                       [](const auto& entry, const uint8_t* d) { return entry.first < d; });
  return at == terms_.end() || at->first != weight.data ? kNone : at->second;
}

void AdapterSet::AddTo(core::ThreadPool& pool, const kernels::WeightView& weight, const float* x,
                       size_t m, float* y) const {
  const std::vector<LoraTerm>& terms = TermsOf(weight);
  if (terms.empty()) return;
  pool.ParallelFor(m, kRowsAtOnce, [&](size_t begin, size_t end, int) {
    std::vector<float> inner;
    for (const LoraTerm& term : terms) {
      inner.resize(term.rank());
      for (size_t t = begin; t < end; ++t) {
        term.Inner(x + t * weight.cols, 0, term.rank(), inner.data());
        term.Outer(inner.data(), 0, weight.rows, y + t * weight.rows);
      }
    }
  });
}

const core::Sha256Digest& AdapterSet::digest() const {
  std::call_once(digest_once_, [this] {
    core::Sha256 hash;
    const auto add = [&hash](const void* data, size_t size) {
      hash.UpdateU64(size).Update(std::span(static_cast<const uint8_t*>(data), size));
    };
    for (const Item& item : items_) {
      add(&item.scale, sizeof item.scale);
      hash.UpdateU64(item.adapter->tensors.size());
      for (const adapters::LoraTensor& lora : item.adapter->tensors) {
        add(lora.base_name.data(), lora.base_name.size());
        add(&lora.scale, sizeof lora.scale);
        add(lora.a.data(), lora.a.size() * sizeof(float));
        add(lora.b.data(), lora.b.size() * sizeof(float));
      }
    }
    digest_ = hash.Finish();
  });
  return digest_;
}

std::vector<std::string> AdapterSet::ids() const {
  std::vector<std::string> out;
  for (const Item& item : items_) out.push_back(item.id);
  return out;
}

}  // namespace selvedge::inference
