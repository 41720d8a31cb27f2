// Homes, consent and data from the outside; D, F and H numbers as in the list of faults.

#include <sys/stat.h>

#include <filesystem>

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

class HomeCommand : public testing::Test {
 protected:
  HomeCommand() { sandbox.environment["SELVEDGE_HOME"] = sandbox.path("home"); }
  Finished Run(const std::vector<std::string>& arguments, const std::string& input = "") {
    return sandbox.Run(arguments, input);
  }
  void Init() { ASSERT_EQ(Run({"init"}).exit_code, 0); }
  Sandbox sandbox;
};

TEST_F(HomeCommand, AbsentHomesAreNotFound) {
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"data", "stats"},
        {"consent", "list"},
        {"jobs", "list"},
        {"adapters", "list"},
        {"privacy", "status"},
        {"train", "--now"},
        {"adapters", "verify"},
        {"generate", "-p", "a", "--home", sandbox.path("named")},
        {"generate", "-p", "a", "--adapter", "a-1"}}) {
    EXPECT_TRUE(FailsWith(Run(arguments), 3)) << arguments.front();
  }
  EXPECT_FALSE(std::filesystem::exists(sandbox.path("home")));
}

TEST_F(HomeCommand, InitReportsTheBudgetAndKeepsTheHomePrivate) {
  const auto report =
      Run({"init", "--epsilon", "3", "--delta", "1e-6", "--unit", "day", "--json"}).Json();
  EXPECT_EQ(report["epsilon_budget"], 3);
  EXPECT_EQ(report["delta"], 1e-6);
  EXPECT_EQ(report["unit"], "day");
  EXPECT_EQ(report["base_digest"].get<std::string>().size(), 64u);
  struct stat info {};
  ASSERT_EQ(stat(sandbox.path("home").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700u);
  const auto status = Run({"privacy", "status", "--json"}).Json();
  EXPECT_EQ(status["epsilon_budget"], 3);
  EXPECT_EQ(status["epsilon_spent"], 0);
  EXPECT_TRUE(status["releases"].empty());
}

TEST_F(HomeCommand, RevokingInARolledBackDatabaseDoesNotMakeItWhole) {  // D14, F16
  Init();
  const std::string database = sandbox.path("home/vault.db");
  ASSERT_EQ(Run({"consent", "grant", "--source", "notes"}).exit_code, 0);
  std::filesystem::copy_file(database, sandbox.path("older"));
  for (const char* source : {"mail", "chat", "diary"}) {
    ASSERT_EQ(Run({"consent", "grant", "--source", source}).exit_code, 0);
  }
  for (const char* extra : {"-wal", "-shm"}) std::filesystem::remove(database + extra);
  std::filesystem::rename(sandbox.path("older"), database);
  const auto intact = [&] { return Run({"privacy", "status", "--json"}).Json()["ledger_intact"]; };
  ASSERT_EQ(intact(), false);
  EXPECT_EQ(Run({"consent", "revoke", "--source", "notes"}).exit_code, 0);
  EXPECT_EQ(intact(), false);
  EXPECT_TRUE(FailsWith(Run({"consent", "grant", "--source", "notes"}), 6));
  EXPECT_TRUE(FailsWith(Run({"train", "--now"}), 6));
}

TEST_F(HomeCommand, RevokingRemovesWhatACrashLeftOfAnAdapter) {  // C25
  Init();
  ASSERT_EQ(Run({"consent", "grant", "--source", "notes"}).exit_code, 0);
  const std::string left = sandbox.path("home/adapters/.tmp-1-a-20260101T000000Z-00000000");
  std::filesystem::create_directories(left);
  ASSERT_EQ(Run({"consent", "revoke", "--source", "notes"}).exit_code, 0);
  EXPECT_FALSE(std::filesystem::exists(left));
}

TEST_F(HomeCommand, InitTwiceChangesNothing) {
  Init();
  const auto before = Run({"privacy", "status", "--json"}).out;
  EXPECT_NE(Run({"init", "--epsilon", "100"}).exit_code, 0);
  EXPECT_EQ(Run({"privacy", "status", "--json"}).out, before);
}

TEST_F(HomeCommand, UsesTheXdgFolderUnlessItIsRelative) {
  sandbox.environment.erase("SELVEDGE_HOME");
  sandbox.environment["XDG_DATA_HOME"] = sandbox.path("xdg");
  EXPECT_EQ(Run({"init"}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(sandbox.path("xdg/selvedge")));
  sandbox.environment["XDG_DATA_HOME"] = "relative";
  EXPECT_EQ(Run({"init"}).exit_code, 0);
  EXPECT_TRUE(std::filesystem::exists(sandbox.path(".local/share/selvedge")));
}

TEST_F(HomeCommand, WrongPassphrasesDoNotOpenIt) {  // D01
  const std::string right = sandbox.Write("right", "a long enough passphrase\n");
  ASSERT_EQ(Run({"init", "--passphrase-file", right}).exit_code, 0);
  ASSERT_EQ(Run({"data", "stats", "--passphrase-file", right}).exit_code, 0);
  const Finished wrong =
      Run({"data", "stats", "--passphrase-file", sandbox.Write("wrong", "another passphrase\n")});
  EXPECT_TRUE(FailsWith(wrong, 5));
  EXPECT_NE(Run({"data", "stats", "--passphrase-file", sandbox.Write("empty", "")}).exit_code, 0);
  EXPECT_NE(
      Run({"data", "stats", "--passphrase-file", sandbox.Write("huge", std::string(1 << 20, 'p'))})
          .exit_code,
      0);
  EXPECT_TRUE(FailsWith(Run({"data", "stats"}), 5));
  sandbox.environment["SELVEDGE_PASSPHRASE_FILE"] = right;
  EXPECT_EQ(Run({"data", "stats"}).exit_code, 0);
}

TEST_F(HomeCommand, APlainDatabaseIsNotOpened) {  // D06
  Init();
  const std::string database = sandbox.path("home/vault.db");
  std::filesystem::rename(database, sandbox.path("kept"));
  const std::string plain = std::string("SQLite format 3\0", 16) + std::string(4080, '\0');
  sandbox.Write("home/vault.db", plain);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"data", "stats"}, {"consent", "grant", "--source", "notes"}}) {
    const Finished refused = Run(arguments);
    EXPECT_TRUE(FailsWith(refused, 1));
    EXPECT_NE(refused.err.find("encryption not active"), std::string::npos) << refused.err;
  }
  EXPECT_EQ(std::filesystem::file_size(database), plain.size());
  std::filesystem::rename(sandbox.path("kept"), database);
  EXPECT_EQ(Run({"data", "stats"}).exit_code, 0);
}

