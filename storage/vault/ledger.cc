#include "storage/vault/ledger.h"

#include <algorithm>
#include <array>

#include "core/digest.h"
#include "core/file_io.h"
#include "storage/vault/key_blob.h"
#include "storage/vault/keyed_hash.h"
#include "storage/vault/timestamp.h"

namespace selvedge::vault {
namespace {

constexpr std::string_view kRowDomain = "selvedge-ledger-row-v1";

LedgerRow ReadRow(const Statement& s) {
  return {s.Int(0), s.Int(1), s.Text(2), s.Text(3), s.Text(4), s.Blob(5)};
}

LedgerCheck Broken(std::string problem) { return {false, std::move(problem)}; }

}  // namespace

Bytes Ledger::Mac(const LedgerRow& row, const Bytes& previous) const {
  const auto mac = KeyedHash(key_)
                       .Add(kRowDomain)
                       .Add(static_cast<uint64_t>(row.n))
                       .Add(std::span<const uint8_t>(previous))
                       .Add(static_cast<uint64_t>(row.at))
                       .Add(std::string_view(row.kind))
                       .Add(std::string_view(row.subject))
                       .Add(std::string_view(row.body))
                       .Finish();
  return Bytes(mac.begin(), mac.end());
}

Result<LedgerRow> Ledger::Newest() const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement get,
      db_->Prepare("SELECT n, at, kind, subject, body, mac FROM ledger ORDER BY n DESC LIMIT 1"));
  SELVEDGE_ASSIGN_OR_RETURN(const bool found, get.Step());
  if (found) return ReadRow(get);
  LedgerRow none;
  none.mac = Bytes(kMacBytes, 0);
  return none;
}

Status Ledger::Append(std::string_view kind, std::string_view subject,
                      std::string_view body) const {
  SELVEDGE_ASSIGN_OR_RETURN(const LedgerRow last, Newest());
  LedgerRow row{last.n + 1,           NowMs(),           std::string(kind),
                std::string(subject), std::string(body), {}};
  row.mac = Mac(row, last.mac);
  SELVEDGE_ASSIGN_OR_RETURN(Statement put,
                            db_->Prepare("INSERT INTO ledger (n, at, kind, subject, body, mac)"
                                         " VALUES (?, ?, ?, ?, ?, ?)"));
  return put.Bind(row.n)
      .Bind(row.at)
      .Bind(kind)
      .Bind(subject)
      .Bind(body)
      .Bind(std::span<const uint8_t>(row.mac))
      .Run();
}

Status Ledger::WriteHead() const {
  // Under the write lock: otherwise a slower process could put an older head over a newer one, or
  // over another wrapping of the key.
  SELVEDGE_ASSIGN_OR_RETURN(Transaction lock, Transaction::Begin(*db_));
  SELVEDGE_ASSIGN_OR_RETURN(const LedgerHead head, NewestHead());
  SELVEDGE_ASSIGN_OR_RETURN(const std::string blob,
                            core::ReadTextFile(key_path_, kMaxKeyBlobBytes));
  SELVEDGE_ASSIGN_OR_RETURN(const std::string replaced, ReplaceLedgerHead(blob, head, key_));
  SELVEDGE_RETURN_IF_ERROR(core::WriteFileAtomic(key_path_, replaced));
  return lock.Commit();
}

Status Ledger::AdvanceHead() const {
  SELVEDGE_ASSIGN_OR_RETURN(const LedgerCheck check, Verify());
  return check.intact ? WriteHead() : OkStatus();
}

Result<LedgerHead> Ledger::NewestHead() const {
  SELVEDGE_ASSIGN_OR_RETURN(const LedgerRow last, Newest());
  LedgerHead head;
  head.rows = last.n;
  std::copy(last.mac.begin(), last.mac.end(), head.mac.begin());
  return head;
}

Result<LedgerHead> Ledger::RecordedHead() const {
  SELVEDGE_ASSIGN_OR_RETURN(const std::string blob,
                            core::ReadTextFile(key_path_, kMaxKeyBlobBytes));
  return ReadLedgerHead(blob, key_);
}

Result<LedgerCheck> Ledger::Verify() const {
  // The head first: rows that another process adds meanwhile then only put the database ahead.
  const Result<LedgerHead> head = RecordedHead();
  if (!head.ok()) return Broken("the ledger's head in key.json is missing or damaged");
  if (head->rows == LedgerHead::kLost) {
    return Broken("its head was lost before this home was upgraded");
  }
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows,
      db_->Prepare("SELECT n, at, kind, subject, body, mac FROM ledger ORDER BY n"));

  Bytes previous(kMacBytes, 0);
  int64_t expected = 1;
  bool matched = head->rows == 0;
  for (;; ++expected) {
    SELVEDGE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) break;
    const LedgerRow row = ReadRow(rows);
    if (row.n != expected) return Broken("row " + std::to_string(expected) + " is missing");
    if (!SameMac(Mac(row, previous), row.mac)) {
      return Broken("row " + std::to_string(row.n) + " was changed");
    }
    if (row.n == head->rows && !SameMac(row.mac, head->mac)) {
      return Broken("row " + std::to_string(row.n) + " is not the one that key.json remembers");
    }
    matched = matched || row.n == head->rows;
    previous = row.mac;
  }
  if (!matched) {
    return Broken("the database has " + std::to_string(expected - 1) +
                  " rows, key.json remembers " + std::to_string(head->rows) +
                  ": an older copy was put back");
  }
  return LedgerCheck{true, ""};
}

Result<std::vector<LedgerRow>> Ledger::Rows(const std::vector<std::string_view>& kinds) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows,
      db_->Prepare("SELECT n, at, kind, subject, body, mac FROM ledger ORDER BY n"));
  std::vector<LedgerRow> out;
  for (;;) {
    SELVEDGE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return out;
    LedgerRow row = ReadRow(rows);
    if (kinds.empty() || std::find(kinds.begin(), kinds.end(), row.kind) != kinds.end()) {
      out.push_back(std::move(row));
    }
  }
}

Result<std::string> Ledger::Head() const {
  SELVEDGE_ASSIGN_OR_RETURN(const LedgerRow last, Newest());
  return core::Hex(last.mac);
}

}  // namespace selvedge::vault
