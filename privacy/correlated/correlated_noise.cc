#include "privacy/correlated/correlated_noise.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace selvedge::privacy {
namespace {

// Binary digits of a buffer behind the point, so that its rounding is small beside that of w.
constexpr int kBufferBits = 16;
constexpr int64_t kMost = int64_t{1} << 62;

using Int128 = __int128;

bool Within(Int128 value, int64_t most) { return value < most && value > -most; }

}  // namespace

CorrelatedNoise::CorrelatedNoise(const Blt& blt, uint64_t parameters)
    : blt_(blt), parameters_(parameters), state_(blt.buffers() * parameters, 0) {}

Result<double> CorrelatedNoise::Correlate(int64_t step, std::span<int64_t> noise) {
  if (noise.size() != parameters_) return InternalError("correlated noise: length: is not P");
  if (step != step_) {
    return InternalError("correlated noise: step: got " + std::to_string(step) + ", the next is " +
                         std::to_string(step_));
  }
  const size_t buffers = blt_.buffers();
  const std::span<const uint32_t> theta = blt_.theta_units();
  const std::span<const uint64_t> omega = blt_.omega_units();
  constexpr int64_t kMostNoise = kMost >> kBufferBits;
  bool fits = true;
  for (size_t i = 0; i < noise.size(); ++i) {
    Int128 past = 0;  // below 4 * 2^62 * 2^32
    for (size_t j = 0; j < buffers; ++j) {
      past += static_cast<Int128>(omega[j]) * state_[j * noise.size() + i];
    }
    // >> of a negative number is its floor (C++20).
    const Int128 w = noise[i] - (past >> (Blt::kFractionBits + kBufferBits));
    fits = fits && Within(w, kMostNoise);
    if (!fits) break;
    noise[i] = static_cast<int64_t>(w);
    for (size_t j = 0; j < buffers; ++j) {
      int64_t& buffer = state_[j * noise.size() + i];
      const Int128 next =
          ((static_cast<Int128>(theta[j]) * buffer) >> Blt::kFractionBits) + (w << kBufferBits);
      fits = fits && Within(next, kMost);
      buffer = static_cast<int64_t>(next);
    }
  }
  if (!fits) return InternalError("correlated noise: a number left its 62 bits");
  ++step_;
  double squared = 0;
  for (const double d : blt_.InverseCoefficients(step_)) squared += d * d;
  return std::sqrt(squared);
}

void CorrelatedNoise::SkipTo(int64_t step) {
  for (; step_ < step; ++step_) {
    for (size_t k = 0; k < state_.size(); ++k) {
      const Int128 decay = blt_.theta_units()[k / parameters_];
      state_[k] = static_cast<int64_t>((decay * state_[k]) >> Blt::kFractionBits);
    }
  }
}

Status CorrelatedNoise::Restore(int64_t step, std::span<const int64_t> state) {
  if (state.size() != state_.size()) {
    return FormatError("correlated noise: state: got " + std::to_string(state.size()) +
                       " numbers, must be " + std::to_string(state_.size()));
  }
  for (const int64_t value : state) {
    if (!Within(value, kMost)) return FormatError("correlated noise: state: a number is too large");
  }
  std::copy(state.begin(), state.end(), state_.begin());
  step_ = step;
  return OkStatus();
}

double CorrelatedNoise::RoundingPerStep(const Blt& blt, int64_t steps) {
  double sum = 0;
  for (const double c : blt.Coefficients(steps)) sum += c;
  return 1 + sum / (1 << kBufferBits);
}

}  // namespace selvedge::privacy
