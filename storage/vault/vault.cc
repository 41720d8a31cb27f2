#include "storage/vault/vault.h"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "core/file_io.h"
#include "storage/vault/anchor_v1.h"
#include "storage/vault/key_blob.h"
#include "storage/vault/schema.h"

namespace selvedge::vault {
namespace {

namespace fs = std::filesystem;

// How often the store key was wrapped; the epoch of a key.json must not be below it.
constexpr std::string_view kKeyEpoch = "key_epoch";

bool Exists(const std::string& path) {
  struct stat st {};
  return lstat(path.c_str(), &st) == 0;
}

// A folder's trailing slashes would make "HOME.tmp" a name inside it.
std::string WithoutTrailingSlash(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Status CheckFolder(const std::string& home) {
  struct stat st {};
  if (stat(home.c_str(), &st) != 0 || !S_ISDIR(st.st_mode)) {
    return NotFoundError("home: there is none at this path; `init` makes one");
  }
  if (st.st_uid != geteuid()) return PolicyError("home: belongs to another user");
  if ((st.st_mode & (S_IRWXG | S_IRWXO)) != 0 && chmod(home.c_str(), 0700) != 0) {
    return PolicyError("home: others may enter the folder, mode must be 0700");
  }
  return OkStatus();
}

Status CheckPlaceForNew(const std::string& home) {
  if (home.empty()) return UsageError("home: path is empty");
  std::error_code ec;
  if (!Exists(home)) return OkStatus();
  if (Exists(home + "/key.json") || Exists(home + "/vault.db")) {
    return UsageError("home: there is one at this path already");
  }
  if (!fs::is_directory(home, ec) || !fs::is_empty(home, ec) || ec) {
    return UsageError("home: the path is taken by something else, must be new or an empty folder");
  }
  return OkStatus();
}

// A folder beside the home that vanishes unless it was renamed into place.
class StagingFolder {
 public:
  explicit StagingFolder(std::string path) : path_(std::move(path)) {}
  StagingFolder(const StagingFolder&) = delete;
  ~StagingFolder() {
    std::error_code ec;
    if (!path_.empty()) fs::remove_all(path_, ec);
  }
  const std::string& path() const { return path_; }
  Status MoveTo(const std::string& target) {
    if (std::rename(path_.c_str(), target.c_str()) != 0) {
      return IoError(std::string("home: create: ") + std::strerror(errno));
    }
    path_.clear();
    return OkStatus();
  }

 private:
  std::string path_;
};

// Brings key.json of version 1 and its anchor to the present version. A crash leaves either.
Result<KeyBlobInfo> UpgradeKeyBlob(const std::string& home, const KeyProvider& provider,
                                   const SecretKey& store_key) {
  const LedgerHead head = ReadAnchorV1(home, LedgerKey(store_key));
  if (head.rows == LedgerHead::kLost) {
    // Another process may have upgraded meanwhile and taken the anchor away.
    SELVEDGE_ASSIGN_OR_RETURN(const std::string now,
                              core::ReadTextFile(home + "/key.json", kMaxKeyBlobBytes));
    SELVEDGE_ASSIGN_OR_RETURN(const KeyBlobInfo info, ReadKeyBlobInfo(now));
    if (info.version > 1) return info;
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::string blob, WrapStoreKey(provider, store_key, 1, head));
  SELVEDGE_RETURN_IF_ERROR(core::WriteFileAtomic(home + "/key.json", blob));
  unlink((home + kAnchorV1File).c_str());
  return KeyBlobInfo{kKeyBlobVersion, 1};
}

}  // namespace

Result<std::unique_ptr<Vault>> Vault::Create(const std::string& path, const KeySource& key,
                                             const std::function<Status(Vault&)>& fill) {
  const std::string home = WithoutTrailingSlash(path);
  SELVEDGE_RETURN_IF_ERROR(CheckPlaceForNew(home));
  StagingFolder staging(home + ".tmp-" + std::to_string(getpid()));
  SELVEDGE_RETURN_IF_ERROR(core::MakePrivateFolder(staging.path()));
  for (const char* folder : {"/checkpoints", "/adapters"}) {
    SELVEDGE_RETURN_IF_ERROR(core::MakePrivateFolder(staging.path() + folder));
  }
  if (key.key_file.empty() && key.passphrase_file.empty()) {
    SELVEDGE_RETURN_IF_ERROR(CreateHomeKeyFile(staging.path()));
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::unique_ptr<KeyProvider> provider,
                            MakeKeyProvider(staging.path(), key));
  SecretKey store_key = SecretKey::Random();
  SELVEDGE_ASSIGN_OR_RETURN(const std::string blob, WrapStoreKey(*provider, store_key, 1, {}));
  SELVEDGE_RETURN_IF_ERROR(core::WriteFileAtomic(staging.path() + "/key.json", blob));
  SecretKey again;
  std::memcpy(again.bytes().data(), store_key.data(), SecretKey::kBytes);
  {
    SELVEDGE_ASSIGN_OR_RETURN(
        const std::unique_ptr<Vault> vault,
        OpenWith(staging.path(), std::move(store_key), provider->name(), 1, true));
    SELVEDGE_RETURN_IF_ERROR(vault->Update([&] { return fill(*vault); }));
  }
  SELVEDGE_RETURN_IF_ERROR(staging.MoveTo(home));
  return OpenWith(home, std::move(again), provider->name(), 1, false);
}

Result<std::unique_ptr<Vault>> Vault::Open(const std::string& path, const KeySource& key) {
  const std::string home = WithoutTrailingSlash(path);
  SELVEDGE_RETURN_IF_ERROR(CheckFolder(home));
  const bool has_database = Exists(home + "/vault.db");
  if (!Exists(home + "/key.json")) {
    if (!has_database) return NotFoundError("home: there is none at this path; `init` makes one");
    return KeyLostError("key.json: missing; the records and checkpoints cannot be read again");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::unique_ptr<KeyProvider> provider,
                            MakeKeyProvider(home, key));
  Result<std::string> blob = core::ReadTextFile(home + "/key.json", kMaxKeyBlobBytes);
  if (!blob.ok()) {
    const StatusCode code = blob.status().code();
    return code == StatusCode::kIo ? IoError("key.json: cannot be read")
                                   : AuthError("key.json: damaged, the home is untouched");
  }
  SELVEDGE_ASSIGN_OR_RETURN(SecretKey store_key, UnwrapStoreKey(*provider, *blob));
  if (!has_database) return FormatError("vault.db: missing, the key is there");
  SELVEDGE_ASSIGN_OR_RETURN(KeyBlobInfo info, ReadKeyBlobInfo(*blob));
  if (info.version == 1) {
    SELVEDGE_ASSIGN_OR_RETURN(info, UpgradeKeyBlob(home, *provider, store_key));
  } else {
    SELVEDGE_RETURN_IF_ERROR(ReadLedgerHead(*blob, LedgerKey(store_key)).status());
  }
  return OpenWith(home, std::move(store_key), provider->name(), info.epoch, false);
}

Result<std::unique_ptr<Vault>> Vault::OpenWith(const std::string& home, SecretKey store_key,
                                               std::string provider, uint64_t epoch, bool create) {
  std::unique_ptr<Vault> v(new Vault());
  v->home_ = home;
  v->provider_ = std::move(provider);
  v->checkpoint_key_ = DeriveSubkey(store_key, "slvgckpt");
  v->hash_key_ = DeriveSubkey(store_key, "slvghash");
  SELVEDGE_ASSIGN_OR_RETURN(
      v->db_, Database::Open(home + "/vault.db", DeriveSubkey(store_key, "slvgdata"), create));
  SELVEDGE_RETURN_IF_ERROR(PrepareSchema(*v->db_));
  v->settings_ = std::make_unique<Settings>(v->db_.get());
  SELVEDGE_RETURN_IF_ERROR(v->CheckEpoch(epoch));
  v->ledger_ = std::make_unique<Ledger>(v->db_.get(), LedgerKey(store_key), home + "/key.json");
  v->consents_ = std::make_unique<Consents>(v->db_.get(), v->ledger_.get());
  v->records_ = std::make_unique<Records>(v->db_.get());
  v->jobs_ = std::make_unique<Jobs>(v->db_.get());
  v->registry_ = std::make_unique<Registry>(v->db_.get(), v->settings_.get());
  v->store_key_ = std::move(store_key);
  return v;
}

Status Vault::Update(const std::function<Status()>& body) {
  SELVEDGE_ASSIGN_OR_RETURN(Transaction tx, Transaction::Begin(*db_));
  SELVEDGE_ASSIGN_OR_RETURN(const std::string before, ledger_->Head());
  SELVEDGE_RETURN_IF_ERROR(body());
  SELVEDGE_ASSIGN_OR_RETURN(const std::string after, ledger_->Head());
  SELVEDGE_RETURN_IF_ERROR(tx.Commit());
  return after == before ? OkStatus() : ledger_->AdvanceHead();
}

Status Vault::CheckEpoch(uint64_t epoch) {
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t known, settings_->Counter(kKeyEpoch));
  const auto blob = static_cast<int64_t>(epoch);
  if (blob == known) return OkStatus();
  if (blob < known) {
    return AuthError("key.json: is of epoch " + std::to_string(blob) + ", the records are of " +
                     std::to_string(known) + ": an older key was put back");
  }
  // A crash after key.json and before this number, or a home that was just made.
  return settings_->SetText(kKeyEpoch, std::to_string(blob));
}

Status Vault::ChangeKey(const KeySource& key) {
  // key.json is rewritten with each ledger row: only who holds the write lock may do so.
  SELVEDGE_ASSIGN_OR_RETURN(Transaction lock, Transaction::Begin(*db_));
  const bool own_file = key.key_file.empty() && key.passphrase_file.empty();
  if (own_file && provider_ != "home-key-file") {
    SELVEDGE_RETURN_IF_ERROR(CreateHomeKeyFile(home_));
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::unique_ptr<KeyProvider> provider,
                            MakeKeyProvider(home_, key));
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t epoch, settings_->Counter(kKeyEpoch));
  SELVEDGE_ASSIGN_OR_RETURN(const LedgerHead head, ledger_->RecordedHead());
  SELVEDGE_ASSIGN_OR_RETURN(
      const std::string blob,
      WrapStoreKey(*provider, store_key_, static_cast<uint64_t>(epoch) + 1, head));
  SELVEDGE_RETURN_IF_ERROR(core::WriteFileAtomic(home_ + "/key.json", blob));
  SELVEDGE_RETURN_IF_ERROR(settings_->SetText(kKeyEpoch, std::to_string(epoch + 1)));
  SELVEDGE_RETURN_IF_ERROR(lock.Commit());
  if (!own_file && provider_ == "home-key-file") unlink((home_ + "/key").c_str());
  provider_ = provider->name();
  return OkStatus();
}

