#include "storage/vault/records.h"

#include <optional>
#include <utility>

#include "storage/vault/rows.h"
#include "storage/vault/timestamp.h"

namespace selvedge::vault {
namespace {

constexpr int64_t kDayMs = 86400000;

// The WHERE clause of a filter, and its parameters in order.
class Where {
 public:
  static Result<Where> From(const RecordFilter& filter) {
    Where w;
    if (filter.before) {
      const Result<int64_t> before = ParseTime(*filter.before);
      if (!before.ok()) {
        return UsageError("filter: before: no date, allowed e.g. 2026-01-31 or 2026-01-31T09:30Z");
      }
      w.before_ = *before;
      w.sql_ += " AND ts < ?";
    }
    if (filter.source) w.AddText(" AND source = ?", *filter.source);
    if (filter.id) w.AddText(" AND id = ?", *filter.id);
    return w;
  }
  const std::string& sql() const { return sql_; }
  void Bind(Statement& s) const {
    if (before_) s.Bind(*before_);
    for (const std::string& text : texts_) s.Bind(std::string_view(text));
  }

 private:
  void AddText(const char* sql, const std::string& text) {
    sql_ += sql;
    texts_.push_back(text);
  }
  std::string sql_ = " WHERE 1";
  std::optional<int64_t> before_;
  std::vector<std::string> texts_;
};

}  // namespace

Result<InsertOutcome> Records::Insert(const NewRecord& record) const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement same,
                            db_->Prepare("SELECT 1 FROM records WHERE content_hash = ?"));
  SELVEDGE_ASSIGN_OR_RETURN(const bool duplicate,
                            same.Bind(std::span<const uint8_t>(record.content_hash)).Step());
  if (duplicate) return InsertOutcome::kDuplicate;
  SELVEDGE_ASSIGN_OR_RETURN(Statement taken,
                            db_->Prepare("SELECT 1 FROM records WHERE source = ? AND id = ?"));
  SELVEDGE_ASSIGN_OR_RETURN(
      const bool id_taken,
      taken.Bind(std::string_view(record.source)).Bind(std::string_view(record.id)).Step());
  if (id_taken) return InsertOutcome::kIdTaken;

  SELVEDGE_ASSIGN_OR_RETURN(Statement group,
                            db_->Prepare("INSERT INTO groups (key, split, trained, arrived)"
                                         " VALUES (?, ?, 0, ?) ON CONFLICT (key) DO NOTHING"));
  SELVEDGE_RETURN_IF_ERROR(group.Bind(std::span<const uint8_t>(record.group_key))
                               .Bind(static_cast<int64_t>(record.split))
                               .Bind(NowMs())
                               .Run());
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement put,
      db_->Prepare("INSERT INTO records (id, source, thread, role, ts, text, content_hash,"
                   " arrived, group_key) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"));
  SELVEDGE_RETURN_IF_ERROR(put.Bind(std::string_view(record.id))
                               .Bind(std::string_view(record.source))
                               .Bind(std::string_view(record.thread))
                               .Bind(std::string_view(record.role))
                               .Bind(record.ts)
                               .Bind(std::string_view(record.text))
                               .Bind(std::span<const uint8_t>(record.content_hash))
                               .Bind(NowMs())
                               .Bind(std::span<const uint8_t>(record.group_key))
                               .Run());
  SELVEDGE_RETURN_IF_ERROR(InsertRedacted(record.redacted));
  return InsertOutcome::kAdded;
}

// Of the record that was inserted last.
Status Records::InsertRedacted(const std::vector<RedactedValue>& redacted) const {
  if (redacted.empty()) return OkStatus();
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t seq, db_->QueryInt("SELECT last_insert_rowid()"));
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement put,
      db_->Prepare("INSERT INTO redacted_values (seq, start, value) VALUES (?, ?, ?)"));
  for (const RedactedValue& value : redacted) {
    put.Reset();
    SELVEDGE_RETURN_IF_ERROR(
        put.Bind(seq).Bind(value.start).Bind(std::string_view(value.value)).Run());
  }
  return OkStatus();
}

Result<std::string> Records::Reveal(int64_t seq, std::string_view text) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows,
      db_->Prepare("SELECT start, value FROM redacted_values WHERE seq = ? ORDER BY start"));
  rows.Bind(seq);
  std::string out;
  size_t copied = 0;
  for (;;) {
    SELVEDGE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return out.append(text.substr(copied));
    const auto start = static_cast<size_t>(rows.Int(0));
    const size_t end = start < text.size() ? text.find('>', start) : text.npos;
    if (start < copied || end == text.npos || text[start] != '<') {
      return FormatError("vault: redacted value at byte " + std::to_string(start) +
                         " of its record: no placeholder there");
    }
    out.append(text.substr(copied, start - copied)).append(rows.Text(1));
    copied = end + 1;
  }
}

