#include "privacy/mechanism.h"

#include <cmath>

#include "privacy/clipping/grid.h"
#include "privacy/noise/discrete_gaussian.h"
#include "privacy/noise/word_buffer.h"
#include "privacy/sampling/poisson.h"

namespace selvedge::privacy {
namespace {

Status Refuse(const char* field, double got, const char* allowed) {
  return UsageError(std::string("privacy plan: ") + field + ": got " + std::to_string(got) +
                    ", must be " + allowed);
}

// Steps are the schema's, and no group's turn comes more often than the schema says.
Status CheckCorrelation(const PrivacyPlan& plan) {
  const Participation& schema = plan.correlation->schema;
  SELVEDGE_RETURN_IF_ERROR(Check(schema));
  if (plan.sampling_rate != 1) {
    return Refuse("sampling rate", plan.sampling_rate, "1 with correlated noise");
  }
  if (plan.steps != schema.steps) {
    return Refuse("steps", static_cast<double>(plan.steps), "those of the correlation");
  }
  if ((plan.steps - 1) / schema.min_separation >= schema.participations) {
    return Refuse("participations", static_cast<double>(schema.participations),
                  "at least steps / min separation");
  }
  return OkStatus();
}

Result<Grid> GridOf(const PrivacyPlan& plan) {
  const double rounding = plan.correlation ? RoundingNorm(*plan.correlation, plan.parameters) : 0;
  return ChooseGrid(plan.noise_multiplier, plan.clip_norm, plan.parameters, rounding);
}

}  // namespace

Status PrivacyPlan::Validate() const {
  if (!(sampling_rate > 0 && sampling_rate <= 1)) {
    return Refuse("sampling rate", sampling_rate, "above 0 and at most 1");
  }
  if (!(noise_multiplier >= 0.01 && noise_multiplier <= 1e6)) {
    return Refuse("noise multiplier", noise_multiplier, "in [0.01, 1e6]");
  }
  if (!(clip_norm >= 1e-30 && clip_norm <= 1e30)) {
    return Refuse("clip norm", clip_norm, "in [1e-30, 1e30]");
  }
  if (steps < 1) return Refuse("steps", static_cast<double>(steps), "at least 1");
  if (!(delta > 0 && delta < 1)) return Refuse("delta", delta, "above 0 and below 1");
  if (!(divisor >= 1e-30 && divisor <= 1e30)) {
    return Refuse("divisor", divisor, "in [1e-30, 1e30]");
  }
  constexpr uint64_t kMostParameters = uint64_t{1} << 32;
  if (parameters < 1 || parameters > kMostParameters) {
    return Refuse("parameters", static_cast<double>(parameters), "in [1, 2^32]");
  }
  if (correlation) SELVEDGE_RETURN_IF_ERROR(CheckCorrelation(*this));
  return GridOf(*this).status();
}

MechanismEvent PrivacyPlan::Event() const {
  if (!correlation) return {sampling_rate, noise_multiplier, steps};
  return {1, RunNoiseMultiplier(noise_multiplier, *correlation), 1};
}

std::vector<uint32_t> SampleGroups(const PrivacyPlan& plan, uint32_t group_count, int64_t step,
                                   core::SecureRandom& random) {
  if (plan.correlation) {
    const int64_t turns = plan.correlation->schema.min_separation;
    std::vector<uint32_t> out;
    for (int64_t i = step % turns; i < group_count; i += turns) {
      out.push_back(static_cast<uint32_t>(i));
    }
    return out;
  }
  WordBuffer words(random);
  return SamplePoisson(plan.sampling_rate, group_count, words);
}

Result<GroupGradientSum> GroupGradientSum::Create(const PrivacyPlan& plan) {
  SELVEDGE_RETURN_IF_ERROR(plan.Validate());
  SELVEDGE_ASSIGN_OR_RETURN(const Grid grid, GridOf(plan));
  GroupGradientSum sum;
  sum.sum_.grid_ = GridSum(grid, plan.clipping, plan.parameters);
  sum.sum_.clip_norm_ = plan.clip_norm;
  sum.sum_.noise_multiplier_ = plan.noise_multiplier;
  sum.sum_.divisor_ = plan.divisor;
  sum.sum_.correlated_ = plan.correlation.has_value();
  return sum;
}

Result<NoisedGradient> AddNoise(ClippedSum sum, SpendReceipt receipt, core::SecureRandom& random,
                                CorrelatedNoise* past) {
  const std::span<const int64_t> values = sum.grid_.values();
  if (values.empty()) return InternalError("privacy noise: clipped sum: was used before");
  if (receipt.step() < 0) return InternalError("privacy noise: spend receipt: was used before");
  if (sum.correlated_ != (past != nullptr)) {
    return InternalError("privacy noise: correlation: is not what the plan says");
  }
  SELVEDGE_RETURN_IF_ERROR(random.Rekey());
  SELVEDGE_ASSIGN_OR_RETURN(const DiscreteGaussian gaussian,
                            DiscreteGaussian::Create(uint64_t{1} << sum.grid_.grid().sigma_bits));
  WordBuffer words(random);
  RandomBits<WordBuffer> bits(words);
  std::vector<int64_t> noise(values.size());
  for (int64_t& z : noise) z = gaussian.Sample(bits);
  double row_norm = 1;
  if (past != nullptr) {
    SELVEDGE_ASSIGN_OR_RETURN(row_norm, past->Correlate(receipt.step(), noise));
  }
  NoisedGradient out;
  out.values_.resize(values.size());
  const double unit = sum.grid_.grid().size / sum.divisor_;
  // The release is the integer sum + noise; what follows it is post-processing.
  for (size_t i = 0; i < values.size(); ++i) {
    out.values_[i] = static_cast<float>(static_cast<double>(values[i] + noise[i]) * unit);
  }
  out.noise_stddev_ = sum.noise_multiplier_ * sum.clip_norm_ / sum.divisor_ * row_norm;
  return out;
}

}  // namespace selvedge::privacy
