// SOURCE of golden logits: tests/inference/golden/make_families.py, numpy 1.24.2, seed 11.

#include <gtest/gtest.h>

#include <cmath>

#include "inference/session/session.h"
#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using testing::LoadGolden;

class FamilyTest : public ::testing::TestWithParam<const char*> {
 protected:
  // Logits of all tokens, appended `part` at a time.
  std::vector<float> Run(size_t part, int64_t n_ctx = 0) {
    const std::vector<int32_t> tokens = testing::GoldenTokens("families/");
    const auto model = LoadGolden(std::string("families/") + GetParam() + ".gguf");
    n_vocab_ = model->config().n_vocab;
    core::ThreadPool pool(2);
    auto session = Session::Create(model, AdapterSet::Empty(), pool, n_ctx, core::DType::kF32);
    EXPECT_TRUE(session.ok()) << session.status().message();
    std::vector<float> all, logits;
    for (size_t at = 0; at < tokens.size(); at += part) {
      const auto chunk = std::span(tokens).subspan(at, std::min(part, tokens.size() - at));
      const Status status = (*session)->Append(chunk, true, &logits);
      EXPECT_TRUE(status.ok()) << status.message();
      all.insert(all.end(), logits.begin(), logits.end());
    }
    return all;
  }

  // The largest difference at the golden positions.
  double Off(const std::vector<float>& all) const {
    const auto golden =
        testing::ReadGoldenFloats(std::string("families/") + GetParam() + ".logits.f32");
    const auto positions = testing::GoldenPositions("families/");
    EXPECT_EQ(golden.size(), positions.size() * n_vocab_);
    double largest = 0;
    for (size_t i = 0; i < golden.size(); ++i) {
      const size_t row = static_cast<size_t>(positions[i / n_vocab_]);
      const double off = all[row * n_vocab_ + i % n_vocab_] - golden[i];
      largest = std::max(largest, std::isfinite(off) ? std::abs(off) : 1e9);
    }
    return largest;
  }

  size_t n_vocab_ = 0;
};

TEST_P(FamilyTest, AgreesWithTheReferenceInOneChunk) { EXPECT_LT(Off(Run(96)), 2e-4); }
TEST_P(FamilyTest, AgreesWithTheReferenceTokenByToken) { EXPECT_LT(Off(Run(1)), 2e-4); }
TEST_P(FamilyTest, AgreesWithTheReferenceInOddChunks) { EXPECT_LT(Off(Run(7)), 2e-4); }

INSTANTIATE_TEST_SUITE_P(Families, FamilyTest,
                         ::testing::Values("llama_yarn", "qwen2", "qwen3", "gemma2", "gemma3",
                                           "phi3"),
                         [](const auto& test) { return std::string(test.param); });

}  // namespace
}  // namespace selvedge::inference
