#include "inference/model/finite_check.h"

#include <gtest/gtest.h>

namespace selvedge::inference {
namespace {

TEST(FiniteCheck, FindsABadNumberInTheLastBlockOfEveryType) {
  core::ThreadPool pool(2);
  for (const core::DTypeInfo& info : core::DTypes()) {
    if (!info.has_kernels) continue;
    // No byte of 0x3F or below is the high byte of a number that is not finite.
    std::vector<uint8_t> bytes(8 * info.block_bytes, 0x3F);
    gguf::TensorInfo tensor{"w", info.type, {8 * info.block_values}, bytes};
    EXPECT_TRUE(AllFinite(pool, tensor)) << info.name;
    const size_t last = bytes.size() - info.block_bytes;
    for (uint32_t h = 0; h < info.halves; ++h) {
      uint8_t& high = bytes[last + info.halves_at + 2 * h + 1];
      high = 0xFC;  // -infinity, or a NaN
      EXPECT_FALSE(AllFinite(pool, tensor)) << info.name << " number " << h;
      high = 0x3F;
    }
    if (info.halves > 0) continue;
    bytes.back() = 0x7F;
    bytes[bytes.size() - 2] = 0x80;
    EXPECT_FALSE(AllFinite(pool, tensor)) << info.name;
  }
}

}  // namespace
}  // namespace selvedge::inference
