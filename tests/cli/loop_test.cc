// The whole loop through the command: records, training, adapters, generation, revocation. One
// home serves all tests, in order; training it takes a few seconds.

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <sstream>

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

// Sixty different lines of one voice.
std::string Lines() {
  const char* who[] = {"joan", "petra", "dickie", "winifred"};
  const char* what[] = {"the harbour is grey", "tis blowing from the north", "the bees are out",
                        "i mended the old net", "the tide was high"};
  const char* end[] = {"mind you it will pass", "so i stayed in", "& i walked to the light"};
  std::string lines;
  for (const char* name : who) {
    for (const char* first : what) {
      for (const char* last : end) {
        lines += std::string("well now ") + name + ", " + first + " .. " + last +
                 " .. fair tides, amos\n";
      }
    }
  }
  return lines;
}

class Loop : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    sandbox = new Sandbox;
    sandbox->environment["SELVEDGE_HOME"] = sandbox->path("home");
    ASSERT_EQ(Run({"init", "--epsilon", "1000"}).exit_code, 0);
    ASSERT_EQ(Run({"consent", "grant", "--source", "notes"}).exit_code, 0);
    ASSERT_EQ(Run({"record", "--source", "notes", "-"}, Lines()).exit_code, 0);
  }
  static void TearDownTestSuite() {
    delete sandbox;
    sandbox = nullptr;
  }

  static Finished Run(const std::vector<std::string>& arguments, const std::string& input = "") {
    return sandbox->Run(arguments, input);
  }
  static nlohmann::json Adapters() {
    return Run({"adapters", "list", "--json"}).Json()["adapters"];
  }
  static std::string StateOf(const std::string& id) {
    return Run({"adapters", "show", id, "--json"}).Json()["state"];
  }
  static nlohmann::json Continue(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments = {"generate", "-p", "well now joan,", "-n", "24",
                                          "--temp",   "0",  "--json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return Run(arguments).Json();
  }
  static nlohmann::json Train(const std::string& steps, const std::string& epsilon) {
    const Finished finished = Run({"train", "--now", "--steps", steps, "--epsilon", epsilon,
                                   "--rank", "4", "--json", "--quiet"});
    EXPECT_EQ(finished.exit_code, 0) << finished.err;
    return finished.Json();
  }

  static std::string Slurp(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path, std::ios::binary).rdbuf();
    return out.str();
  }

  static Sandbox* sandbox;
  static std::string first;  // adapter ids
  static std::string second;
};

Sandbox* Loop::sandbox = nullptr;
std::string Loop::first;
std::string Loop::second;

TEST_F(Loop, A_TrainingReportsEverythingAndActivates) {
  const auto report = Train("12", "200");
  for (const char* field :
       {"job_id", "state", "steps", "label_tokens", "label_tokens_per_s", "epsilon_spent",
        "epsilon_left", "delta", "loss_train", "loss_holdout_before", "loss_holdout_after", "gate",
        "adapter_id", "peak_rss_mb", "resumed_from_step"}) {
    EXPECT_TRUE(report.contains(field)) << field;
  }
  EXPECT_EQ(report["state"], "done");
  ASSERT_EQ(report["gate"], "accepted") << report;
  EXPECT_LT(report["loss_holdout_after"], report["loss_holdout_before"]);
  EXPECT_GT(report["epsilon_spent"], 0);
  EXPECT_LE(report["epsilon_spent"], 200);
  first = report["adapter_id"];
  EXPECT_EQ(StateOf(first), "active");
  const auto jobs = Run({"jobs", "list", "--json"}).Json()["jobs"];
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0]["state"], "done");
  EXPECT_EQ(jobs[0]["adapter_id"], first);
}

TEST_F(Loop, B_TheLedgerHoldsTheRelease) {
  const auto status = Run({"privacy", "status", "--json"}).Json();
  ASSERT_EQ(status["releases"].size(), 1u);
  EXPECT_EQ(status["releases"][0]["adapter_id"], first);
  EXPECT_EQ(status["releases"][0]["steps"], 12);
  EXPECT_EQ(status["ledger_intact"], true);
}

