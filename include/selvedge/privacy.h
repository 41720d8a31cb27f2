#pragma once
// What a privacy claim is, and calculators that need no home.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

namespace selvedge {

// The one statement about privacy; the command, logs, manifests and documents print it from here.
struct PrivacyStatement {
  std::string unit = "record";  // what one protected group is: record | thread | day
  double epsilon = 0;           // upper bound at delta
  double delta = 0;
  std::string accountant;  // "gaussian" | "rdp" | "pld": which valid bound was smallest
  std::string sampling = "full-batch";  // "full-batch" | "poisson" | "in-turns"
  double sampling_rate = 1;             // q
  double noise_multiplier = 0;          // sigma: noise standard deviation / clip norm
  int64_t steps = 0;
  std::string neighbouring = "zero-out";  // one group's contribution replaced by nothing
};

// The statement as one sentence; "no differential privacy" if it makes no claim.
std::string Describe(const PrivacyStatement& statement);

// `steps` releases of the Poisson-subsampled (or, with sampling_rate 1, plain) Gaussian mechanism.
struct MechanismEvent {
  double sampling_rate = 1;     // in [0, 1]
  double noise_multiplier = 1;  // > 0
  int64_t steps = 1;            // >= 0
};

enum class Accountant { kBest, kRdp, kPld };

// Upper bound on epsilon of the composed events at delta in (0, 1). kBest is the minimum of all
// valid bounds. kUsage if a parameter is out of range.
Result<double> ComputeEpsilon(const std::vector<MechanismEvent>& events, double delta,
                              Accountant accountant = Accountant::kBest);

// Smallest noise multiplier (to a relative 1e-4, rounded up) whose epsilon at delta is at most
// `epsilon`.
Result<double> ComputeNoiseMultiplier(double epsilon, double delta, double sampling_rate,
                                      int64_t steps, Accountant accountant = Accountant::kBest);

// A piece of personal data found in a text: UTF-8 byte offsets, half open.
struct PiiSpan {
  size_t start = 0;
  size_t end = 0;
  std::string type;  // "EMAIL_ADDRESS", "PHONE_NUMBER", ...: the table of docs/privacy/redaction.md
};

struct Redaction {
  std::string text;            // input with each span replaced by <TYPE>
  std::vector<PiiSpan> spans;  // offsets in the input, ascending, disjoint
};

// Finds personal data in one text (valid UTF-8). Placeholders that are there already stay, and
// redacting the result again changes nothing.
Redaction Redact(std::string_view text);

// What an owner adds to redaction: names of contacts, words, patterns, types to leave alone.
class RedactionRules {
 public:
  RedactionRules();  // none

  // One rule a line, or vCards for their names: docs/privacy/redaction.md, "Rules of the owner".
  // kFormat names the line that is no rule.
  static Result<RedactionRules> Parse(std::string_view text);

  struct Compiled;
  const Compiled& compiled() const { return *compiled_; }

 private:
  std::shared_ptr<const Compiled> compiled_;
};

Redaction Redact(std::string_view text, const RedactionRules& rules);

}  // namespace selvedge
