#pragma once
// A temporary folder for a home that is removed with everything in it.

#include <memory>
#include <string>

#include <selvedge/status.h>

namespace selvedge::cli {

class ScratchHome {
 public:
  // A new folder of mode 0700 below $TMPDIR (else /tmp). kIo.
  static Result<std::unique_ptr<ScratchHome>> Create();
  ~ScratchHome();
  ScratchHome(const ScratchHome&) = delete;
  ScratchHome& operator=(const ScratchHome&) = delete;

  // Where the home goes; does not exist yet.
  std::string path() const { return folder_ + "/home"; }

 private:
  explicit ScratchHome(std::string folder);
  std::string folder_;
};

}  // namespace selvedge::cli
