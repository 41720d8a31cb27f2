#include "apps/demo/samples.h"

#include <cstddef>

extern "C" const char selvedge_demo_train_begin[];
extern "C" const char selvedge_demo_train_end[];
extern "C" const char selvedge_demo_heldout_begin[];
extern "C" const char selvedge_demo_heldout_end[];

namespace selvedge::demo {

std::string_view TrainSamples() {
  return {selvedge_demo_train_begin,
          static_cast<size_t>(selvedge_demo_train_end - selvedge_demo_train_begin)};
}

std::string_view HeldoutSamples() {
  return {selvedge_demo_heldout_begin,
          static_cast<size_t>(selvedge_demo_heldout_end - selvedge_demo_heldout_begin)};
}

}  // namespace selvedge::demo
