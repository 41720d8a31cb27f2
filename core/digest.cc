#include "core/digest.h"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "core/cpu_features.h"
#if defined(SELVEDGE_SHA_X86)
#include "core/sha256_x86.h"
#endif

namespace selvedge::core {

namespace {

#if defined(SELVEDGE_SHA_X86)
constexpr size_t kBlock = 64;

// libsodium's state, advanced by the processor's SHA instructions. Its fields: state[8], count in
// bits, buf[64].
void Update(crypto_hash_sha256_state* hash, const uint8_t* data, size_t n) {
  const size_t held = (hash->count >> 3) % kBlock;
  hash->count += uint64_t{n} << 3;
  if (held > 0) {
    const size_t taken = std::min(n, kBlock - held);
    std::memcpy(hash->buf + held, data, taken);
    if (held + taken < kBlock) return;
    Sha256Blocks_ShaNi(hash->state, hash->buf, 1);
    data += taken;
    n -= taken;
  }
  Sha256Blocks_ShaNi(hash->state, data, n / kBlock);
  if (n % kBlock > 0) std::memcpy(hash->buf, data + n / kBlock * kBlock, n % kBlock);
}
#endif

}  // namespace

struct Sha256::State {
  crypto_hash_sha256_state hash;
  ~State() { sodium_memzero(&hash, sizeof hash); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) { crypto_hash_sha256_init(&state_->hash); }
Sha256::~Sha256() = default;

Sha256& Sha256::Update(std::span<const uint8_t> bytes) {
#if defined(SELVEDGE_SHA_X86)
  if (HasShaInstructions()) {
    if (!bytes.empty()) core::Update(&state_->hash, bytes.data(), bytes.size());
    return *this;
  }
#endif
  crypto_hash_sha256_update(&state_->hash, bytes.data(), bytes.size());
  return *this;
}

Sha256& Sha256::Update(std::string_view text) {
  return Update(std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

Sha256& Sha256::UpdateU64(uint64_t value) {
  std::array<uint8_t, 8> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(value >> (8 * i));
  return Update(bytes);
}

Sha256Digest Sha256::Finish() {
  Sha256Digest digest;
  crypto_hash_sha256_final(&state_->hash, digest.data());
  return digest;
}

Sha256Digest Sha256Of(std::span<const uint8_t> bytes) { return Sha256().Update(bytes).Finish(); }

std::string Hex(std::span<const uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

Result<std::vector<uint8_t>> FromHex(std::string_view text) {
  if (text.size() % 2 != 0) {
    return FormatError("hex: " + std::to_string(text.size()) + " digits, an even number is needed");
  }
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::vector<uint8_t> bytes(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i) {
    const int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (high < 0 || low < 0) {
      return FormatError("hex: byte " + std::to_string(i) + ": only 0-9, a-f, A-F are digits");
    }
    bytes[i] = static_cast<uint8_t>(high * 16 + low);
  }
  return bytes;
}

}  // namespace selvedge::core
