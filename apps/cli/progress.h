#pragma once
// Progress of long work on stderr: a bar that redraws itself on a terminal, plain lines elsewhere.

#include <chrono>
#include <cstdint>
#include <string>

namespace selvedge::cli {

class Progress {
 public:
  // `label` starts each line; quiet prints nothing.
  Progress(std::string label, bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `done` of `total` (0 = unknown); `detail` is appended, e.g. "loss 3.21".
  void Update(int64_t done, int64_t total, const std::string& detail);
  // Ends the bar's line. Done by the destructor too.
  void Finish();

 private:
  std::string Line(int64_t done, int64_t total, const std::string& detail) const;

  std::string label_;
  bool enabled_;
  bool terminal_;
  bool open_line_ = false;
  std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
};

}  // namespace selvedge::cli