TEST_F(HomeCommand, RecordsAreTextWhateverTheySay) {  // F05
  Init();
  ASSERT_EQ(Run({"consent", "grant", "--source", "notes"}).exit_code, 0);
  const std::string lines =
      "<|endoftext|>\n\n   \t\n</s><|im_start|>system\n'; DROP TABLE records; --\n" +
      std::string("a\0b\n", 4) + "\xFF\xFE\n" + std::string(70000, 'x') + "\nno line end";
  const auto report = Run({"record", "--source", "notes", "-", "--json"}, lines).Json();
  EXPECT_EQ(report["added"], 4);
  std::vector<int> rejected;
  for (const auto& line : report["rejected"]) rejected.push_back(line["line"]);
  EXPECT_EQ(rejected, (std::vector<int>{3, 6, 7, 8}));
  const std::string exported = Run({"data", "export"}).out;
  for (const char* text : {"<|endoftext|>", "</s><|im_start|>system", "DROP TABLE records; --"}) {
    EXPECT_NE(exported.find(text), std::string::npos) << text;
  }
  // Nothing to train on: too deep or of another kind.
  const auto deep = Run({"record", "--source", "notes", "--format", "jsonl", "-", "--json"},
                        "{\"text\":" + std::string(100000, '[') + "\n{\"text\": 5}\n[1]\n" +
                            "{\"text\": \"\\ud800\"}\n")
                        .Json();
  EXPECT_EQ(deep["added"], 0);
  EXPECT_EQ(deep["rejected"].size(), 4u);
}

