#include "storage/vault/ledger.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <optional>

#include "core/digest.h"
#include "core/file_io.h"
#include "storage/vault/timestamp.h"

namespace selvedge::vault {
namespace {

constexpr size_t kMacBytes = 32;
constexpr std::string_view kRowDomain = "selvedge-ledger-row-v1";
constexpr std::string_view kAnchorMagic = "SLVGANC1";
constexpr size_t kAnchorBytes = 8 + 8 + kMacBytes + kMacBytes;

class KeyedHash {
 public:
  explicit KeyedHash(const SecretKey& key) {
    crypto_generichash_init(&state_, key.data(), SecretKey::kBytes, kMacBytes);
  }
  KeyedHash& Add(std::span<const uint8_t> bytes) {
    crypto_generichash_update(&state_, bytes.data(), bytes.size());
    return *this;
  }
  KeyedHash& Add(uint64_t v) {
    std::array<uint8_t, 8> le{};
    for (size_t i = 0; i < 8; ++i) le[i] = static_cast<uint8_t>(v >> (8 * i));
    return Add(std::span<const uint8_t>(le));
  }
  // Length first, so that no two lists of texts hash alike.
  KeyedHash& Add(std::string_view text) {
    Add(static_cast<uint64_t>(text.size()));
    return Add({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  }
  Bytes Finish() {
    Bytes mac(kMacBytes);
    crypto_generichash_final(&state_, mac.data(), mac.size());
    return mac;
  }

 private:
  crypto_generichash_state state_;
};

bool SameMac(const Bytes& a, const Bytes& b) {
  return a.size() == kMacBytes && b.size() == kMacBytes &&
         sodium_memcmp(a.data(), b.data(), kMacBytes) == 0;
}

struct Anchor {
  int64_t n = 0;
  Bytes mac = Bytes(kMacBytes, 0);
};

Bytes EncodeAnchor(const Anchor& anchor, const SecretKey& key) {
  Bytes out(kAnchorMagic.begin(), kAnchorMagic.end());
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<uint8_t>(anchor.n >> (8 * i)));
  out.insert(out.end(), anchor.mac.begin(), anchor.mac.end());
  const Bytes tag = KeyedHash(key).Add(std::span<const uint8_t>(out)).Finish();
  out.insert(out.end(), tag.begin(), tag.end());
  return out;
}

std::optional<Anchor> DecodeAnchor(const Bytes& bytes, const SecretKey& key) {
  if (bytes.size() != kAnchorBytes) return std::nullopt;
  const std::span<const uint8_t> body(bytes.data(), kAnchorBytes - kMacBytes);
  const Bytes tag(bytes.end() - kMacBytes, bytes.end());
  if (!SameMac(KeyedHash(key).Add(body).Finish(), tag)) return std::nullopt;
  if (!std::equal(kAnchorMagic.begin(), kAnchorMagic.end(), bytes.begin())) return std::nullopt;
  Anchor anchor;
  for (int i = 0; i < 8; ++i) {
    anchor.n |= static_cast<int64_t>(bytes[8 + static_cast<size_t>(i)]) << (8 * i);
  }
  anchor.mac.assign(bytes.begin() + 16, bytes.begin() + 16 + kMacBytes);
  return anchor;
}

LedgerRow ReadRow(const Statement& s) {
  return {s.Int(0), s.Int(1), s.Text(2), s.Text(3), s.Text(4), s.Blob(5)};
}

LedgerCheck Broken(std::string problem) { return {false, std::move(problem)}; }

}  // namespace

Bytes Ledger::Mac(const LedgerRow& row, const Bytes& previous) const {
  return KeyedHash(key_)
      .Add(kRowDomain)
      .Add(static_cast<uint64_t>(row.n))
      .Add(std::span<const uint8_t>(previous))
      .Add(static_cast<uint64_t>(row.at))
      .Add(std::string_view(row.kind))
      .Add(std::string_view(row.subject))
      .Add(std::string_view(row.body))
      .Finish();
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

Status Ledger::WriteAnchor() const {
  // Under the write lock: otherwise a slower process could put an older head over a newer one.
  SELVEDGE_ASSIGN_OR_RETURN(Transaction lock, Transaction::Begin(*db_));
  SELVEDGE_ASSIGN_OR_RETURN(const LedgerRow last, Newest());
  const Bytes bytes = EncodeAnchor({last.n, last.mac}, key_);
  SELVEDGE_RETURN_IF_ERROR(core::WriteFileAtomic(anchor_path_, std::span<const uint8_t>(bytes)));
  return lock.Commit();
}

Status Ledger::AdvanceAnchor() const {
  SELVEDGE_ASSIGN_OR_RETURN(const LedgerCheck check, Verify());
  return check.intact ? WriteAnchor() : OkStatus();
}

Result<LedgerCheck> Ledger::Verify() const {
  // The anchor first: rows that another process adds meanwhile then only put the database ahead.
  const Result<Bytes> file = core::ReadFile(anchor_path_, kAnchorBytes);
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement rows,
      db_->Prepare("SELECT n, at, kind, subject, body, mac FROM ledger ORDER BY n"));
  const std::optional<Anchor> anchor = file.ok() ? DecodeAnchor(*file, key_) : std::nullopt;
  if (!anchor) return Broken("ledger.anchor is missing or damaged");

  Bytes previous(kMacBytes, 0);
  int64_t expected = 1;
  bool anchored = anchor->n == 0;
  for (;; ++expected) {
    SELVEDGE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) break;
    const LedgerRow row = ReadRow(rows);
    if (row.n != expected) return Broken("row " + std::to_string(expected) + " is missing");
    if (!SameMac(Mac(row, previous), row.mac)) {
      return Broken("row " + std::to_string(row.n) + " was changed");
    }
    if (row.n == anchor->n && !SameMac(row.mac, anchor->mac)) {
      return Broken("row " + std::to_string(row.n) + " is not the one that was anchored");
    }
    anchored = anchored || row.n == anchor->n;
    previous = row.mac;
  }
  if (!anchored) {
    return Broken("the database has " + std::to_string(expected - 1) + " rows, the anchor " +
                  std::to_string(anchor->n) + ": an older copy was put back");
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
    if (std::find(kinds.begin(), kinds.end(), row.kind) != kinds.end()) {
      out.push_back(std::move(row));
    }
  }
}

Result<std::string> Ledger::Head() const {
  SELVEDGE_ASSIGN_OR_RETURN(const LedgerRow last, Newest());
  return core::Hex(last.mac);
}

}  // namespace selvedge::vault
