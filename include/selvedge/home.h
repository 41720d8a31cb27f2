#pragma once
// The encrypted home: consent, records, jobs, the privacy ledger and the adapter registry of one
// owner.
//
// A Home may be used from several threads (calls are serialised) and opened by several processes at
// once; only one of them trains at a time (kBusy for the second).

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/privacy.h>
#include <selvedge/status.h>

namespace selvedge {

// Where the 256-bit key that wraps the store key comes from. At most one of the three.
struct KeySource {
  std::string key_file;         // 32 raw bytes or 64 hex digits, mode 0600
  std::string passphrase_file;  // first line, through Argon2id with the home's salt
  std::string provider;         // "keyring:NAME": the kernel keyring's key of type "user" and this
                         // description; whoever logs in puts it there, Selvedge only reads it
  // None: a key file of the home's own, HOME/key, made at Create (protects copies of the
  // database, not of the home).
};

struct HomeOptions {
  std::string path;  // created with mode 0700; must not hold a home yet
  KeySource key;
  std::string model_path;       // base model; empty = the embedded default model
  std::string unit = "record";  // record | thread | day: what one protected group is
  double epsilon_budget = 8;    // lifetime budget of every group
  double delta = 1e-5;
};

struct HomeInfo {
  std::string path;
  std::string base_digest;
  std::string unit;
  double epsilon_budget = 0;
  double delta = 0;
  int64_t schema_version = 0;
  std::string cipher;        // e.g. "sqlcipher 4"
  std::string public_key;    // Ed25519 in hex: what others trust, and seal bundles to
  std::string key_provider;  // "passphrase" | "key-file" | "keyring" | "home-key-file"
};

struct Consent {
  std::string source;
  std::string purpose;  // "personalization"
  bool granted = false;
  std::string granted_at;  // ISO 8601 UTC; empty if never
  std::string revoked_at;
  int64_t retention_days = 0;  // 0 = no limit
};

struct Record {
  std::string id;  // caller's id, else made from the content
  std::string text;
  std::string source;
  std::string thread;  // may be empty
  std::string role;    // may be empty
  std::string ts;      // ISO 8601; else, or empty: time of arrival
};

enum class RecordFormat { kText, kJsonl, kChat };

struct RejectedRecord {
  int64_t line = 0;    // 1-based
  std::string reason;  // never the content
};

struct IngestReport {
  int64_t added = 0;
  int64_t duplicate = 0;
  int64_t redacted_spans = 0;
  std::vector<RejectedRecord> rejected;
};

struct RecordFilter {
  std::optional<std::string> source;
  std::optional<std::string> id;
  std::optional<std::string> before;  // ISO 8601 date or time
  int64_t limit = 0;                  // 0 = all
};

struct DataStats {
  int64_t records = 0;
  int64_t bytes = 0;
  struct BySource {
    std::string source;
    int64_t records = 0;
    int64_t bytes = 0;
  };
  std::vector<BySource> by_source;
};

struct AdapterInfo {
  std::string id;
  std::string parent;  // id it was trained from or empty
  std::string base_digest;
  int rank = 0;
  double alpha = 0;
  std::vector<std::string> target_modules;
  bool dp = true;            // false: trained with --dp off
  PrivacyStatement privacy;  // epsilon is 0 and accountant empty when dp is false
  std::string created;       // ISO 8601 UTC
  std::string state;         // "active" | "available" | "rejected" | "retired"
  std::string reason;        // why rejected or retired
  std::string sha256;        // of adapter_model.safetensors
};

struct JobInfo {
  std::string id;
  std::string state;  // "running" | "stopped" | "done" | "failed" | "cancelled"
  std::string reason;
  std::string created;
  std::string updated;
  int64_t steps_done = 0;
  int64_t steps_planned = 0;
  std::string adapter_id;
};

struct Release {  // one training run's entry in the ledger
  std::string job_id;
  std::string adapter_id;
  double sampling_rate = 1;
  double noise_multiplier = 0;
  int64_t steps = 0;        // charged
  int64_t groups = 0;       // that took part
  double epsilon = 0;       // of this release alone
  int64_t judges = 0;       // held-out groups that paid for the gate's answer; 0: it is not private
  double gate_epsilon = 0;  // what they paid
  std::string at;
};

struct BudgetBlock {         // the groups whose first record came in on one day
  std::string arrived;       // UTC date
  int64_t groups = 0;        // with consent, held-out ones left out
  int64_t retired = 0;       // of them, with too little left to be trained on again
  double epsilon_spent = 0;  // of the one that spent most
  double epsilon_least = 0;  // of the one that spent least
};

struct BurnDownPoint {
  std::string at;           // when the release was planned
  double epsilon_left = 0;  // after it, of the group that spent most
};

struct PrivacyStatus {
  std::string unit;
  double epsilon_budget = 0;
  double epsilon_spent = 0;  // of the group that spent most
  double epsilon_left = 0;
  double delta = 0;
  int64_t groups = 0;
  int64_t groups_retired = 0;
  bool ledger_intact = true;
  std::string ledger_problem;  // what is wrong and what to do; empty if intact
  std::vector<Release> releases;
  std::vector<BudgetBlock> blocks;       // by date
  std::vector<BurnDownPoint> burn_down;  // by time
};

enum class Condition { kCharging, kIdle, kCool, kUnmetered };

struct ConditionState {
  Condition condition;
  std::optional<bool> holds;  // empty: unknown on this device
  std::string detail;         // e.g. "AC0 online=0"
};

// Reads the device's state from sysfs below `root` ("" = "/"); never fails: what cannot be read is
// unknown.
std::vector<ConditionState> ReadConditions(const std::vector<Condition>& wanted,
                                           const std::string& root = "");
const char* ConditionName(Condition condition);  // "charging", "idle", "cool", "unmetered"

// How the noise of a private run's steps hangs together.
enum class NoiseMechanism {
  kIndependent,  // fresh noise in every step
  // Streaming: groups take turns, each once in a pass, and the noise of a step takes back part of
  // what earlier steps added (BLT, docs/privacy/accounting.md). For runs that see each group once
  // or a few times.
  kBlt,
};

enum class Optimizer { kAdam, kSgd };  // kSgd: with momentum 0.9; it needs a learning rate

struct TrainOptions {
  bool now = false;  // skip the conditions
  std::vector<Condition> when = {Condition::kCharging, Condition::kIdle, Condition::kCool};
  bool dp = true;
  double epsilon = 0;           // of this run at the home's delta; 0 = what the ledger has left
  double noise_multiplier = 0;  // 0 = solved from epsilon and steps
  // With kBlt `noise_multiplier` is that of the whole run as one release.
  NoiseMechanism mechanism = NoiseMechanism::kIndependent;
  double clip_norm = 1.0;
  // Answers of the gate are noised and charged to the held-out groups that gave them, at most as
  // much as the run is to those that train. false: exact, and no part of the privacy statement.
  bool private_gate = true;
  // Of records that nearly repeat one of another group only the first trains. true: all of them.
  bool keep_near_duplicates = false;
  int64_t records_per_group = 0;  // that take part in the run, drawn at random; 0 = all
  int64_t windows_per_step = 32;  // of a group, with dp; what it has more takes turns; 0 = all
  int rank = 0;                   // 0 = by the number of groups and the noise, at most 8
  double alpha = 0;               // 0 = twice the rank
  // all-linear, or q_proj k_proj v_proj o_proj gate_proj up_proj down_proj; empty = like rank
  std::vector<std::string> target_modules;
  int64_t steps = 0;  // 0 = 30, without dp three passes
  // Expected groups per step, Poisson sampling. 0 = all groups, or half or a quarter of many where
  // that costs at most a tenth more noise; 32 without dp. With kBlt groups that have their turn in
  // a step, 0 = as many as make the steps one pass.
  int64_t batch_size = 0;
  int64_t seq_len = 0;  // tokens of a record that one step reads; 0 = 64, without dp the model's
                        // context. A longer record is read in windows that take turns
  Optimizer optimizer = Optimizer::kAdam;
  double learning_rate = 0;     // 0 = default for the optimizer and mode
  double dropout = 0;           // share of an adapted layer's inputs that its adapter does not see
  int64_t memory_limit_mb = 0;  // 0 = no limit
  double time_limit_s = 0;      // 0 = no limit; else the run stops with a checkpoint
  double minutes = 0;  // with dp: what the whole run may take on this machine; 0 = what it needs
  uint64_t seed = 0;   // data order and initialisation only, never the noise
  int threads = 0;
  // Job id, or empty = the newest stopped one of the same configuration, if any.
  std::string resume_job;
};

struct TrainProgress {
  int64_t step = 0;
  int64_t steps = 0;
  double loss = 0;  // shown to the owner, never stored
  double label_tokens_per_s = 0;
  // After this step. Empty where working it out would slow training down; never at the last step.
  std::optional<double> epsilon_spent;
};

struct TrainReport {
  std::string job_id;
  std::string state;            // "done" | "stopped"
  int64_t groups = 0;           // that took part
  int64_t groups_retired = 0;   // that did not, because their budget is spent
  int64_t near_duplicates = 0;  // records left out as they nearly repeat one of another group; with
                                // keep_near_duplicates they trained, and are protected less
  int64_t records = 0;          // that took part
  int64_t steps = 0;
  int64_t label_tokens = 0;
  double label_tokens_per_s = 0;
  double epsilon_spent = 0;
  double epsilon_left = 0;
  double delta = 0;
  double loss_train = 0;
  double loss_holdout_before = 0;
  double loss_holdout_after = 0;
  std::string gate;         // "accepted" | "rejected: reason"
  double gate_epsilon = 0;  // what its answer cost the held-out groups; 0: it was exact
  std::string adapter_id;   // empty if rejected or stopped
  double peak_rss_mb = 0;
  int64_t resumed_from_step = 0;
  int rank = 0;
  std::vector<std::string> target_modules;
  uint64_t trained_parameters = 0;
  double noise_to_signal = 0;  // expected, of the whole run; 0 without dp
  std::string plan_reason;     // why this size of adapter; empty without dp
  PrivacyStatement privacy;
};

// What `Home::Train` would do, and why.
struct TrainPlan {
  int64_t groups = 0;          // that would take part
  int64_t groups_retired = 0;  // that cannot pay for it
  int64_t near_duplicates = 0;
  int64_t records = 0;
  double sampling_rate = 1;
  double groups_per_step = 0;  // expected
  int64_t steps = 0;
  double noise_multiplier = 0;
  double epsilon = 0;  // of this run; 0 without dp
  double delta = 0;
  double epsilon_left = 0;  // then, of the group that has least left
  int rank = 0;
  std::vector<std::string> target_modules;
  uint64_t trained_parameters = 0;
  double noise_to_signal = 0;
  int64_t judges = 0;  // held-out groups that would answer the gate
  double gate_noise_multiplier = 0;
  double tokens_per_s = 0;  // measured now
  double minutes = 0;       // of all steps at that speed
  std::vector<std::string> reasons;
};

struct DoctorCheck {
  std::string name;
  bool ok = false;
  std::string detail;  // what was found and, if not ok, what to do
};

class Home {
 public:
  static Result<Home> Create(const HomeOptions& options);
  // kNotFound: no home there. kAuth: wrong key. kKeyLost: the key file is gone. kFormat: damaged.
  static Result<Home> Open(const std::string& path, const KeySource& key);

