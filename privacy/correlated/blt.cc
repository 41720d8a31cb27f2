#include "privacy/correlated/blt.h"

#include <algorithm>
#include <cmath>
#include <string>

namespace selvedge::privacy {
namespace {

constexpr double kUnits = 0x1p32;
constexpr int64_t kMostSteps = int64_t{1} << 17;

Status Refuse(const char* field, double got, const char* allowed) {
  return UsageError(std::string("blt: ") + field + ": got " + std::to_string(got) + ", must be " +
                    allowed);
}

// What non-negative sums of products may have lost to rounding: each of `operations` roundings
// takes off at most 2^-53 of the value.
double Outward(double value, int64_t operations) {
  return value * (1 + 0x1p-51 * static_cast<double>(operations));
}

// How often a group can take part at all.
int64_t Rounds(const Participation& s) {
  return std::min(s.participations, (s.steps - 1) / s.min_separation + 1);
}

}  // namespace

Result<Blt> Blt::Create(std::span<const double> theta, std::span<const double> omega) {
  if (theta.size() != omega.size() || theta.size() > kMostBuffers) {
    return UsageError("blt: buffers: got " + std::to_string(theta.size()) + " theta and " +
                      std::to_string(omega.size()) + " omega, must be as many, at most 4");
  }
  Blt blt;
  uint64_t sum = 0;
  for (size_t j = 0; j < theta.size(); ++j) {
    if (!(theta[j] >= 0 && theta[j] < 1)) return Refuse("theta", theta[j], "in [0, 1)");
    if (!(omega[j] >= 0 && omega[j] <= 1)) return Refuse("omega", omega[j], "in [0, 1]");
    // Down, so that theta stays below 1 and the sum of the omega at most 1.
    blt.theta_.push_back(static_cast<uint32_t>(theta[j] * kUnits));
    blt.omega_.push_back(static_cast<uint64_t>(omega[j] * kUnits));
    sum += blt.omega_.back();
  }
  if (sum > uint64_t{1} << kFractionBits) {
    return Refuse("sum of omega", static_cast<double>(sum) / kUnits, "at most 1");
  }
  return blt;
}

std::vector<double> Blt::theta() const {
  std::vector<double> out;
  for (const uint32_t units : theta_) out.push_back(units / kUnits);
  return out;
}

std::vector<double> Blt::omega() const {
  std::vector<double> out;
  for (const uint64_t units : omega_) out.push_back(static_cast<double>(units) / kUnits);
  return out;
}

std::vector<double> Blt::Coefficients(int64_t n) const {
  const std::vector<double> decay = theta();
  std::vector<double> term = omega();
  std::vector<double> c(static_cast<size_t>(n), 0.0);
  c[0] = 1;
  for (size_t i = 1; i < c.size(); ++i) {
    for (size_t j = 0; j < term.size(); ++j) {
      c[i] += term[j];
      term[j] *= decay[j];
    }
  }
  return c;
}

std::vector<double> Blt::InverseCoefficients(int64_t n) const {
  const std::vector<double> decay = theta();
  const std::vector<double> scale = omega();
  std::vector<double> buffer(scale.size(), 0.0);
  std::vector<double> d(static_cast<size_t>(n), 0.0);
  for (size_t i = 0; i < d.size(); ++i) {
    d[i] = i == 0 ? 1 : 0;
    for (size_t j = 0; j < buffer.size(); ++j) d[i] -= scale[j] * buffer[j];
    for (size_t j = 0; j < buffer.size(); ++j) buffer[j] = decay[j] * buffer[j] + d[i];
  }
  return d;
}

Status Check(const Participation& s) {
  if (s.steps < 1 || s.steps > kMostSteps) {
    return Refuse("steps", static_cast<double>(s.steps), "in [1, 131072]");
  }
  if (s.min_separation < 1) {
    return Refuse("min separation", static_cast<double>(s.min_separation), "at least 1");
  }
  if (s.participations < 1) {
    return Refuse("participations", static_cast<double>(s.participations), "at least 1");
  }
  return OkStatus();
}

double Sensitivity(const Blt& blt, const Participation& s) {
  const std::vector<double> c = blt.Coefficients(s.steps);
  const auto b = static_cast<size_t>(s.min_separation);
  const auto k = static_cast<size_t>(Rounds(s));
  std::vector<double> column(c.size());  // sum_(j < k) c_(i - j b)
  double squared = 0;
  for (size_t i = 0; i < c.size(); ++i) {
    if (i < k * b) {
      column[i] = c[i] + (i >= b ? column[i - b] : 0);
    } else {  // no difference of sums here: it would not be rounded one way
      for (size_t j = 0; j < k; ++j) column[i] += c[i - j * b];
    }
    squared += column[i] * column[i];
  }
  return Outward(std::sqrt(squared), 2 * s.steps + 2 * static_cast<int64_t>(k) + 20);
}

PrefixError ErrorOf(const Blt& blt, int64_t steps) {
  const std::vector<double> d = blt.InverseCoefficients(steps);
  PrefixError error;
  double prefix = 0;    // coefficient i of the matrix (prefix sums) C^-1
  double variance = 0;  // of the sum up to here: the squares of its row
  double total = 0;
  for (const double coefficient : d) {
    prefix += coefficient;
    variance += prefix * prefix;
    total += variance;
  }
  error.max = std::sqrt(variance);
  error.rms = std::sqrt(total / static_cast<double>(steps));
  return error;
}

}  // namespace selvedge::privacy