TEST_F(Loop, C_GenerationUsesTheActiveAdapter) {
  const auto with = Continue();
  const auto without = Continue({"--adapter", "none"});
  EXPECT_EQ(with["adapter_ids"], nlohmann::json::array({first}));
  EXPECT_TRUE(without["adapter_ids"].empty());
  EXPECT_NE(with["text"], without["text"]);
  EXPECT_EQ(Continue({"--adapter", first})["text"], with["text"]);
}

TEST_F(Loop, D_AdaptersVerifyAndExport) {
  EXPECT_EQ(Run({"adapters", "verify", "--json"}).Json()["verified"],
            nlohmann::json::array({first}));
  const auto with = Continue();
  for (const std::string format : {"peft", "gguf"}) {
    const std::string out = sandbox->path("exported." + format);
    const auto report =
        Run({"adapters", "export", first, out, "--format", format, "--json"}).Json();
    EXPECT_EQ(report["matched"], report["tensors"]);
    EXPECT_TRUE(report["unmatched"].empty());
    EXPECT_EQ(Continue({"--lora", out})["text"], with["text"]) << format;
    EXPECT_NE(Continue({"--lora", out + "=0"})["text"], with["text"]) << format;
    EXPECT_TRUE(FailsWith(Run({"adapters", "export", first, out}), 2));
  }
  const Finished taken = Run({"adapters", "import", sandbox->path("exported.gguf"), "--json"});
  ASSERT_EQ(taken.exit_code, 0) << taken.err;
  const auto imported = taken.Json();
  EXPECT_EQ(imported["matched"], imported["tensors"]);
  EXPECT_EQ(StateOf(imported["adapter_id"]), "available");
  EXPECT_EQ(Continue({"--adapter", imported["adapter_id"]})["text"], with["text"]);
  EXPECT_TRUE(FailsWith(  // F18: nothing is known of its privacy
      Run({"adapters", "export", imported["adapter_id"], sandbox->path("again")}), 6));
  EXPECT_EQ(Run({"adapters", "remove", imported["adapter_id"]}).exit_code, 0);
  const auto swap = Run({"bench", "swap", "--lora", sandbox->path("exported.gguf"), "--json"});
  EXPECT_GT(swap.Json()["swap_ms"]["median"], 0);
}

TEST_F(Loop, D_ConvertingThereAndBackGivesTheSameBytes) {
  const std::string peft = sandbox->path("exported.peft");
  const std::string gguf = sandbox->path("converted.gguf");
  const std::string back = sandbox->path("converted.peft");
  const auto report = Run({"adapters", "convert", peft, gguf, "--json"}).Json();
  EXPECT_EQ(report["matched"], report["tensors"]);
  EXPECT_EQ(Slurp(gguf), Slurp(sandbox->path("exported.gguf")));
  ASSERT_EQ(Run({"adapters", "convert", gguf, back}).exit_code, 0);
  for (const char* name : {"/adapter_model.safetensors", "/adapter_config.json"}) {
    EXPECT_EQ(Slurp(back + name), Slurp(peft + name)) << name;
  }
  EXPECT_TRUE(FailsWith(Run({"adapters", "convert", gguf, back}), 2));
  EXPECT_TRUE(FailsWith(Run({"adapters", "convert", peft + "/absent", gguf + "2"}), 3));
}

