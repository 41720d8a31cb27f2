#include "trainer/job/gate_vote.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

namespace selvedge::trainer {
namespace {

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

}  // namespace

int VoteOf(const GroupLoss& candidate, std::span<const GroupLoss> rivals) {
  if (candidate.tokens <= 0) return 0;
  int vote = 1;
  for (const GroupLoss& rival : rivals) {
    const int one = candidate.loss < rival.loss ? 1 : candidate.loss > rival.loss ? -1 : 0;
    vote = std::min(vote, one);
  }
  return vote;
}

Result<double> SumVotes(std::span<const int> votes, double noise_multiplier, int64_t answer,
                        privacy::SpendLedger& ledger, core::SecureRandom& random) {
  privacy::PrivacyPlan plan;
  plan.noise_multiplier = noise_multiplier;
  plan.parameters = 1;
  SELVEDGE_ASSIGN_OR_RETURN(privacy::GroupGradientSum sum, privacy::GroupGradientSum::Create(plan));
  for (const int vote : votes) {
    const std::array<float, 1> one = {static_cast<float>(vote)};
    sum.Add(one);
  }
  SELVEDGE_ASSIGN_OR_RETURN(privacy::SpendReceipt receipt, ledger.Charge(answer));
  SELVEDGE_ASSIGN_OR_RETURN(const privacy::NoisedGradient noised,
                            privacy::AddNoise(std::move(sum).Finish(), std::move(receipt), random));
  return noised.values()[0];
}

GateDecision DecideByVotes(double votes, int64_t groups, double noise_multiplier,
                           const adapters::LoraAdapter* candidate) {
  if (std::string fault = WeightFault(candidate); !fault.empty()) return {false, std::move(fault)};
  const double needed =
      kSureErrors * std::sqrt(static_cast<double>(groups) + noise_multiplier * noise_multiplier);
  const bool accepted = votes > needed;
  return {accepted, "held-out votes for it less those against it " + Number(votes) + " of " +
                        std::to_string(groups) + " with noise, " +
                        (accepted ? "above " : "not above ") + Number(needed)};
}

}  // namespace selvedge::trainer
