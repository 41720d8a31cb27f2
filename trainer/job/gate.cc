#include "trainer/job/gate.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
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

GateDecision Reject(std::string reason) { return {false, std::move(reason)}; }

// Why `candidate` is no better than `other`, of that name; empty if it is.
std::string NoGain(double candidate, double other, double error, const char* name) {
  const std::string loss = "held-out loss " + Number(candidate);
  if (!(candidate < other)) {
    return loss + " is not below the " + name + "'s " + Number(other);
  }
  if (!(other - candidate > kSureErrors * error)) {
    return loss + " is below the " + name + "'s " + Number(other) +
           " by no more than chance explains, " + Number(kSureErrors * error);
  }
  return "";
}

}  // namespace

std::string WeightFault(const adapters::LoraAdapter* candidate) {
  if (candidate == nullptr || candidate->tensors.empty()) return "candidate has no weights";
  for (const adapters::LoraTensor& tensor : candidate->tensors) {
    if (std::string fault = FaultOf(tensor); !fault.empty()) return fault;
  }
  return "";
}

GateDecision DecideGate(const GateInput& input) {
  if (std::string fault = WeightFault(input.candidate); !fault.empty()) {
    return Reject(std::move(fault));
  }
  if (input.heldout_tokens <= 0) return Reject("no held-out tokens to judge by");
  if (!std::isfinite(input.loss_base) || !std::isfinite(input.loss_current) ||
      !std::isfinite(input.loss_candidate)) {
    return Reject("held-out loss is not finite");
  }
  std::string fault =
      NoGain(input.loss_candidate, input.loss_base, input.gain_error_base, "base model");
  if (fault.empty()) {
    fault = NoGain(input.loss_candidate, input.loss_current, input.gain_error_current,
                   "active adapter");
  }
  if (!fault.empty()) return Reject(std::move(fault));
  return {true,
          "held-out loss " + Number(input.loss_current) + " -> " + Number(input.loss_candidate)};
}

double GainError(std::span<const GroupLoss> before, std::span<const GroupLoss> after) {
  const size_t n = before.size();
  if (n < 2) return std::numeric_limits<double>::infinity();
  double gain = 0;
  double tokens = 0;
  for (size_t i = 0; i < n; ++i) {
    gain += before[i].loss - after[i].loss;
    tokens += static_cast<double>(before[i].tokens);
  }
  gain /= tokens;
  double squared = 0;
  for (size_t i = 0; i < n; ++i) {
    const double rest =
        before[i].loss - after[i].loss - gain * static_cast<double>(before[i].tokens);
    squared += rest * rest;
  }
  const double groups = static_cast<double>(n);
  return std::sqrt(squared * groups / (groups - 1)) / tokens;
}

}  // namespace selvedge::trainer