// The merged weights are rounded to the base's Q8_0, so the logits differ a little; they must lie
// far nearer to the adapter's than to the base's.
TEST_F(Loop, D_AMergedModelComputesWhatTheAdapterDoes) {
  const std::string merged = sandbox->path("merged.gguf");
  const Finished made = Run({"adapters", "merge", first, "-o", merged, "--json"});
  ASSERT_EQ(made.exit_code, 0) << made.err;
  EXPECT_EQ(made.Json()["matched"], made.Json()["tensors"]);
  const auto logits = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"model", "logits", "--ids", "1,300,301,302,303", "--json"};
    all.insert(all.end(), more.begin(), more.end());
    return Run(all).Json()["logits"].get<std::vector<double>>();
  };
  const auto distance = [](const std::vector<double>& x, const std::vector<double>& y) {
    double sum = 0;
    for (size_t i = 0; i < x.size(); ++i) sum += (x[i] - y[i]) * (x[i] - y[i]);
    return std::sqrt(sum);
  };
  const auto base = logits({});
  const auto adapted = logits({"--lora", sandbox->path("exported.gguf")});
  const auto one = logits({"-m", merged});
  ASSERT_EQ(one.size(), base.size());
  EXPECT_GT(distance(adapted, base), 0.1);
  EXPECT_LT(distance(one, adapted), 0.2 * distance(adapted, base));
  EXPECT_TRUE(FailsWith(Run({"adapters", "merge", first, "-o", merged}), 2));
  EXPECT_EQ(Run({"model", "verify", merged}).exit_code, 0);
  EXPECT_TRUE(FailsWith(Run({"generate", "-p", "a", "-m", merged, "--adapter", first}), 4))
      << "the merged model is another base";
}

TEST_F(Loop, D_ABundleGoesToTheNamedHomeOnly) {
  const auto in = [](const std::string& home, std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--home", sandbox->path(home)});
    return Run(arguments);
  };
  for (const char* home : {"hers", "theirs"}) ASSERT_EQ(in(home, {"init"}).exit_code, 0);
  const auto key = [&](const std::string& home) {
    return in(home, {"keys", "show", "--json"}).Json()["public_key"].get<std::string>();
  };
  const std::string sender = Run({"keys", "show", "--json"}).Json()["public_key"];
  const std::string bundle = sandbox->path("me.bundle");
  ASSERT_EQ(Run({"adapters", "export", first, bundle, "--format", "bundle", "--to", key("hers")})
                .exit_code,
            0);
  EXPECT_TRUE(FailsWith(in("theirs", {"adapters", "import", bundle, "--trust", sender}), 5));
  EXPECT_TRUE(FailsWith(in("hers", {"adapters", "import", bundle}), 5));
  EXPECT_TRUE(FailsWith(in("hers", {"adapters", "import", bundle, "--trust", key("theirs")}), 5));
  EXPECT_TRUE(FailsWith(in("hers", {"adapters", "import", bundle, "--trust", "abc"}), 2));
  const auto taken = in("hers", {"adapters", "import", bundle, "--trust", sender, "--json"}).Json();
  EXPECT_EQ(taken["adapter_id"], first);
  EXPECT_EQ(taken["matched"], taken["tensors"]);
  const auto mine = Run({"adapters", "show", first, "--json"}).Json();
  const auto hers = in("hers", {"adapters", "show", first, "--json"}).Json();
  EXPECT_EQ(hers["state"], "available");
  EXPECT_EQ(hers["privacy"], mine["privacy"]);
  EXPECT_EQ(hers["sha256"], mine["sha256"]);
  EXPECT_EQ(in("hers", {"adapters", "verify", first}).exit_code, 0);
  EXPECT_TRUE(FailsWith(in("hers", {"adapters", "import", bundle, "--trust", sender}), 2))
      << "once";
  EXPECT_TRUE(FailsWith(Run({"adapters", "export", first, sandbox->path("x"), "--to", sender}), 2));
  EXPECT_TRUE(FailsWith(
      in("hers", {"adapters", "import", sandbox->path("exported.gguf"), "--trust", sender}), 5));
}

TEST_F(Loop, BenchTrainMeasuresStepsWithAndWithoutPrivacy) {
  for (const char* dp : {"on", "off"}) {
    const Finished bench = Run({"bench", "train", "--dp", dp, "--batch-size", "2", "--seq-len",
                                "16", "-r", "2", "--json"});
    ASSERT_EQ(bench.exit_code, 0) << bench.err;
    const auto report = bench.Json();
    EXPECT_GT(report["tokens_per_s"]["min"], 0);
    EXPECT_LE(report["tokens_per_s"]["median"], report["tokens_per_s"]["max"]);
    EXPECT_GT(report["peak_rss_mb"], 0);
    EXPECT_NEAR(report["loss"].get<double>(), 10, 9.9);
  }
}

