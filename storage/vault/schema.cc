#include "storage/vault/schema.h"

#include <iterator>
#include <span>
#include <string>
#include <vector>

namespace selvedge::vault {
namespace {

// Times are milliseconds since 1970 UTC. Hashes and group keys are keyed (docs/formats/vault.md).
constexpr const char* kVersion1[] = {
    "CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT",

    "CREATE TABLE settings (name TEXT PRIMARY KEY, value BLOB NOT NULL) STRICT, WITHOUT ROWID",

    "CREATE TABLE consents (source TEXT NOT NULL, purpose TEXT NOT NULL, granted INTEGER NOT NULL,"
    " granted_at INTEGER NOT NULL, revoked_at INTEGER, retention_days INTEGER NOT NULL,"
    " PRIMARY KEY (source, purpose)) STRICT, WITHOUT ROWID",

    // split: 0 train, 1 held out. trained: 1 once a job has taken the group into its snapshot.
    "CREATE TABLE groups (key BLOB PRIMARY KEY, split INTEGER NOT NULL, trained INTEGER NOT NULL)"
    " STRICT, WITHOUT ROWID",

    "CREATE TABLE records (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL,"
    " source TEXT NOT NULL, thread TEXT NOT NULL, role TEXT NOT NULL, ts INTEGER NOT NULL,"
    " text TEXT NOT NULL, content_hash BLOB NOT NULL UNIQUE, arrived INTEGER NOT NULL,"
    " group_key BLOB NOT NULL REFERENCES groups (key), UNIQUE (source, id)) STRICT",
    "CREATE INDEX records_by_group ON records (group_key)",

    "CREATE TABLE jobs (id TEXT PRIMARY KEY, state TEXT NOT NULL, reason TEXT NOT NULL,"
    " config_hash BLOB NOT NULL, plan TEXT NOT NULL, created INTEGER NOT NULL,"
    " updated INTEGER NOT NULL, steps_done INTEGER NOT NULL, steps_planned INTEGER NOT NULL,"
    " adapter_id TEXT NOT NULL) STRICT, WITHOUT ROWID",
    // Which records a job trained on; kept after a record is gone, so that its adapters can be
    // found.
    "CREATE TABLE job_records (job_id TEXT NOT NULL REFERENCES jobs (id), seq INTEGER NOT NULL,"
    " source TEXT NOT NULL, PRIMARY KEY (job_id, seq)) STRICT, WITHOUT ROWID",
    "CREATE INDEX job_records_by_seq ON job_records (seq)",

    "CREATE TABLE ledger (n INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL,"
    " subject TEXT NOT NULL, body TEXT NOT NULL, mac BLOB NOT NULL) STRICT",

    "CREATE TABLE adapters (id TEXT PRIMARY KEY, parent TEXT NOT NULL, job_id TEXT NOT NULL,"
    " base_digest TEXT NOT NULL, rank INTEGER NOT NULL, alpha REAL NOT NULL,"
    " target_modules TEXT NOT NULL, dp INTEGER NOT NULL, privacy TEXT NOT NULL,"
    " created INTEGER NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL, sha256 TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID",
    // What was made active, oldest first; the last row is active now. '' = the base alone.
    "CREATE TABLE activations (n INTEGER PRIMARY KEY AUTOINCREMENT, adapter_id TEXT NOT NULL)"
    " STRICT",

    "INSERT INTO schema_version (version) VALUES (1)",
};

// Which groups a job took in, for their budgets; kept when their records are gone. Version 1
// counted every step against every group, so what it trained is charged to all groups that it had
// marked.
constexpr const char* kVersion2[] = {
    "CREATE TABLE job_groups (job_id TEXT NOT NULL REFERENCES jobs (id), group_key BLOB NOT NULL"
    " REFERENCES groups (key), PRIMARY KEY (job_id, group_key)) STRICT, WITHOUT ROWID",
    "INSERT INTO job_groups SELECT j.id, g.key FROM jobs j, groups g WHERE g.trained = 1",
    // When the first record of the group came in, ms.
    "ALTER TABLE groups ADD COLUMN arrived INTEGER NOT NULL DEFAULT 0",
    "UPDATE groups SET arrived = coalesce((SELECT min(arrived) FROM records WHERE group_key = key),"
    " 0)",
    "UPDATE schema_version SET version = 2",
};

// What redaction took out of a record, at the placeholder that stands for it; goes with the record.
constexpr const char* kVersion3[] = {
    "CREATE TABLE redacted_values (seq INTEGER NOT NULL REFERENCES records (seq) ON DELETE CASCADE,"
    " start INTEGER NOT NULL, value TEXT NOT NULL, PRIMARY KEY (seq, start)) STRICT, WITHOUT ROWID",
    // The owner's rules; empty: none.
    "INSERT INTO settings (name, value) VALUES ('redaction_rules', x'')",
    "UPDATE schema_version SET version = 3",
};

// What a group does in a job: 0 trains, 1 judges (vault::GroupPart). Both are charged.
constexpr const char* kVersion4[] = {
    "ALTER TABLE job_groups ADD COLUMN part INTEGER NOT NULL DEFAULT 0",
    "UPDATE schema_version SET version = 4",
};

constexpr const char* kTables[] = {
    "schema_version", "settings", "consents", "groups",      "records",    "jobs",
    "job_records",    "ledger",   "adapters", "activations", "job_groups", "redacted_values"};

constexpr std::span<const char* const> kMigrations[] = {kVersion1, kVersion2, kVersion3, kVersion4};
static_assert(std::size(kMigrations) == kSchemaVersion);

// One transaction per version; looks again under the write lock, as another process may migrate
// too.
Status Migrate(const Database& db, int64_t to) {
  SELVEDGE_ASSIGN_OR_RETURN(Transaction tx, Transaction::Begin(db));
  int64_t version = 0;
  if (to > 1) {
    SELVEDGE_ASSIGN_OR_RETURN(version, db.QueryInt("SELECT max(version) FROM schema_version"));
  } else {
    SELVEDGE_ASSIGN_OR_RETURN(const int64_t objects,
                              db.QueryInt("SELECT count(*) FROM sqlite_schema"));
    version = objects == 0 ? 0 : 1;
  }
  if (version >= to) return OkStatus();
  for (const char* sql : kMigrations[to - 1]) SELVEDGE_RETURN_IF_ERROR(db.Execute(sql));
  return tx.Commit();
}

Status MigrateAfter(const Database& db, int64_t version) {
  for (int64_t to = version + 1; to <= kSchemaVersion; ++to) {
    SELVEDGE_RETURN_IF_ERROR(Migrate(db, to));
  }
  return OkStatus();
}

Status CheckTables(const Database& db) {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement find, db.Prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?"));
  for (const char* table : kTables) {
    find.Reset();
    SELVEDGE_ASSIGN_OR_RETURN(const bool found, find.Bind(std::string_view(table)).Step());
    if (!found) return FormatError("vault: table '" + std::string(table) + "' is missing");
  }
  return OkStatus();
}

}  // namespace

Status PrepareSchema(const Database& db) {
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t foreign_code,
                            db.QueryInt("SELECT count(*) FROM sqlite_schema"
                                        " WHERE type IN ('trigger', 'view')"));
  if (foreign_code > 0) {
    return IncompatibleError("vault: schema holds " + std::to_string(foreign_code) +
                             " triggers or views, allowed none");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t objects,
                            db.QueryInt("SELECT count(*) FROM sqlite_schema"));
  if (objects == 0) return MigrateAfter(db, 0);

  const Result<int64_t> version = db.QueryInt("SELECT max(version) FROM schema_version");
  if (!version.ok()) return FormatError("vault: table 'schema_version' is missing or damaged");
  if (*version > kSchemaVersion) {
    return IncompatibleError("vault: schema version is " + std::to_string(*version) +
                             ", this SDK reads up to " + std::to_string(kSchemaVersion));
  }
  if (*version < 1) return FormatError("vault: schema version is " + std::to_string(*version));
  SELVEDGE_RETURN_IF_ERROR(MigrateAfter(db, *version));
  return CheckTables(db);
}

}  // namespace selvedge::vault
