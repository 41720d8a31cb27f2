#include <algorithm>

#include "core/digest.h"
#include "sdk/home_impl.h"
#include "sdk/ingest_formats.h"
#include "sdk/pseudonyms.h"
#include "storage/vault/disk_reserve.h"
#include "storage/vault/timestamp.h"

namespace selvedge {
namespace {

using vault::Vault;

// Texts that differ only in ASCII case and white space are the same record.
std::string Normalised(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    if (space && (out.empty() || out.back() == ' ')) continue;
    if (space) {
      out += ' ';
    } else {
      out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
  }
  if (out.ends_with(' ')) out.pop_back();
  return out;
}

// The privacy group of a record: itself, its thread, or the day it was written on.
vault::Bytes GroupKey(const Vault& v, const std::string& unit, const vault::NewRecord& r) {
  if (unit == "day") return v.KeyedHash("group-day", vault::FormatTime(r.ts).substr(0, 10));
  if (unit == "thread" && !r.thread.empty()) {
    return v.KeyedHash("group-thread", r.source + '\0' + r.thread);
  }
  return v.KeyedHash("group-record", core::Hex(r.content_hash));
}

// One group in ten, decided by a secret of the home and so the same on every day.
vault::Split SplitOf(const Vault& v, const vault::Bytes& group_key) {
  const vault::Bytes hash = v.KeyedHash("split", core::Hex(group_key));
  return hash[0] * 256 + hash[1] < 6554 ? vault::Split::kHeldOut : vault::Split::kTrain;
}

Status RequireConsent(const Vault& v, const std::string& source) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<Consent> consents, v.consents().List());
  const bool granted = std::any_of(consents.begin(), consents.end(), [&](const Consent& c) {
    return c.source == source && c.granted;
  });
  if (granted) return OkStatus();
  return PolicyError("record: source '" + source + "' has no consent; `consent grant` gives it");
}

vault::NewRecord Build(const Vault& v, const std::string& unit, const std::string& source,
                       const std::string& thread, const RedactionRules& rules,
                       CandidateRecord candidate, IngestReport* report) {
  const Redaction redaction = Redact(candidate.text, rules);
  StoredText stored = WithPseudonyms(v, candidate.text, redaction, rules);
  report->redacted_spans += static_cast<int64_t>(redaction.spans.size());
  vault::NewRecord r;
  r.source = source;
  r.thread = candidate.thread.empty() ? thread : std::move(candidate.thread);
  r.role = std::move(candidate.role);
  r.ts = candidate.ts != 0 ? candidate.ts : vault::NowMs();
  r.text = std::move(stored.text);
  r.redacted = std::move(stored.redacted);
  r.content_hash = v.KeyedHash("content", Normalised(r.text));
  r.id = candidate.id.empty() ? "r-" + core::Hex(r.content_hash).substr(0, 16)
                              : std::move(candidate.id);
  r.group_key = GroupKey(v, unit, r);
  r.split = SplitOf(v, r.group_key);
  return r;
}

}  // namespace

Result<IngestReport> Home::Ingest(const std::string& source, RecordFormat format,
                                  std::string_view data, const std::string& thread) {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  Vault& v = *impl_->vault;
  SELVEDGE_RETURN_IF_ERROR(impl_->RequireIntactLedger());
  SELVEDGE_RETURN_IF_ERROR(RequireConsent(v, source));
  SELVEDGE_RETURN_IF_ERROR(vault::RequireRoom(v.home(), "record"));
  SELVEDGE_ASSIGN_OR_RETURN(ParsedFile file, ParseRecords(format, data));
  SELVEDGE_ASSIGN_OR_RETURN(const std::string rule_text,
                            v.settings().GetText(vault::kRedactionRules));
  SELVEDGE_ASSIGN_OR_RETURN(const RedactionRules rules, RedactionRules::Parse(rule_text));
  IngestReport report;
  report.rejected = std::move(file.rejected);
  const Status updated = v.Update([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(RequireConsent(v, source));  // again, under the write lock
    for (CandidateRecord& candidate : file.records) {
      const int64_t line = candidate.line;
      const vault::NewRecord record =
          Build(v, impl_->config.unit, source, thread, rules, std::move(candidate), &report);
      SELVEDGE_ASSIGN_OR_RETURN(const vault::InsertOutcome outcome, v.records().Insert(record));
      if (outcome == vault::InsertOutcome::kAdded) ++report.added;
      if (outcome == vault::InsertOutcome::kDuplicate) ++report.duplicate;
      if (outcome == vault::InsertOutcome::kIdTaken) {
        report.rejected.push_back({line, "id: stands for another record of this source"});
      }
    }
    return OkStatus();
  });
  if (!updated.ok()) return updated;
  std::sort(report.rejected.begin(), report.rejected.end(),
            [](const RejectedRecord& a, const RejectedRecord& b) { return a.line < b.line; });
  return report;
}

Status Home::SetRedactionRules(std::string_view rules) {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  SELVEDGE_RETURN_IF_ERROR(RedactionRules::Parse(rules).status());
  Vault& v = *impl_->vault;
  return v.Update([&] { return v.settings().SetText(vault::kRedactionRules, rules); });
}

Result<std::string> Home::RedactionRulesText() const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  return impl_->vault->settings().GetText(vault::kRedactionRules);
}

Result<std::vector<Record>> Home::RevealedRecords(const RecordFilter& filter) const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  return impl_->vault->records().FindRevealed(filter);
}

}  // namespace selvedge
