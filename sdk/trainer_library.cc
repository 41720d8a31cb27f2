#include "sdk/trainer_library.h"

#include "core/shared_library.h"

namespace selvedge {

Result<std::unique_ptr<trainer::Trainer>> MakeTrainer() {
  // Never unloaded: LibTorch leaves threads and thread-local destructors behind.
  static const auto* const library =
      new Result<core::SharedLibrary>(core::SharedLibrary::Load("libselvedge_trainer.so", false));
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
