#include "adapters/checks.h"

#include <cmath>
#include <map>
#include <string>

#include "adapters/tensor_names.h"
#include "storage/untrusted/quote.h"

namespace selvedge::adapters {
namespace {

using untrusted::Quote;

// The sum of squares; NaN or infinity if any value is (f32 squares cannot overflow a double).
double SquaredNorm(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value) * value;
  return sum;
}

Status CheckTensorNumbers(const LoraTensor& tensor) {
  const std::string where = "adapter: tensor " + Quote(tensor.base_name);
  const double a = std::sqrt(SquaredNorm(tensor.a)), b = std::sqrt(SquaredNorm(tensor.b));
  if (!std::isfinite(a) || !std::isfinite(b)) {
    return NumericError(where + ": got NaN or infinity, all values must be finite");
  }
  if (a > kMaxFactorNorm || b > kMaxFactorNorm) {
    return NumericError(where + ": norm: got " + std::to_string(std::max(a, b)) + ", at most " +
                        std::to_string(kMaxFactorNorm) + " allowed");
  }
  if (!std::isfinite(tensor.scale) || tensor.scale * a * b > kMaxUpdateNorm) {
    return NumericError(where + ": norm of the update: got " +
                        std::to_string(tensor.scale * a * b) + ", at most " +
                        std::to_string(kMaxUpdateNorm) + " allowed");
  }
  return OkStatus();
}

// Widths that the base fixes, and those that the adapter's own tensors must agree on.
class Widths {
 public:
  explicit Widths(const BaseShape& base) {
    known_[Width::kHeads] = uint64_t{base.n_heads} * base.head_dim;
    known_[Width::kKvHeads] = uint64_t{base.n_kv_heads} * base.head_dim;
  }

  Status Check(const LoraTensor& tensor, Width width, uint64_t got, const char* side) {
    const uint64_t expected = known_.emplace(width, got).first->second;
    if (got == expected) return OkStatus();
    return FormatError("adapter: tensor " + Quote(tensor.base_name) + ": " + side + ": got " +
                       std::to_string(got) + ", must be " + std::to_string(expected));
  }

 private:
  std::map<Width, uint64_t> known_;
};

Status CheckSizes(const LoraTensor& tensor) {
  const std::string where = "adapter: tensor " + Quote(tensor.base_name);
  if (tensor.rank < 1 || tensor.rank > kMaxRank) {
    return LimitError(where + ": rank: got " + std::to_string(tensor.rank) + ", 1 to " +
                      std::to_string(kMaxRank) + " allowed");
  }
  if (tensor.in == 0 || tensor.out == 0 || tensor.a.size() != uint64_t{tensor.rank} * tensor.in ||
      tensor.b.size() != uint64_t{tensor.rank} * tensor.out) {
    return FormatError(where + ": A and B do not have the sizes that rank, in and out say");
  }
  return OkStatus();
}

}  // namespace

Status CheckNumbers(const LoraAdapter& adapter) {
  for (const LoraTensor& tensor : adapter.tensors) {
    SELVEDGE_RETURN_IF_ERROR(CheckSizes(tensor));
    SELVEDGE_RETURN_IF_ERROR(CheckTensorNumbers(tensor));
  }
  return OkStatus();
}

Status CheckAdapter(const LoraAdapter& adapter, const BaseShape& base) {
  SELVEDGE_RETURN_IF_ERROR(CheckBase(base));
  if (adapter.tensors.empty()) return FormatError("adapter: it has no tensors");
  Widths widths(base);
  const LoraTensor* before = nullptr;
  for (const LoraTensor& tensor : adapter.tensors) {
    const std::string where = "adapter: tensor " + Quote(tensor.base_name);
    const auto place = PlaceOfGguf(tensor.base_name);
    if (!place.has_value()) return FormatError(where + ": is no linear layer of the base");
    if (place->layer >= base.n_layers) {
      return FormatError(where + ": layer: got " + std::to_string(place->layer) +
                         ", the base has " + std::to_string(base.n_layers) + " layers");
    }
    if (before != nullptr && before->base_name >= tensor.base_name) {
      return FormatError(where + ": tensors must be sorted and unique");
    }
    before = &tensor;
    SELVEDGE_RETURN_IF_ERROR(widths.Check(tensor, place->module->in, tensor.in, "columns of A"));
    SELVEDGE_RETURN_IF_ERROR(widths.Check(tensor, place->module->out, tensor.out, "rows of B"));
  }
  return CheckNumbers(adapter);
}

}  // namespace selvedge::adapters
