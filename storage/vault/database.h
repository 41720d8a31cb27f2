#pragma once
// One connection to an encrypted SQLite database (SQLCipher 4 format). Not thread-safe: the owner
// serialises; refuses to work in a forked child.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

#include "storage/vault/secret.h"

struct sqlite3;
struct sqlite3_stmt;

namespace selvedge::vault {

using Bytes = std::vector<uint8_t>;

// A prepared statement; finalised when it dies. Parameters are always bound, never pasted.
class Statement {
 public:
  Statement(Statement&& other) noexcept;
  Statement& operator=(Statement&& other) noexcept;
  Statement(const Statement&) = delete;
  ~Statement();

  // Bind the next parameter, from 1 on.
  Statement& Bind(int64_t value);
  Statement& Bind(double value);
  Statement& Bind(std::string_view text);
  Statement& Bind(std::span<const uint8_t> blob);

  // True: a row is there to be read. False: done.
  Result<bool> Step();
  // Runs to the end, for statements without rows.
  Status Run();
  // Forgets parameters and position, so that the statement can be used again.
  void Reset();

  // Columns of the current row, from 0 on.
  int64_t Int(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;
  Bytes Blob(int column) const;
  bool IsNull(int column) const;

 private:
  friend class Database;
  Statement(sqlite3* db, sqlite3_stmt* stmt) : db_(db), stmt_(stmt) {}
  void NoteBind(int rc);
  sqlite3* db_;
  sqlite3_stmt* stmt_;
  int next_ = 1;
  int bind_error_ = 0;  // SQLite's code of the first parameter that could not be bound
};

class Database {
 public:
  // Opens (or, with `create`, makes) the database and proves that its pages are encrypted.
  //   kInternal  the file is plain SQLite, or the library has no page cipher
  //   kFormat    damaged, truncated, or under another key
  //   kBusy, kIo, kNoSpace (disk or memory) as SQLite says; kIncompatible on a network file system (WAL needs shared
  //   memory).
  static Result<std::unique_ptr<Database>> Open(const std::string& path, const SecretKey& key,
                                                bool create);
  Database(const Database&) = delete;
  ~Database();

  Result<Statement> Prepare(std::string_view sql) const;
  Status Execute(std::string_view sql) const;  // one statement without parameters or rows
  Result<int64_t> QueryInt(std::string_view sql) const;
  int64_t changes() const;  // rows touched by the last statement
  const std::string& cipher() const { return cipher_; }

  // Looks at every page. kFormat with what SQLite found.
  Status CheckIntegrity() const;

 private:
  friend class Transaction;
  Database() = default;
  Status Unlock(const SecretKey& key);
  Status Configure();
  sqlite3* db_ = nullptr;
  int64_t pid_ = 0;
  std::string path_;
  std::string cipher_;
};

// BEGIN IMMEDIATE ... COMMIT; rolls back when it dies uncommitted.
class Transaction {
 public:
  static Result<Transaction> Begin(const Database& db);
  Transaction(Transaction&& other) noexcept;
  Transaction(const Transaction&) = delete;
  ~Transaction();
  Status Commit();

 private:
  explicit Transaction(const Database* db) : db_(db) {}
  const Database* db_;
};

}  // namespace selvedge::vault
