#include "tests/cli/command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

namespace selvedge::cli_test {
namespace {

std::vector<std::string> EnvironmentOf(const Sandbox& sandbox) {
  std::map<std::string, std::string> all = {
      {"HOME", sandbox.path("")}, {"TMPDIR", sandbox.path("")}, {"PATH", "/usr/bin:/bin"}};
  for (const char* kept : {"ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS", "SELVEDGE_FORCE_ISA"}) {
    if (const char* value = getenv(kept)) all[kept] = value;
  }
  for (const auto& [name, value] : sandbox.environment) all[name] = value;
  std::vector<std::string> lines;
  for (const auto& [name, value] : all) lines.push_back(name + "=" + value);
  return lines;
}

// Replaces the (forked) process by the command.
[[noreturn]] void Become(const Sandbox& sandbox, const std::vector<std::string>& arguments) {
  std::vector<std::string> words = {"selvedge"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment = EnvironmentOf(sandbox);
  std::vector<char*> argv, envp;
  for (std::string& word : words) argv.push_back(word.data());
  for (std::string& line : environment) envp.push_back(line.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  close_range(STDERR_FILENO + 1, ~0U, 0);  // nothing of ours or of whoever runs the tests
  if (sandbox.before_start) sandbox.before_start();
  execve(SELVEDGE_COMMAND, argv.data(), envp.data());
  _exit(127);
}

std::string ReadAll(int fd) {
  lseek(fd, 0, SEEK_SET);
  std::string data;
  char buffer[4096];
  for (ssize_t n; (n = read(fd, buffer, sizeof buffer)) > 0;) {
    data.append(buffer, static_cast<size_t>(n));
  }
  return data;
}

int CodeOf(int state) { return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state); }

int WaitFor(pid_t pid, int timeout_s) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(timeout_s);
  int state = 0;
  while (waitpid(pid, &state, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > end) {
      ADD_FAILURE() << "the command did not end in time";
      kill(pid, SIGKILL);
      waitpid(pid, &state, 0);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return CodeOf(state);
}

}  // namespace

nlohmann::json Finished::Json() const {
  auto object = nlohmann::json::parse(out, nullptr, false);
  EXPECT_TRUE(object.is_object()) << "stdout: " << out << "\nstderr: " << err;
  return object.is_object() ? object : nlohmann::json();
}

Sandbox::Sandbox() {
  std::string folder = testing::TempDir() + "selvedge-cli-XXXXXX";
  EXPECT_NE(mkdtemp(folder.data()), nullptr);
  folder_ = folder;
}

Sandbox::~Sandbox() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

std::string Sandbox::Write(const std::string& name, const std::string& content) const {
  std::ofstream(path(name), std::ios::binary) << content;
  return path(name);
}

Finished Sandbox::Run(const std::vector<std::string>& arguments, const std::string& input) const {
  const int in = memfd_create("stdin", MFD_CLOEXEC);
  const int out = stdout_path.empty() ? memfd_create("stdout", MFD_CLOEXEC)
                                      : open(stdout_path.c_str(), O_WRONLY | O_CLOEXEC);
  const int err = memfd_create("stderr", MFD_CLOEXEC);
  EXPECT_EQ(write(in, input.data(), input.size()), static_cast<ssize_t>(input.size()));
  lseek(in, 0, SEEK_SET);
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    Become(*this, arguments);
  }
  Finished finished;
  finished.exit_code = WaitFor(pid, timeout_s);
  if (stdout_path.empty()) finished.out = ReadAll(out);
  finished.err = ReadAll(err);
  close(in);
  close(out);
  close(err);
  return finished;
}

Running::Running(const Sandbox& sandbox, const std::vector<std::string>& arguments) {
  int in[2], out[2];
  EXPECT_EQ(pipe2(in, O_CLOEXEC), 0);
  EXPECT_EQ(pipe2(out, O_CLOEXEC), 0);
  pid_ = fork();
  if (pid_ == 0) {
    dup2(in[0], STDIN_FILENO);
    dup2(out[1], STDOUT_FILENO);
    Become(sandbox, arguments);
  }
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
}

Running::~Running() {
  CloseInput();
  CloseOutput();
  if (pid_ > 0) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
}

void Running::Send(const std::string& text) {
  EXPECT_EQ(write(input_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

std::string Running::ReadLine() {
  std::string line;
  for (char c;;) {
    pollfd waiting{output_, POLLIN, 0};
    if (poll(&waiting, 1, 60'000) <= 0 || read(output_, &c, 1) != 1 || c == '\n') return line;
    line.push_back(c);
  }
}

void Running::CloseOutput() {
  if (output_ >= 0) close(output_);
  output_ = -1;
}

void Running::CloseInput() {
  if (input_ >= 0) close(input_);
  input_ = -1;
}

void Running::Signal(int number) const { kill(pid_, number); }

int Running::Wait() {
  const int code = WaitFor(pid_, 120);
  pid_ = -1;
  return code;
}

testing::AssertionResult FailsWith(const Finished& finished, int code) {
  const auto describe = [&](const char* what) {
    return testing::AssertionFailure()
           << what << "; exit code " << finished.exit_code << ", stderr: " << finished.err
           << ", stdout: " << finished.out;
  };
  if (finished.exit_code != code) return describe("another exit code");
  if (!finished.err.starts_with("selvedge: ")) return describe("no message");
  if (finished.err.find('\n') != finished.err.size() - 1) return describe("not one line");
  if (!finished.out.empty()) return describe("data on stdout");
  return testing::AssertionSuccess();
}

}  // namespace selvedge::cli_test
