#include "storage/vault/checkpoint_file.h"

#include <sodium.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "core/file_io.h"

namespace selvedge::vault {
namespace {

constexpr std::string_view kMagic = "SLVGCKP1";
constexpr size_t kHeaderBytes = crypto_secretstream_xchacha20poly1305_HEADERBYTES;
constexpr size_t kTagBytes = crypto_secretstream_xchacha20poly1305_ABYTES;
constexpr size_t kChunk = 64 << 10;
constexpr size_t kMaxFileBytes = size_t{4} << 30;

const uint8_t* AsBytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

Result<std::vector<uint8_t>> ReadOne(const std::string& path, const SecretKey& key,
                                     std::string_view job_id) {
  SELVEDGE_ASSIGN_OR_RETURN(const std::vector<uint8_t> file, core::ReadFile(path, kMaxFileBytes));
  const Status bad = AuthError("checkpoint: damaged, or of another home or job");
  if (file.size() < kMagic.size() + kHeaderBytes ||
      !std::equal(kMagic.begin(), kMagic.end(), file.begin())) {
    return bad;
  }
  crypto_secretstream_xchacha20poly1305_state stream;
  if (crypto_secretstream_xchacha20poly1305_init_pull(&stream, file.data() + kMagic.size(),
                                                      key.data()) != 0) {
    return bad;
  }
  std::vector<uint8_t> state;
  state.reserve(file.size());
  size_t at = kMagic.size() + kHeaderBytes;
  for (;;) {
    const size_t cipher_bytes = std::min(kChunk + kTagBytes, file.size() - at);
    const size_t start = state.size();
    uint8_t tag = 0;
    if (cipher_bytes < kTagBytes) return bad;
    state.resize(start + cipher_bytes - kTagBytes);
    if (crypto_secretstream_xchacha20poly1305_pull(&stream, state.data() + start, nullptr, &tag,
                                                   file.data() + at, cipher_bytes, AsBytes(job_id),
                                                   job_id.size()) != 0) {
      return bad;
    }
    at += cipher_bytes;
    if (tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL) break;
  }
  if (at != file.size()) return bad;
  return state;
}

}  // namespace

Status WriteCheckpoint(const std::string& path, const SecretKey& key, std::string_view job_id,
                       const std::vector<uint8_t>& state) {
  std::vector<uint8_t> file(kMagic.begin(), kMagic.end());
  file.resize(kMagic.size() + kHeaderBytes);
  file.reserve(file.size() + state.size() + (state.size() / kChunk + 1) * kTagBytes);
  crypto_secretstream_xchacha20poly1305_state stream;
  crypto_secretstream_xchacha20poly1305_init_push(&stream, file.data() + kMagic.size(), key.data());
  size_t at = 0;
  do {
    const size_t n = std::min(kChunk, state.size() - at);
    const bool last = at + n == state.size();
    const size_t start = file.size();
    file.resize(start + n + kTagBytes);
    crypto_secretstream_xchacha20poly1305_push(
        &stream, file.data() + start, nullptr, state.data() + at, n, AsBytes(job_id), job_id.size(),
        last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL : 0);
    at += n;
  } while (at < state.size());
  sodium_memzero(&stream, sizeof stream);
  // A crash between these two leaves only PATH.prev, which ReadCheckpoint also takes.
  std::rename(path.c_str(), (path + ".prev").c_str());
  return core::WriteFileAtomic(path, std::span<const uint8_t>(file));
}

Result<std::vector<uint8_t>> ReadCheckpoint(const std::string& path, const SecretKey& key,
                                            std::string_view job_id) {
  Result<std::vector<uint8_t>> newest = ReadOne(path, key, job_id);
  if (newest.ok()) return newest;
  Result<std::vector<uint8_t>> previous = ReadOne(path + ".prev", key, job_id);
  if (previous.ok() || newest.status().code() == StatusCode::kNotFound) return previous;
  return newest;
}

void RemoveCheckpoint(const std::string& path) {
  unlink(path.c_str());
  unlink((path + ".prev").c_str());
}

}  // namespace selvedge::vault
