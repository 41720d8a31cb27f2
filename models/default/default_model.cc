#include "models/default/default_model.h"

extern "C" const uint8_t selvedge_default_model_begin[];
extern "C" const uint8_t selvedge_default_model_end[];

namespace selvedge {

std::span<const uint8_t> DefaultModelBytes() {
  return {selvedge_default_model_begin, selvedge_default_model_end};
}

}  // namespace selvedge
