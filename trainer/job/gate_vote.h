#pragma once
// The gate's private answer: held-out groups vote on a candidate, and only the noised sum of their
// votes is looked at.
//
// A group's vote is +1 if the candidate's loss on it is below that of every rival (the base, and
// the active adapter if there is one), -1 if it is above that of one of them, else 0. Replacing one
// group by nothing moves the sum by at most 1, so the noised sum is one Gaussian release of
// sensitivity 1. Votes need no clip norm that would have to fit every owner's losses, and of a
// candidate that is no better than chance their variance is known without looking: at most 1 each.

#include <cstdint>
#include <span>
#include <vector>

#include <selvedge/status.h>

#include "core/secure_random.h"
#include "privacy/mechanism.h"
#include "trainer/job/gate.h"

namespace selvedge::trainer {

// +1, 0 or -1. A loss may be infinite; a group without tokens has no vote.
int VoteOf(const GroupLoss& candidate, std::span<const GroupLoss> rivals);

// The sum of `votes` with discrete Gaussian noise of standard deviation `noise_multiplier`, charged
// to `ledger` as release number `answer` before the noise is drawn. As privacy::AddNoise, and
// kPolicy if the ledger refuses.
Result<double> SumVotes(std::span<const int> votes, double noise_multiplier, int64_t answer,
                        privacy::SpendLedger& ledger, core::SecureRandom& random);

// Accepts weights that DecideGate would not refuse as such, and a noised sum of votes above what
// chance and noise explain together: kSureErrors sqrt(groups + noise_multiplier^2), which a
// candidate that is better on a half of all texts and worse on the other passes one time in twenty.
//   groups   that were asked, with or without a vote
GateDecision DecideByVotes(double votes, int64_t groups, double noise_multiplier,
                           const adapters::LoraAdapter* candidate);

}  // namespace selvedge::trainer
