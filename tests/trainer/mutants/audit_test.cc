// `privacy audit` on the trainer as it is, and on trainers whose privacy is broken on purpose.

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

// Few steps and canaries: the whole test must stay affordable.
Finished Audit(const std::string& mutant) {
  Sandbox sandbox;
  if (!mutant.empty()) {
    sandbox.environment["SELVEDGE_PLUGIN_DIR"] = SELVEDGE_BINARY_DIR "/tests/mutants/" + mutant;
  }
  return sandbox.Run({"privacy", "audit", "--canaries", "400", "--steps", "4", "--json"});
}

// The reports come before the error object.
nlohmann::json FirstLine(const Finished& finished) {
  return nlohmann::json::parse(finished.out.substr(0, finished.out.find('\n')), nullptr, false);
}

TEST(Audit, PassesTheTrainerAndBracketsItsEpsilon) {
  const Finished finished = Audit("");
  ASSERT_EQ(finished.exit_code, 0) << finished.err;
  const nlohmann::json report = finished.Json();
  EXPECT_TRUE(report["passed"]);
  EXPECT_LE(report["epsilon_lower"], report["epsilon_upper"]);
  EXPECT_LE(report["epsilon_upper"], 4);
  EXPECT_GT(report["epsilon_upper"], 3);
  const double sigma = report["noise_multiplier"];
  EXPECT_NEAR(report["noise_multiplier_measured"].get<double>(), sigma, 0.2 * sigma);
  EXPECT_NEAR(report["sensitivity"].get<double>(), 1,
              6 * report["sensitivity_standard_error"].get<double>());
  EXPECT_GT(report["canary_records"], 20);
  EXPECT_GE(report["exposure"], 0);
  EXPECT_EQ(report["confidence"], 0.95);
}

class BrokenTrainer : public testing::TestWithParam<const char*> {};

TEST_P(BrokenTrainer, FailsTheAudit) {
  const Finished finished = Audit(GetParam());
  EXPECT_EQ(finished.exit_code, 1) << finished.out;
  EXPECT_NE(finished.err.find("FAILED"), std::string::npos) << finished.err;
  const nlohmann::json report = FirstLine(finished);
  ASSERT_TRUE(report.contains("failures")) << finished.out;
  EXPECT_FALSE(report["failures"].empty());
}

INSTANTIATE_TEST_SUITE_P(Mutants, BrokenTrainer,
                         testing::Values("noise_off", "sigma_halved", "clip_skipped",
                                         "group_split_in_two"),
                         [](const auto& mutant) { return std::string(mutant.param); });

}  // namespace
}  // namespace selvedge::cli_test
