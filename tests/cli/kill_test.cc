// kill -9 at arbitrary instants of a training run: what the ledger holds never shrinks, and the run
// goes on from its checkpoint (E07, in small; every kill lands at another point of a step).

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

constexpr int kKills = 8;
constexpr int kSteps = 40;

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
    sandbox_.environment["SELVEDGE_HOME"] = sandbox_.path("home");
    ASSERT_EQ(sandbox_.Run({"init", "--epsilon", "1000"}).exit_code, 0);
    ASSERT_EQ(sandbox_.Run({"consent", "grant", "--source", "notes"}).exit_code, 0);
    ASSERT_EQ(sandbox_.Run({"record", "--source", "notes", "-"}, Messages()).exit_code, 0);
  }

  double Spent() const {
    const auto status = sandbox_.Run({"privacy", "status", "--json"}).Json();
    EXPECT_EQ(status["ledger_intact"], true);
    return status["epsilon_spent"];
  }

  // Waits until the running job has charged more than `before`, or has ended.
  double WaitForCharge(double before) const {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    double now = before;
    while (now <= before && std::chrono::steady_clock::now() < end) now = Spent();
    return now;
  }

  Sandbox sandbox_;
};

TEST_F(KilledTraining, NeverLowersTheLedgerAndGoesOnFromItsCheckpoint) {
  const std::vector<std::string> train = {"train",     "--now",  "--steps", std::to_string(kSteps),
                                          "--epsilon", "300",    "--rank",  "4",
                                          "--json",    "--quiet"};
  double spent = 0;
  for (int kill = 0; kill < kKills; ++kill) {
    Running running(sandbox_, train);
    const double charged = WaitForCharge(spent);
    ASSERT_GT(charged, spent) << "no step was charged before kill " << kill;
    std::this_thread::sleep_for(std::chrono::milliseconds(17 * kill));
    running.Signal(SIGKILL);
    EXPECT_EQ(running.Wait(), 128 + SIGKILL);
    const double after = Spent();
    EXPECT_GE(after, charged) << "kill " << kill;
    spent = after;
  }
  const Finished finished = sandbox_.Run(train);
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  const auto report = finished.Json();
  EXPECT_EQ(report["state"], "done");
  EXPECT_EQ(report["steps"], kSteps);
  EXPECT_GT(report["resumed_from_step"], 0);
  EXPECT_GE(report["epsilon_spent"], spent);
  EXPECT_EQ(sandbox_.Run({"jobs", "list", "--json"}).Json()["jobs"].size(), 1u);
}

}  // namespace
}  // namespace selvedge::cli_test
