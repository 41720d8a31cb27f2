#include "inference/conversion/quantize_model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "core/digest.h"
#include "core/file_io.h"
#include "core/kernels/kernels.h"
#include "tests/core/temp_folder.h"
#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

using core::DType;
using testing::ModelParts;

std::string WriteModel(const core::TempFolder& folder, const ModelParts& parts) {
  const auto file = parts.Build();
  EXPECT_TRUE(core::WriteFileAtomic(folder.Path("in.gguf"), file->bytes().bytes()).ok());
  return folder.Path("in.gguf");
}

Result<QuantizedModel> Quantize(const std::string& in, const std::string& out, const char* mix,
                                int threads = 1, const std::atomic<bool>* stop = nullptr) {
  core::ThreadPool pool(threads);
  auto source = OpenGgufSource(in);
  if (!source.ok()) return source.status();
  return QuantizeModel(pool, std::move(*source), *FindMix(mix), out, stop, {});
}

TEST(QuantizeModel, WritesTheRowsThatTheQuantizerMakes) {
  const core::TempFolder folder;
  const std::string in = WriteModel(folder, ModelParts::Small(DType::kBF16));
  const auto report = Quantize(in, folder.Path("out.gguf"), "q8_0", 2);
  ASSERT_TRUE(report.ok()) << report.status().message();
  const auto source = *gguf::File::Open(in);
  const auto made = *gguf::File::Open(folder.Path("out.gguf"));
  EXPECT_EQ(made->GetU32("general.file_type").value(), 7u);
  EXPECT_EQ(made->GetU32("llama.embedding_length").value(), 64u);
  ASSERT_EQ(made->tensors().size(), source->tensors().size());
  for (const gguf::TensorInfo& tensor : made->tensors()) {
    const gguf::TensorInfo& old = *source->FindTensor(tensor.name);
    EXPECT_EQ(tensor.dims, old.dims);
    const bool norm = tensor.dims.size() == 1;
    EXPECT_EQ(tensor.type, norm ? DType::kF32 : DType::kQ8_0) << tensor.name;
    std::vector<float> values(tensor.values());
    kernels::DequantizeRow(old.type, old.data.data(), values.data(), values.size());
    std::vector<uint8_t> expected(tensor.data.size());
    kernels::QuantizeRow(tensor.type, values.data(), expected.data(), values.size());
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), tensor.data.begin())) << tensor.name;
  }
  EXPECT_EQ(report->size_bytes, made->bytes().bytes().size());
  EXPECT_EQ(report->sha256, core::Hex(core::Sha256Of(made->bytes().bytes())));
  EXPECT_EQ(report->types.at("Q8_0"), 15u);
  EXPECT_TRUE(Model::Load(made).ok());
}

TEST(QuantizeModel, GivesTheSameBytesForEveryNumberOfThreads) {
  const core::TempFolder folder;
  const std::string in = WriteModel(folder, ModelParts::Small());
  const auto one = Quantize(in, folder.Path("one.gguf"), "q4_k_m", 1);
  const auto three = Quantize(in, folder.Path("three.gguf"), "q4_k_m", 3);
  ASSERT_TRUE(one.ok() && three.ok());
  EXPECT_EQ(one->sha256, three->sha256);
}

TEST(QuantizeModel, RefusesQuantizedModelsAndSaysWhatToDo) {
  const core::TempFolder folder;
  const std::string in = WriteModel(folder, ModelParts::Small(DType::kQ4_0));
  const auto report = Quantize(in, folder.Path("out.gguf"), "q8_0");
  EXPECT_EQ(report.status().code(), StatusCode::kIncompatible);
  EXPECT_NE(report.status().message().find("quantize the original"), std::string::npos);
}

TEST(QuantizeModel, LeavesTheOldFileWhenItFails) {
  const core::TempFolder folder;
  ModelParts parts = ModelParts::Small();
  parts.tensors["blk.1.ffn_up.weight"].values = {1, NAN};
  const std::string in = WriteModel(folder, parts);
  ASSERT_TRUE(core::WriteFileAtomic(folder.Path("out.gguf"), std::string("old")).ok());
  const auto report = Quantize(in, folder.Path("out.gguf"), "q8_0");
  EXPECT_EQ(report.status().code(), StatusCode::kNumeric);
  EXPECT_NE(report.status().message().find("blk.1.ffn_up.weight"), std::string::npos);
  const std::atomic<bool> stop = true;
  EXPECT_EQ(Quantize(in, folder.Path("out.gguf"), "q8_0", 1, &stop).status().code(),
            StatusCode::kCancelled);
  EXPECT_EQ(core::ReadTextFile(folder.Path("out.gguf"), 10).value(), "old");
  size_t files = 0;
  for ([[maybe_unused]] const auto& f : std::filesystem::directory_iterator(folder.path())) ++files;
  EXPECT_EQ(files, 2u);  // no temporary one is left
}

}  // namespace
}  // namespace selvedge::inference
