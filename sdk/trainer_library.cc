#include "sdk/trainer_library.h"

#include <sys/mman.h>

#include <string>

#include "core/shared_library.h"

namespace selvedge {
namespace {

// Address space that loading LibTorch takes: 900 MiB for the whole process on 2 cores. Below that
// (ulimit -v) OpenBLAS, which comes with it, waits for memory for ever.
constexpr size_t kAddressSpace = size_t{1} << 30;

bool HasAddressSpace() {
  void* const probe =
      mmap(nullptr, kAddressSpace, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return probe != MAP_FAILED && munmap(probe, kAddressSpace) == 0;
}

Result<core::SharedLibrary> LoadTrainer() {
  if (!HasAddressSpace()) {
    return Status(StatusCode::kNoSpace, "address space: below " +
                                            std::to_string(kAddressSpace >> 20) +
                                            " MiB, that much is needed (ulimit -v)");
  }
  return core::SharedLibrary::Load("libselvedge_trainer.so", false);
}

}  // namespace

Result<std::unique_ptr<trainer::Trainer>> MakeTrainer() {
  // Never unloaded: LibTorch leaves threads and thread-local destructors behind.
  static const auto* const library = new Result<core::SharedLibrary>(LoadTrainer());
  if (!library->ok()) {
    return Status(library->status().code(), "trainer: " + library->status().message());
  }
  using Create = trainer::Trainer* (*)();
  const auto create = reinterpret_cast<Create>((*library)->Symbol("selvedge_trainer_create"));
  if (create == nullptr) {
    return IncompatibleError("trainer: libselvedge_trainer.so has no selvedge_trainer_create");
  }
  return std::unique_ptr<trainer::Trainer>(create());
}

}  // namespace selvedge
