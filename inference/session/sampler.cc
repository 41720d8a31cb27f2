#include "inference/session/sampler.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "core/secure_random.h"

namespace selvedge::inference {
namespace {

Status OutOfRange(const char* name, double got, const char* allowed) {
  return UsageError(std::string("sampling: ") + name + ": " + std::to_string(got) + ", " + allowed +
                    " allowed");
}

Status Check(const SamplingOptions& o) {
  // Written so that NaN fails.
  if (!(o.temperature >= 0 && o.temperature <= 1000)) {
    return OutOfRange("temperature", o.temperature, "0 to 1000");
  }
  if (o.top_k < 0) return OutOfRange("top_k", o.top_k, "0 or more");
  if (!(o.top_p > 0 && o.top_p <= 1)) return OutOfRange("top_p", o.top_p, "above 0 up to 1");
  if (!(o.min_p >= 0 && o.min_p <= 1)) return OutOfRange("min_p", o.min_p, "0 to 1");
  if (!(o.repeat_penalty > 0 && o.repeat_penalty <= 1000)) {
    return OutOfRange("repeat_penalty", o.repeat_penalty, "above 0 up to 1000");
  }
  if (o.repeat_last_n < -1) return OutOfRange("repeat_last_n", o.repeat_last_n, "-1 or more");
  return OkStatus();
}

// NaN and +infinity are faults; -infinity excludes a token.
Status CheckLogits(std::span<const float> logits) {
  bool any_finite = false;
  for (const float logit : logits) {
    if (std::isnan(logit) || (std::isinf(logit) && logit > 0)) {
      return NumericError("sampling: a logit is NaN or infinite, finite values needed");
    }
    any_finite |= std::isfinite(logit);
  }
  if (!any_finite) return NumericError("sampling: no logit is finite, at least 1 needed");
  return OkStatus();
}

}  // namespace

Result<Sampler> Sampler::Create(const SamplingOptions& options) {
  SELVEDGE_RETURN_IF_ERROR(Check(options));
  uint64_t seed = options.seed;
  if (seed == 0) {
    SELVEDGE_ASSIGN_OR_RETURN(core::SecureRandom random, core::SecureRandom::Create());
    seed = random.NextU64();
  }
  return Sampler(options, seed);
}

// Makes each token of the recent history less likely, once however often it occurred.
// Source: Keskar et al. 2019 (CTRL), equation 1, with the sign rule that runtimes share: negative
// logits are multiplied.
void Sampler::Penalise(std::span<float> logits, std::span<const int32_t> history) const {
  if (options_.repeat_penalty == 1.0 || options_.repeat_last_n == 0) return;
  if (options_.repeat_last_n > 0) {
    history = history.last(std::min(history.size(), static_cast<size_t>(options_.repeat_last_n)));
  }
  std::vector<int32_t> recent(history.begin(), history.end());
  std::sort(recent.begin(), recent.end());
  recent.erase(std::unique(recent.begin(), recent.end()), recent.end());
  const float penalty = static_cast<float>(options_.repeat_penalty);
  for (const int32_t id : recent) {
    if (id < 0 || static_cast<size_t>(id) >= logits.size()) continue;
    float& logit = logits[static_cast<size_t>(id)];
    logit = logit > 0 ? logit / penalty : logit * penalty;
  }
}

void Sampler::Collect(std::span<const float> logits) {
  const auto better = [](const Candidate& a, const Candidate& b) {
    return a.logit > b.logit || (a.logit == b.logit && a.id < b.id);
  };
  candidates_.clear();
  for (size_t i = 0; i < logits.size(); ++i) {
    if (std::isfinite(logits[i])) candidates_.push_back({logits[i], static_cast<int32_t>(i)});
  }
  const size_t k = options_.top_k == 0
                       ? candidates_.size()
                       : std::min(candidates_.size(), static_cast<size_t>(options_.top_k));
  const auto middle = candidates_.begin() + static_cast<std::ptrdiff_t>(k);
  if (k < candidates_.size()) {
    std::nth_element(candidates_.begin(), middle, candidates_.end(), better);
    candidates_.resize(k);
  }
  std::sort(candidates_.begin(), candidates_.end(), better);
}

// Keeps the fewest best candidates whose probabilities reach top_p.
// Source: Holtzman et al. 2020, equation 2.
void Sampler::CutTopP() {
  if (options_.top_p >= 1) return;
  const double max = candidates_.front().logit;
  double total = 0;
  for (const Candidate& c : candidates_) total += std::exp(c.logit - max);
  double sum = 0;
  for (size_t i = 0; i < candidates_.size(); ++i) {
    sum += std::exp(candidates_[i].logit - max);
    if (sum >= options_.top_p * total) {
      candidates_.resize(i + 1);
      return;
    }
  }
}

// Keeps candidates at least min_p times as probable as the best.
// Source: Nguyen et al. 2024, "Min-p sampling", equation 2.
void Sampler::CutMinP() {
  if (options_.min_p <= 0) return;
  const double threshold = candidates_.front().logit + std::log(options_.min_p);
  const auto worse = [&](const Candidate& c) { return c.logit < threshold; };
  candidates_.erase(std::find_if(candidates_.begin() + 1, candidates_.end(), worse),
                    candidates_.end());
}

int32_t Sampler::Draw() {
  const double max = candidates_.front().logit;
  const auto weight = [&](const Candidate& c) {
    return std::exp((c.logit - max) / options_.temperature);
  };
  double total = 0;
  for (const Candidate& c : candidates_) total += weight(c);
  double left = random_.NextDouble() * total;
  for (const Candidate& c : candidates_) {
    left -= weight(c);
    if (left < 0) return c.id;
  }
  return candidates_.back().id;
}

Result<int32_t> Sampler::Next(std::span<float> logits, std::span<const int32_t> history) {
  if (logits.empty()) return UsageError("sampling: no logits, at least 1 needed");
  SELVEDGE_RETURN_IF_ERROR(CheckLogits(logits));
  Penalise(logits, history);
  if (options_.temperature == 0) {
    return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  }
  Collect(logits);
  if (candidates_.empty()) {
    return NumericError("sampling: no logit is finite after the penalty, at least 1 needed");
  }
  CutTopP();
  CutMinP();
  return Draw();
}

}  // namespace selvedge::inference