Bytes Vault::KeyedHash(std::string_view purpose, std::string_view text) const {
  Bytes out(32);
  crypto_generichash_state state;
  crypto_generichash_init(&state, hash_key_.data(), SecretKey::kBytes, out.size());
  const uint8_t length = static_cast<uint8_t>(purpose.size());
  crypto_generichash_update(&state, &length, 1);
  crypto_generichash_update(&state, reinterpret_cast<const uint8_t*>(purpose.data()),
                            purpose.size());
  crypto_generichash_update(&state, reinterpret_cast<const uint8_t*>(text.data()), text.size());
  crypto_generichash_final(&state, out.data(), out.size());
  return out;
}

Result<LedgerCheck> Vault::CheckLedger() const {
  // One snapshot for both, or a grant by another process in between would look like tampering.
  SELVEDGE_RETURN_IF_ERROR(db_->Execute("BEGIN"));
  Result<LedgerCheck> check = ledger_->Verify();
  if (check.ok() && check->intact) {
    const Result<bool> consents_match = consents_->MatchesLedger();
    if (!consents_match.ok())
      check = consents_match.status();
    else if (!*consents_match)
      check = LedgerCheck{false, "the consents differ from the ledger's"};
  }
  SELVEDGE_RETURN_IF_ERROR(db_->Execute("COMMIT"));
  return check;
}

Status EraseHome(const std::string& path) {
  const std::string home = WithoutTrailingSlash(path);
  SELVEDGE_RETURN_IF_ERROR(CheckFolder(home));
  bool found = false;
  for (const char* file : {"/key.json", "/key", "/vault.db", "/vault.db-wal", "/vault.db-shm",
                           kAnchorV1File, "/train.lock"}) {
    found = unlink((home + file).c_str()) == 0 || found;
  }
  std::error_code ec;
  for (const char* folder : {"/checkpoints", "/adapters"}) {
    found = fs::remove_all(home + folder, ec) > 0 || found;
  }
  if (!found) return NotFoundError("home: there is none at this path");
  rmdir(home.c_str());  // stays if the owner keeps other things in it
  return OkStatus();
}

}  // namespace selvedge::vault
