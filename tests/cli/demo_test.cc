#include <signal.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

size_t EntriesOf(const Sandbox& sandbox) {
  return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(sandbox.path("")),
                                           std::filesystem::directory_iterator()));
}

TEST(Demo, RunsTheWholeLoopAndLeavesNothingBehind) {
  Sandbox sandbox;
  sandbox.timeout_s = 1400;  // about a minute on two idle cores
  const Finished finished = sandbox.Run({"demo", "--json"});
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  const auto report = finished.Json();
  for (const char* field :
       {"records", "redactions", "epsilon", "delta", "steps", "loss_before", "loss_after",
        "ppl_before", "ppl_after", "adapter_id", "swap_ms", "seconds"}) {
    EXPECT_TRUE(report.contains(field)) << field;
  }
  EXPECT_GT(report["records"], 600);
  EXPECT_GE(report["redactions"], 40);
  EXPECT_LE(report["epsilon"], 8);
  EXPECT_LE(report["delta"], 1e-5);
  EXPECT_LE(report["ppl_after"].get<double>(), 0.88 * report["ppl_before"].get<double>());
  EXPECT_GT(report["swap_ms"], 0);
  EXPECT_NE(report["text_before"], report["text_after"]);
  EXPECT_EQ(EntriesOf(sandbox), 0u);
}

TEST(Demo, RemovesItsHomeWhenStopped) {
  const Sandbox sandbox;
  Running running(sandbox, {"demo", "--quiet"});
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (EntriesOf(sandbox) == 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  ASSERT_GT(EntriesOf(sandbox), 0u);
  running.Signal(SIGINT);
  EXPECT_EQ(running.Wait(), 130);
  EXPECT_EQ(EntriesOf(sandbox), 0u);
}

TEST(Demo, RefusesToUseAHomeThatIsThere) {
  Sandbox sandbox;
  sandbox.environment["SELVEDGE_HOME"] = sandbox.path("home");
  ASSERT_EQ(sandbox.Run({"init"}).exit_code, 0);
  EXPECT_NE(sandbox.Run({"demo", "--home", sandbox.path("home")}).exit_code, 0);
  EXPECT_EQ(sandbox.Run({"data", "stats", "--json"}).Json()["records"], 0);
}

}  // namespace
}  // namespace selvedge::cli_test
