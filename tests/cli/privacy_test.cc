#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

TEST(Privacy, NoiseAndEpsilonAreInverses) {
  const Sandbox sandbox;
  const std::vector<std::string> mechanism = {"--steps", "50", "--delta", "1e-5", "--json"};
  std::vector<std::string> noise = {"privacy", "noise", "--epsilon", "4"};
  noise.insert(noise.end(), mechanism.begin(), mechanism.end());
  const double multiplier = sandbox.Run(noise).Json()["noise_multiplier"];
  std::vector<std::string> epsilon = {"privacy", "epsilon", "--noise-multiplier",
                                      std::to_string(multiplier)};
  epsilon.insert(epsilon.end(), mechanism.begin(), mechanism.end());
  const double back = sandbox.Run(epsilon).Json()["epsilon"];
  EXPECT_NEAR(back, 4, 0.01);
}

TEST(Privacy, ComposedMechanismsCostMore) {
  const Sandbox sandbox;
  const auto epsilon = [&](const std::vector<std::string>& compose) {
    std::vector<std::string> arguments = {"privacy", "epsilon", "--delta", "1e-5", "--json"};
    for (const std::string& event : compose) {
      arguments.insert(arguments.end(), {"--compose", event});
    }
    return sandbox.Run(arguments).Json()["epsilon"].get<double>();
  };
  EXPECT_LT(epsilon({"0.1,1,100"}), epsilon({"0.1,1,100", "1,4,10"}));
}

TEST(Privacy, RedactsWithByteOffsets) {
  const Sandbox sandbox;
  const std::string text = "Gr\u00fc\u00dfe an anna@example.org, bis bald";
  const auto report = sandbox.Run({"privacy", "redact", "--json"}, text).Json();
  ASSERT_EQ(report["spans"].size(), 1u);
  const auto& span = report["spans"][0];
  const size_t start = span["start"], end = span["end"];
  EXPECT_EQ(text.substr(start, end - start), "anna@example.org");
  EXPECT_EQ(span["type"], "EMAIL_ADDRESS");
  const Finished plain = sandbox.Run({"privacy", "redact"}, text);
  EXPECT_EQ(plain.out, text.substr(0, start) + "<EMAIL_ADDRESS>" + text.substr(end));
}

TEST(Privacy, RedactRefusesWhatIsNotUtf8) {
  const Sandbox sandbox;
  const Finished finished = sandbox.Run({"privacy", "redact"}, "ab\xFF");
  EXPECT_TRUE(FailsWith(finished, 4));
  EXPECT_NE(finished.err.find("byte 2"), std::string::npos);
}

}  // namespace
}  // namespace selvedge::cli_test
