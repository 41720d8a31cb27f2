#include "privacy/accounting/pld.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <limits>
#include <vector>

#include <unsupported/Eigen/FFT>

#include "privacy/accounting/pld_grid.h"

namespace selvedge::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kMostReleases = 1e8;
constexpr double kMostPoints = 1 << 20;  // of a window; the grid is made coarser beyond
constexpr double kFinePoints = 1 << 16;  // that a window may have without being asked for

struct Component {
  double q;
  double sigma;
  double count;  // releases
};

struct Window {
  double low = 0;
  double high = 0;
  double width() const { return high - low; }
};

// Losses of one direction, one entry per component.
using Losses = std::vector<LossMasses>;

// Full-batch releases become one Gaussian release with 1/sigma^2 = sum of steps / sigma_i^2.
std::vector<Component> Merge(std::span<const MechanismEvent> events) {
  std::vector<Component> merged;
  double full_batch = 0;
  for (const MechanismEvent& event : events) {
    const double q = event.sampling_rate;
    const double sigma = event.noise_multiplier;
    const auto count = static_cast<double>(event.steps);
    if (q <= 0) continue;
    if (q >= 1) {
      full_batch += count / (sigma * sigma);
      continue;
    }
    const auto same = std::find_if(merged.begin(), merged.end(), [&](const Component& c) {
      return c.q == q && c.sigma == sigma;
    });
    if (same == merged.end()) {
      merged.push_back({q, sigma, count});
    } else {
      same->count += count;
    }
  }
  if (full_batch > 0) merged.push_back({1, 1 / std::sqrt(full_batch), 1});
  std::sort(merged.begin(), merged.end(), [](const Component& a, const Component& b) {
    return a.q != b.q ? a.q < b.q : a.sigma < b.sigma;
  });
  return merged;
}

// ln sum_i mass_i exp(sign lambda loss_i) for eight lambdas at once, by Horner's rule with factors
// at most 1.
using Lambdas = std::array<double, 8>;
Lambdas LogMoments(const LossMasses& losses, const Lambdas& lambda, int sign) {
  Lambdas ratio;
  Lambdas sum{};
  for (size_t k = 0; k < lambda.size(); ++k) ratio[k] = std::exp(-lambda[k] * losses.step);
  const size_t n = losses.mass.size();
  for (size_t i = 0; i < n; ++i) {
    const double mass = losses.mass[sign > 0 ? i : n - 1 - i];
    for (size_t k = 0; k < lambda.size(); ++k) sum[k] = sum[k] * ratio[k] + mass;
  }
  const int64_t last = sign > 0 ? losses.lowest + static_cast<int64_t>(n) - 1 : losses.lowest;
  Lambdas out;
  for (size_t k = 0; k < lambda.size(); ++k) {
    out[k] = std::log(sum[k]) + sign * lambda[k] * static_cast<double>(last) * losses.step;
  }
  return out;
}

// An interval outside which the composed loss has mass at most `tail` on either side (Chernoff).
Window ComposedWindow(const Losses& losses, const std::vector<Component>& parts, double scale,
                      double tail) {
  Window window{0, 0};
  for (size_t j = 0; j < parts.size(); ++j) {
    const double low = static_cast<double>(losses[j].lowest) * losses[j].step;
    window.low += parts[j].count * low;
    window.high +=
        parts[j].count * (low + static_cast<double>(losses[j].mass.size() - 1) * losses[j].step);
  }
  double next = 0.5 / scale;
  for (int pass = 0; pass < 3; ++pass) {
    Lambdas lambda;
    for (double& value : lambda) {
      value = next;
      next *= 1.35;
    }
    Lambdas up{};
    Lambdas down{};
    for (size_t j = 0; j < parts.size(); ++j) {
      const Lambdas above = LogMoments(losses[j], lambda, 1);
      const Lambdas below = LogMoments(losses[j], lambda, -1);
      for (size_t k = 0; k < lambda.size(); ++k) {
        up[k] += parts[j].count * above[k];
        down[k] += parts[j].count * below[k];
      }
    }
    for (size_t k = 0; k < lambda.size(); ++k) {
      window.high = std::min(window.high, (up[k] - std::log(tail)) / lambda[k]);
      window.low = std::max(window.low, -(down[k] - std::log(tail)) / lambda[k]);
    }
  }
  window.high = std::max(window.high, window.low);
  return window;
}

// Smallest size >= n of the form {1, 3, 5, 9, 15} 2^k, a multiple of 4: fast for the library.
size_t FastSize(size_t n) {
  size_t best = std::numeric_limits<size_t>::max();
  for (const size_t odd : {1, 3, 5, 9, 15}) {
    size_t size = odd * 4;
    while (size < n) size *= 2;
    best = std::min(best, size);
  }
  return best;
}

// z^count by polar form; count is a whole number.
std::complex<double> Power(std::complex<double> z, double count) {
  if (count == 1) return z;
  const double norm = std::norm(z);
  if (norm == 0) return 0;
  return std::polar(std::exp(0.5 * count * std::log(norm)), count * std::arg(z));
}

