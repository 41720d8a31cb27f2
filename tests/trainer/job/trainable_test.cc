#include "trainer/job/trainable.h"

#include <gtest/gtest.h>

#include "tests/inference/fixtures.h"

namespace selvedge::trainer {
namespace {

using inference::testing::LoadGolden;

TEST(Trainable, AcceptsWhatTheDecoderDifferentiates) {
  for (const char* file : {"tiny_f32.gguf", "tiny_q4_0.gguf", "families/llama_yarn.gguf",
                           "families/qwen2.gguf", "families/qwen3.gguf", "families/gemma2.gguf",
                           "families/gemma3.gguf"}) {
    const Status status = CheckTrainable(*LoadGolden(file));
    EXPECT_TRUE(status.ok()) << file << ": " << status.message();
  }
}

TEST(Trainable, RefusesTheRestByName) {
  const Status status = CheckTrainable(*LoadGolden("families/phi3.gguf"));
  EXPECT_EQ(status.code(), StatusCode::kIncompatible);
  EXPECT_NE(status.message().find("'phi3'"), std::string::npos);
}

}  // namespace
}  // namespace selvedge::trainer
