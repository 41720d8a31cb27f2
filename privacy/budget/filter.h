#pragma once
// A privacy filter: it says before each release whether it still fits a lifetime budget, also when
// the parameters of a release were chosen after looking at earlier outputs.
//
// Theorems that compose (epsilon, delta) need parameters that are fixed in advance. Two quantities
// may be added up adaptively without loss, each for a mechanism that is stopped before the sum
// passes a fixed limit:
//   - the RDP of the releases at a fixed order (Feldman and Zrnic 2021, arXiv 2008.11193),
//   - mu^2 of Gaussian releases (Smith and Thakurta 2022, 2203.12922; Koskela, Tobaben, Honkela
//     2023, 2209.15596).
// The filter lets a release pass while any one of them is within its limit, and which one that is
// may depend on the outputs. So delta is shared out: nine tenths for mu^2, which full batches (the
// default) need, the rest in equal parts for the orders. Paths that end within the limit of part i
// contribute at most delta_i to E[(1 - e^(epsilon - loss))_+], because up to there they are paths
// of the mechanism stopped by i, and the parts add up to delta.
//
// One filter belongs to one block: the groups that took part in the same releases so far.

#include <array>
#include <cstddef>
#include <cstdint>

#include <selvedge/privacy.h>
#include <selvedge/status.h>

namespace selvedge::privacy {

// Orders at which RDP is added up. Fixed, because what was charged cannot be converted later.
inline constexpr std::array<double, 10> kFilterOrders = {1.25, 1.5, 2, 3, 4.5, 7, 12, 20, 40, 100};

// What a block has used up. Plain numbers that only grow, so that a ledger can store them.
struct Spent {
  std::array<double, kFilterOrders.size()> rdp{};  // at each of kFilterOrders
  double mu_squared = 0;                           // of full-batch releases
  int64_t sampled_steps = 0;                       // with sampling: mu^2 cannot count these
};

// What all steps of `event` cost. kUsage if it is out of range.
Result<Spent> CostOf(const MechanismEvent& event);

// spent + times * cost, never rounded down. `times` >= 0.
Spent Add(const Spent& spent, const Spent& cost, int64_t times = 1);

// The smallest epsilon of a budget at delta under which these charges would have passed.
double FilterEpsilon(const Spent& spent, double delta);

class BudgetFilter {
 public:
  // epsilon > 0 and finite, delta in (0, 1); kUsage otherwise, or if `spent` holds a negative or
  // non-finite number.
  static Result<BudgetFilter> Create(double epsilon, double delta, const Spent& spent = {});

  // Whether all steps of `event` together would pass the budget. kUsage if it is out of range.
  Result<bool> WouldExceed(const MechanismEvent& event) const;

  // Adds `event`, or returns kPolicy and changes nothing.
  Status Charge(const MechanismEvent& event);

  // How many steps of this kind still fit, at most event.steps.
  Result<int64_t> StepsLeft(const MechanismEvent& event) const;

  double epsilon_spent() const { return FilterEpsilon(spent_, delta_); }
  const Spent& spent() const { return spent_; }

 private:
  BudgetFilter(double epsilon, double delta, const Spent& spent)
      : epsilon_(epsilon), delta_(delta), spent_(spent) {}

  double epsilon_;
  double delta_;
  Spent spent_;
};

}  // namespace selvedge::privacy
