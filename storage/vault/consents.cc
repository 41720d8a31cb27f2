#include "storage/vault/consents.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "storage/vault/rows.h"
#include "storage/vault/timestamp.h"

namespace selvedge::vault {

using Json = nlohmann::ordered_json;

Status Consents::Grant(std::string_view source, std::string_view purpose,
                       int64_t retention_days) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement put,
      db_->Prepare("INSERT INTO consents (source, purpose, granted, granted_at, retention_days)"
                   " VALUES (?, ?, 1, ?, ?) ON CONFLICT (source, purpose) DO UPDATE SET"
                   " granted = 1, granted_at = excluded.granted_at, revoked_at = NULL,"
                   " retention_days = excluded.retention_days"));
  SELVEDGE_RETURN_IF_ERROR(put.Bind(source).Bind(purpose).Bind(NowMs()).Bind(retention_days).Run());
  const Json body = {{"purpose", purpose}, {"retention_days", retention_days}};
  return ledger_->Append("grant", source, body.dump());
}

Status Consents::Revoke(std::string_view source, std::string_view purpose) const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement set,
                            db_->Prepare("UPDATE consents SET granted = 0, revoked_at = ?"
                                         " WHERE source = ? AND purpose = ?"));
  SELVEDGE_RETURN_IF_ERROR(set.Bind(NowMs()).Bind(source).Bind(purpose).Run());
  if (db_->changes() == 0) {
    return NotFoundError("consent: source '" + std::string(source) + "' was never granted for '" +
                         std::string(purpose) + "'");
  }
  const Json body = {{"purpose", purpose}};
  return ledger_->Append("revoke", source, body.dump());
}

Result<std::vector<Consent>> Consents::List() const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement rows,
                            db_->Prepare("SELECT source, purpose, granted, granted_at, revoked_at,"
                                         " retention_days FROM consents ORDER BY source, purpose"));
  return ReadRows(rows, [](const Statement& row) {
    Consent c;
    c.source = row.Text(0);
    c.purpose = row.Text(1);
    c.granted = row.Int(2) != 0;
    c.granted_at = FormatTime(row.Int(3));
    if (!row.IsNull(4)) c.revoked_at = FormatTime(row.Int(4));
    c.retention_days = row.Int(5);
    return c;
  });
}

Result<bool> Consents::MatchesLedger() const {
  // (source, purpose) -> (granted, retention days)
  std::map<std::pair<std::string, std::string>, std::pair<bool, int64_t>> expected;
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<LedgerRow> rows, ledger_->Rows({"grant", "revoke"}));
  for (const LedgerRow& row : rows) {
    const Json body = Json::parse(row.body, nullptr, false);
    if (!body.is_object()) return false;
    auto& state = expected[{row.subject, body.value("purpose", "")}];
    state.first = row.kind == "grant";
    if (state.first) state.second = body.value("retention_days", int64_t{0});
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<Consent> table, List());
  if (table.size() != expected.size()) return false;
  for (const Consent& c : table) {
    const auto it = expected.find({c.source, c.purpose});
    if (it == expected.end() || it->second != std::pair(c.granted, c.retention_days)) return false;
  }
  return true;
}

}  // namespace selvedge::vault
