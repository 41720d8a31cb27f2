#include <fstream>
#include <iterator>

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

TEST(Privacy, RulesOfTheOwnerHoldForTheHome) {
  const Sandbox sandbox;
  const std::string home = sandbox.path("home");
  const auto run = [&](std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.end(), {"--home", home});
    return sandbox.Run(arguments, input);
  };
  ASSERT_EQ(run({"init"}).exit_code, 0);
  ASSERT_EQ(run({"consent", "grant", "--source", "notes"}).exit_code, 0);
  const std::string rules = "name Zyndrax Quob\nword PROJECT blue bird\n";
  EXPECT_EQ(run({"privacy", "rules", sandbox.Write("rules", rules)}).exit_code, 0);
  EXPECT_EQ(run({"privacy", "rules"}).out, rules);
  EXPECT_TRUE(FailsWith(run({"privacy", "rules", sandbox.Write("bad", "nonsense")}), 4));
  const std::string text = "Zyndrax flies the Blue Bird";
  ASSERT_EQ(run({"record", "--source", "notes", "--format", "jsonl", "-"},
                R"({"id":"a","text":")" + text + "\"}\n")
                .exit_code,
            0);
  const auto shown = [&](bool reveal) -> std::string {
    std::vector<std::string> arguments = {"data", "show", "--id", "a", "--json"};
    if (reveal) arguments.emplace_back("--reveal");
    return run(arguments).Json()["text"];
  };
  EXPECT_EQ(shown(false).find("<PERSON_"), 0u);
  EXPECT_NE(shown(false).find("flies the <PROJECT>"), std::string::npos);
  EXPECT_EQ(shown(true), text);
  EXPECT_EQ(sandbox.Run({"privacy", "redact", "--rules", sandbox.Write("rules", rules)}, text).out,
            "<PERSON> flies the <PROJECT>");
}

TEST(Privacy, StatusDrawsWhatIsLeftOfTheBudget) {
  const Sandbox sandbox;
  const std::string home = sandbox.path("home");
  const auto run = [&](std::vector<std::string> arguments, const std::string& input = "") {
    arguments.insert(arguments.end(), {"--home", home});
    return sandbox.Run(arguments, input);
  };
  ASSERT_EQ(run({"init", "--epsilon", "4"}).exit_code, 0);
  EXPECT_EQ(run({"privacy", "status"}).out.find("epsilon left"), std::string::npos)
      << "nothing to draw yet";
  ASSERT_EQ(run({"consent", "grant", "--source", "notes"}).exit_code, 0);
  std::string lines;
  for (int i = 0; i < 60; ++i) lines += "Line " + std::to_string(i) + " is about the red boat.\n";
  ASSERT_EQ(run({"record", "--source", "notes", "-"}, lines).exit_code, 0);
  const auto trained = run({"train", "--now", "--steps", "2", "--epsilon", "2", "--seq-len", "16",
                            "--target-modules", "v_proj", "--json"})
                           .Json();
  EXPECT_EQ(trained["groups_retired"], 0);

  const std::string picture = sandbox.path("budget.svg");
  const auto status = run({"privacy", "status", "--json", "--svg", picture}).Json();
  ASSERT_EQ(status["blocks"].size(), 1u);
  EXPECT_EQ(status["blocks"][0]["groups"], trained["groups"]);
  ASSERT_EQ(status["burn_down"].size(), 1u);
  EXPECT_EQ(status["burn_down"][0]["epsilon_left"], status["epsilon_left"]);
  EXPECT_LT(status["epsilon_left"], 4);
  std::ifstream file(picture);
  const std::string svg((std::istreambuf_iterator<char>(file)), {});
  EXPECT_EQ(svg.rfind("<svg ", 0), 0u);
  EXPECT_NE(svg.find("<polyline points="), std::string::npos);
  EXPECT_NE(svg.find("</svg>"), std::string::npos);
  const std::string plot = run({"privacy", "status"}).out;
  EXPECT_NE(plot.find("epsilon left, of the group that spent most"), std::string::npos);
  EXPECT_NE(plot.find("4 |#"), std::string::npos) << plot;
  EXPECT_TRUE(FailsWith(run({"privacy", "status", "--svg", "/nowhere/x.svg"}), 8));
}

}  // namespace
}  // namespace selvedge::cli_test
