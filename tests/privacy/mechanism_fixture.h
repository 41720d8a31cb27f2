#pragma once
// A plan, a ledger and one release, for tests.

#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "privacy/mechanism.h"

namespace selvedge::privacy {

class CountingLedger : public SpendLedger {
 public:
  int64_t charged = 0;
  int64_t limit = 1000;

 private:
  Status WriteCharge(int64_t) override {
    if (charged >= limit) return PolicyError("test ledger: budget is spent");
    ++charged;
    return OkStatus();
  }
};

inline PrivacyPlan Plan(uint64_t parameters, double sigma = 1, double clip_norm = 1) {
  PrivacyPlan plan;
  plan.noise_multiplier = sigma;
  plan.clip_norm = clip_norm;
  plan.parameters = parameters;
  return plan;
}

inline core::SecureRandom MakeRandom() {
  Result<core::SecureRandom> random = core::SecureRandom::Create();
  EXPECT_TRUE(random.ok());
  return std::move(random).value();
}

inline std::vector<float> Release(GroupGradientSum sum) {
  CountingLedger ledger;
  core::SecureRandom random = MakeRandom();
  Result<SpendReceipt> receipt = ledger.Charge(0);
  Result<NoisedGradient> noised =
      AddNoise(std::move(sum).Finish(), std::move(receipt).value(), random);
  EXPECT_TRUE(noised.ok()) << noised.status().message();
  return {noised->values().begin(), noised->values().end()};
}

}  // namespace selvedge::privacy
