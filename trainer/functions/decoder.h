#pragma once
// The decoder of every trainable family on the autograd tape.

#include "trainer/functions/tape.h"

namespace selvedge::trainer {

// Forward and backward of tape.batch: adds every group's gradient of its summed label losses to
// tape.slot_gradients and writes tape.label_losses. Throws what LibTorch throws; the caller at the
// library's edge translates.
void ForwardBackward(Tape& tape);

// The forward pass alone: writes tape.label_losses.
void ForwardOnly(Tape& tape);

}  // namespace selvedge::trainer
