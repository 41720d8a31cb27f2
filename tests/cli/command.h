#pragma once
// Runs the built `selvedge` command as a user's shell would, in an environment of its own.

#include <gtest/gtest.h>
#include <sys/types.h>

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace selvedge::cli_test {

struct Finished {
  int exit_code = -1;  // 128 + n when signal n ended the process
  std::string out;
  std::string err;

  // stdout as one JSON object; a failure of the test and null otherwise.
  nlohmann::json Json() const;
};

// A temporary folder that is removed with its content; also $HOME and $TMPDIR of the commands run
// in it, so that nothing of this machine is seen or touched.
class Sandbox {
 public:
  Sandbox();
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  std::string path(const std::string& name) const { return folder_ + "/" + name; }
  std::string Write(const std::string& name, const std::string& content) const;  // returns the path

  // Runs `selvedge arguments...` to its end.
  Finished Run(const std::vector<std::string>& arguments, const std::string& input = "") const;

  std::map<std::string, std::string> environment;  // added to a minimal one
  std::string stdout_path;                         // where stdout goes instead of Finished::out
  int timeout_s = 120;                             // then the test fails and the command is killed
  // Runs in the command's process before it starts: closes descriptors, sets limits.
  std::function<void()> before_start;

 private:
  std::string folder_;
};

// Starts the command with pipes on stdin and stdout, for conversations and signals.
class Running {
 public:
  Running(const Sandbox& sandbox, const std::vector<std::string>& arguments);
  ~Running();
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

  void Send(const std::string& text);
  std::string ReadLine();  // without the line break; empty after a minute or at the end
  void CloseOutput();      // nobody reads stdout any more
  void CloseInput();
  void Signal(int number) const;
  int Wait();  // exit code as in Finished
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  int input_ = -1;
  int output_ = -1;
};

// Succeeds if `finished` failed with `code`, said so in one line on stderr and wrote no data.
testing::AssertionResult FailsWith(const Finished& finished, int code);

}  // namespace selvedge::cli_test
