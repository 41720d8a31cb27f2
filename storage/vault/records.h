#pragma once
// The owner's records: redacted text, where it came from, and the privacy group it belongs to.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

#include "storage/vault/database.h"

namespace selvedge::vault {

enum class Split : int64_t { kTrain = 0, kHeldOut = 1 };

// What a placeholder of a record's text stands for.
struct RedactedValue {
  int64_t start = 0;  // byte offset of the placeholder's '<'
  std::string value;
};

struct NewRecord {
  std::string id;
  std::string source;
  std::string thread;
  std::string role;
  int64_t ts = 0;  // ms
  std::string text;
  std::vector<RedactedValue> redacted;
  Bytes content_hash;           // keyed hash of the normalised text
  Bytes group_key;              // keyed hash of the privacy unit
  Split split = Split::kTrain;  // of the group, if the group is new
};

enum class InsertOutcome { kAdded, kDuplicate, kIdTaken };

// A record that may be learnt from now.
struct EligibleRecord {
  int64_t seq = 0;
  std::string source;
  std::string text;
  Bytes group_key;
  Split split = Split::kTrain;
  bool group_trained = false;
};

// A privacy unit, with or without records left in it.
struct GroupRow {
  Bytes key;
  Split split = Split::kTrain;
  bool trained = false;
  int64_t arrived = 0;  // ms, of its first record
};

// What is left of a deleted record.
struct RemovedRecord {
  int64_t seq = 0;
  std::string source;
};

class Records {
 public:
  explicit Records(const Database* db) : db_(db) {}

  // kDuplicate: the content is there already (also with equal id). kIdTaken: the id stands for
  // another content of this source.
  Result<InsertOutcome> Insert(const NewRecord& record) const;

  // kFormat if filter.before is no time.
  Result<std::vector<Record>> Find(const RecordFilter& filter) const;
  // The same with the redacted values back in their places, as far as they were kept.
  Result<std::vector<Record>> FindRevealed(const RecordFilter& filter) const;
  Result<DataStats> Stats(const RecordFilter& filter) const;
  // Deletes and says what was deleted; groups left empty stay, with their split.
  Result<std::vector<RemovedRecord>> Delete(const RecordFilter& filter) const;
  // Deletes what no consent of its source, given or withdrawn, allows to be kept any longer.
  Result<int64_t> DeleteExpired(int64_t now) const;

  // Of sources granted for `purpose`, by seq.
  Result<std::vector<EligibleRecord>> Eligible(std::string_view purpose) const;

  Result<std::vector<GroupRow>> Groups() const;  // all that ever were, by key
  Status SetSplit(const Bytes& group_key, Split split) const;
  Status MarkTrained(const Bytes& group_key) const;

 private:
  Status InsertRedacted(const std::vector<RedactedValue>& redacted) const;
  Result<std::string> Reveal(int64_t seq, std::string_view text) const;

  const Database* db_;
};

}  // namespace selvedge::vault