Result<std::vector<Record>> Records::FindRevealed(const RecordFilter& filter) const {
  SELVEDGE_ASSIGN_OR_RETURN(std::vector<Record> records, Find(filter));
  SELVEDGE_ASSIGN_OR_RETURN(Statement seq,
                            db_->Prepare("SELECT seq FROM records WHERE source = ? AND id = ?"));
  for (Record& record : records) {
    seq.Reset();
    seq.Bind(std::string_view(record.source)).Bind(std::string_view(record.id));
    SELVEDGE_ASSIGN_OR_RETURN(const bool found, seq.Step());
    if (!found) continue;  // deleted by another process meanwhile
    SELVEDGE_ASSIGN_OR_RETURN(record.text, Reveal(seq.Int(0), record.text));
  }
  return records;
}

Result<std::vector<Record>> Records::Find(const RecordFilter& filter) const {
  SELVEDGE_ASSIGN_OR_RETURN(const Where where, Where::From(filter));
  SELVEDGE_ASSIGN_OR_RETURN(Statement rows,
                            db_->Prepare("SELECT id, text, source, thread, role, ts FROM records" +
                                         where.sql() + " ORDER BY seq LIMIT ?"));
  where.Bind(rows);
  rows.Bind(filter.limit > 0 ? filter.limit : int64_t{-1});
  return ReadRows(rows, [](const Statement& row) {
    return Record{row.Text(0), row.Text(1), row.Text(2),
                  row.Text(3), row.Text(4), FormatTime(row.Int(5))};
  });
}

Result<DataStats> Records::Stats(const RecordFilter& filter) const {
  SELVEDGE_ASSIGN_OR_RETURN(const Where where, Where::From(filter));
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows,
      db_->Prepare("SELECT source, count(*), sum(length(CAST(text AS BLOB))) FROM records" +
                   where.sql() + " GROUP BY source ORDER BY source"));
  where.Bind(rows);
  DataStats stats;
  for (;;) {
    SELVEDGE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return stats;
    stats.by_source.push_back({rows.Text(0), rows.Int(1), rows.Int(2)});
    stats.records += rows.Int(1);
    stats.bytes += rows.Int(2);
  }
}

Result<std::vector<RemovedRecord>> Records::Delete(const RecordFilter& filter) const {
  SELVEDGE_ASSIGN_OR_RETURN(const Where where, Where::From(filter));
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows, db_->Prepare("DELETE FROM records WHERE seq IN (SELECT seq FROM records" +
                                   where.sql() + " ORDER BY seq LIMIT ?) RETURNING seq, source"));
  where.Bind(rows);
  rows.Bind(filter.limit > 0 ? filter.limit : int64_t{-1});
  return ReadRows(rows, [](const Statement& row) {
    return RemovedRecord{row.Int(0), row.Text(1)};
  });
}

Result<int64_t> Records::DeleteExpired(int64_t now) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement del, db_->Prepare("DELETE FROM records WHERE NOT EXISTS (SELECT 1 FROM consents c"
                                  " WHERE c.source = records.source AND (c.retention_days = 0"
                                  " OR records.arrived + c.retention_days * ? > ?))"));
  SELVEDGE_RETURN_IF_ERROR(del.Bind(kDayMs).Bind(now).Run());
  return db_->changes();
}

Result<std::vector<EligibleRecord>> Records::Eligible(std::string_view purpose) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows,
      db_->Prepare("SELECT r.seq, r.source, r.text, r.group_key, g.split, g.trained"
                   " FROM records r JOIN groups g ON g.key = r.group_key"
                   " JOIN consents c ON c.source = r.source AND c.purpose = ? AND c.granted = 1"
                   " WHERE c.retention_days = 0 OR r.arrived + c.retention_days * ? > ?"
                   " ORDER BY r.seq"));
  rows.Bind(purpose).Bind(kDayMs).Bind(NowMs());
  return ReadRows(rows, [](const Statement& row) {
    return EligibleRecord{row.Int(0),
                          row.Text(1),
                          row.Text(2),
                          row.Blob(3),
                          row.Int(4) != 0 ? Split::kHeldOut : Split::kTrain,
                          row.Int(5) != 0};
  });
}

Result<std::vector<GroupRow>> Records::Groups() const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows, db_->Prepare("SELECT key, split, trained, arrived FROM groups ORDER BY key"));
  return ReadRows(rows, [](const Statement& row) {
    return GroupRow{row.Blob(0), row.Int(1) != 0 ? Split::kHeldOut : Split::kTrain, row.Int(2) != 0,
                    row.Int(3)};
  });
}

Status Records::SetSplit(const Bytes& group_key, Split split) const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement set,
                            db_->Prepare("UPDATE groups SET split = ? WHERE key = ?"));
  return set.Bind(static_cast<int64_t>(split)).Bind(std::span<const uint8_t>(group_key)).Run();
}

Status Records::MarkTrained(const Bytes& group_key) const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement set,
                            db_->Prepare("UPDATE groups SET trained = 1 WHERE key = ?"));
  return set.Bind(std::span<const uint8_t>(group_key)).Run();
}

}  // namespace selvedge::vault
