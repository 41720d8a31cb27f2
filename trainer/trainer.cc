#include "trainer/trainer.h"

#include <ATen/Parallel.h>
#include <c10/util/Exception.h>

#include <new>

#include "core/memory.h"
#include "trainer/run/training_run.h"

namespace selvedge::trainer {
namespace {

class LibTorchTrainer final : public Trainer {
 public:
  Status Check(const inference::Model& model, const std::vector<Group>& groups,
               const Config& config) override {
    try {
      return CheckTraining(model, groups, config);
    } catch (const std::exception& error) {
      return InternalError(std::string("training: ") + error.what());
    }
  }

  // The edge of the files that call LibTorch: nothing is thrown past it.
  Result<Outcome> Run(std::shared_ptr<const inference::Model> model,
                      const std::vector<Group>& groups, const Config& config,
                      const std::vector<uint8_t>& checkpoint, Host& host) override {
    if (model == nullptr) return UsageError("training: no model given");
    try {
      // All heavy work runs on our own pool, whose idle threads sleep. ATen keeps to the calling
      // thread, because OpenMP's workers spin after each small addition and take the pool's cores.
      at::set_num_threads(1);
      core::DropLibraryPages();
      return RunTraining(*model, groups, config, checkpoint, host);
    } catch (const std::bad_alloc&) {
      return LimitError("training: out of memory; set a memory limit to use smaller micro-batches");
    } catch (const c10::Error& error) {
      return InternalError(std::string("training: LibTorch: ") + error.what_without_backtrace());
    } catch (const std::exception& error) {
      return InternalError(std::string("training: ") + error.what());
    }
  }
};

}  // namespace
}  // namespace selvedge::trainer

extern "C" __attribute__((visibility("default"))) selvedge::trainer::Trainer*
selvedge_trainer_create() {
  return new (std::nothrow) selvedge::trainer::LibTorchTrainer();
}
