#pragma once
// Dropout of what an adapter sees (Hu et al. 2021, arXiv 2106.09685, section 4; PEFT's
// lora_dropout): the base's own product always gets the whole input.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "trainer/lora/layout.h"
#include "trainer/packing/micro_batch.h"

namespace selvedge::trainer {

// out = in [rows of the segment, target.in] with about `layout.dropout()` of the values zero and
// the rest divided by 1 - dropout. Which are zero follows from the seed, the target and the
// sequence alone: it is the same in the forward and the backward pass, in a layer that is run
// again, and in every packing. The map is linear and its own transpose, so gradients take it too.
void Drop(const LoraLayout& layout, const LoraTarget& target, uint64_t seed, const Segment& segment,
          const float* in, std::vector<float>* out);

}  // namespace selvedge::trainer
