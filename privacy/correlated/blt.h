#pragma once
// Buffered linear Toeplitz (BLT) matrices: what correlates the noise of steps in streaming mode.
//
// C is lower triangular and Toeplitz with the coefficients
//   c_0 = 1,  c_i = sum_j omega_j theta_j^(i - 1)
// and the noise of a run is C^-1 z, z independent between steps. Noise of later steps then cancels
// part of what earlier steps added, and sums over steps are less noisy than with independent noise
// of the same privacy.
//
// Source: Dvijotham, McMahan, Pillutla, Steinke, Thakurta 2024 (arXiv 2404.16706), section 3;
// several participations: McMahan, Xu, Zhang 2024 (arXiv 2408.08868).

#include <cstdint>
#include <span>
#include <vector>

#include <selvedge/status.h>

namespace selvedge::privacy {

// The parameters of C, one pair for each buffer. Both lie on a grid of 2^-32, on which the noise is
// computed in integers, so the C that is accounted for is exactly the C that is used.
class Blt {
 public:
  static constexpr size_t kMostBuffers = 4;
  static constexpr int kFractionBits = 32;

  Blt() = default;  // no buffers: C is the identity
  // Rounds to the grid. kUsage unless there are as many theta as omega, at most kMostBuffers,
  // theta in [0, 1), omega in [0, 1] and sum(omega) <= 1. Then coefficients are non-negative and
  // do not increase, which the sensitivity below needs.
  static Result<Blt> Create(std::span<const double> theta, std::span<const double> omega);

  size_t buffers() const { return theta_.size(); }
  std::vector<double> theta() const;
  std::vector<double> omega() const;
  // The same in units of 2^-32.
  std::span<const uint32_t> theta_units() const { return theta_; }
  std::span<const uint64_t> omega_units() const { return omega_; }

  std::vector<double> Coefficients(int64_t n) const;         // c_0 .. c_(n - 1), of C
  std::vector<double> InverseCoefficients(int64_t n) const;  // of C^-1

 private:
  std::vector<uint32_t> theta_;
  std::vector<uint64_t> omega_;
};

// Who may take part when: `steps` n, at least `min_separation` b steps from one participation of a
// group to the next, at most `participations` k of them. All >= 1.
struct Participation {
  int64_t steps = 1;
  int64_t min_separation = 1;
  int64_t participations = 1;
};

// kUsage if a number is out of range (steps at most 2^17).
Status Check(const Participation& schema);

// The largest L2 norm of C (x - x') over all steps, x and x' equal but for one group, whose
// contributions have norm at most 1: || sum_(j < k) shift_(j b)(c) ||. Rounded up.
// Source: Kalinin and Lampert 2024 (arXiv 2405.13763), theorem 2, for coefficients that are
// non-negative and do not increase. Pattern of the maximum: the first step, then every b-th.
double Sensitivity(const Blt& blt, const Participation& schema);

// Error of the n prefix sums of C^-1 z for z of unit variance, per coordinate.
struct PrefixError {
  double max = 0;  // standard deviation of the worst one, which is the last
  double rms = 0;  // root of the mean variance
};
PrefixError ErrorOf(const Blt& blt, int64_t steps);

}  // namespace selvedge::privacy
