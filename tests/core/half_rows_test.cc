#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "core/kernels/reference/half.h"
#include "core/kernels/reference/reference.h"
#include "tests/core/kernel_cases.h"

namespace selvedge::kernels {
namespace {

using core::SeededRandom;

TEST(HalfRows, EveryIsaRoundsToTheHalvesOfTheScalarTwin) {
  SeededRandom random(11);
  for (const size_t n : {1u, 7u, 16u, 100u}) {
    const std::vector<float> x = RandomValues(random, n, 100);
    std::vector<uint16_t> want(n), got(n);
    reference::RoundToHalf(x.data(), want.data(), n);
    for (const core::Isa isa : AvailableIsas()) {
      TableFor(isa).round_to_half(x.data(), got.data(), n);
      EXPECT_EQ(got, want) << core::IsaName(isa);
    }
  }
}

// By hand: 2048 + 1 is not a half (ties to even: 2048), so a sum that is not rounded differs.
TEST(HalfRows, SumsAreRoundedAfterEveryRow) {
  const uint16_t one = reference::FloatToHalf(1.0f);
  const std::vector<uint16_t> rows(4, one);
  const float shrink[4] = {1, 1, 1, 0.5f};
  const float weight[4] = {2048, 1, 1, 1};
  for (const core::Isa isa : AvailableIsas()) {
    float sum = 0;
    TableFor(isa).add_rows_half({reinterpret_cast<const uint8_t*>(rows.data()), 2, 4, 1}, shrink,
                               weight, &sum);
    EXPECT_EQ(sum, 1025.0f) << core::IsaName(isa);
  }
}

TEST(HalfRows, EveryIsaAddsRowsToTheBitsOfTheScalarTwin) {
  SeededRandom random(12);
  for (const size_t cols : {1u, 8u, 33u, 64u, 80u, 128u, 200u}) {
    const size_t rows = 9;
    const Weight values(random, core::DType::kF16, rows, cols);
    std::vector<float> shrink(rows, 1.0f);
    shrink[0] = 0;
    shrink[4] = 0.37f;
    const std::vector<float> weight = RandomValues(random, rows);
    std::vector<float> want(cols, 1.0f);
    reference::AddRowsHalf(values.view, shrink.data(), weight.data(), want.data());
    for (const core::Isa isa : AvailableIsas()) {
      std::vector<float> got(cols, 1.0f);
      TableFor(isa).add_rows_half({values.view.data, values.row_bytes, rows, cols}, shrink.data(),
                                 weight.data(), got.data());
      EXPECT_EQ(std::memcmp(got.data(), want.data(), cols * 4), 0) << core::IsaName(isa) << cols;
    }
  }
}

TEST(HalfRows, WeighedSumsAreTheBitsOfTheScalarTwin) {
  SeededRandom random(13);
  for (const size_t n : {1u, 7u, 16u, 100u, 333u}) {
    const size_t count = 5;
    std::vector<uint16_t> rows(count * n);
    reference::RoundToHalf(RandomValues(random, rows.size()).data(), rows.data(), rows.size());
    const std::vector<float> weight = RandomValues(random, count), start = RandomValues(random, n);
    const auto* bytes = reinterpret_cast<const uint8_t*>(rows.data());
    std::vector<float> want = start;
    reference::WeighRowsHalf({bytes, core::DType::kF16, count, n, 2 * n}, weight.data(),
                             want.data());
    EXPECT_NE(want, start);
    for (const core::Isa isa : AvailableIsas()) {
      std::vector<float> got = start;
      TableFor(isa).weigh_rows_half({bytes, 2 * n, count, n}, weight.data(), got.data());
      EXPECT_EQ(got, want) << core::IsaName(isa) << " " << n;
    }
  }
}

}  // namespace
}  // namespace selvedge::kernels
