// Adapters of the head, on models whose head is a tensor of its own and on models where it is tied
// to the embedding.

#include <selvedge/adapters.h>
#include <selvedge/engine.h>

#include <gtest/gtest.h>

#include <cmath>

#include "adapters/store.h"
#include "core/file_io.h"
#include "sdk/base_model.h"
#include "sdk/basis_text.h"
#include "sdk/engine_impl.h"
#include "tests/sdk/home_fixture.h"

namespace selvedge {
namespace {

class HeadAdapter : public HomeTest {
 protected:
  void SetUp() override {
    HomeTest::SetUp();
    base_ = LoadBaseModel("");
    ASSERT_TRUE(base_.ok()) << base_.status().message();
    tied_ = (root_ / "tied.gguf").string();
    WriteTied();
    file_ = (root_ / "head.gguf").string();
    ASSERT_TRUE(adapters::WriteGgufLora(file_, Head()).ok());
  }

  // The embedded model without its head, which then is the embedding: the same function.
  void WriteTied() {
    gguf::Writer writer;
    const gguf::File& file = base_->model->file();
    writer.CopyMetadata(file);
    for (const gguf::TensorInfo& tensor : file.tensors()) {
      if (tensor.name == "output.weight") continue;
      writer.AddTensor(tensor.name, tensor.type, tensor.dims,
                       std::vector<uint8_t>(tensor.data.begin(), tensor.data.end()));
    }
    ASSERT_TRUE(core::WriteFileAtomic(tied_, writer.Serialize()).ok());
  }

  adapters::LoraAdapter Head() const {
    adapters::LoraTensor tensor;
    tensor.base_name = "output.weight";
    tensor.rank = 2;
    tensor.in = base_->model->config().n_embd;
    tensor.out = base_->model->config().n_vocab;
    for (uint32_t i = 0; i < 2 * tensor.in; ++i) tensor.a.push_back(0.2f * std::sin(1.0f * i));
    for (uint32_t i = 0; i < 2 * tensor.out; ++i) tensor.b.push_back(std::cos(0.7f * i));
    adapters::LoraAdapter adapter;
    adapter.architecture = "llama";
    adapter.rank = 2;
    adapter.alpha = 2;
    adapter.tensors = {tensor};
    return adapter;
  }

  // Greedy text of a model, with the adapter or without.
  std::string Generate(const std::string& model, bool adapted) {
    Result<Engine> engine = Engine::Open({model, 1});
    EXPECT_TRUE(engine.ok()) << engine.status().message();
    GenerateOptions options;
    options.prompt = "The boat";
    options.n_predict = 24;
    options.ignore_eos = true;
    options.sampling.temperature = 0;
    if (adapted) options.lora.push_back({file_, 1});
    const auto text = engine->Generate(options);
    EXPECT_TRUE(text.ok()) << text.status().message();
    return text.ok() ? text->text : "";
  }

  // A home on the tied model; the imported adapter's id.
  std::string Import() {
    options_.model_path = tied_;
    Make();
    const Result<InterchangeReport> report = ImportAdapter(*home_, file_);
    EXPECT_TRUE(report.ok()) << report.status().message();
    EXPECT_EQ(report->matched, 2);
    return report->adapter_id;
  }

  Result<BaseModel> base_ = InternalError("not loaded");
  std::string tied_, file_;
};

TEST_F(HeadAdapter, DoesTheSameWhetherTheHeadIsTiedOrNot) {
  EXPECT_EQ(Generate(tied_, false), Generate("", false));
  EXPECT_EQ(Generate(tied_, true), Generate("", true));
  EXPECT_NE(Generate("", true), Generate("", false));
}

TEST_F(HeadAdapter, OfATiedHeadIsNotWrittenForLlamaCpp) {
  const std::string id = Import();
  ExportOptions options;
  options.allow_without_privacy = true;
  options.format = AdapterFormat::kGguf;
  const Status status = ExportAdapter(*home_, id, (root_ / "out.gguf").string(), options).status();
  EXPECT_EQ(status.code(), StatusCode::kIncompatible);
  EXPECT_NE(status.message().find("tied"), std::string::npos) << status.message();
  EXPECT_FALSE(std::filesystem::exists(root_ / "out.gguf"));
  options.format = AdapterFormat::kPeft;
  const auto peft = ExportAdapter(*home_, id, (root_ / "peft").string(), options);
  EXPECT_TRUE(peft.ok()) << peft.status().message();
}

TEST_F(HeadAdapter, MergedIntoATiedModelGetsAHeadOfItsOwn) {
  const std::string id = Import();
  ExportOptions options;
  options.allow_without_privacy = true;
  const std::string merged = (root_ / "merged.gguf").string();
  const auto report = MergeAdapter(*home_, id, merged, options);
  ASSERT_TRUE(report.ok()) << report.status().message();
  const auto before = gguf::File::Open(tied_), after = gguf::File::Open(merged);
  ASSERT_TRUE(before.ok() && after.ok());
  const auto same = [&](const char* name, const char* other) {
    const auto one = (*before)->FindTensor(name)->data, two = (*after)->FindTensor(other)->data;
    return std::equal(one.begin(), one.end(), two.begin(), two.end());
  };
  EXPECT_TRUE(same("token_embd.weight", "token_embd.weight"));
  EXPECT_FALSE(same("token_embd.weight", "output.weight"));
  EXPECT_EQ((*after)->tensors().size(), (*before)->tensors().size() + 1);
}

TEST_F(HeadAdapter, TheBaseWritesTheSameTextForTheSameSeed) {
  const auto never = [] { return false; };
  const auto one = BasisText(*base_, 7, 1, never), again = BasisText(*base_, 7, 2, never);
  const auto other = BasisText(*base_, 8, 1, never);
  ASSERT_TRUE(one.ok() && again.ok() && other.ok());
  EXPECT_EQ(*one, *again);
  EXPECT_NE(*one, *other);
  EXPECT_EQ(one->size(), static_cast<size_t>(kBasisSequences));
  for (const std::vector<int32_t>& tokens : *one) {
    EXPECT_EQ(tokens.front(), base_->tokenizer->bos());
    EXPECT_EQ(tokens.size(), static_cast<size_t>(kBasisTokens));
  }
  EXPECT_TRUE(BasisText(*base_, 7, 1, [] { return true; })->empty());
}

}  // namespace
}  // namespace selvedge
