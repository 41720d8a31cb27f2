#pragma once
// Frozen A's from what the layers see.

#include <functional>
#include <vector>

#include "trainer/run/gradient_pass.h"

namespace selvedge::trainer {

// Frozen A (FFA-LoRA): the rows are an orthonormal basis of the leading principal directions (not
// centred) of the layer's inputs on `text`, which must be public: it then costs no privacy. There
// an update of given size changes the layer's output most, so the fewest numbers carry it through
// the noise. Found by subspace iteration, one forward pass over the text for each; `text` are
// sequences of ids in which every token but the first counts. Empty if `should_stop` said so.
// Source: Halko et al. 2011 (arXiv 0909.4061), algorithm 4.4.
//
// With rank 1 the head has one number for each token of the vocabulary, and the best it can say is
// how much more often the person writes it. Its row is then the direction in which all inputs are
// alike, a x = const by ridge regression, as long as their mean: B is a bias of the logits.
std::vector<float> InputBasis(const LoraLayout& layout,
                              const std::vector<std::vector<int32_t>>& text, uint64_t seed,
                              const std::function<bool()>& should_stop, GradientPass& pass);

}  // namespace selvedge::trainer
