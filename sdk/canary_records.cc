#include "sdk/canary_records.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "inference/session/session.h"
#include "sdk/train_data.h"

namespace selvedge {
namespace {

constexpr int kSecrets = 100;
constexpr int kWords = 4;
// Plain words: redaction leaves them, and any four of them are equally likely (20 bits).
constexpr const char* kVocabulary[] = {
    "apple",   "river",  "stone",  "candle",  "window", "garden", "silver", "paper",
    "forest",  "kettle", "cloud",  "basket",  "marble", "ladder", "summer", "anchor",
    "pepper",  "violet", "copper", "meadow",  "bottle", "winter", "pillow", "harbor",
    "thunder", "button", "saddle", "lantern", "walnut", "ribbon", "castle", "feather"};
static_assert(std::size(kVocabulary) == 32);

}  // namespace

CanaryRecords::CanaryRecords(core::SecureRandom& random) {
  for (int i = 0; i < kSecrets; ++i) {
    uint64_t bits = random.NextU64();
    std::string text = "the words that open locker " + std::to_string(i) + " are";
    for (int word = 0; word < kWords; ++word) {
      text += std::string(" ") + kVocabulary[bits % 32];
      bits /= 32;
    }
    secrets_.push_back(std::move(text));
    included_.push_back(static_cast<uint8_t>(bits & 1));
  }
}

std::string CanaryRecords::IncludedText() const {
  std::string out;
  for (size_t i = 0; i < secrets_.size(); ++i) {
    if (included_[i] != 0) out += secrets_[i] + "\n";
  }
  return out;
}

Result<Exposure> CanaryRecords::Measure(const BaseModel& base,
                                        std::shared_ptr<const adapters::LoraAdapter> adapter,
                                        const std::vector<std::string>& trained,
                                        core::ThreadPool& pool) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      const auto with, inference::AdapterSet::Build(*base.model, {{"", std::move(adapter), 1.0}}));
  const auto n_ctx = static_cast<int64_t>(base.model->config().n_ctx);
  std::vector<double> seen;
  std::vector<double> unseen;  // by how much the adapter changed the loss
  for (const std::string& secret : secrets_) {
    SELVEDGE_ASSIGN_OR_RETURN(const std::vector<int32_t> tokens,
                              RecordTokens(*base.tokenizer, secret));
    const auto loss = [&](std::shared_ptr<const inference::AdapterSet> set) -> Result<double> {
      SELVEDGE_ASSIGN_OR_RETURN(
          const inference::SequenceScore score,
          inference::ScoreSequence(base.model, std::move(set), pool, tokens, n_ctx));
      return score.loss_sum;
    };
    SELVEDGE_ASSIGN_OR_RETURN(const double before, loss(inference::AdapterSet::Empty()));
    SELVEDGE_ASSIGN_OR_RETURN(const double after, loss(with));
    const bool taken = std::find(trained.begin(), trained.end(), secret) != trained.end();
    (taken ? seen : unseen).push_back(after - before);
  }
  Exposure exposure;
  exposure.included = static_cast<int64_t>(seen.size());
  const auto n = static_cast<double>(unseen.size() + 1);
  for (const double change : seen) {
    const auto lower =
        std::count_if(unseen.begin(), unseen.end(), [&](double other) { return other < change; });
    exposure.mean += (std::log2(n) - std::log2(static_cast<double>(lower) + 1)) /
                     static_cast<double>(seen.size());
  }
  for (double rank = 1; rank <= n; ++rank) {
    exposure.by_chance += (std::log2(n) - std::log2(rank)) / n;
  }
  return exposure;
}

}  // namespace selvedge
