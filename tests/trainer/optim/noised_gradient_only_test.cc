// An un-noised gradient cannot reach the private optimizer: the type says so.

#include <gtest/gtest.h>

#include <type_traits>

#include "trainer/optim/adam.h"

namespace selvedge::trainer {
namespace {

template <typename G>
concept Accepted = requires(const DpAdam adam, G gradient, OptimizerState* state) {
  adam.Step(std::move(gradient), 0.1, state);
};

static_assert(Accepted<privacy::NoisedGradient>);
static_assert(!Accepted<privacy::ClippedSum>);
static_assert(!Accepted<MeanGradient>);
static_assert(!Accepted<std::vector<float>>);
static_assert(!Accepted<std::span<const float>>);
static_assert(!std::is_default_constructible_v<privacy::NoisedGradient>);
static_assert(!std::is_copy_constructible_v<privacy::NoisedGradient>);

TEST(DpAdam, TakesNoisedGradientsOnly) { SUCCEED() << "checked by the compiler above"; }

}  // namespace
}  // namespace selvedge::trainer
