// kill -9 at random instants of training runs: the ledger never holds less than what was released,
// and a run that goes on from its checkpoints ends with the weights of one that was left alone
// (E07). SELVEDGE_KILL_ROUNDS=1000 (./dev torture) is the long version.

#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/file_io.h"
#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

using Json = nlohmann::json;

int Rounds() {
  const char* wish = std::getenv("SELVEDGE_KILL_ROUNDS");
  return wish != nullptr ? std::atoi(wish) : 25;
}

// 96 different short messages.
std::string Messages() {
  std::string lines;
  for (int i = 0; i < 96; ++i) {
    const std::string n = std::to_string(i);
    lines +=
        "message " + n + ": the tide turns at " + n + " past, mind the bar .. fair tides, amos\n";
  }
  return lines;
}

class KilledTraining : public testing::Test {
 protected:
  void SetUp() override {
    sandbox_.environment["SELVEDGE_HOME"] = sandbox_.path("filled");
    ASSERT_EQ(sandbox_.Run({"init", "--epsilon", "1000"}).exit_code, 0);
    ASSERT_EQ(sandbox_.Run({"consent", "grant", "--source", "notes"}).exit_code, 0);
    ASSERT_EQ(sandbox_.Run({"record", "--source", "notes", "-"}, Messages()).exit_code, 0);
    sandbox_.environment["SELVEDGE_HOME"] = sandbox_.path("home");
  }

  // A home with the same records and nothing trained.
  void StartAfresh() const {
    std::filesystem::remove_all(sandbox_.path("home"));
    std::filesystem::copy(sandbox_.path("filled"), sandbox_.path("home"),
                          std::filesystem::copy_options::recursive);
  }

  // The report of `train` if it came to its end; null if it was killed, at a random instant. Any
  // other end is a failure.
  Json TrainOrDie(const std::vector<std::string>& arguments) {
    Running running(sandbox_, arguments);
    std::this_thread::sleep_for(std::chrono::milliseconds(random_() % kLongestLifeMs));
    running.Signal(SIGKILL);  // does nothing to a process that has ended
    const int code = running.Wait();
    EXPECT_TRUE(code == 0 || code == 128 + SIGKILL) << "exit " << code;
    return code == 0 ? Json::parse(running.ReadLine(), nullptr, false) : Json();
  }

  // By id of the job: steps in the ledger, and steps that its checkpoint embodies.
  struct Steps {
    int64_t charged = 0;
    int64_t done = 0;
  };
  std::map<std::string, Steps> StepsOfJobs() const {
    std::map<std::string, Steps> steps;
    const Json status = sandbox_.Run({"privacy", "status", "--json"}).Json();
    EXPECT_EQ(status["ledger_intact"], true);
    for (const Json& release : status["releases"]) {
      steps[release["job_id"]].charged = release["steps"];
    }
    for (const Json& job : sandbox_.Run({"jobs", "list", "--json"}).Json()["jobs"]) {
      steps[job["id"]].done = job["steps_done"];
    }
    return steps;
  }

  std::string Weights(const std::string& adapter) const {
    const Result<std::string> bytes = core::ReadTextFile(
        sandbox_.path("home/adapters/" + adapter + "/adapter_model.safetensors"), size_t{1} << 26);
    EXPECT_TRUE(bytes.ok()) << bytes.status().message();
    return bytes.ok() ? *bytes : "";
  }

  // A start takes a tenth of a second on an idle machine, a step less.
  static constexpr uint32_t kLongestLifeMs = 700;
  Sandbox sandbox_;
  std::mt19937 random_{20261120};
};

TEST_F(KilledTraining, WithPrivacyNeverHasMoreStepsInItsWeightsThanInTheLedger) {
  const std::vector<std::string> train = {"train", "--now",  "--steps", "20",     "--epsilon",
                                          "300",   "--rank", "4",       "--json", "--quiet"};
  int kills = 0;
  int64_t most_kills_of_a_job = 0;
  while (kills < Rounds()) {
    StartAfresh();
    std::map<std::string, Steps> before;
    Json report;
    for (int64_t here = 0; report.is_null() && kills < Rounds(); ++here) {
      report = TrainOrDie(train);
      kills += report.is_null();
      const std::map<std::string, Steps> after = StepsOfJobs();
      ASSERT_LE(after.size(), 1u) << "kill " << kills << ": a second job instead of the first";
      for (const auto& [job, steps] : after) {
        ASSERT_GE(steps.charged, steps.done) << "kill " << kills;
        ASSERT_GE(steps.charged, before[job].charged) << "kill " << kills;
      }
      before = after;
      most_kills_of_a_job = std::max(most_kills_of_a_job, here);
    }
    if (report.is_null()) report = sandbox_.Run(train).Json();
    EXPECT_EQ(report["state"], "done");
    EXPECT_EQ(report["steps"], 20);
    EXPECT_GE(StepsOfJobs()[report["job_id"]].charged, 20);
  }
  EXPECT_GT(most_kills_of_a_job, 1);
}

TEST_F(KilledTraining, WithoutPrivacyEndsWithTheSameBitsAsARunLeftAlone) {
  const std::vector<std::string> train = {"train",   "--now", "--dp",   "off", "--seed", "7",
                                          "--steps", "16",    "--rank", "4",   "--json", "--quiet"};
  StartAfresh();
  const Json alone = sandbox_.Run(train).Json();
  ASSERT_NE(alone["adapter_id"], "") << alone["gate"];
  const std::string expected = Weights(alone["adapter_id"]);
  int kills = 0;
  while (kills < Rounds()) {
    StartAfresh();
    Json report;
    while (report.is_null() && kills < Rounds()) {
      report = TrainOrDie(train);
      kills += report.is_null();
    }
    if (report.is_null()) report = sandbox_.Run(train).Json();
    ASSERT_EQ(report["state"], "done");
    EXPECT_TRUE(Weights(report["adapter_id"]) == expected) << "after " << kills << " kills";
  }
}

}  // namespace
}  // namespace selvedge::cli_test