// Distribution of the sum of all releases' losses, modulo the window's width.
LossMasses Compose(const Losses& losses, const std::vector<Component>& parts,
                   const Window& window) {
  const double step = losses[0].step;
  const auto first = static_cast<int64_t>(std::floor(window.low / step));
  const auto last = static_cast<int64_t>(std::ceil(window.high / step));
  const size_t n = FastSize(static_cast<size_t>(last - first + 1));
  Eigen::FFT<double> fft;
  fft.SetFlag(Eigen::FFT<double>::HalfSpectrum);
  std::vector<std::complex<double>> product(n / 2 + 1, 1.0);
  std::vector<std::complex<double>> spectrum;
  std::vector<double> folded(n);
  int64_t offset = 0;  // grid index of the sum's lowest loss
  for (size_t j = 0; j < parts.size(); ++j) {
    std::fill(folded.begin(), folded.end(), 0.0);
    for (size_t i = 0; i < losses[j].mass.size(); ++i) folded[i % n] += losses[j].mass[i];
    fft.fwd(spectrum, folded);
    for (size_t k = 0; k < product.size(); ++k) product[k] *= Power(spectrum[k], parts[j].count);
    offset += static_cast<int64_t>(parts[j].count) * losses[j].lowest;
  }
  fft.inv(folded, product, static_cast<Eigen::Index>(n));

  LossMasses sum{step, first, std::vector<double>(n), 0};
  const auto size = static_cast<int64_t>(n);
  const int64_t shift = ((first - offset) % size + size) % size;
  for (size_t i = 0; i < n; ++i) {
    // Negative cells are round-off; raising them to zero only raises delta.
    sum.mass[i] = std::max(0.0, folded[(i + static_cast<size_t>(shift)) % n]);
  }
  return sum;
}

// Smallest epsilon >= 0 with infinite + sum_{loss > eps} mass (1 - e^(eps - loss)) <= delta.
double EpsilonAt(const LossMasses& losses, double delta) {
  if (losses.infinite >= delta) return kInfinity;
  double upper = losses.infinite;  // mass at losses >= the current point
  double discounted = 0;           // the same (without infinite), each times e^(point - loss)
  const double decay = std::exp(-losses.step);
  for (size_t i = losses.mass.size(); i-- > 0;) {
    upper += losses.mass[i];
    discounted = discounted * decay + losses.mass[i];
    const double point = static_cast<double>(losses.lowest + static_cast<int64_t>(i)) * losses.step;
    if (point <= 0) return 0;  // the turn before found delta(0) <= delta
    // delta(point - step), using the losses from `point` up only.
    if (upper - discounted * decay > delta) {
      return std::max(0.0, point + std::log((upper - delta) / discounted));
    }
  }
  // Below the lowest loss, all of the distribution counts.
  const double lowest = static_cast<double>(losses.lowest) * losses.step;
  return upper > delta ? std::max(0.0, lowest + std::log((upper - delta) / discounted)) : 0;
}

// Epsilon of one direction.
double DirectionEpsilon(const Losses& losses, const std::vector<Component>& parts,
                        const Window& window, double tail, double delta) {
  double releases = 0;
  double log_finite = 0;  // ln of the probability that no release has an infinite loss
  for (size_t j = 0; j < parts.size(); ++j) {
    releases += parts[j].count;
    log_finite += parts[j].count * std::log1p(-losses[j].infinite);
  }
  if (releases == 1) return EpsilonAt(losses[0], delta);
  LossMasses sum = Compose(losses, parts, window);
  // What lies above the window has come back at its lower end and is counted as infinite instead.
  // The last term covers the FFT's round-off, whose relative size grows with log2 n and, through
  // the power, with the number of releases.
  sum.infinite = -std::expm1(log_finite) + tail +
                 (releases + 1) * 1.2e-16 * std::log2(static_cast<double>(sum.mass.size()));
  return EpsilonAt(sum, delta);
}

}  // namespace

double PldEpsilon(std::span<const MechanismEvent> events, double delta) {
  const std::vector<Component> parts = Merge(events);
  if (parts.empty()) return 0;
  double releases = 0;
  double variance = 0;  // of the composed loss, roughly
  for (const Component& part : parts) {
    releases += part.count;
    variance +=
        part.count * part.q * part.q * std::expm1(std::min(1.0, 1 / (part.sigma * part.sigma)));
  }
  if (releases > kMostReleases) return kInfinity;
  const double tail = delta * 1e-7;           // of the composition, per direction
  const double each = tail / (2 * releases);  // of one release
  double range = 0;
  for (const Component& part : parts) {
    range = std::max(range, LossRange(part.q, part.sigma, each));
  }

  // Connect-the-dots adds about h^2 / 6 to the variance of each release's loss: this step adds
  // 0.06 %. It is also kept at 1e-3 or below where the window allows, for the interpolation between
  // grid points.
  double step = std::max(0.06 * std::sqrt(variance / releases), range / kMostPoints * 4);
  Losses remove;
  Losses add;
  Window remove_window;
  Window add_window;
  for (int attempt = 0; attempt < 3; ++attempt) {
    remove.clear();
    add.clear();
    for (const Component& part : parts) {
      LossPair pair = DiscretiseLoss(part.q, part.sigma, step, each);
      remove.push_back(std::move(pair.remove));
      add.push_back(std::move(pair.add));
    }
    remove_window = ComposedWindow(remove, parts, std::sqrt(variance), tail);
    add_window = ComposedWindow(add, parts, std::sqrt(variance), tail);
    const double width = std::max(remove_window.width(), add_window.width());
    const double finest = std::max(1e-3, width / kFinePoints);
    if (width / step > kMostPoints) {
      step = 1.1 * width / kMostPoints;
    } else if (step > 1.5 * finest) {
      step = finest;
    } else {
      break;
    }
  }
  if (std::max(remove_window.width(), add_window.width()) / step > 2 * kMostPoints)
    return kInfinity;
  const double epsilon = std::max(DirectionEpsilon(remove, parts, remove_window, tail, delta),
                                  DirectionEpsilon(add, parts, add_window, tail, delta));
  // Rounding of the cells' masses moves the mean loss of a release by some 1e-15.
  return epsilon > 0 ? epsilon * (1 + 1e-12) + 1e-14 * (1 + releases) : 0;
}

}  // namespace selvedge::privacy
