#include "trainer/job/trainable.h"

namespace selvedge::trainer {

Status CheckTrainable(const inference::Model& model) {
  if (model.FindWeight("blk.0.attn_q.weight") != nullptr) return OkStatus();
  return IncompatibleError("training: model of architecture '" + model.config().architecture +
                           "': its projections are fused, which generate but do not train");
}

}  // namespace selvedge::trainer
