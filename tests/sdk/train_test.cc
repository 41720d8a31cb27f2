// Whole training jobs on the embedded model, through the public API.

#include <atomic>
#include <set>

#include <selvedge/adapters.h>

#include "sdk/budget.h"
#include "sdk/job_ledger.h"
#include "sdk/job_plan.h"
#include "sdk/judges.h"
#include "tests/sdk/home_fixture.h"

namespace selvedge {
namespace {

class Training : public HomeTest {
 protected:
  void MakeWithRecords(int n) {
    Make();
    Ingest(Lines(n));
    options_now_.now = true;
    options_now_.steps = 3;
    options_now_.seq_len = 32;
    options_now_.target_modules = {"v_proj"};
    options_now_.threads = 2;
  }
  TrainOptions options_now_;
};

TEST_F(Training, APrivateRunIsChargedStepByStepAndJudged) {
  MakeWithRecords(60);
  std::vector<double> spent;
  const auto report = home_->Train(options_now_, nullptr, [&](const TrainProgress& p) {
    EXPECT_EQ(p.steps, 3);
    spent.push_back(p.epsilon_spent.value());
  });
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->state, "done");
  EXPECT_EQ(report->steps, 3);
  EXPECT_GT(report->label_tokens, 0);
  EXPECT_GT(report->loss_holdout_before, 0);
  EXPECT_GT(report->loss_holdout_after, 0);
  ASSERT_EQ(spent.size(), 3u);
  EXPECT_LT(spent[0], spent[2]);
  EXPECT_NEAR(report->epsilon_spent, spent[2], 1e-9);
  EXPECT_LE(report->epsilon_spent, 8);

  const PrivacyStatus status = *home_->Privacy();
  EXPECT_TRUE(status.ledger_intact);
  ASSERT_EQ(status.releases.size(), 1u);
  EXPECT_EQ(status.releases[0].steps, 3);
  EXPECT_EQ(status.releases[0].adapter_id, report->adapter_id);
  const auto jobs = home_->Jobs();
  ASSERT_EQ(jobs->size(), 1u);
  EXPECT_EQ(jobs->front().state, "done");
  EXPECT_EQ(jobs->front().steps_done, 3);
  const auto adapters = home_->Adapters();
  ASSERT_EQ(adapters->size(), 1u);
  EXPECT_EQ(adapters->front().state, report->gate == "accepted" ? "active" : "rejected");
  EXPECT_EQ(adapters->front().privacy.steps, 3);
}

TEST_F(Training, SampledRunsShowNoEpsilonOfAnEarlierStep) {
  MakeWithRecords(60);
  options_now_.batch_size = 8;
  std::vector<std::optional<double>> shown;
  const auto report = home_->Train(
      options_now_, nullptr, [&](const TrainProgress& p) { shown.push_back(p.epsilon_spent); });
  ASSERT_TRUE(report.ok()) << report.status().message();
  ASSERT_EQ(shown.size(), 3u);
  ASSERT_TRUE(shown[2].has_value());
  EXPECT_NEAR(report->epsilon_spent, *shown[2], 1e-9);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_LT(shown[i].value_or(0), *shown[2]);
  }
}

TEST_F(Training, WhatCannotRunIsRefusedBeforeAnythingIsRecorded) {
  MakeWithRecords(60);
  TrainOptions wide = options_now_;  // k_proj of the embedded model has fewer rows than this
  wide.rank = 256;
  wide.target_modules = {"k_proj"};
  EXPECT_EQ(home_->Train(wide, nullptr, nullptr).status().code(), StatusCode::kUsage);
  TrainOptions tight = options_now_;
  tight.memory_limit_mb = 1;
  EXPECT_EQ(home_->Train(tight, nullptr, nullptr).status().code(), StatusCode::kLimit);
  TrainOptions unnamed = options_now_;
  unnamed.target_modules = {""};
  EXPECT_EQ(home_->Train(unnamed, nullptr, nullptr).status().code(), StatusCode::kUsage);
  EXPECT_TRUE(home_->Jobs()->empty());
  EXPECT_TRUE(home_->Privacy()->releases.empty());
  EXPECT_EQ(home_->Privacy()->epsilon_spent, 0);
}

