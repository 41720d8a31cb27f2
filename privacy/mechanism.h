#pragma once
// One differentially private release, as a chain of types that can only be walked forward:
//
//   PrivacyPlan -> SampledGroups -> GroupGradientSum (clips, rounds, adds) -> ClippedSum ->
//   NoisedGradient
//
// ClippedSum can only be made by GroupGradientSum, NoisedGradient only by AddNoise, which wants a
// SpendReceipt, which only a SpendLedger that has charged the step can make. The optimizer takes
// NoisedGradient and nothing else.
//
// Source: reference formulas in docs/privacy/accounting.md.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <selvedge/privacy.h>
#include <selvedge/status.h>

#include "core/secure_random.h"
#include "privacy/clipping/grid_sum.h"
#include "privacy/correlated/correlated_noise.h"
#include "privacy/correlated/correlation.h"

namespace selvedge::privacy {

// Fixed from public configuration before any data is touched. Sampler, clipper, noise and
// accountant read it and nothing else.
struct PrivacyPlan {
  std::string unit = "record";
  double sampling_rate = 1;     // q: 1 = full batch, else Poisson
  double noise_multiplier = 0;  // sigma > 0
  double clip_norm = 1;         // C > 0
  int64_t steps = 1;            // T
  double delta = 1e-5;
  double divisor = 1;       // public nominal batch size that the noised sum is divided by
  uint64_t parameters = 0;  // P, length of a group's gradient
  Clipping clipping = Clipping::kFlat;
  // Noise correlated between steps, groups in turns; q is 1 then. None: independent noise.
  std::optional<Correlation> correlation;

  Status Validate() const;  // kUsage
  // What the run costs: `steps` releases, or with correlated noise one release of the whole run.
  MechanismEvent Event() const;
};

// Indices of the groups of step `step`, ascending: all of them, each with probability q by the
// cryptographic generator, or with correlated noise those whose turn it is. May be empty.
std::vector<uint32_t> SampleGroups(const PrivacyPlan& plan, uint32_t group_count, int64_t step,
                                   core::SecureRandom& random);

class ClippedSum {
 public:
  ClippedSum(ClippedSum&&) noexcept = default;
  ClippedSum& operator=(ClippedSum&&) noexcept = default;
  ClippedSum(const ClippedSum&) = delete;

  double sensitivity() const { return clip_norm_; }

 private:
  friend class GroupGradientSum;
  friend Result<class NoisedGradient> AddNoise(ClippedSum sum, class SpendReceipt receipt,
                                               core::SecureRandom& random, CorrelatedNoise* past);
  ClippedSum() = default;
  GridSum grid_;
  bool correlated_ = false;
  double clip_norm_ = 0;
  double noise_multiplier_ = 0;
  double divisor_ = 1;
};

// Clips each group's gradient to C in L2 norm (double, over all tensors together; non-finite
// gradients contribute zero), rounds it to an integer grid and adds it exactly, so that the sum
// does not depend on the order of the groups.
class GroupGradientSum {
 public:
  static Result<GroupGradientSum> Create(const PrivacyPlan& plan);
  GroupGradientSum(GroupGradientSum&&) noexcept = default;

  // gradient [P] f32; another length is a bug of the caller and aborts. Returns the norm before
  // clipping (NaN if not finite); the caller must not release it.
  double Add(std::span<const float> gradient) { return sum_.grid_.Add(gradient); }
  ClippedSum Finish() && { return std::move(sum_); }

 private:
  GroupGradientSum() = default;
  ClippedSum sum_;
};

// Proof that the cost of one release was written to the ledger and synced before the release.
// Moving it away leaves step() == -1, which AddNoise refuses: one charge pays for one release.
class SpendReceipt {
 public:
  SpendReceipt(SpendReceipt&& other) noexcept : step_(std::exchange(other.step_, -1)) {}
  SpendReceipt& operator=(SpendReceipt&& other) noexcept {
    step_ = std::exchange(other.step_, -1);
    return *this;
  }
  SpendReceipt(const SpendReceipt&) = delete;
  int64_t step() const { return step_; }

 private:
  friend class SpendLedger;
  explicit SpendReceipt(int64_t step) : step_(step) {}
  int64_t step_;
};

// Where costs are charged. The implementation (sdk/) writes to the vault.
class SpendLedger {
 public:
  virtual ~SpendLedger() = default;
  // Charges release number `step` (0-based) of the job. kPolicy if it would pass a group's budget.
  Result<SpendReceipt> Charge(int64_t step) {
    SELVEDGE_RETURN_IF_ERROR(WriteCharge(step));
    return SpendReceipt(step);
  }

 private:
  virtual Status WriteCharge(int64_t step) = 0;  // durable when it returns ok
};

class NoisedGradient {
 public:
  NoisedGradient(NoisedGradient&&) noexcept = default;
  NoisedGradient& operator=(NoisedGradient&&) noexcept = default;
  NoisedGradient(const NoisedGradient&) = delete;

  std::span<const float> values() const { return values_; }  // [P], sum / divisor + noise
  // Per coordinate: sigma C / divisor; with correlated noise times the norm of a row of C^-1.
  double noise_stddev() const { return noise_stddev_; }

 private:
  friend Result<NoisedGradient> AddNoise(ClippedSum sum, SpendReceipt receipt,
                                         core::SecureRandom& random, CorrelatedNoise* past);
  NoisedGradient() = default;
  std::vector<float> values_;
  double noise_stddev_ = 0;
};

// Adds exact discrete Gaussian noise of scale sigma C on the grid, from a freshly keyed generator.
//   past  for a plan with correlated noise what earlier steps drew, which this step adds to; null
//         for every other plan
// kInternal if the generator fails, an argument was used before, or `past` is not of this step.
Result<NoisedGradient> AddNoise(ClippedSum sum, SpendReceipt receipt, core::SecureRandom& random,
                                CorrelatedNoise* past = nullptr);

}  // namespace selvedge::privacy
