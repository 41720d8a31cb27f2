#include "sdk/judges.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "sdk/participants.h"

namespace selvedge {
namespace {

constexpr double kLeastNoise = 0.05;
constexpr double kFirstShare = 0.8;

// How many standard errors all votes for the candidate lie above none for it, squared.
double Power(int64_t groups, double noise) {
  const auto n = static_cast<double>(groups);
  return n * n / (n + noise * noise);
}

}  // namespace

Result<Judges> ChooseJudges(double epsilon, const std::vector<BudgetClass>& classes,
                            const HomeConfig& home) {
  SELVEDGE_ASSIGN_OR_RETURN(const double wanted, ComputeNoiseMultiplier(epsilon, home.delta, 1, 1));
  Judges best;
  Judges now;
  now.noise_multiplier = std::max(wanted, kLeastNoise);
  for (const BudgetClass& one : classes) {
    SELVEDGE_ASSIGN_OR_RETURN(const std::optional<double> fitting, NoiseThatFits(one, 1, 1, home));
    if (!fitting) break;  // whoever spent more cannot pay either
    now.groups += one.groups;
    now.most_spent = one.epsilon;
    now.noise_multiplier = std::max(now.noise_multiplier, *fitting);
    if (best.groups == 0 ||
        Power(now.groups, now.noise_multiplier) > Power(best.groups, best.noise_multiplier)) {
      best = now;
    }
  }
  if (best.groups > 0) return best;
  return PolicyError(
      "privacy budget: no held-out group has anything left for the gate's answer, add records or "
      "let the gate answer without privacy");
}

double NoiseOfAnswer(double noise_multiplier, int64_t answer) {
  const double share = kFirstShare * std::pow(1 - kFirstShare, static_cast<double>(answer));
  return noise_multiplier / std::sqrt(share);
}

}  // namespace selvedge
