#pragma once
// ComputeEpsilon, and which bound it came from (for PrivacyStatement::accountant).

#include <string>
#include <vector>

#include <selvedge/privacy.h>
#include <selvedge/status.h>

namespace selvedge::privacy {

struct EpsilonBound {
  double epsilon = 0;
  std::string accountant;  // "gaussian" | "rdp" | "pld"
};

// kUsage, naming the event, if one is out of the ranges of MechanismEvent.
Status CheckEvents(const std::vector<MechanismEvent>& events);

// kUsage if an event or delta is out of range.
Result<EpsilonBound> BestEpsilon(const std::vector<MechanismEvent>& events, double delta,
                                 Accountant accountant = Accountant::kBest);

}  // namespace selvedge::privacy
