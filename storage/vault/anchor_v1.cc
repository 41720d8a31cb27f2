#include "storage/vault/anchor_v1.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/file_io.h"
#include "storage/vault/keyed_hash.h"

namespace selvedge::vault {
namespace {

constexpr std::string_view kMagic = "SLVGANC1";
constexpr size_t kBytes = 8 + 8 + kMacBytes + kMacBytes;

}  // namespace

LedgerHead ReadAnchorV1(const std::string& home, const SecretKey& ledger_key) {
  LedgerHead head;
  head.rows = LedgerHead::kLost;
  const Result<std::vector<uint8_t>> file = core::ReadFile(home + kAnchorV1File, kBytes);
  if (!file.ok() || file->size() != kBytes) return head;
  const std::span<const uint8_t> bytes(*file);
  const std::span<const uint8_t> body = bytes.first(kBytes - kMacBytes);
  if (!SameMac(KeyedHash(ledger_key).Add(body).Finish(), bytes.last(kMacBytes)) ||
      !std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) {
    return head;
  }
  head.rows = 0;
  for (size_t i = 0; i < 8; ++i) head.rows |= static_cast<int64_t>(bytes[8 + i]) << (8 * i);
  std::copy_n(bytes.begin() + 16, kMacBytes, head.mac.begin());
  return head;
}

}  // namespace selvedge::vault