  Home(Home&&) noexcept;
  Home& operator=(Home&&) noexcept;
  ~Home();

  HomeInfo info() const;
  std::string model_path() const;

  // Wraps the store key with another key; an empty source makes a new key file of the home's own.
  // The present key no longer opens this home, but together with an old copy of key.json it still
  // would. A crash leaves the old key or the new one in force. kBusy if another process does it
  // too.
  Status ChangeKey(const KeySource& key);

  // Consent. Nothing is stored or used for training without a grant of its source.
  Status Grant(const std::string& source, const std::string& purpose, int64_t retention_days);
  // Stops use at once; adapters trained on the source's records are retired. kNotFound if never
  // granted.
  Status Revoke(const std::string& source, const std::string& purpose);
  Result<std::vector<Consent>> Consents() const;

  // Ingest: consent, UTF-8 check, redaction, deduplication, storage. kPolicy without a grant.
  // `data` is the content of a file in `format`; faulty lines are reported, the others are kept.
  Result<IngestReport> Ingest(const std::string& source, RecordFormat format, std::string_view data,
                              const std::string& thread);

  // What redaction at ingest does beyond its own rules (RedactionRules::Parse); empty: nothing.
  // Holds for records to come. kFormat if they are no rules.
  Status SetRedactionRules(std::string_view rules);
  Result<std::string> RedactionRulesText() const;

