#include "trainer/job/gate_vote.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/seeded_random.h"
#include "tests/privacy/mechanism_fixture.h"

namespace selvedge::trainer {
namespace {

using privacy::CountingLedger;
using ::testing::HasSubstr;

adapters::LoraAdapter Adapter() {
  adapters::LoraAdapter adapter;
  adapter.tensors.push_back(
      {"blk.0.attn_q.weight", 2, 3, 2, {1, 0, 0, 0, 1, 0}, {0.1f, 0, 0, 0.1f}, 2});
  return adapter;
}

double Sum(const std::vector<int>& votes, double noise, core::SecureRandom& random) {
  CountingLedger ledger;
  const auto sum = SumVotes(votes, noise, 0, ledger, random);
  EXPECT_TRUE(sum.ok()) << sum.status().message();
  EXPECT_EQ(ledger.charged, 1);
  return *sum;
}

TEST(GateVote, IsForACandidateThatBeatsEveryRival) {
  const std::vector<GroupLoss> rivals = {{10, 5}, {9, 5}};
  EXPECT_EQ(VoteOf({8, 5}, rivals), 1);
  EXPECT_EQ(VoteOf({9.5, 5}, rivals), -1);
  EXPECT_EQ(VoteOf({9, 5}, rivals), 0);
  EXPECT_EQ(VoteOf({11, 5}, rivals), -1);
  EXPECT_EQ(VoteOf({HUGE_VAL, 5}, rivals), -1) << "logits that are not finite";
  EXPECT_EQ(VoteOf({0, 0}, rivals), 0) << "no tokens, no vote";
}

// Mean and variance of 4,000 releases; a right sampler fails one of the two checks with probability
// below 1e-5 (4.5 standard errors).
TEST(GateVote, SumsCarryTheNoiseTheyArePaidWith) {
  core::SecureRandom random = privacy::MakeRandom();
  const std::vector<int> votes = {1, 1, 1, -1, 0, 1};
  constexpr double kNoise = 2.5;
  constexpr int kDraws = 4000;
  double sum = 0, squares = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double rest = Sum(votes, kNoise, random) - 3;
    sum += rest;
    squares += rest * rest;
  }
  EXPECT_NEAR(sum / kDraws, 0, 4.5 * kNoise / std::sqrt(kDraws));
  EXPECT_NEAR(squares / kDraws / (kNoise * kNoise), 1, 4.5 * std::sqrt(2.0 / kDraws));
}

TEST(GateVote, OneGroupMovesTheSumByOne) {
  core::SecureRandom random = privacy::MakeRandom();
  // Noise of a hundredth, so that sums show their sensitivity.
  const double with = Sum(std::vector<int>(100, 1), 0.01, random);
  const double without = Sum(std::vector<int>(99, 1), 0.01, random);
  EXPECT_NEAR(with - without, 1, 0.1);
}

TEST(GateVote, AnAnswerThatIsNotPaidForIsNotGiven) {
  core::SecureRandom random = privacy::MakeRandom();
  CountingLedger ledger;
  ledger.limit = 0;
  EXPECT_EQ(SumVotes(std::vector<int>{1, 1}, 1, 0, ledger, random).status().code(),
            StatusCode::kPolicy);
}

TEST(GateVote, DecidesByMoreThanChanceAndNoise) {
  const auto adapter = Adapter();
  // 1.645 sqrt(16 + 9) = 8.2
  EXPECT_TRUE(DecideByVotes(8.3, 16, 3, &adapter).accepted);
  EXPECT_FALSE(DecideByVotes(8.1, 16, 3, &adapter).accepted);
  EXPECT_THAT(DecideByVotes(8.1, 16, 3, &adapter).reason, HasSubstr("8.1 of 16 with noise"));
  EXPECT_FALSE(DecideByVotes(-8.3, 16, 3, &adapter).accepted);
  EXPECT_FALSE(DecideByVotes(100, 16, 3, nullptr).accepted);
  auto broken = Adapter();
  broken.tensors[0].a[0] = HUGE_VALF;
  EXPECT_FALSE(DecideByVotes(100, 16, 3, &broken).accepted);
}

// What no owner gains from: as many groups gain as lose. Of 2,000 such candidates 5 % may pass, as
// the normal approximation has it; fair coins pass 8 % with probability below 1e-6.
TEST(GateVote, ACandidateThatIsNoBetterThanChanceRarelyPasses) {
  core::SecureRandom random = privacy::MakeRandom();
  core::SeededRandom coins(7);
  const auto adapter = Adapter();
  for (const size_t groups : {8u, 25u, 96u}) {
    for (const double noise : {0.6, 3.0}) {
      int accepted = 0;
      for (int i = 0; i < 2000; ++i) {
        std::vector<int> votes(groups);
        for (int& vote : votes) vote = coins.NextU64() % 2 == 0 ? 1 : -1;
        const double sum = Sum(votes, noise, random);
        accepted += DecideByVotes(sum, static_cast<int64_t>(groups), noise, &adapter).accepted;
      }
      EXPECT_LE(accepted, 160) << groups << " groups, noise " << noise;
      EXPECT_GE(accepted, 20) << groups << " groups, noise " << noise;
    }
  }
}

}  // namespace
}  // namespace selvedge::trainer
