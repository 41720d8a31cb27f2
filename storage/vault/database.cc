#include "storage/vault/database.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <utility>

namespace selvedge::vault {
namespace {

constexpr int kBusyTimeoutMs = 5000;
constexpr std::string_view kPlainHeader("SQLite format 3\0", 16);

// SQLite's message may quote SQL but never bound values; only the code is passed on.
Status Translate(int rc, const char* doing) {
  const std::string what = std::string("database: ") + doing + ": " + sqlite3_errstr(rc);
  switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return BusyError("database: " + std::string(doing) + ": another process is writing");
    case SQLITE_FULL:
    case SQLITE_NOMEM:
      return NoSpaceError(what);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return FormatError("database: " + std::string(doing) +
                         ": a page is damaged or under another key");
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return IoError(what);
    case SQLITE_TOOBIG:
      return LimitError(what);
    default:
      return InternalError(what);
  }
}

bool IsNetworkFolder(const std::string& path) {
  constexpr long kNfs = 0x6969, kSmb2 = 0xFE534D42, kCifs = 0xFF534D42;
  struct statfs fs {};
  const std::string folder = path.substr(0, path.rfind('/'));
  if (statfs(folder.c_str(), &fs) != 0) return false;
  const long type = static_cast<long>(fs.f_type);
  return type == kNfs || type == kSmb2 || type == kCifs;
}

// The first bytes of the file; empty if it has none.
Result<std::string> ReadHeader(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (fd < 0) return IoError(std::string("database: open: ") + std::strerror(errno));
  struct stat st {};
  std::string header(kPlainHeader.size(), '\0');
  const bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
  const ssize_t n = regular ? pread(fd, header.data(), header.size(), 0) : -1;
  close(fd);
  if (n < 0) return FormatError("database: not a regular file");
  header.resize(static_cast<size_t>(n));
  return header;
}

Status RefusePlain(const std::string& header) {
  if (header != kPlainHeader) return OkStatus();
  return InternalError("database: encryption not active: the file is plain SQLite");
}

}  // namespace

Statement::Statement(Statement&& other) noexcept
    : db_(other.db_),
      stmt_(std::exchange(other.stmt_, nullptr)),
      next_(other.next_),
      bind_error_(other.bind_error_) {}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(db_, other.db_);
  std::swap(stmt_, other.stmt_);
  std::swap(next_, other.next_);
  std::swap(bind_error_, other.bind_error_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(stmt_); }

Statement& Statement::Bind(int64_t value) {
  NoteBind(sqlite3_bind_int64(stmt_, next_++, value));
  return *this;
}

Statement& Statement::Bind(double value) {
  NoteBind(sqlite3_bind_double(stmt_, next_++, value));
  return *this;
}

