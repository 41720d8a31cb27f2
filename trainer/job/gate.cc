#include "trainer/job/gate.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

namespace selvedge::trainer {
namespace {

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4f", value);
  return text;
}

// Gram matrix M M^T of `count` rows (stride, step as laid out), [count, count] row-major.
//   values   element k of row i at values[i * row_step + k * column_step], `length` per row
std::vector<double> Gram(const std::vector<float>& values, size_t count, size_t length,
                         size_t row_step, size_t column_step) {
  std::vector<double> gram(count * count);
  for (size_t i = 0; i < count; ++i) {
    for (size_t j = 0; j <= i; ++j) {
      double sum = 0;
      for (size_t k = 0; k < length; ++k) {
        sum += static_cast<double>(values[i * row_step + k * column_step]) *
               values[j * row_step + k * column_step];
      }
      gram[i * count + j] = gram[j * count + i] = sum;
    }
  }
  return gram;
}

// Root mean square of the entries of scale B A, from ||B A||_F^2 = <B^T B, A A^T>: the product
// itself, [out, in], is never formed.
double UpdateRms(const adapters::LoraTensor& t) {
  const std::vector<double> a = Gram(t.a, t.rank, t.in, t.in, 1);
  const std::vector<double> b = Gram(t.b, t.rank, t.out, 1, t.rank);
  double squared = 0;
  for (size_t i = 0; i < a.size(); ++i) squared += a[i] * b[i];
  const double entries = static_cast<double>(t.in) * t.out;
  return std::abs(static_cast<double>(t.scale)) * std::sqrt(std::max(0.0, squared) / entries);
}

bool AllFinite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// Why the weights may not become active; empty if they may.
std::string FaultOf(const adapters::LoraTensor& t) {
  const std::string name = "tensor '" + t.base_name + "'";
  const size_t rank = t.rank;
  if (rank == 0 || t.in == 0 || t.out == 0 || t.a.size() != rank * t.in ||
      t.b.size() != rank * t.out) {
    return name + " does not have the shape it states";
  }
  if (!std::isfinite(t.scale) || !AllFinite(t.a) || !AllFinite(t.b)) {
    return name + " has weights that are not finite";
  }
  const double rms = UpdateRms(t);
  if (!(rms <= kMaxUpdateRms)) {
    return name + ": update has RMS " + Number(rms) + ", at most " + Number(kMaxUpdateRms);
  }
  return "";
}

std::string FaultOf(const adapters::LoraAdapter* candidate) {
  if (candidate == nullptr || candidate->tensors.empty()) return "candidate has no weights";
  for (const adapters::LoraTensor& tensor : candidate->tensors) {
    if (std::string fault = FaultOf(tensor); !fault.empty()) return fault;
  }
  return "";
}

GateDecision Reject(std::string reason) { return {false, std::move(reason)}; }

}  // namespace

GateDecision DecideGate(const GateInput& input) {
  if (std::string fault = FaultOf(input.candidate); !fault.empty()) return Reject(std::move(fault));
  if (input.heldout_tokens <= 0) return Reject("no held-out tokens to judge by");
  if (!std::isfinite(input.loss_base) || !std::isfinite(input.loss_current) ||
      !std::isfinite(input.loss_candidate)) {
    return Reject("held-out loss is not finite");
  }
  const std::string candidate = Number(input.loss_candidate);
  if (!(input.loss_candidate < input.loss_base)) {
    return Reject("held-out loss " + candidate + " is not below the base model's " +
                  Number(input.loss_base));
  }
  if (!(input.loss_candidate < input.loss_current)) {
    return Reject("held-out loss " + candidate + " is not below the active adapter's " +
                  Number(input.loss_current));
  }
  return {true, "held-out loss " + Number(input.loss_current) + " -> " + candidate};
}

}  // namespace selvedge::trainer