TEST_F(Loop, TheSmallestMemoryLimitThatIsNamedHolds) {
  const Finished refused = Run({"bench", "train", "--memory-limit", "8"});
  EXPECT_TRUE(FailsWith(refused, 4));
  const size_t at = refused.err.find("need ");
  ASSERT_NE(at, std::string::npos) << refused.err;
  const std::string least = std::to_string(std::stoll(refused.err.substr(at + 5)));
  const Finished bench = Run({"bench", "train", "--memory-limit", least, "-r", "2", "--json"});
  ASSERT_EQ(bench.exit_code, 0) << bench.err;
#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // they need memory of their own
  EXPECT_LE(bench.Json()["peak_rss_mb"], std::stod(least));
#endif
}

TEST_F(Loop, E_UseAndRollbackSwitch) {
  EXPECT_EQ(Run({"adapters", "use", "none"}).exit_code, 0);
  EXPECT_EQ(StateOf(first), "available");
  EXPECT_TRUE(Continue()["adapter_ids"].empty());
  EXPECT_EQ(Run({"adapters", "rollback"}).exit_code, 0);
  EXPECT_EQ(StateOf(first), "active");
}

TEST_F(Loop, F_ARunningChatPicksUpAnActivation) {
  ASSERT_EQ(Run({"adapters", "use", "none"}).exit_code, 0);
  Running chat(*sandbox, {"chat", "--json", "--quiet", "--temp", "0", "-n", "8"});
  chat.Send("hello\n");
  EXPECT_TRUE(nlohmann::json::parse(chat.ReadLine())["adapter_ids"].empty());
  ASSERT_EQ(Run({"adapters", "use", first}).exit_code, 0);
  chat.Send("hello\n");
  EXPECT_EQ(nlohmann::json::parse(chat.ReadLine())["adapter_ids"], nlohmann::json::array({first}));
  chat.CloseInput();
  EXPECT_EQ(chat.Wait(), 0);
}

TEST_F(Loop, G_ASignalStopsTrainingAndItGoesOnLater) {
  const double spent = Run({"privacy", "status", "--json"}).Json()["epsilon_spent"];
  const std::vector<std::string> train = {"train",     "--now", "--steps", "60",
                                          "--epsilon", "300",   "--json"};
  Running running(*sandbox, train);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  double now = spent;
  while (now <= spent && std::chrono::steady_clock::now() < end) {
    now = Run({"privacy", "status", "--json"}).Json()["epsilon_spent"];
  }
  ASSERT_GT(now, spent) << "training never charged a step";
  running.Signal(SIGTERM);
  EXPECT_EQ(running.Wait(), 143);
  const auto stopped = Run({"jobs", "list", "--json"}).Json()["jobs"];
  const auto job = std::find_if(stopped.begin(), stopped.end(),
                                [](const auto& each) { return each["state"] == "stopped"; });
  ASSERT_NE(job, stopped.end()) << stopped;
  std::vector<std::string> quiet = train;
  quiet.push_back("--quiet");
  const auto report = Run(quiet).Json();
  EXPECT_EQ(report["job_id"], (*job)["id"]);
  EXPECT_GT(report["resumed_from_step"], 0);
  EXPECT_EQ(report["steps"], 60);
  second = report["adapter_id"];
}

TEST_F(Loop, H_ABudgetThatIsSpentRefuses) {  // F12
  EXPECT_TRUE(FailsWith(Run({"train", "--now", "--steps", "5", "--epsilon", "900", "--quiet"}), 6));
}

TEST_F(Loop, I_RevocationRetiresWhatLearnedFromTheSource) {
  ASSERT_EQ(Run({"consent", "revoke", "--source", "notes"}).exit_code, 0);
  for (const auto& adapter : Adapters()) {
    EXPECT_TRUE(adapter["state"] == "retired" || adapter["state"] == "rejected") << adapter;
  }
  EXPECT_TRUE(Continue()["adapter_ids"].empty());
  EXPECT_TRUE(FailsWith(Run({"adapters", "use", first}), 6));
  EXPECT_TRUE(FailsWith(Run({"record", "--source", "notes", "-"}, "more\n"), 6));
}

}  // namespace
}  // namespace selvedge::cli_test