TEST_F(Training, AResumeThatCannotRunLeavesTheJobStopped) {
  MakeWithRecords(60);
  std::atomic<bool> stop = false;
  const auto stopped = home_->Train(options_now_, &stop, [&](const TrainProgress& p) {
    if (p.step == 1) stop = true;
  });
  ASSERT_EQ(stopped.status().code(), StatusCode::kCancelled);
  TrainOptions tight = options_now_;
  tight.memory_limit_mb = 1;
  EXPECT_EQ(home_->Train(tight, nullptr, nullptr).status().code(), StatusCode::kLimit);
  ASSERT_EQ(home_->Jobs()->size(), 1u);
  EXPECT_EQ(home_->Jobs()->front().state, "stopped");
  const auto report = home_->Train(options_now_, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->resumed_from_step, 1);
}

TEST_F(Training, WithoutPrivacyItLearnsTheRecordsAndSaysSo) {
  MakeWithRecords(60);
  options_now_.dp = false;
  options_now_.steps = 12;
  options_now_.learning_rate = 5e-3;
  const auto report = home_->Train(options_now_, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status().message();
  ASSERT_EQ(report->gate, "accepted");
  EXPECT_LT(report->loss_holdout_after, report->loss_holdout_before);
  EXPECT_EQ(report->epsilon_spent, 0);
  const auto info = home_->Adapter(report->adapter_id);
  ASSERT_TRUE(info.ok());
  EXPECT_FALSE(info->dp);
  EXPECT_EQ(info->state, "active");
  EXPECT_EQ(info->privacy.accountant, "");
  EXPECT_TRUE(home_->VerifyAdapter(report->adapter_id).ok());
  EXPECT_TRUE(home_->Privacy()->releases.empty());

  // Going back and forth.
  EXPECT_EQ(home_->RollbackAdapter()->id, "none");
  EXPECT_EQ(*home_->impl()->ActiveAdapterId(), "");
  ASSERT_TRUE(home_->UseAdapter(report->adapter_id).ok());
  EXPECT_EQ(home_->RemoveAdapter(report->adapter_id).code(), StatusCode::kPolicy);

  // It leaves the home only if its owner says so (F18).
  const std::string out = (root_ / "out").string();
  EXPECT_EQ(ExportAdapter(*home_, report->adapter_id, out, {}).status().code(),
            StatusCode::kPolicy);
  EXPECT_FALSE(std::filesystem::exists(out));
  ExportOptions understood;
  understood.allow_without_privacy = true;
  EXPECT_TRUE(ExportAdapter(*home_, report->adapter_id, out, understood).ok());

  // A changed file is refused.
  const std::string weights =
      options_.path + "/adapters/" + report->adapter_id + "/adapter_model.safetensors";
  std::fstream file(weights, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-1, std::ios::end);
  file.put('\x55');
  file.close();
  EXPECT_EQ(home_->VerifyAdapter(report->adapter_id).code(), StatusCode::kAuth);

  // A deleted record takes the adapters that saw it out of use. The first one may be held out.
  EXPECT_EQ(*home_->DeleteRecords({}), 60);
  EXPECT_EQ(home_->Adapter(report->adapter_id)->state, "retired");
  EXPECT_FALSE(std::filesystem::exists(weights));
}

TEST_F(Training, AStoppedRunGoesOnWhereItStopped) {
  MakeWithRecords(60);
  options_now_.steps = 4;
  std::atomic<bool> stop = false;
  const auto stopped = home_->Train(options_now_, &stop, [&](const TrainProgress& p) {
    if (p.step == 2) stop = true;
  });
  EXPECT_EQ(stopped.status().code(), StatusCode::kCancelled) << stopped.status().message();
  ASSERT_EQ(home_->Jobs()->size(), 1u);
  EXPECT_EQ(home_->Jobs()->front().state, "stopped");
  EXPECT_EQ(home_->Jobs()->front().steps_done, 2);
  EXPECT_EQ(home_->Privacy()->releases[0].steps, 2);

  Reopen();
  const auto report = home_->Train(options_now_, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->resumed_from_step, 2);
  EXPECT_EQ(report->steps, 4);
  EXPECT_EQ(home_->Jobs()->size(), 1u);
  EXPECT_EQ(home_->Privacy()->releases[0].steps, 4);
}

// Streaming: the run is one release, whose receipt follows from the matrix of its noise, and a stop
// costs nothing.
TEST_F(Training, CorrelatedNoiseCostsOneReleaseAlsoWhenTheRunIsStopped) {
  options_.epsilon_budget = 500;  // so little noise that 60 lines teach something
  MakeWithRecords(60);
  options_now_.steps = 12;
  options_now_.batch_size = 15;
  options_now_.mechanism = NoiseMechanism::kBlt;
  options_now_.noise_multiplier = 0.06;  // of the run
  options_now_.private_gate = false;
  std::atomic<bool> stop = false;
  std::vector<double> spent;
  const auto stopped = home_->Train(options_now_, &stop, [&](const TrainProgress& p) {
    spent.push_back(p.epsilon_spent.value());
    if (p.step == 2) stop = true;
  });
  ASSERT_EQ(stopped.status().code(), StatusCode::kCancelled) << stopped.status().message();
  Reopen();
  const auto report = home_->Train(options_now_, nullptr, [&](const TrainProgress& p) {
    spent.push_back(p.epsilon_spent.value());
  });
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->resumed_from_step, 2);
  EXPECT_EQ(report->steps, 12);
  EXPECT_EQ(report->privacy.sampling, "in-turns");
  EXPECT_EQ(report->privacy.steps, 1);
  EXPECT_NEAR(report->privacy.noise_multiplier, 0.06, 1e-9);
  ASSERT_EQ(spent.size(), 12u);
  for (const double epsilon : spent) EXPECT_NEAR(epsilon, report->epsilon_spent, 1e-9);
  const PrivacyStatus status = *home_->Privacy();
  ASSERT_EQ(status.releases.size(), 1u);
  EXPECT_EQ(status.releases[0].steps, 1);
  ASSERT_EQ(report->gate, "accepted");
  EXPECT_LT(report->loss_holdout_after, report->loss_holdout_before);
  const auto receipt = AdapterReceipt(*home_, report->adapter_id);
  ASSERT_TRUE(receipt.ok()) << receipt.status().message();
  const auto verified = VerifyReceipt(*receipt, {});
  ASSERT_TRUE(verified.ok()) << verified.status().message();
  EXPECT_NEAR(verified->epsilon_recomputed, report->privacy.epsilon, 1e-9);
}

