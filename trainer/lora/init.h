#pragma once
// Where training starts: B is zero, so the adapted model is the base. A depends on the mode.

#include <cstdint>
#include <vector>

#include "core/thread_pool.h"
#include "trainer/lora/layout.h"

namespace selvedge::trainer {

// Rows of A [r, in], orthonormal, with the span of the rows of `m` [r, in]; row-major.
void Orthonormalize(size_t r, size_t in, float* m);

// The A's of a layout that trains none, as they lie in the frozen vector: random orthonormal rows.
std::vector<float> RandomBasis(const LoraLayout& layout, uint64_t seed);

// Frozen A (FFA-LoRA): the rows are an orthonormal basis of the r-dimensional space that W
// amplifies most (its leading right-singular vectors), found by subspace iteration on the mapped
// bytes. W is public, so this costs no privacy; with orthonormal rows the noise on B reaches
// the weights unamplified.
// Source: Sun et al. 2024 (arXiv 2403.12313) for the frozen A; Halko et al. 2011, algorithm 4.4.
std::vector<float> WeightBasis(const LoraLayout& layout, uint64_t seed, core::ThreadPool& pool);

// The trained vector at the start: zeros, and where A is trained uniform in +-1/sqrt(in) (PEFT's
// kaiming_uniform_ with a = sqrt(5)).
std::vector<float> InitialWeights(const LoraLayout& layout, uint64_t seed);

}  // namespace selvedge::trainer
