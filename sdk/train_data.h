#pragma once
// What a job learns from and what it is judged by.

#include <cstdint>
#include <string>
#include <vector>

#include <selvedge/status.h>

#include "core/secure_random.h"
#include "inference/tokenizer/tokenizer.h"
#include "storage/vault/vault.h"
#include "trainer/trainer.h"

namespace selvedge {

// Below this many groups nothing useful and nothing private can be learnt.
inline constexpr int64_t kMinGroups = 40;
// And this many of them must train when some have no budget left.
inline constexpr int64_t kMinTrainGroups = 32;

// Splits what may be learnt from now; nothing is tokenised yet.
struct TrainSelection {
  std::vector<vault::EligibleRecord> train;
  std::vector<vault::EligibleRecord> heldout;
};

// All eligible records. If fewer than 8 groups are held out, more of those that no job has seen are
// moved there for good (inside a transaction). kDeferred below kMinGroups.
Result<TrainSelection> SelectRecords(const vault::Vault& v);

// The records that a job took in, or an empty list if one of them may no longer be learnt from.
std::vector<vault::EligibleRecord> RecordsOfJob(const std::vector<vault::EligibleRecord>& eligible,
                                                const std::vector<vault::JobRecord>& job);

// Leaves at most `most` records of each group, drawn at random; the others keep their order.
void DrawRecords(int64_t most, core::SecureRandom& random,
                 std::vector<vault::EligibleRecord>* records);

// <s> text. Text of a user never becomes a control token.
Result<std::vector<int32_t>> RecordTokens(const inference::Tokenizer& tokenizer,
                                          const std::string& text);

// Which tokens of a record count when it is learnt or judged, [ids.size()]: 1 for all but <s> and
// what belongs to a placeholder of redaction. Nobody wants a model that writes "<PERSON_7>", and a
// person's own text holds the name, so the placeholder is context alone.
std::vector<uint8_t> CountedTokens(const inference::Tokenizer& tokenizer,
                                   const std::vector<int32_t>& ids);

// <s> text </s> in windows of at most `seq_len` (>= 8) tokens that take turns. A later window
// starts with <s> and a quarter of its length of what stands before it, which is context and no
// label, so every token that counts is a label in exactly one window.
Result<std::vector<trainer::Example>> MakeWindows(const inference::Tokenizer& tokenizer,
                                                  const std::string& text, int64_t seq_len);

// One group per privacy unit, in the order of the units' keyed hashes. However many windows its
// records have, a group is clipped as one. A step reads at most `windows_per_step` of them (0: no
// limit): where the records' own turns would give it more, all windows of the group take turns.
Result<std::vector<trainer::Group>> MakeGroups(const inference::Tokenizer& tokenizer,
                                               const std::vector<vault::EligibleRecord>& records,
                                               int64_t seq_len, int64_t windows_per_step);

// Tokens that a step over all groups reads, on average over the windows' turns.
double TokensPerStep(const std::vector<trainer::Group>& groups);

}  // namespace selvedge