// What a killed process charged and did not keep is passed over: nothing is charged twice.
TEST_F(Training, CorrelatedStepsThatAKillLostAreNotDoneAgain) {
  MakeWithRecords(60);
  options_now_.steps = 5;
  options_now_.mechanism = NoiseMechanism::kBlt;
  std::atomic<bool> stop = false;
  ASSERT_EQ(home_->Train(options_now_, &stop, [&](const TrainProgress& p) { stop = p.step == 2; })
                .status()
                .code(),
            StatusCode::kCancelled);
  const std::string job = home_->Jobs()->front().id;
  JobLedger lost(home_->impl(), job, 100);  // the row of a step whose process then died
  ASSERT_TRUE(lost.Charge(2).ok());
  const double before = home_->Privacy()->releases[0].epsilon;
  Reopen();
  std::vector<int64_t> steps;
  const auto report =
      home_->Train(options_now_, nullptr, [&](const TrainProgress& p) { steps.push_back(p.step); });
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(steps, (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(home_->Privacy()->releases[0].epsilon, before);
}

TEST_F(Training, AnotherConfigurationStartsAnotherJob) {
  MakeWithRecords(60);
  options_now_.epsilon = 1;
  std::atomic<bool> stop = true;
  EXPECT_EQ(home_->Train(options_now_, &stop, nullptr).status().code(), StatusCode::kCancelled);
  EXPECT_EQ(home_->Privacy()->epsilon_spent, 0) << "nothing was released";
  options_now_.rank = 4;
  const auto report = home_->Train(options_now_, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(home_->Jobs()->size(), 2u);
  EXPECT_EQ(report->resumed_from_step, 0);
}

// F19
TEST_F(Training, ARevocationInMidTrainingDiscardsTheRun) {
  MakeWithRecords(60);
  options_now_.steps = 200;
  options_now_.epsilon = 1;
  bool revoked = false;
  const auto report = home_->Train(options_now_, nullptr, [&](const TrainProgress&) {
    if (revoked) return;
    revoked = true;
    ASSERT_TRUE(home_->Revoke("notes", "personalization").ok());
  });
  EXPECT_EQ(report.status().code(), StatusCode::kPolicy) << report.status().message();
  EXPECT_EQ(home_->Jobs()->front().state, "cancelled");
  EXPECT_TRUE(home_->Adapters()->empty());
  EXPECT_TRUE(std::filesystem::is_empty(options_.path + "/checkpoints"));
  const int64_t charged = home_->Privacy()->releases[0].steps;
  EXPECT_GE(charged, 1);
  EXPECT_LT(charged, 200);
}

TEST_F(Training, ASpentBudgetRefusesTheNextRun) {
  options_.epsilon_budget = 1;
  MakeWithRecords(60);
  ASSERT_TRUE(home_->Train(options_now_, nullptr, nullptr).ok());
  options_now_.epsilon = 1;
  const Status s = home_->Train(options_now_, nullptr, nullptr).status();
  EXPECT_EQ(s.code(), StatusCode::kPolicy) << s.message();
  EXPECT_LE(home_->Privacy()->epsilon_spent, 1);
  EXPECT_EQ(home_->Jobs()->size(), 1u);
}

TEST_F(Training, RecordsThatComeLaterTrainOnWhenTheFirstAreSpent) {
  MakeWithRecords(60);
  options_now_.steps = 40;  // what is kept for restarts is less than a run may be made of
  const auto first = home_->Train(options_now_, nullptr, nullptr);
  ASSERT_TRUE(first.ok()) << first.status().message();
  EXPECT_EQ(first->groups_retired, 0);
  EXPECT_EQ(home_->Train(options_now_, nullptr, nullptr).status().code(), StatusCode::kPolicy);
  EXPECT_EQ(home_->Privacy()->groups_retired, first->groups);

  Ingest(Lines(60, 1000));
  const auto second = home_->Train(options_now_, nullptr, nullptr);
  ASSERT_TRUE(second.ok()) << second.status().message();
  EXPECT_EQ(second->groups_retired, first->groups);
  EXPECT_GT(second->groups, 40);
  const PrivacyStatus status = *home_->Privacy();
  EXPECT_LE(status.epsilon_spent, 8) << "no group has passed its budget";
  ASSERT_EQ(status.releases.size(), 2u);
  EXPECT_EQ(status.releases[1].groups, second->groups);
  ASSERT_EQ(status.blocks.size(), 1u);
  EXPECT_EQ(status.blocks[0].groups, first->groups + second->groups);
  EXPECT_EQ(status.blocks[0].retired, status.blocks[0].groups);
}

TEST_F(Training, TheGateIsChargedToTheHeldOutGroups) {
  MakeWithRecords(100);
  options_now_.epsilon = 2;
  const auto report = home_->Train(options_now_, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_GT(report->gate_epsilon, 1);
  EXPECT_LE(report->gate_epsilon, 2);
  EXPECT_NE(report->gate.find(report->gate == "accepted" ? "accepted" : "votes"),
            std::string::npos);
  EXPECT_NE(home_->Jobs()->front().reason.find("votes"), std::string::npos);
  const PrivacyStatus status = *home_->Privacy();
  EXPECT_TRUE(status.ledger_intact);
  EXPECT_EQ(status.releases[0].judges, 100 - report->groups);
  EXPECT_EQ(status.releases[0].gate_epsilon, report->gate_epsilon);
  const GroupBudgets budgets = *GroupBudgets::Read(vault(), 1e-5);
  const auto groups = vault().records().Groups();
  for (const vault::GroupRow& group : *groups) {
    EXPECT_GT(budgets.EpsilonSpent(group.key), 0) << "each group trained or judged";
  }
  EXPECT_EQ(vault().ledger().Rows({"gate"})->size(), 1u);

  options_now_.private_gate = false;
  const auto exact = home_->Train(options_now_, nullptr, nullptr);
  ASSERT_TRUE(exact.ok()) << exact.status().message();
  EXPECT_EQ(exact->gate_epsilon, 0);
  EXPECT_EQ(vault().ledger().Rows({"gate"})->size(), 1u);
  EXPECT_NE(home_->Jobs()->front().reason.find("held-out loss"), std::string::npos);
}

// A crash between the charge of the gate's answer and the end of the job.
TEST_F(Training, AGateThatIsAskedAgainPaysAgainWithinTheStatement) {
  MakeWithRecords(60);
  options_now_.epsilon = 2;
  std::atomic<bool> stop = false;
  const auto stopped = home_->Train(options_now_, &stop, [&](const TrainProgress& p) {
    if (p.step == 2) stop = true;
  });
  ASSERT_EQ(stopped.status().code(), StatusCode::kCancelled);
  const vault::Job job = vault().jobs().List()->front();
  const double noise = PlanFromJson(job.plan)->gate_noise_multiplier;
  ASSERT_GT(noise, 0);
  GateLedger lost(home_->impl(), job.id, NoiseOfAnswer(noise, 0), true);
  ASSERT_TRUE(lost.Charge(0).ok());

  const auto report = home_->Train(options_now_, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->job_id, job.id);
  EXPECT_EQ(vault().ledger().Rows({"gate"})->size(), 2u);
  EXPECT_DOUBLE_EQ(
      report->gate_epsilon,
      *ComputeEpsilon({{1, NoiseOfAnswer(noise, 0), 1}, {1, NoiseOfAnswer(noise, 1), 1}}, 1e-5));
  EXPECT_LE(report->gate_epsilon, report->privacy.epsilon);
}

TEST_F(Training, NearDuplicatesTrainInOneGroupOnly) {
  MakeWithRecords(60);
  std::string copies;
  for (int i = 0; i < 20; ++i) {
    copies += "forwarded to everyone who came to the great harbour party of last summer: number " +
              std::to_string(i) + "\n";
  }
  Ingest(copies);
  TrainOptions keep = options_now_;
  keep.keep_near_duplicates = true;
  keep.epsilon = 1;
  const auto all = home_->Train(keep, nullptr, nullptr);
  ASSERT_TRUE(all.ok()) << all.status().message();
  EXPECT_EQ(all->near_duplicates, 19);
  const auto one = home_->Train(options_now_, nullptr, nullptr);
  ASSERT_TRUE(one.ok()) << one.status().message();
  EXPECT_EQ(one->near_duplicates, 19);
  // One copy stays, among those that train or those that judge.
  const int64_t judges = home_->Privacy()->releases[1].judges;
  EXPECT_EQ(one->records + judges, 80 - 19);
  EXPECT_EQ(one->groups, one->records);
}

TEST_F(Training, APlanSaysWhatTrainingWouldDoAndStoresNothing) {
  MakeWithRecords(60);
  const auto plan = home_->Plan(options_now_);
  ASSERT_TRUE(plan.ok()) << plan.status().message();
  EXPECT_GT(plan->tokens_per_s, 0);
  EXPECT_GT(plan->minutes, 0);
  EXPECT_FALSE(plan->reasons.empty());
  EXPECT_TRUE(home_->Jobs()->empty());
  EXPECT_TRUE(home_->Privacy()->releases.empty());
  int64_t held_out = 0;
  const auto groups = vault().records().Groups();
  for (const vault::GroupRow& group : *groups) held_out += group.split == vault::Split::kHeldOut;
  EXPECT_LE(held_out, 60 - plan->groups);
  const auto report = home_->Train(options_now_, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->groups, plan->groups);
  EXPECT_EQ(report->records, plan->records);
  EXPECT_EQ(report->rank, plan->rank);
  EXPECT_EQ(report->privacy.noise_multiplier, plan->noise_multiplier);
  EXPECT_NEAR(report->privacy.epsilon, plan->epsilon, 1e-9);
  EXPECT_NEAR(report->epsilon_left, plan->epsilon_left, 1e-9);
  EXPECT_EQ(home_->Privacy()->releases[0].judges, plan->judges);
}

TEST_F(Training, ATimeLimitStopsWithACheckpoint) {
  MakeWithRecords(60);
  options_now_.steps = 5000;
  options_now_.epsilon = 1;
  options_now_.time_limit_s = 0.5;
  const auto report = home_->Train(options_now_, nullptr, nullptr);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->state, "stopped");
  EXPECT_EQ(report->adapter_id, "");
  EXPECT_LT(report->steps, 5000);
  EXPECT_EQ(home_->Jobs()->front().reason, "time limit");
}

}  // namespace
}  // namespace selvedge
