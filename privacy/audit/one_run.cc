#include "privacy/audit/one_run.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

namespace selvedge::privacy {
namespace {

Status Check(const OneRunAudit& audit) {
  const bool valid = audit.canaries >= audit.guesses && audit.guesses >= audit.correct &&
                     audit.correct >= 0 && audit.canaries >= 1 && audit.delta >= 0 &&
                     audit.delta < 1;
  if (valid) return OkStatus();
  return UsageError(
      "audit: got " + std::to_string(audit.canaries) + " canaries, " +
      std::to_string(audit.guesses) + " guesses, " + std::to_string(audit.correct) +
      " correct, delta " + std::to_string(audit.delta) +
      ", allowed: canaries >= guesses >= correct >= 0, canaries >= 1, delta in [0, 1)");
}

// upper[k] = P[Bin(r, p) >= k] for k = 0..r, with p = 1 / (1 + e^-epsilon).
std::vector<double> BinomialTails(int64_t r, double epsilon) {
  const double log_p = -std::log1p(std::exp(-epsilon));
  const double log_not_p = -epsilon + log_p;
  const auto n = static_cast<double>(r);
  std::vector<double> upper(static_cast<size_t>(r) + 1);
  double log_choose = 0;  // ln C(r, k), from k = r down
  double tail = 0;
  for (int64_t k = r; k >= 0; --k) {
    const auto j = static_cast<double>(k);
    tail += std::exp(log_choose + j * log_p + (n - j) * log_not_p);
    upper[static_cast<size_t>(k)] = std::min(tail, 1.0);
    if (k > 0) log_choose += std::log(j / (n - j + 1));
  }
  return upper;
}

double PValue(const OneRunAudit& audit, double epsilon) {
  const std::vector<double> upper = BinomialTails(audit.guesses, epsilon);
  const double beta = upper[static_cast<size_t>(audit.correct)];
  double steepest = 0;
  for (int64_t i = 1; i <= audit.correct; ++i) {
    const double gain = upper[static_cast<size_t>(audit.correct - i)] - beta;
    steepest = std::max(steepest, gain / static_cast<double>(i));
  }
  return std::min(1.0, beta + 2 * static_cast<double>(audit.canaries) * audit.delta * steepest);
}

}  // namespace

Result<double> OneRunPValue(const OneRunAudit& audit, double epsilon) {
  SELVEDGE_RETURN_IF_ERROR(Check(audit));
  if (!(epsilon >= 0 && std::isfinite(epsilon))) {
    return UsageError("audit: epsilon: got " + std::to_string(epsilon) +
                      ", must be finite and at least 0");
  }
  return PValue(audit, epsilon);
}

Result<double> OneRunEpsilonLowerBound(const OneRunAudit& audit, double confidence) {
  SELVEDGE_RETURN_IF_ERROR(Check(audit));
  if (!(confidence > 0 && confidence < 1)) {
    return UsageError("audit: confidence: got " + std::to_string(confidence) +
                      ", must be above 0 and below 1");
  }
  const double significance = 1 - confidence;
  if (PValue(audit, 0) >= significance) return 0.0;
  double refuted = 0;
  double possible = 1;
  while (PValue(audit, possible) < significance && possible < 1e6) {
    refuted = possible;
    possible *= 2;
  }
  for (int i = 0; i < 60; ++i) {
    const double middle = 0.5 * (refuted + possible);
    (PValue(audit, middle) < significance ? refuted : possible) = middle;
  }
  return refuted;
}

}  // namespace selvedge::privacy
