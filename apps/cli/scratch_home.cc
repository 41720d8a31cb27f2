#include "apps/cli/scratch_home.h"

#include <errno.h>
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

namespace selvedge::cli {

Result<std::unique_ptr<ScratchHome>> ScratchHome::Create() {
  const char* temporary = std::getenv("TMPDIR");
  std::string folder = temporary != nullptr && *temporary != '\0' ? temporary : "/tmp";
  folder += "/selvedge-XXXXXX";
  if (mkdtemp(folder.data()) == nullptr) {
    return IoError(std::string("temporary folder: cannot be made: ") + strerror(errno));
  }
  return std::unique_ptr<ScratchHome>(new ScratchHome(std::move(folder)));
}

ScratchHome::ScratchHome(std::string folder) : folder_(std::move(folder)) {}

ScratchHome::~ScratchHome() {
  std::error_code ignored;  // nothing can be done about a folder that does not go away
  std::filesystem::remove_all(folder_, ignored);
}

}  // namespace selvedge::cli
