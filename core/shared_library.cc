#include "core/shared_library.h"

#include <dlfcn.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <utility>
#include <vector>

namespace selvedge::core {
namespace {

std::string FolderOf(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos || slash == 0 ? "/" : path.substr(0, slash);
}

std::string ProgramFolder() {
  char path[PATH_MAX];
  const ssize_t n = ::readlink("/proc/self/exe", path, sizeof path);
  if (n <= 0 || n >= static_cast<ssize_t>(sizeof path)) return "";
  return FolderOf(std::string(path, static_cast<size_t>(n)));
}

int OpenFlags(bool deep_bind) {
  int flags = RTLD_NOW | RTLD_LOCAL;
#if defined(RTLD_DEEPBIND) && !defined(SELVEDGE_SANITIZED)
  if (deep_bind) flags |= RTLD_DEEPBIND;
#else
  (void)deep_bind;
#endif
  return flags;
}

// The folder of the program or shared library that holds this code.
std::string OwnFolder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<const void*>(&OpenFlags), &info) == 0 ||
      info.dli_fname == nullptr || info.dli_fname[0] != '/') {
    return "";
  }
  return FolderOf(info.dli_fname);
}

std::vector<std::string> SearchFolders() {
  std::vector<std::string> folders;
  // secure_getenv: a set-uid program must not load what its caller names.
  if (const char* chosen = ::secure_getenv("SELVEDGE_PLUGIN_DIR");
      chosen != nullptr && chosen[0] != '\0') {
    folders.emplace_back(chosen);
  }
  if (const std::string program = ProgramFolder(); !program.empty()) {
    folders.push_back(program);
    folders.push_back(FolderOf(program));
    folders.push_back(FolderOf(program) + "/lib/selvedge");
  }
  if (const std::string own = OwnFolder(); !own.empty()) {
    folders.push_back(own);
    folders.push_back(own + "/selvedge");
  }
  return folders;
}

}  // namespace

Result<SharedLibrary> SharedLibrary::Load(const std::string& file_name, bool deep_bind) {
  if (file_name.empty() || file_name.find('/') != std::string::npos) {
    return UsageError("shared library: a bare file name is needed");
  }
  for (const std::string& folder : SearchFolders()) {
    const std::string path = folder + "/" + file_name;
    if (::access(path.c_str(), R_OK) != 0) continue;
    void* handle = ::dlopen(path.c_str(), OpenFlags(deep_bind));
    if (handle != nullptr) return SharedLibrary(handle);
    std::string reason = ::dlerror();
    // dlerror starts with the file's path, which may lie in a home.
    if (const size_t at = reason.find(folder); at != std::string::npos) {
      reason.erase(at, folder.size() + 1);
    }
    return IncompatibleError("shared library: '" + file_name + "': cannot be loaded: " + reason);
  }
  // The program's run path and the system's folders.
  if (void* handle = ::dlopen(file_name.c_str(), OpenFlags(deep_bind)); handle != nullptr) {
    return SharedLibrary(handle);
  }
  return NotFoundError("shared library: '" + file_name +
                       "': not beside the program or libselvedge.so, in their lib/selvedge or in "
                       "SELVEDGE_PLUGIN_DIR");
}

SharedLibrary::SharedLibrary(SharedLibrary&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)) {}

SharedLibrary& SharedLibrary::operator=(SharedLibrary&& other) noexcept {
  if (this != &other) {
    if (handle_ != nullptr) ::dlclose(handle_);
    handle_ = std::exchange(other.handle_, nullptr);
  }
  return *this;
}

SharedLibrary::~SharedLibrary() {
  if (handle_ != nullptr) ::dlclose(handle_);
}

void* SharedLibrary::Symbol(const char* name) const {
  return handle_ == nullptr ? nullptr : ::dlsym(handle_, name);
}

}  // namespace selvedge::core
