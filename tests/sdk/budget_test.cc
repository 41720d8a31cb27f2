#include "sdk/budget.h"

#include <signal.h>
#include <sys/wait.h>

#include "sdk/base_model.h"
#include "sdk/job_plan.h"
#include "tests/sdk/home_fixture.h"

namespace selvedge {
namespace {

class BudgetTest : public HomeTest {
 protected:
  void Plan(const std::string& job, double q, double sigma) {
    char body[100];
    std::snprintf(body, sizeof body, "{\"sampling_rate\":%g,\"noise_multiplier\":%g}", q, sigma);
    ASSERT_TRUE(vault().Update([&] { return vault().ledger().Append("plan", job, body); }).ok());
  }
  std::vector<JobCharges> Charges() { return *ReadCharges(vault().ledger()); }
};

TEST_F(BudgetTest, CountsEveryChargeOfAJobAlsoRepeatedOnes) {
  Make();
  Plan("j1", 1, 4);
  JobLedger ledger(home_->impl(), "j1", 100);
  for (const int64_t step : {0, 1, 2, 2, 3}) ASSERT_TRUE(ledger.Charge(step).ok());
  EXPECT_EQ(ledger.first_step(), 0);
  ASSERT_EQ(Charges().size(), 1u);
  EXPECT_EQ(Charges()[0].event.steps, 5);
  const PrivacyStatus status = *home_->Privacy();
  EXPECT_DOUBLE_EQ(status.epsilon_spent, *ComputeEpsilon({{1, 4, 5}}, 1e-5));
  EXPECT_DOUBLE_EQ(status.epsilon_left, 8 - status.epsilon_spent);
  ASSERT_EQ(status.releases.size(), 1u);
  EXPECT_EQ(status.releases[0].steps, 5);
}

TEST_F(BudgetTest, ComposesJobsInsteadOfAddingThem) {
  Make();
  for (const char* job : {"j1", "j2"}) {
    Plan(job, 1, 8);
    JobLedger ledger(home_->impl(), job, 100);
    for (int step = 0; step < 10; ++step) ASSERT_TRUE(ledger.Charge(step).ok());
  }
  const PrivacyStatus status = *home_->Privacy();
  EXPECT_NEAR(status.epsilon_spent, *ComputeEpsilon({{1, 8, 20}}, 1e-5), 1e-9);
  EXPECT_LT(status.epsilon_spent, status.releases[0].epsilon + status.releases[1].epsilon);
}

TEST_F(BudgetTest, StopsBeforeTheStepThatWouldPassTheBudget) {
  options_.epsilon_budget = 2;
  Make();
  Plan("j1", 1, 4);
  const int64_t affordable = *AffordableSteps(Charges(), {1, 4, 1}, 1000, 2, 1e-5);
  EXPECT_LE(*ComputeEpsilon({{1, 4, affordable}}, 1e-5), 2);
  EXPECT_GT(*ComputeEpsilon({{1, 4, affordable + 1}}, 1e-5), 2);
  JobLedger ledger(home_->impl(), "j1", affordable);
  for (int64_t step = 0; step < affordable; ++step) ASSERT_TRUE(ledger.Charge(step).ok());
  EXPECT_EQ(ledger.Charge(affordable).status().code(), StatusCode::kPolicy);
  EXPECT_EQ(Charges()[0].event.steps, affordable);
  EXPECT_LE(home_->Privacy()->epsilon_spent, 2);
  EXPECT_EQ(*AffordableSteps(Charges(), {1, 4, 1}, 1000, 2, 1e-5), 0);
}

TEST_F(BudgetTest, SolvesTheNoiseForWhatIsLeft) {
  Make();
  Plan("j1", 1, 6);
  JobLedger ledger(home_->impl(), "j1", 100);
  for (int step = 0; step < 20; ++step) ASSERT_TRUE(ledger.Charge(step).ok());
  const double sigma = *NoiseMultiplierFor(Charges(), 8, 1e-5, 1, 30);
  EXPECT_LE(*EpsilonWith(Charges(), {1, sigma, 30}, 1e-5), 8);
  EXPECT_GT(*EpsilonWith(Charges(), {1, sigma * 0.999, 30}, 1e-5), 8);
}

TEST_F(BudgetTest, PlansARunThatFitsAndRefusesOneThatDoesNot) {
  Make();
  const HomeConfig& config = home_->impl()->config;
  const auto base = LoadBaseModel("");
  ASSERT_TRUE(base.ok());
  TrainOptions o;
  const auto fresh = MakePlan(o, 200, *base->model, config, {});
  ASSERT_TRUE(fresh.ok());
  EXPECT_EQ(fresh->steps, 30);
  EXPECT_EQ(fresh->sampling_rate, 1);
  EXPECT_EQ(fresh->divisor, 200);
  EXPECT_LE(*ComputeEpsilon({fresh->Event(30)}, 1e-5), 8);
  EXPECT_GT(*ComputeEpsilon({fresh->Event(30)}, 1e-5), 7);

  o.noise_multiplier = 0.5;
  EXPECT_EQ(MakePlan(o, 200, *base->model, config, {}).status().code(), StatusCode::kPolicy);
  o.noise_multiplier = 0;
  const std::vector<JobCharges> spent = {{"j", "", 0, fresh->Event(31)}};
  EXPECT_EQ(MakePlan(o, 200, *base->model, config, spent).status().code(), StatusCode::kPolicy);
  o.epsilon = 4;
  EXPECT_EQ(MakePlan(o, 200, *base->model, config, spent).status().code(), StatusCode::kPolicy);
  o = {};
  o.batch_size = 50;
  const auto sampled = MakePlan(o, 200, *base->model, config, {});
  EXPECT_EQ(sampled->sampling_rate, 0.25);
  EXPECT_EQ(sampled->divisor, 50);
  EXPECT_LE(sampled->noise_to_signal, 0.25);
  o.seq_len = 513;
  EXPECT_EQ(MakePlan(o, 200, *base->model, config, {}).status().code(), StatusCode::kUsage);
  HomeConfig loose = config;
  loose.delta = 0.005;
  EXPECT_EQ(MakePlan({}, 200, *base->model, loose, {}).status().code(), StatusCode::kUsage)
      << "delta >= 1/n";
}

TEST_F(BudgetTest, PlansToSampleWhereThatCostsLittleNoise) {
  Make();
  const HomeConfig& config = home_->impl()->config;
  const auto base = LoadBaseModel("");
  ASSERT_TRUE(base.ok());
  const auto few = MakePlan({}, 500, *base->model, config, {});
  ASSERT_TRUE(few.ok());
  EXPECT_EQ(few->sampling_rate, 1);
  TrainOptions o;
  o.epsilon = 2;
  const auto many = MakePlan(o, 3000, *base->model, config, {});
  ASSERT_TRUE(many.ok());
  EXPECT_LT(many->sampling_rate, 1);
  EXPECT_DOUBLE_EQ(many->divisor, 3000 * many->sampling_rate);
  EXPECT_LE(*ComputeEpsilon({many->Event(many->steps)}, 1e-5), 2);
  o.batch_size = 3000;
  const auto full = MakePlan(o, 3000, *base->model, config, {});
  ASSERT_TRUE(full.ok());
  EXPECT_EQ(full->sampling_rate, 1);
  EXPECT_LE(many->noise_multiplier / many->sampling_rate, 1.1 * full->noise_multiplier);
}

TEST_F(BudgetTest, PlansThreePassesInSmallBatchesWithoutPrivacy) {
  Make();
  const auto base = LoadBaseModel("");
  ASSERT_TRUE(base.ok());
  TrainOptions o;
  o.dp = false;
  const auto plan = MakePlan(o, 640, *base->model, home_->impl()->config, {});
  ASSERT_TRUE(plan.ok());
  EXPECT_DOUBLE_EQ(plan->sampling_rate, 0.05);
  EXPECT_EQ(plan->steps, 60);
  EXPECT_EQ(plan->seq_len, base->model->config().n_ctx);
  EXPECT_EQ(MakePlan(o, 20, *base->model, home_->impl()->config, {})->sampling_rate, 1);
}

TEST_F(BudgetTest, PlansSurviveTheirJson) {
  JobPlan plan;
  plan.steps = 17;
  plan.noise_multiplier = 0.1 + 0.2;
  plan.sampling_rate = 1.0 / 3;
  plan.seed = ~uint64_t{0};
  plan.target_modules = {"q_proj"};
  const auto back = PlanFromJson(PlanToJson(plan));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->noise_multiplier, plan.noise_multiplier);
  EXPECT_EQ(back->sampling_rate, plan.sampling_rate);
  EXPECT_EQ(back->seed, plan.seed);
  EXPECT_EQ(PlanToJson(*back), PlanToJson(plan));
  EXPECT_EQ(PlanFromJson("{}").status().code(), StatusCode::kIncompatible);
}

// E07: whatever instant the process dies at, what it was told it may use is in the ledger.
TEST_F(BudgetTest, AKillNeverLosesACharge) {
  Make();
  Plan("j1", 1, 50);
  home_.reset();
  int64_t receipts = 0;
  for (int round = 0; round < 8; ++round) {
    int fds[2];
    ASSERT_EQ(pipe(fds), 0);
    const pid_t pid = fork();
    if (pid == 0) {
      close(fds[0]);
      Result<Home> home = Home::Open(options_.path, {});
      if (!home.ok()) _exit(1);
      JobLedger ledger(home->impl(), "j1", 1000000);
      for (int64_t step = 0;; ++step) {
        if (!ledger.Charge(step).ok() || write(fds[1], "x", 1) != 1) _exit(1);
      }
    }
    close(fds[1]);
    char byte = 0;
    ASSERT_EQ(read(fds[0], &byte, 1), 1);
    ++receipts;
    usleep(static_cast<useconds_t>(round * 1500));
    kill(pid, SIGKILL);
    while (read(fds[0], &byte, 1) == 1) ++receipts;
    close(fds[0]);
    waitpid(pid, nullptr, 0);
    Reopen();
    EXPECT_TRUE(home_->Privacy()->ledger_intact);
    EXPECT_GE(home_->Privacy()->releases[0].steps, receipts);
    home_.reset();
  }
}

}  // namespace
}  // namespace selvedge
