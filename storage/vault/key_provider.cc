#include "storage/vault/key_provider.h"

#include <linux/keyctl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "core/file_io.h"

namespace selvedge::vault {
namespace {

constexpr size_t kMaxPassphraseBytes = 1024;
constexpr size_t kMaxSecretFileBytes = 4096;

// File contents that are wiped when they go.
struct WipedBytes {
  std::vector<uint8_t> bytes;
  explicit WipedBytes(std::vector<uint8_t> b) : bytes(std::move(b)) {}
  WipedBytes(WipedBytes&&) noexcept = default;
  ~WipedBytes() { sodium_memzero(bytes.data(), bytes.size()); }
};

Result<WipedBytes> ReadSecretFile(const std::string& path, const std::string& what) {
  struct stat st {};
  if (stat(path.c_str(), &st) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) {
      return KeyLostError(what + ": no such file; without it the home cannot be read again");
    }
    return IoError(what + ": cannot be read");
  }
  if (st.st_uid != geteuid() && st.st_uid != 0) {
    return PolicyError(what + ": belongs to another user");
  }
  if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    return PolicyError(what + ": others may write it, mode must be 0600");
  }
  Result<std::vector<uint8_t>> bytes = core::ReadFile(path, kMaxSecretFileBytes);
  if (!bytes.ok()) {
    const Status s = bytes.status();
    if (s.code() == StatusCode::kLimit) {
      return LimitError(what + ": larger than " + std::to_string(kMaxSecretFileBytes) + " bytes");
    }
    return Status(s.code(), what + ": cannot be read");
  }
  return WipedBytes(std::move(bytes).value());
}

// 32 raw bytes, or 64 hex digits with or without a line end.
Result<SecretKey> ParseKey(std::span<const uint8_t> bytes, const std::string& what) {
  SecretKey key;
  if (bytes.size() == SecretKey::kBytes) {
    std::copy(bytes.begin(), bytes.end(), key.bytes().begin());
    return key;
  }
  size_t n = bytes.size();
  while (n > 0 && (bytes[n - 1] == '\n' || bytes[n - 1] == '\r')) --n;
  size_t decoded = 0;
  if (n != 2 * SecretKey::kBytes ||
      sodium_hex2bin(key.bytes().data(), SecretKey::kBytes,
                     reinterpret_cast<const char*>(bytes.data()), n, nullptr, &decoded,
                     nullptr) != 0 ||
      decoded != SecretKey::kBytes) {
    return AuthError(what + ": " + std::to_string(bytes.size()) +
                     " bytes that are no key, allowed 32 raw bytes or 64 hex digits");
  }
  return key;
}

class KeyFileProvider final : public KeyProvider {
 public:
  KeyFileProvider(std::string path, const char* name, const char* what)
      : path_(std::move(path)), name_(name), what_(what) {}
  const char* name() const override { return name_; }
  Result<SecretKey> Key(const KdfParams&) const override {
    SELVEDGE_ASSIGN_OR_RETURN(const WipedBytes file, ReadSecretFile(path_, what_));
    return ParseKey(file.bytes, what_);
  }

 private:
  std::string path_;
  const char* name_;
  const char* what_;
};

class PassphraseProvider final : public KeyProvider {
 public:
  explicit PassphraseProvider(std::string path) : path_(std::move(path)) {}
  const char* name() const override { return "passphrase"; }
  bool uses_kdf() const override { return true; }

  Result<SecretKey> Key(const KdfParams& kdf) const override {
    SELVEDGE_ASSIGN_OR_RETURN(const WipedBytes file, ReadSecretFile(path_, "passphrase file"));
    const auto* text = reinterpret_cast<const char*>(file.bytes.data());
    size_t n = 0;
    while (n < file.bytes.size() && text[n] != '\n') ++n;
    if (n > 0 && text[n - 1] == '\r') --n;
    if (n == 0) return AuthError("passphrase file: first line is empty");
    if (n > kMaxPassphraseBytes) {
      return LimitError("passphrase file: first line has " + std::to_string(n) +
                        " bytes, at most " + std::to_string(kMaxPassphraseBytes));
    }
    SecretKey key;
    if (crypto_pwhash(key.bytes().data(), SecretKey::kBytes, text, n, kdf.salt.data(), kdf.passes,
                      kdf.memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0) {
      return InternalError("passphrase: not enough memory for Argon2id");
    }
    return key;
  }

 private:
  std::string path_;
};

// A key of type "user" in the kernel's keyrings of this session and user; see keyrings(7).
class KeyringProvider final : public KeyProvider {
 public:
  explicit KeyringProvider(std::string description) : description_(std::move(description)) {}
  const char* name() const override { return "keyring"; }

  Result<SecretKey> Key(const KdfParams&) const override {
    const long id = syscall(SYS_request_key, "user", description_.c_str(), nullptr, 0);
    if (id < 0) return Failed();
    WipedBytes payload{std::vector<uint8_t>(kMaxSecretFileBytes)};
    const long got =
        syscall(SYS_keyctl, KEYCTL_READ, id, payload.bytes.data(), payload.bytes.size());
    if (got < 0) return Failed();
    const size_t size = std::min(static_cast<size_t>(got), payload.bytes.size());
    return ParseKey(std::span<const uint8_t>(payload.bytes).first(size), "keyring");
  }

 private:
  static Status Failed() {
    if (errno == ENOKEY || errno == EKEYEXPIRED || errno == EKEYREVOKED || errno == EKEYREJECTED) {
      return KeyLostError("keyring: it has no such key; load it, then try again");
    }
    return IoError(std::string("keyring: ") + strerrordesc_np(errno));
  }

  std::string description_;
};

Result<std::unique_ptr<KeyProvider>> MakeNamedProvider(const std::string& name) {
  constexpr std::string_view kKeyring = "keyring:";
  constexpr size_t kMaxDescription = 255;
  if (!name.starts_with(kKeyring) || name.size() == kKeyring.size() ||
      name.size() > kKeyring.size() + kMaxDescription || name.find('\0') != std::string::npos) {
    return UsageError("key provider: unknown, allowed keyring:NAME");
  }
  return std::unique_ptr<KeyProvider>(
      std::make_unique<KeyringProvider>(name.substr(kKeyring.size())));
}

}  // namespace

bool WantsHomeKey(const KeySource& source) {
  return source.key_file.empty() && source.passphrase_file.empty() && source.provider.empty();
}

Result<std::unique_ptr<KeyProvider>> MakeKeyProvider(const std::string& home,
                                                     const KeySource& source) {
  const int named =
      !source.key_file.empty() + !source.passphrase_file.empty() + !source.provider.empty();
  if (named > 1) {
    return UsageError(
        "key: only one of a key file, a passphrase file and a key provider is allowed");
  }
  if (!source.provider.empty()) return MakeNamedProvider(source.provider);
  std::unique_ptr<KeyProvider> provider;
  if (!source.passphrase_file.empty()) {
    provider = std::make_unique<PassphraseProvider>(source.passphrase_file);
  } else if (!source.key_file.empty()) {
    provider = std::make_unique<KeyFileProvider>(source.key_file, "key-file", "key file");
  } else {
    provider = HomeKeyProvider(home + "/key");
  }
  return provider;
}

std::unique_ptr<KeyProvider> HomeKeyProvider(const std::string& path) {
  return std::make_unique<KeyFileProvider>(path, "home-key-file", "home's key file");
}

Status CreateHomeKeyFile(const std::string& path) {
  const SecretKey key = SecretKey::Random();
  return core::WriteFileAtomic(path, std::span<const uint8_t>(key.bytes()));
}

}  // namespace selvedge::vault
