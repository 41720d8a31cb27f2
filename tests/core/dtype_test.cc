#include "core/dtype.h"

#include <gtest/gtest.h>

namespace selvedge::core {
namespace {

// SOURCE: ggml type table (type_size and blck_size of each ggml_type), ids as in the GGUF format.
TEST(DType, BlocksHaveTheSizesOfGgml) {
  const struct {
    uint32_t id, values, bytes;
  } expected[] = {{0, 1, 4},      {1, 1, 2},      {2, 32, 18},   {3, 32, 20},    {6, 32, 22},
                  {7, 32, 24},    {8, 32, 34},    {10, 256, 84}, {11, 256, 110}, {12, 256, 144},
                  {13, 256, 176}, {14, 256, 210}, {20, 32, 18},  {24, 1, 1},     {25, 1, 2},
                  {26, 1, 4},     {27, 1, 8},     {28, 1, 8},    {30, 1, 2}};
  for (const auto& e : expected) {
    const DTypeInfo* info = FindDType(e.id);
    ASSERT_NE(info, nullptr) << e.id;
    EXPECT_EQ(static_cast<uint32_t>(info->type), e.id);
    EXPECT_EQ(info->block_values, e.values) << info->name;
    EXPECT_EQ(info->block_bytes, e.bytes) << info->name;
  }
}

// SOURCE: ggml-common.h, where each block's ggml_half members lie.
TEST(DType, ScalesLieWhereGgmlKeepsThem) {
  const struct {
    DType type;
    uint32_t at, count;
  } expected[] = {{DType::kQ4_0, 0, 1},   {DType::kQ4_1, 0, 2},   {DType::kQ5_0, 0, 1},
                  {DType::kQ5_1, 0, 2},   {DType::kQ8_0, 0, 1},   {DType::kQ2_K, 80, 2},
                  {DType::kQ3_K, 108, 1}, {DType::kQ4_K, 0, 2},   {DType::kQ5_K, 0, 2},
                  {DType::kQ6_K, 208, 1}, {DType::kIQ4_NL, 0, 1}, {DType::kF16, 0, 1}};
  for (const auto& e : expected) {
    EXPECT_EQ(FindDType(e.type)->halves_at, e.at) << FindDType(e.type)->name;
    EXPECT_EQ(FindDType(e.type)->halves, e.count) << FindDType(e.type)->name;
  }
}

TEST(DType, RemovedAndUnknownIdsAreNotFound) {
  for (const uint32_t id : {4u, 5u, 31u, 32u, 33u, 36u, 1000u, 0xFFFFFFFFu}) {
    EXPECT_EQ(FindDType(id), nullptr) << id;
  }
}

TEST(DType, RowBytesCountsWholeBlocks) {
  EXPECT_EQ(RowBytes(*FindDType(DType::kQ8_0), 256), 272u);
  EXPECT_EQ(RowBytes(*FindDType(DType::kF16), 3), 6u);
}

}  // namespace
}  // namespace selvedge::core
