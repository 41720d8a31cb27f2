#pragma once
// An empirical lower bound on epsilon from one training run with canaries.
//
// m canaries each enter the training data with probability 1/2; afterwards an attacker guesses for
// r of them whether it was in, and v guesses are right. Were the training (epsilon, delta)-private,
// many right guesses would be unlikely; the largest epsilon that is refuted is the lower bound.
// Source: Steinke, Nasr, Jagielski 2023 (arXiv 2305.08846), Theorem 5.2.

#include <cstdint>

#include <selvedge/status.h>

namespace selvedge::privacy {

struct OneRunAudit {
  int64_t canaries = 0;  // m >= r
  int64_t guesses = 0;   // r >= v
  int64_t correct = 0;   // v >= 0
  double delta = 0;      // in [0, 1)
};

// Probability of at least v right guesses, at most, if the training were (epsilon, delta)-private:
//   beta + 2 m delta max_{1 <= i <= v} (P[Bin(r, p) >= v - i] - beta) / i,
//   beta = P[Bin(r, p) >= v], p = e^eps / (1 + e^eps).
// kUsage if the counts contradict each other.
Result<double> OneRunPValue(const OneRunAudit& audit, double epsilon);

// Largest epsilon >= 0 refuted with this confidence (in (0, 1), e.g. 0.95), rounded down.
Result<double> OneRunEpsilonLowerBound(const OneRunAudit& audit, double confidence);

}  // namespace selvedge::privacy
