#include "core/secure_random.h"

#include <sodium.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace selvedge::core {
namespace {

constexpr size_t kKeyBytes = crypto_stream_chacha20_KEYBYTES;
constexpr size_t kBufferBytes = 4000;
constexpr uint64_t kAlive = 0x5eed5eed5eed5eedu;

bool ReadEntropy(uint8_t* out, size_t n) {
  while (n > 0) {
    const ssize_t got = ::getrandom(out, n, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    out += got;
    n -= static_cast<size_t>(got);
  }
  return true;
}

}  // namespace

// Lives in pages of its own: zeroed by the kernel in a forked child (`alive` is lost, which is how
// a fork is noticed even where process ids repeat) and kept out of core dumps and swap.
struct SecureRandom::State {
  uint64_t alive;
  int64_t pid;
  size_t used;
  uint8_t key_and_buffer[kKeyBytes + kBufferBytes];
  uint8_t* buffer() { return key_and_buffer + kKeyBytes; }

  // Overwrites the key with the stream's first bytes and the buffer with the rest. The nonce may
  // stay 0, because every key makes one stream only.
  void Refill() {
    const uint8_t nonce[crypto_stream_chacha20_NONCEBYTES] = {};
    uint8_t key[kKeyBytes];
    std::memcpy(key, key_and_buffer, kKeyBytes);
    crypto_stream_chacha20(key_and_buffer, sizeof key_and_buffer, nonce, key);
    sodium_memzero(key, sizeof key);
    used = 0;
  }
};

void SecureRandom::Unmap::operator()(State* state) const {
  sodium_memzero(state, sizeof *state);
  ::munmap(state, sizeof *state);
}

SecureRandom::SecureRandom(std::unique_ptr<State, Unmap> state) : state_(std::move(state)) {}
SecureRandom::SecureRandom(SecureRandom&&) noexcept = default;
SecureRandom& SecureRandom::operator=(SecureRandom&&) noexcept = default;
SecureRandom::~SecureRandom() = default;

Result<SecureRandom> SecureRandom::Create() {
  if (sodium_init() < 0) return InternalError("secure random: libsodium cannot start");
  void* page =
      ::mmap(nullptr, sizeof(State), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return InternalError("secure random: no memory");
  std::unique_ptr<State, Unmap> state(static_cast<State*>(page));
  // Best effort: the process id is checked as well, and a locked-memory limit must not stop us.
  ::madvise(page, sizeof(State), MADV_WIPEONFORK);
  ::madvise(page, sizeof(State), MADV_DONTDUMP);
  ::mlock(page, sizeof(State));
  SecureRandom random(std::move(state));
  SELVEDGE_RETURN_IF_ERROR(random.Rekey());
  return random;
}

Status SecureRandom::Rekey() {
  if (state_ == nullptr) std::abort();
  state_->alive = 0;
  if (!ReadEntropy(state_->key_and_buffer, kKeyBytes)) {
    return InternalError("secure random: the operating system gives no entropy");
  }
  state_->Refill();
  state_->pid = ::getpid();
  state_->alive = kAlive;
  return OkStatus();
}

void SecureRandom::Fill(std::span<uint8_t> out) {
  if (state_ == nullptr || state_->alive != kAlive || state_->pid != ::getpid()) std::abort();
  while (!out.empty()) {
    if (state_->used == kBufferBytes) state_->Refill();
    const size_t n = std::min(out.size(), kBufferBytes - state_->used);
    uint8_t* source = state_->buffer() + state_->used;
    std::memcpy(out.data(), source, n);
    sodium_memzero(source, n);  // what was drawn cannot be read here again
    state_->used += n;
    out = out.subspan(n);
  }
}

uint64_t SecureRandom::NextU64() {
  uint64_t value;
  Fill({reinterpret_cast<uint8_t*>(&value), sizeof value});
  return value;
}

}  // namespace selvedge::core
