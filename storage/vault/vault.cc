#include "storage/vault/vault.h"

#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include "core/file_io.h"
#include "storage/vault/anchor_v1.h"
#include "storage/vault/disk_reserve.h"
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
  // Reading needs it, too: SQLite's log and its index lie beside the database.
  if (access(home.c_str(), W_OK) != 0) {
    return IoError(std::string("home: the folder cannot be written: ") + std::strerror(errno));
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

// A new key of the home's own lies here until key.json is wrapped with it.
constexpr char kNextKey[] = "/key.new";

Status TakeNextKey(const std::string& home) {
  // ENOENT: another process that opened the home has done it.
  if (std::rename((home + kNextKey).c_str(), (home + "/key").c_str()) != 0 && errno != ENOENT) {
    return IoError(std::string("keys: new key file: ") + std::strerror(errno));
  }
  return OkStatus();
}

// A change of the home's own key file that was interrupted after key.json was written: the next key
// is the one in force. `otherwise` if it is not.
Result<SecretKey> FinishKeyChange(const std::string& home, const std::string& blob,
                                  const Status& otherwise) {
  if (!Exists(home + kNextKey)) return otherwise;
  Result<SecretKey> store_key = UnwrapStoreKey(*HomeKeyProvider(home + kNextKey), blob);
  if (!store_key.ok()) return otherwise;
  SELVEDGE_RETURN_IF_ERROR(TakeNextKey(home));
  return store_key;
}

// Before key.new is written again: the one that is there may be the key in force.
Status FinishPendingKeyChange(const std::string& home) {
  if (!Exists(home + kNextKey)) return OkStatus();
  SELVEDGE_ASSIGN_OR_RETURN(const std::string blob,
                            core::ReadTextFile(home + "/key.json", kMaxKeyBlobBytes));
  const Status not_in_force = AuthError("key.new: not in force");
  const Result<SecretKey> key = FinishKeyChange(home, blob, not_in_force);
  if (key.ok()) return OkStatus();
  if (key.status().code() != StatusCode::kAuth) return key.status();
  if (unlink((home + kNextKey).c_str()) != 0) return IoError("keys: key.new: cannot be removed");
  return OkStatus();
}

// Deletes the named files of a home, and what a crash left of writing one of them
// (core::WriteFileAtomic), and makes that last. Sets `found` if there was any.
Status UnlinkAll(const std::string& home, const std::vector<std::string>& names, bool* found) {
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(home, ec)) {
    const std::string file = entry.path().filename().string();
    const bool ours = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
      return file == name || file.starts_with(name + ".tmp-");
    });
    if (!ours) continue;
    if (unlink(entry.path().c_str()) != 0 && errno != ENOENT) {
      return IoError("home: erase: " + file + ": " + std::strerror(errno));
    }
    *found = true;
  }
  if (ec) return IoError("home: erase: " + ec.message());
  return core::SyncFolder(home);
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
  if (WantsHomeKey(key)) SELVEDGE_RETURN_IF_ERROR(CreateHomeKeyFile(staging.path() + "/key"));
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
  Result<SecretKey> store_key = UnwrapStoreKey(*provider, *blob);
  if (!store_key.ok() && WantsHomeKey(key)) {
    store_key = FinishKeyChange(home, *blob, store_key.status());
  }
  if (!store_key.ok()) return store_key.status();
  if (!has_database) return FormatError("vault.db: missing, the key is there");
  SELVEDGE_ASSIGN_OR_RETURN(KeyBlobInfo info, ReadKeyBlobInfo(*blob));
  if (info.version == 1) {
    SELVEDGE_ASSIGN_OR_RETURN(info, UpgradeKeyBlob(home, *provider, *store_key));
  } else {
    SELVEDGE_RETURN_IF_ERROR(ReadLedgerHead(*blob, LedgerKey(*store_key)).status());
  }
  TendReserve(home);
  return OpenWith(home, std::move(store_key).value(), provider->name(), info.epoch, false);
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

// The order makes a crash harmless at each point: key.json decides which key is in force, and a key
// is there before key.json needs it.
Status Vault::ChangeKey(const KeySource& key) {
  // key.json is rewritten with each ledger row: only who holds the write lock may do so.
  SELVEDGE_ASSIGN_OR_RETURN(Transaction lock, Transaction::Begin(*db_));
  const bool own_file = WantsHomeKey(key);
  const std::string next = home_ + kNextKey;
  SELVEDGE_RETURN_IF_ERROR(FinishPendingKeyChange(home_));
  if (own_file) SELVEDGE_RETURN_IF_ERROR(CreateHomeKeyFile(next));
  SELVEDGE_ASSIGN_OR_RETURN(std::unique_ptr<KeyProvider> provider, MakeKeyProvider(home_, key));
  if (own_file) provider = HomeKeyProvider(next);
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t epoch, settings_->Counter(kKeyEpoch));
  SELVEDGE_ASSIGN_OR_RETURN(const LedgerHead head, ledger_->RecordedHead());
  SELVEDGE_ASSIGN_OR_RETURN(
      const std::string blob,
      WrapStoreKey(*provider, store_key_, static_cast<uint64_t>(epoch) + 1, head));
  SELVEDGE_RETURN_IF_ERROR(core::WriteFileAtomic(home_ + "/key.json", blob));
  if (own_file) SELVEDGE_RETURN_IF_ERROR(TakeNextKey(home_));
  SELVEDGE_RETURN_IF_ERROR(settings_->SetText(kKeyEpoch, std::to_string(epoch + 1)));
  SELVEDGE_RETURN_IF_ERROR(lock.Commit());
  provider_ = provider->name();
  if (own_file || unlink((home_ + "/key").c_str()) == 0 || errno == ENOENT) return OkStatus();
  return IoError("keys: the home's old key file cannot be removed; it no longer opens the home");
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
  if (check.ok() && check->intact) {
    const Result<bool> groups_match = jobs_->GroupsMatch(*ledger_);
    if (!groups_match.ok())
      check = groups_match.status();
    else if (!*groups_match)
      check = LedgerCheck{false, "the groups of a job differ from the ledger's"};
  }
  SELVEDGE_RETURN_IF_ERROR(db_->Execute("COMMIT"));
  return check;
}

Status EraseHome(const std::string& path) {
  const std::string home = WithoutTrailingSlash(path);
  SELVEDGE_RETURN_IF_ERROR(CheckFolder(home));
  bool found = false;
  SELVEDGE_RETURN_IF_ERROR(UnlinkAll(home, {"key.json", "key", "key.new"}, &found));
  SELVEDGE_RETURN_IF_ERROR(UnlinkAll(
      home,
      {"vault.db", "vault.db-wal", "vault.db-shm", &kAnchorV1File[1], "train.lock", kReserveFile},
      &found));
  std::string linked;
  for (const char* folder : {"/checkpoints", "/adapters"}) {
    std::error_code ec;
    // Of a link only the link goes: where it leads to may be anything.
    if (fs::is_symlink(home + folder, ec)) linked = folder + 1;
    found = fs::remove_all(home + folder, ec) > 0 || found;
    if (ec) return IoError(std::string("home: erase: ") + (folder + 1) + ": " + ec.message());
  }
  if (!found) return NotFoundError("home: there is none at this path");
  rmdir(home.c_str());  // stays if the owner keeps other things in it
  if (linked.empty()) return OkStatus();
  return PolicyError("home: erase: " + linked +
                     ": was a link; the home is gone, what the link led to is not: delete it");
}

}  // namespace selvedge::vault
