#include "trainer/run/input_basis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <optional>

#include "tests/trainer/fixture/tiny_model.h"
#include "trainer/lora/init.h"

namespace selvedge::trainer {
namespace {

constexpr uint64_t kSeed = 3;

bool Never() { return false; }

class InputBasisTest : public ::testing::Test {
 protected:
  explicit InputBasisTest(uint32_t rank = 3) { SetRank(rank); }

  void SetRank(uint32_t rank) {
    Config config = testing::PlainConfig(*model_, 1);
    config.target_modules.push_back("output.weight");
    config.rank = rank;
    layout_.emplace(*LoraLayout::Create(*model_, config));
    text_.clear();
    for (const Group& group : testing::RandomGroups(*model_, 6, 2, 60, 5)) {
      for (const Example& example : group.examples) text_.push_back(example.tokens);
    }
  }

  std::vector<float> Basis(const MemoryPlan& memory) {
    GradientPass pass(*model_, *layout_, memory, pool_, kernels::GemmPrecision::kFloat32,
                      /*seed=*/0);
    return InputBasis(*layout_, text_, kSeed, Never, pass);
  }

  // The inputs [rows, in] of a target on the text.
  std::vector<float> Inputs(const std::string& name) {
    GradientPass pass(*model_, *layout_, {512, 8, 0, 0}, pool_, kernels::GemmPrecision::kFloat32,
                      /*seed=*/0);
    Group group;
    for (const std::vector<int32_t>& tokens : text_) {
      Example example{tokens, std::vector<uint8_t>(tokens.size(), 1)};
      if (!tokens.empty()) example.is_label[0] = 0;
      group.examples.push_back(example);
    }
    std::vector<float> rows;
    const std::vector<float> frozen(layout_->frozen()), trained(layout_->trained());
    pass.Observe({group}, frozen, trained, Never,
                 [&](const LoraTarget& target, const float* x, std::span<const Segment> segments) {
                   if (target.name != name) return;
                   rows.insert(rows.end(), x, x + segments.back().end * target.in);
                 });
    return rows;
  }

  const LoraTarget& Target(const std::string& name) const {
    for (const LoraTarget& target : layout_->targets()) {
      if (target.name == name) return target;
    }
    throw std::out_of_range(name);
  }

  std::shared_ptr<const inference::Model> model_ = testing::TinyModel();
  core::ThreadPool pool_{1};
  std::optional<LoraLayout> layout_;
  std::vector<std::vector<int32_t>> text_;
};

// Mean square of the projections of `rows` [n, in] on the rows of `a` [r, in].
double Captured(const std::vector<float>& rows, const float* a, size_t r, size_t in) {
  double sum = 0;
  for (size_t i = 0; i < rows.size() / in; ++i) {
    for (size_t j = 0; j < r; ++j) {
      double dot = 0;
      for (size_t k = 0; k < in; ++k) dot += double{rows[i * in + k]} * a[j * in + k];
      sum += dot * dot;
    }
  }
  return sum / static_cast<double>(rows.size() / in);
}

TEST_F(InputBasisTest, RowsAreOrthonormalAndCaptureMoreThanAnyOtherDirections) {
  const std::vector<float> basis = Basis({512, 8, 0, 0});
  for (const LoraTarget& target : layout_->targets()) {
    const float* a = basis.data() + target.a_offset;
    for (size_t i = 0; i < 3; ++i) {
      for (size_t j = 0; j <= i; ++j) {
        double dot = 0;
        for (size_t k = 0; k < target.in; ++k) {
          dot += double{a[i * target.in + k]} * a[j * target.in + k];
        }
        EXPECT_NEAR(dot, i == j ? 1 : 0, 1e-5) << target.name;
      }
    }
  }
  core::ThreadPool pool(1);
  const std::vector<float> weights = WeightBasis(*layout_, kSeed, pool);
  const std::vector<float> random = RandomBasis(*layout_, kSeed);
  for (const char* name : {"blk.0.attn_q.weight", "blk.1.ffn_down.weight", "output.weight"}) {
    const LoraTarget& target = Target(name);
    const std::vector<float> rows = Inputs(name);
    const auto captured = [&](const std::vector<float>& a) {
      return Captured(rows, a.data() + target.a_offset, 3, target.in);
    };
    EXPECT_GT(captured(basis), 1.2 * captured(weights)) << name;
    EXPECT_GT(captured(basis), 1.2 * captured(random)) << name;
  }
}

TEST_F(InputBasisTest, DoesNotDependOnMicroBatches) {
  const std::vector<float> expected = Basis({512, 8, 0, 0});
  EXPECT_EQ(Basis({61, 2, 0, 0}), expected);
  EXPECT_EQ(Basis({40, 1, 0, 1}), expected);
}

TEST_F(InputBasisTest, TheHeadsOnlyRowIsABias) {
  SetRank(1);
  const LoraTarget& head = Target("output.weight");
  const std::vector<float> basis = Basis({512, 8, 0, 0});
  const std::vector<float> rows = Inputs("output.weight");
  double sum = 0, squares = 0;
  const size_t n = rows.size() / head.in;
  for (size_t i = 0; i < n; ++i) {
    double dot = 0;
    for (size_t k = 0; k < head.in; ++k) {
      dot += double{rows[i * head.in + k]} * basis[head.a_offset + k];
    }
    sum += dot;
    squares += dot * dot;
  }
  const double mean = sum / static_cast<double>(n);
  const double variance = squares / static_cast<double>(n) - mean * mean;
  EXPECT_GT(mean, 0);
  // A random model's inputs have hardly anything in common, and yet.
  EXPECT_LT(std::sqrt(variance), mean);
}

TEST_F(InputBasisTest, StopsWhenAsked) {
  GradientPass pass(*model_, *layout_, {512, 8, 0, 0}, pool_, kernels::GemmPrecision::kFloat32,
                    /*seed=*/0);
  EXPECT_TRUE(InputBasis(
                  *layout_, text_, kSeed, [] { return true; }, pass)
                  .empty());
}

}  // namespace
}  // namespace selvedge::trainer