TEST_F(HomeCommand, RecordsWithoutConsentAreRefused) {
  Init();
  const Finished refused = Run({"record", "--source", "notes", "-"}, "one line\n");
  EXPECT_TRUE(FailsWith(refused, 6));
  EXPECT_EQ(Run({"data", "stats", "--json"}).Json()["records"], 0);
}

TEST_F(HomeCommand, RecordsAreRedactedDeduplicatedAndReported) {
  Init();
  const auto consents =
      Run({"consent", "grant", "--source", "notes", "--retention", "90d", "--json"}).Json();
  EXPECT_EQ(consents["sources"][0]["source"], "notes");
  EXPECT_EQ(consents["sources"][0]["retention_days"], 90);
  const std::string lines =
      "{\"text\": \"write to anna@example.org soon\", \"id\": \"r1\"}\n"
      "{\"text\": \"the boats stayed in\", \"id\": \"r2\"}\n"
      "{\"text\": \"the boats stayed in\"}\n"
      "no json\n";
  const auto report =
      Run({"record", "--source", "notes", "--format", "jsonl", "-", "--json"}, lines).Json();
  EXPECT_EQ(report["added"], 2);
  EXPECT_EQ(report["duplicate"], 1);
  EXPECT_EQ(report["redacted_spans"], 1);
  ASSERT_EQ(report["rejected"].size(), 1u);
  EXPECT_EQ(report["rejected"][0]["line"], 4);
  const Finished exported = Run({"data", "export"});
  EXPECT_NE(exported.out.find("<EMAIL_ADDRESS>"), std::string::npos);
  EXPECT_EQ(exported.out.find("anna@"), std::string::npos);
  EXPECT_EQ(Run({"data", "show", "--id", "r2", "--json"}).Json()["text"], "the boats stayed in");
  EXPECT_TRUE(FailsWith(Run({"data", "show", "--id", "r9"}), 3));
  EXPECT_EQ(Run({"data", "delete", "--id", "r1", "--json"}).Json()["records"], 1);
  EXPECT_EQ(Run({"data", "list", "--json"}).Json()["items"][0]["id"], "r2");
}

TEST_F(HomeCommand, RevokingAnUnknownSourceIsNotFound) {
  Init();
  EXPECT_TRUE(FailsWith(Run({"consent", "revoke", "--source", "nobody"}), 3));
}

TEST_F(HomeCommand, TrainingOnNothingIsDeferredAndFree) {  // F04
  Init();
  EXPECT_TRUE(FailsWith(Run({"train", "--now", "--quiet"}), 7));
  ASSERT_EQ(Run({"consent", "grant", "--source", "notes"}).exit_code, 0);
  ASSERT_EQ(Run({"record", "--source", "notes", "-"}, "one single line\n").exit_code, 0);
  EXPECT_TRUE(FailsWith(Run({"train", "--now", "--quiet"}), 7));
  EXPECT_EQ(Run({"privacy", "status", "--json"}).Json()["epsilon_spent"], 0);
}

TEST_F(HomeCommand, UnusableTrainOptionsAreUsageErrorsAndLeaveNoTrace) {
  Init();
  ASSERT_EQ(Run({"consent", "grant", "--source", "notes"}).exit_code, 0);
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += "the boats of day " + std::to_string(i) + " came in\n";
  ASSERT_EQ(Run({"record", "--source", "notes", "-"}, lines).exit_code, 0);
  for (const char* modules : {"", ",", "q_proj,", "embed_tokens"}) {
    EXPECT_TRUE(FailsWith(Run({"train", "--now", "--quiet", "--target-modules", modules}), 2))
        << modules;
  }
  EXPECT_TRUE(FailsWith(
      Run({"train", "--now", "--quiet", "--rank", "256", "--target-modules", "k_proj"}), 2));
  EXPECT_TRUE(FailsWith(Run({"train", "--now", "--quiet", "--memory-limit", "1"}), 4));
  EXPECT_TRUE(Run({"jobs", "list", "--json"}).Json()["jobs"].empty());
  EXPECT_TRUE(Run({"privacy", "status", "--json"}).Json()["releases"].empty());
}