Statement& Statement::Bind(std::string_view text) {
  NoteBind(sqlite3_bind_text64(stmt_, next_++, text.empty() ? "" : text.data(), text.size(),
                                     SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::Bind(std::span<const uint8_t> blob) {
  static constexpr uint8_t kNothing = 0;
  NoteBind(sqlite3_bind_blob64(stmt_, next_++, blob.empty() ? &kNothing : blob.data(),
                                     blob.size(), SQLITE_TRANSIENT));
  return *this;
}

void Statement::NoteBind(int rc) {
  if (bind_error_ == SQLITE_OK) bind_error_ = rc;
}

Result<bool> Statement::Step() {
  if (bind_error_ == SQLITE_RANGE) return InternalError("database: wrong number of parameters");
  if (bind_error_ != SQLITE_OK) return Translate(bind_error_, "parameter");
  const int rc = sqlite3_step(stmt_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return Translate(sqlite3_extended_errcode(db_), "statement");
}

Status Statement::Run() {
  for (;;) {
    SELVEDGE_ASSIGN_OR_RETURN(const bool row, Step());
    if (!row) return OkStatus();
  }
}

void Statement::Reset() {
  sqlite3_reset(stmt_);
  sqlite3_clear_bindings(stmt_);
  next_ = 1;
  bind_error_ = 0;
}

int64_t Statement::Int(int column) const { return sqlite3_column_int64(stmt_, column); }
double Statement::Real(int column) const { return sqlite3_column_double(stmt_, column); }
bool Statement::IsNull(int column) const {
  return sqlite3_column_type(stmt_, column) == SQLITE_NULL;
}

std::string Statement::Text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(stmt_, column));
  if (text == nullptr) return "";
  return std::string(text, static_cast<size_t>(sqlite3_column_bytes(stmt_, column)));
}

Bytes Statement::Blob(int column) const {
  const auto* blob = static_cast<const uint8_t*>(sqlite3_column_blob(stmt_, column));
  if (blob == nullptr) return {};
  return Bytes(blob, blob + sqlite3_column_bytes(stmt_, column));
}

Result<std::unique_ptr<Database>> Database::Open(const std::string& path, const SecretKey& key,
                                                 bool create) {
  if (IsNetworkFolder(path)) {
    return IncompatibleError("database: on a network file system, must be on a local disk");
  }
  if (create) {
    // Made here so that no process with another umask ever sees it readable.
    const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return IoError(std::string("database: create: ") + std::strerror(errno));
    close(fd);
  } else {
    SELVEDGE_ASSIGN_OR_RETURN(const std::string header, ReadHeader(path));
    SELVEDGE_RETURN_IF_ERROR(RefusePlain(header));
    if (header.size() < kPlainHeader.size()) return FormatError("database: file is cut off");
  }
  std::unique_ptr<Database> db(new Database());
  db->path_ = path;
  db->pid_ = getpid();
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX;
  if (const int rc = sqlite3_open_v2(path.c_str(), &db->db_, flags, nullptr); rc != SQLITE_OK) {
    return Translate(rc, "open");
  }
  SELVEDGE_RETURN_IF_ERROR(db->Unlock(key));
  SELVEDGE_RETURN_IF_ERROR(db->Configure());
  if (create) {
    // The first write puts page 1 on disk, where its encryption can be seen from outside.
    SELVEDGE_RETURN_IF_ERROR(db->Execute("PRAGMA user_version = 0"));
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::string header, ReadHeader(path));
  SELVEDGE_RETURN_IF_ERROR(RefusePlain(header));
  if (header.size() < kPlainHeader.size()) {
    return InternalError("database: encryption not active: no page was written");
  }
  return db;
}

Database::~Database() {
  // A connection must not be closed in a forked child: it would drop the parent's file locks.
  if (db_ != nullptr && pid_ == getpid()) sqlite3_close_v2(db_);
}

Status Database::Unlock(const SecretKey& key) {
  std::array<char, 2 * SecretKey::kBytes + 1> hex{};
  sodium_bin2hex(hex.data(), hex.size(), key.data(), SecretKey::kBytes);
  std::string pragma = "PRAGMA key = \"x'";
  pragma.reserve(128);
  pragma.append(hex.data()).append("'\"");
#ifdef SELVEDGE_SQLITE_MC
  int rc = sqlite3_exec(db_, "PRAGMA cipher = 'sqlcipher'; PRAGMA legacy = 4;", nullptr, nullptr,
                        nullptr);
#else
  int rc = SQLITE_OK;
#endif
  if (rc == SQLITE_OK) rc = sqlite3_exec(db_, pragma.c_str(), nullptr, nullptr, nullptr);
  sodium_memzero(hex.data(), hex.size());
  sodium_memzero(pragma.data(), pragma.size());
  if (rc != SQLITE_OK) return Translate(rc, "key");

#ifdef SELVEDGE_SQLITE_MC
  const char* ask = "PRAGMA cipher";
#else
  const char* ask = "PRAGMA cipher_version";
#endif
  SELVEDGE_ASSIGN_OR_RETURN(Statement probe, Prepare(ask));
  SELVEDGE_ASSIGN_OR_RETURN(const bool answered, probe.Step());
  const std::string answer = answered ? probe.Text(0) : "";
#ifdef SELVEDGE_SQLITE_MC
  if (answer != "sqlcipher") {
    return InternalError("database: encryption not active: the SQLite library has no page cipher");
  }
  cipher_ = "sqlcipher 4 (SQLite3 Multiple Ciphers)";
#else
  if (answer.empty() || answer[0] < '4') {
    return InternalError(
        "database: encryption not active: the SQLite library is no SQLCipher >= 4");
  }
  cipher_ = "sqlcipher " + answer;
#endif
  return OkStatus();
}

Status Database::Configure() {
  sqlite3_busy_timeout(db_, kBusyTimeoutMs);
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_limit(db_, SQLITE_LIMIT_LENGTH, 64 << 20);
  sqlite3_limit(db_, SQLITE_LIMIT_ATTACHED, 0);
  // A schema from elsewhere must not run code: no triggers, no views, no schema edits.
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  // Reading the schema is what proves the key: page 1 carries a MAC.
  SELVEDGE_RETURN_IF_ERROR(QueryInt("SELECT count(*) FROM sqlite_schema").status());
  for (const char* pragma :
       {"PRAGMA foreign_keys = ON", "PRAGMA secure_delete = ON", "PRAGMA temp_store = MEMORY",
        "PRAGMA cell_size_check = ON", "PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL",
        "PRAGMA trusted_schema = OFF"}) {
    SELVEDGE_RETURN_IF_ERROR(Execute(pragma));
  }
  return OkStatus();
}

Result<Statement> Database::Prepare(std::string_view sql) const {
  if (pid_ != getpid()) {
    return PolicyError("database: opened before fork, must be opened again in the child");
  }
  sqlite3_stmt* stmt = nullptr;
  const int rc = sqlite3_prepare_v2(db_, sql.data(), static_cast<int>(sql.size()), &stmt, nullptr);
  if (rc != SQLITE_OK) return Translate(sqlite3_extended_errcode(db_), "prepare");
  return Statement(db_, stmt);
}

Status Database::Execute(std::string_view sql) const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  return statement.Run();
}

Result<int64_t> Database::QueryInt(std::string_view sql) const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  SELVEDGE_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return NotFoundError("database: no row");
  return statement.Int(0);
}

int64_t Database::changes() const { return sqlite3_changes64(db_); }

Status Database::CheckIntegrity() const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement check, Prepare("PRAGMA integrity_check(1)"));
  SELVEDGE_ASSIGN_OR_RETURN(const bool row, check.Step());
  if (!row || check.Text(0) != "ok") return FormatError("database: integrity check failed");
  return OkStatus();
}

Result<Transaction> Transaction::Begin(const Database& db) {
  SELVEDGE_RETURN_IF_ERROR(db.Execute("BEGIN IMMEDIATE"));
  return Transaction(&db);
}

Transaction::Transaction(Transaction&& other) noexcept : db_(std::exchange(other.db_, nullptr)) {}

Transaction::~Transaction() {
  if (db_ != nullptr) (void)db_->Execute("ROLLBACK");
}

Status Transaction::Commit() {
  SELVEDGE_RETURN_IF_ERROR(db_->Execute("COMMIT"));
  db_ = nullptr;
  return OkStatus();
}

}  // namespace selvedge::vault
