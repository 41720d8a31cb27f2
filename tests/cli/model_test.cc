// Model and adapter files that are not what they should be; A and B numbers as in the list of
// faults.

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

Finished InfoOf(const Sandbox& sandbox, const std::string& file) {
  return sandbox.Run({"model", "info", file});
}

TEST(ModelFile, TooShortIsMalformed) {  // A01
  const Sandbox sandbox;
  for (const size_t size : {0, 1, 3, 7, 23}) {
    const std::string file =
        sandbox.Write("m.gguf", std::string("GGUF\3\0\0\0", 8).append(15, '\0').substr(0, size));
    EXPECT_TRUE(FailsWith(InfoOf(sandbox, file), 4)) << size;
  }
}

TEST(ModelFile, OtherKindsOfFilesAreNamed) {  // A02
  const Sandbox sandbox;
  const std::string pad(100, ' ');
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"PK\3\4" + pad, ""},
      {"\x89PNG\r\n" + pad, ""},
      {"<!DOCTYPE html><html>" + pad, "HTML"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "LFS"}};
  for (const auto& [content, named] : kinds) {
    const Finished finished = InfoOf(sandbox, sandbox.Write("m.gguf", content));
    EXPECT_TRUE(FailsWith(finished, 4));
    EXPECT_NE(finished.err.find(named), std::string::npos) << finished.err;
  }
}

TEST(ModelFile, OtherVersionsAreNamed) {  // A03
  const Sandbox sandbox;
  const std::vector<std::pair<std::string, std::string>> versions = {
      {std::string("\0\0\0\0", 4), "0"},
      {std::string("\1\0\0\0", 4), "1"},
      {std::string("\4\0\0\0", 4), "4"},
      {std::string("\0\0\0\3", 4), "50331648"}};
  for (const auto& [bytes, number] : versions) {
    const Finished finished =
        InfoOf(sandbox, sandbox.Write("m.gguf", "GGUF" + bytes + std::string(100, '\0')));
    EXPECT_TRUE(FailsWith(finished, 4));
    EXPECT_NE(finished.err.find(number), std::string::npos) << finished.err;
  }
}

TEST(ModelFile, OnlyRegularFilesAreOpened) {  // A24
  const Sandbox sandbox;
  ASSERT_EQ(mkfifo(sandbox.path("fifo").c_str(), 0600), 0);
  std::filesystem::create_symlink("/dev/zero", sandbox.path("link"));
  for (const std::string& path :
       {sandbox.path("fifo"), sandbox.path(""), sandbox.path("link"), std::string("/dev/zero")}) {
    EXPECT_TRUE(FailsWith(InfoOf(sandbox, path), 4)) << path;
  }
  EXPECT_TRUE(FailsWith(InfoOf(sandbox, sandbox.path("absent")), 3));
  const std::string unreadable = sandbox.Write("unreadable", "GGUF");
  ASSERT_EQ(chmod(unreadable.c_str(), 0), 0);
  const int code = geteuid() == 0 ? 4 : 8;  // root reads it all the same
  EXPECT_TRUE(FailsWith(InfoOf(sandbox, unreadable), code));
}

TEST(ModelFile, SymbolicLinksToModelsWork) {  // A24
  const Sandbox sandbox;
  std::filesystem::create_symlink(SELVEDGE_SOURCE_DIR "/models/default/selvedge-default.gguf",
                                  sandbox.path("m.gguf"));
  EXPECT_EQ(InfoOf(sandbox, sandbox.path("m.gguf")).exit_code, 0);
}

TEST(Lora, PicklesAreRefusedByName) {  // B13
  const Sandbox sandbox;
  const std::string file = sandbox.Write("adapter_model.bin", "\x80\x02}q\x01.");
  const Finished finished = sandbox.Run({"generate", "-p", "a", "-n", "1", "--lora", file});
  EXPECT_TRUE(FailsWith(finished, 4));
  EXPECT_NE(finished.err.find("pickle"), std::string::npos) << finished.err;
}

TEST(Lora, AbsentFilesAreNotFound) {
  const Sandbox sandbox;
  EXPECT_TRUE(FailsWith(
      sandbox.Run({"generate", "-p", "a", "-n", "1", "--lora", sandbox.path("absent.gguf")}), 3));
}

TEST(Model, TellsWhatTheEmbeddedModelIs) {
  const Sandbox sandbox;
  const auto info = sandbox.Run({"model", "info", "--json"}).Json();
  EXPECT_EQ(info["path"], "embedded:default");
  EXPECT_EQ(info["arch"], "llama");
  EXPECT_EQ(info["sha256"].get<std::string>().size(), 64u);
  int64_t typed = 0;
  for (const auto& [type, count] : info["types"].items()) typed += count.get<int64_t>();
  EXPECT_EQ(typed, info["tensors"]);
  EXPECT_LE(info["bytes_read_per_token"], info["file_bytes"]);
}

TEST(Model, VerifiesADigest) {
  const Sandbox sandbox;
  const auto report = sandbox.Run({"model", "verify", "--json"}).Json();
  EXPECT_EQ(report["ok"], true);
  EXPECT_EQ(sandbox.Run({"model", "verify", "--sha256", report["sha256"]}).exit_code, 0);
  EXPECT_TRUE(FailsWith(sandbox.Run({"model", "verify", "--sha256", std::string(64, '0')}), 5));
}

TEST(Model, TokenizesTextAndFileAlike) {
  const Sandbox sandbox;
  const std::string text = "h\u00e9llo w\u00f6rld \U0001F41D";
  const auto direct = sandbox.Run({"model", "tokenize", text, "--json"}).Json();
  const auto file =
      sandbox.Run({"model", "tokenize", "--file", sandbox.Write("t", text), "--json"}).Json();
  EXPECT_GT(direct["ids"].size(), 0u);
  EXPECT_EQ(direct, file);
}

TEST(Model, GivesLogitsOfTheLastOrOfAllTokens) {
  const Sandbox sandbox;
  const auto info = sandbox.Run({"model", "info", "--json"}).Json();
  const size_t vocab = info["vocab_size"];
  const auto last = sandbox.Run({"model", "logits", "--ids", "1,5,9", "--json"}).Json()["logits"];
  const auto all =
      sandbox.Run({"model", "logits", "--ids", "1,5,9", "--all", "--json"}).Json()["logits"];
  ASSERT_EQ(last.size(), vocab);
  ASSERT_EQ(all.size(), 3 * vocab);
  EXPECT_NEAR(last[7].get<float>(), all[2 * vocab + 7].get<float>(), 1e-3);
  EXPECT_TRUE(FailsWith(sandbox.Run({"model", "logits", "--ids", "1,99999999"}), 2));
}

TEST(ModelQuantize, RefusesWhatItCannotDo) {
  const Sandbox sandbox;
  const std::string in = sandbox.Write("in.gguf", "GGUF");
  const std::string out = sandbox.path("out.gguf");
  EXPECT_TRUE(FailsWith(sandbox.Run({"model", "quantize", "--type", "q9_9", in, out}), 2));
  EXPECT_TRUE(FailsWith(sandbox.Run({"model", "quantize", in, in}), 2));
  EXPECT_TRUE(FailsWith(sandbox.Run({"model", "quantize", in}), 2));
  EXPECT_TRUE(FailsWith(sandbox.Run({"model", "quantize", in, out}), 4));
  EXPECT_TRUE(FailsWith(sandbox.Run({"model", "quantize", sandbox.path("none"), out}), 3));
}

}  // namespace
}  // namespace selvedge::cli_test