  Result<DataStats> Stats(const RecordFilter& filter) const;
  Result<std::vector<Record>> Records(const RecordFilter& filter) const;
  // The same with names, addresses and the like back in their places, for the owner's eyes.
  // Secrets, card, account and identity numbers were not kept.
  Result<std::vector<Record>> RevealedRecords(const RecordFilter& filter) const;
  // Number deleted. Adapters that saw a deleted record are retired.
  Result<int64_t> DeleteRecords(const RecordFilter& filter);

  // One training job. `stop` (may be null, as on_progress) may become true at any time, also from a
  // signal handler: the run then ends within one micro-batch with a checkpoint and kCancelled.
  // kDeferred names every condition that failed or is unknown.
  Result<TrainReport> Train(const TrainOptions& options, const std::atomic<bool>* stop,
                            const std::function<void(const TrainProgress&)>& on_progress);
  // Plans the same job, and measures how fast this machine trains; stores and charges nothing.
  Result<TrainPlan> Plan(const TrainOptions& options);
  Result<std::vector<JobInfo>> Jobs() const;
  Status CancelJob(const std::string& id);

  Result<std::vector<AdapterInfo>> Adapters() const;
  Result<AdapterInfo> Adapter(const std::string& id) const;
  Status UseAdapter(const std::string& id);  // "none" deactivates
  Result<AdapterInfo> RollbackAdapter();     // activates the one that was active before
  Status RemoveAdapter(const std::string& id);
  Status VerifyAdapter(const std::string& id) const;  // digest, signature, base, finite weights

  Result<PrivacyStatus> Privacy() const;

  struct Impl;
  Impl* impl() const { return impl_.get(); }

 private:
  explicit Home(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Deletes a home for good, its key first: what an interrupted erase leaves cannot be read. Touches
// only what Selvedge wrote. kNotFound if there is none.
Status EraseHome(const std::string& path);

// Checks the home (may be empty), the model, the libraries and the device conditions.
std::vector<DoctorCheck> Doctor(const std::string& home_path, const KeySource& key,
                                const std::string& model_path);

}  // namespace selvedge