TEST_F(HomeCommand, ADateThatIsNoneIsAUsageError) {
  Init();
  for (const char* command : {"stats", "list", "export", "delete"}) {
    EXPECT_TRUE(FailsWith(Run({"data", command, "--before", "yesterday"}), 2)) << command;
  }
}

TEST_F(HomeCommand, UnknownAdaptersAndJobsAreNotFound) {
  Init();
  EXPECT_TRUE(FailsWith(Run({"adapters", "show", "a-9"}), 3));
  EXPECT_TRUE(FailsWith(Run({"adapters", "use", "a-9"}), 3));
  EXPECT_TRUE(FailsWith(Run({"adapters", "remove", "a-9"}), 3));
  EXPECT_TRUE(FailsWith(Run({"adapters", "export", "a-9", sandbox.path("out")}), 3));
  EXPECT_TRUE(FailsWith(Run({"jobs", "show", "j-9"}), 3));
  EXPECT_TRUE(FailsWith(Run({"jobs", "resume", "--now"}), 3));
  EXPECT_TRUE(FailsWith(Run({"jobs", "cancel", "j-9"}), 3));
}

TEST_F(HomeCommand, DoctorNamesEveryCheck) {
  const auto absent = Run({"doctor", "--json"}).Json();
  EXPECT_GT(absent["checks"].size(), 2u);
  for (const auto& check : absent["checks"]) {
    EXPECT_TRUE(check.contains("name") && check.contains("ok") && check.contains("detail"));
  }
  Init();
  EXPECT_EQ(Run({"doctor"}).exit_code, 0);
}

TEST_F(HomeCommand, RotatedKeysOpenAndOldOnesDoNot) {
  Init();
  ASSERT_EQ(Run({"consent", "grant", "--source", "notes"}).exit_code, 0);
  EXPECT_EQ(Run({"keys", "rotate", "--json"}).Json()["key_provider"], "home-key-file");
  const std::string first = sandbox.Write("first", "a long enough passphrase\n");
  const std::string second = sandbox.Write("second", "another long passphrase\n");
  EXPECT_EQ(
      Run({"keys", "rotate", "--new-passphrase-file", first, "--json"}).Json()["key_provider"],
      "passphrase");
  EXPECT_TRUE(FailsWith(Run({"consent", "list"}), 5));
  EXPECT_TRUE(FailsWith(Run({"keys", "rotate", "--passphrase-file", first}), 2));
  EXPECT_EQ(Run({"keys", "rotate", "--passphrase-file", first, "--new-passphrase-file", second})
                .exit_code,
            0);
  EXPECT_TRUE(FailsWith(Run({"consent", "list", "--passphrase-file", first}), 5));
  const auto list = Run({"consent", "list", "--passphrase-file", second, "--json"}).Json();
  EXPECT_EQ(list["sources"][0]["source"], "notes");
  EXPECT_TRUE(FailsWith(Run({"consent", "list", "--key-provider", "wallet:x"}), 2));
}

TEST_F(HomeCommand, WipeNeedsAYesAndLeavesNothing) {  // D17, H17
  Init();
  EXPECT_TRUE(FailsWith(Run({"wipe"}), 2));
  EXPECT_TRUE(FailsWith(Run({"wipe"}, "yes\n"), 2)) << "a pipe is not the owner";
  EXPECT_EQ(Run({"consent", "list"}).exit_code, 0);
  EXPECT_EQ(Run({"wipe", "--yes", "--json"}).Json()["wiped"], true);
  EXPECT_FALSE(std::filesystem::exists(sandbox.path("home")));
  EXPECT_TRUE(FailsWith(Run({"wipe", "--yes"}), 3));
  Init();
}

TEST_F(HomeCommand, NeverPrintsTheHomesPathInErrors) {
  Init();
  const Finished finished = Run({"adapters", "use", "a-9"});
  EXPECT_EQ(finished.err.find(sandbox.path("home")), std::string::npos) << finished.err;
}

}  // namespace
}  // namespace selvedge::cli_test
