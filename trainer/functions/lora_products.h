#pragma once
// The adapter's part of a linear layer, forward and backward: plain products without a tape.
//
// One product per segment: its shape, and so its order of additions, must not depend on what else
// is in the micro-batch.

#include <span>

#include "trainer/functions/tape.h"

namespace selvedge::trainer {

// h = x A^T and y += scale h B^T of every segment; x [M, in], h [M, r], y [M, out].
void AddLora(const LoraTarget& target, std::span<const Segment> segments, const float* x, float* h,
             float* y, Tape& tape);

// What the backward pass of one target reads and writes; M rows each.
struct LoraRows {
  const float* x;  // null if A is frozen
  const float* h;
  const float* dy;
  float* dx;  // null if the input needs no gradient
};

// With u = scale dy B: dx += u A, and dB += scale dy^T h and dA += u^T x in the gradient of the
// slot that a segment belongs to. `slots` are those of the tape's batch with their segments among
// `segments`.
void AddLoraGradients(const LoraTarget& target, std::span<const Segment> segments,
                      std::span<const Slot> slots, const LoraRows& rows, Tape& tape);

}  // namespace selvedge::trainer
