#pragma once
// Parts of Selvedge that are loaded on first use (the trainer and its LibTorch).

#include <string>

#include <selvedge/status.h>

namespace selvedge::core {

class SharedLibrary {
 public:
  // Loads `file_name` (a bare name, e.g. "libselvedge_trainer.so") from the first of these folders
  // that has it: $SELVEDGE_PLUGIN_DIR, the running program's folder, its parent, and
  // ../lib/selvedge seen from there. `deep_bind` makes the library prefer its own symbols over the
  // program's (ignored under sanitizers, which need theirs first).
  // kNotFound if no folder has it, kUsage for a name with '/', kIncompatible if it cannot be
  // loaded.
  static Result<SharedLibrary> Load(const std::string& file_name, bool deep_bind);

  SharedLibrary(SharedLibrary&& other) noexcept;
  SharedLibrary& operator=(SharedLibrary&& other) noexcept;
  SharedLibrary(const SharedLibrary&) = delete;
  ~SharedLibrary();

  // Address of an exported symbol, null if there is none. Valid while the object lives.
  void* Symbol(const char* name) const;

 private:
  explicit SharedLibrary(void* handle) : handle_(handle) {}
  void* handle_;
};

}  // namespace selvedge::core
