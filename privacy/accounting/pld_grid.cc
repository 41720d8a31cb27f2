#include "privacy/accounting/pld_grid.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "privacy/accounting/normal.h"

namespace selvedge::privacy {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Above this loss exp(loss) times a Q mass is not computed; the cell's mass goes to its upper end.
constexpr double kLargeLoss = 500;

// The privacy loss L(x) = ln(1 - q + q exp((2x - 1) / (2 s^2))) of the remove direction, and its
// inverse.
class LossFunction {
 public:
  LossFunction(double q, double sigma) : q_(q), sigma_(sigma) {}

  double At(double x) const {
    const double exponent = (2 * x - 1) / (2 * sigma_ * sigma_);
    if (q_ == 1) return exponent;
    if (exponent > kLargeLoss) return exponent + std::log(q_);
    return std::log1p(q_ * std::expm1(exponent));
  }

  // x with L(x) = loss; -infinity if the loss is not above its infimum ln(1 - q).
  double Inverse(double loss) const {
    double exponent = loss;
    if (q_ < 1 && loss > kLargeLoss) {
      exponent = loss - std::log(q_);
    } else if (q_ < 1) {
      const double ratio = std::expm1(loss) / q_;
      if (ratio <= -1) return -kInfinity;
      exponent = std::log1p(ratio);
    }
    return sigma_ * sigma_ * exponent + 0.5;
  }

 private:
  double q_;
  double sigma_;
};

struct Range {
  double low;   // x with N(0, s^2) mass at most `tail` below
  double high;  // x with P mass at most `tail` above
};

Range SupportRange(double q, double sigma, double tail) {
  const double z = NormalTailPoint(tail / 4);
  const double shifted = 1 + sigma * NormalTailPoint(std::min(0.4, tail / (4 * q)));
  return {-z * sigma, std::max(shifted, z * sigma)};
}

// Both tails of a normal distribution at one point, so that the mass between two points keeps its
// relative accuracy far out on either side.
struct Tails {
  explicit Tails(double z) {
    const double outer = NormalSurvival(std::abs(z));
    below = z > 0 ? 1 - outer : outer;
    above = z > 0 ? outer : 1 - outer;
    positive = z > 0;
  }
  double below;
  double above;
  bool positive;
};

double MassBetween(const Tails& low, const Tails& high) {
  return std::max(0.0, low.positive ? low.above - high.above : high.below - low.below);
}

// Part of mass p (with Q mass q) on the cell [loss, loss + h] that goes to its upper end.
double UpperShare(double p, double q, double loss, double width) {
  if (loss > kLargeLoss) return p;
  return std::clamp((p - std::exp(loss) * q) / width, 0.0, p);
}

// Mass above the last grid point: what a finite loss there can stand for, the rest is infinite.
void AddTop(double p, double q, double loss, double& finite, double& infinite) {
  const double kept = loss > kLargeLoss ? 0 : std::min(p, std::exp(loss) * q);
  finite += kept;
  infinite += p - kept;
}

// Cuts ends that hold next to nothing: the lower one is raised to the first point kept, the upper
// one becomes infinite. Composition is faster without them, and long runs of zeros are gone.
void TrimEnds(double negligible, LossMasses& losses) {
  std::vector<double>& mass = losses.mass;
  double below = 0;
  size_t first = 0;
  while (first + 1 < mass.size() && below + mass[first] <= negligible) below += mass[first++];
  double above = 0;
  size_t end = mass.size();
  while (end > first + 1 && above + mass[end - 1] <= negligible) above += mass[--end];
  mass.erase(mass.begin() + static_cast<std::ptrdiff_t>(end), mass.end());
  mass.erase(mass.begin(), mass.begin() + static_cast<std::ptrdiff_t>(first));
  mass.front() += below;
  losses.lowest += static_cast<int64_t>(first);
  losses.infinite += above;
}

}  // namespace

double LossRange(double sampling_rate, double noise_multiplier, double tail) {
  const Range range = SupportRange(sampling_rate, noise_multiplier, tail);
  const LossFunction loss(sampling_rate, noise_multiplier);
  return loss.At(range.high) - loss.At(range.low);
}

LossPair DiscretiseLoss(double sampling_rate, double noise_multiplier, double step, double tail) {
  const double q = sampling_rate;
  const double sigma = noise_multiplier;
  const LossFunction loss(q, sigma);
  const Range range = SupportRange(q, sigma, tail);
  const auto low = static_cast<int64_t>(std::floor(loss.At(range.low) / step));
  const auto high = std::max(low + 1, static_cast<int64_t>(std::ceil(loss.At(range.high) / step)));
  const auto points = static_cast<size_t>(high - low + 1);
  const double width = -std::expm1(-step);

  LossPair pair;
  pair.remove = {step, low, std::vector<double>(points, 0.0), 0};
  pair.add = {step, -high, std::vector<double>(points, 0.0), 0};
  std::vector<double>& remove = pair.remove.mass;
  std::vector<double>& add = pair.add.mass;  // add[points - 1 - i] mirrors remove[i]

  double x = loss.Inverse(static_cast<double>(low) * step);
  Tails null_low(x / sigma);
  Tails shifted_low((x - 1) / sigma);
  // Below the grid: raised to its lowest point (remove), above its highest point (add).
  remove[0] += (1 - q) * null_low.below + q * shifted_low.below;
  AddTop(null_low.below, (1 - q) * null_low.below + q * shifted_low.below,
         -static_cast<double>(low) * step, add[points - 1], pair.add.infinite);
  for (size_t i = 0; i + 1 < points; ++i) {
    const double left = static_cast<double>(low + static_cast<int64_t>(i)) * step;
    const double right = static_cast<double>(low + static_cast<int64_t>(i) + 1) * step;
    x = loss.Inverse(right);
    const Tails null_high(x / sigma);
    const Tails shifted_high((x - 1) / sigma);
    const double null = MassBetween(null_low, null_high);
    const double mixture = (1 - q) * null + q * MassBetween(shifted_low, shifted_high);
    const double up = UpperShare(mixture, null, left, width);
    remove[i + 1] += up;
    remove[i] += mixture - up;
    const double mirrored_up = UpperShare(null, mixture, -right, width);
    add[points - 1 - i] += mirrored_up;
    add[points - 2 - i] += null - mirrored_up;
    null_low = null_high;
    shifted_low = shifted_high;
  }
  // Above the grid, and its mirror image.
  const double mixture_above = (1 - q) * null_low.above + q * shifted_low.above;
  AddTop(mixture_above, null_low.above, static_cast<double>(high) * step, remove[points - 1],
         pair.remove.infinite);
  add[0] += null_low.above;
  TrimEnds(tail / 2, pair.remove);
  TrimEnds(tail / 2, pair.add);
  return pair;
}

}  // namespace selvedge::privacy
