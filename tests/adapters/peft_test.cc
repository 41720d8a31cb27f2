#include "adapters/peft.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "adapters/peft_config.h"
#include "storage/safetensors/safetensors.h"
#include "tests/adapters/sample_adapter.h"

namespace selvedge::adapters {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr char kLayer[] = "base_model.model.model.layers.0.";

Json PlainConfig() {
  return {
      {"peft_type", "LORA"}, {"r", 2}, {"lora_alpha", 4}, {"target_modules", {"q_proj", "v_proj"}}};
}

// q_proj of layer 0 in Hugging Face order, with B's rows numbered.
safetensors::Writer OneModule() {
  safetensors::Writer writer;
  std::vector<float> a(2 * 8, 0.5f), b(8 * 2);
  for (size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i / 2);
  writer.AddFloats(std::string(kLayer) + "self_attn.q_proj.lora_A.weight", {2, 8}, a);
  writer.AddFloats(std::string(kLayer) + "self_attn.q_proj.lora_B.weight", {8, 2}, b);
  return writer;
}

Result<LoraAdapter> Parse(const std::string& config, const safetensors::Writer& writer,
                          const BaseShape& base = SampleBase()) {
  const std::vector<uint8_t> bytes = writer.Serialize();
  return ParsePeft(config, core::MappedFile::Wrap(bytes, "adapter_model.safetensors"), base);
}

void ExpectConfig(const std::string& config, StatusCode code, const std::string& text) {
  const Status status = Parse(config, OneModule()).status();
  EXPECT_EQ(status.code(), code) << config.substr(0, 300) << ": " << status.message();
  EXPECT_THAT(status.message(), HasSubstr(text));
}

void ExpectField(const std::string& field, const Json& value, StatusCode code) {
  Json config = PlainConfig();
  config[field] = value;
  ExpectConfig(config.dump(), code, field);
}

TEST(Peft, ReadsAModuleAndPermutesItsRows) {
  const auto adapter = Parse(PlainConfig().dump(), OneModule());
  ASSERT_TRUE(adapter.ok()) << adapter.status().message();
  ASSERT_EQ(adapter->tensors.size(), 1u);
  const LoraTensor& tensor = adapter->tensors[0];
  EXPECT_EQ(tensor.base_name, "blk.0.attn_q.weight");
  EXPECT_EQ(tensor.rank, 2u);
  EXPECT_EQ(tensor.in, 8u);
  EXPECT_EQ(tensor.out, 8u);
  EXPECT_EQ(tensor.scale, 2.0f);
  EXPECT_EQ(tensor.b, (std::vector<float>{0, 0, 2, 2, 1, 1, 3, 3, 4, 4, 6, 6, 5, 5, 7, 7}));
}

// SOURCE: huggingface/peft 5d602fd, read and not run: utils/save_and_load.py (keys
// "base_model.model."
// + module + ".lora_A.weight") and tuners/lora/layer.py (lora_A [r, in], lora_B [out, r]).
TEST(Peft, WritesTheNamesAndShapesThatPeftsSourceGives) {
  const auto files = SerializePeft(SampleAdapter(), SampleBase());
  ASSERT_TRUE(files.ok()) << files.status().message();
  const auto file = safetensors::File::Parse(core::MappedFile::Wrap(files->weights, "t"));
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ((*file)->metadata(), (std::map<std::string, std::string>{{"format", "pt"}}));
  ASSERT_EQ((*file)->tensors().size(), 30u);
  const auto shape = [&](const std::string& name) {
    const auto* tensor = (*file)->FindTensor(name);
    return tensor == nullptr ? std::vector<uint64_t>() : tensor->shape;
  };
  using Shape = std::vector<uint64_t>;
  const std::string prefix = "base_model.model.model.layers.1.";
  EXPECT_EQ(shape(prefix + "self_attn.k_proj.lora_A.weight"), (Shape{2, 8}));
  EXPECT_EQ(shape(prefix + "self_attn.k_proj.lora_B.weight"), (Shape{4, 2}));
  EXPECT_EQ(shape(prefix + "mlp.down_proj.lora_A.weight"), (Shape{2, 12}));
  EXPECT_EQ(shape(prefix + "mlp.down_proj.lora_B.weight"), (Shape{8, 2}));
  EXPECT_EQ(shape("base_model.model.lm_head.lora_A.weight"), (Shape{2, 8}));
  EXPECT_EQ(shape("base_model.model.lm_head.lora_B.weight"), (Shape{20, 2}));
  const Json config = Json::parse(files->config);
  EXPECT_EQ(config["peft_type"], "LORA");
  EXPECT_EQ(config["r"], 2);
  EXPECT_TRUE(config["lora_alpha"].is_number_integer());
  EXPECT_EQ(config["target_modules"], (Json{"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj",
                                            "up_proj", "down_proj", "lm_head"}));
}

TEST(Peft, RoundTripsByteForByte) {
  for (const bool rslora : {false, true}) {
    LoraAdapter adapter = SampleAdapter(3, 2.5f);
    adapter.use_rslora = rslora;
    if (rslora) {
      for (LoraTensor& tensor : adapter.tensors) tensor.scale = 2.5f / std::sqrt(3.0f);
    }
    const auto first = SerializePeft(adapter, SampleBase());
    ASSERT_TRUE(first.ok()) << first.status().message();
    const auto read =
        ParsePeft(first->config, core::MappedFile::Wrap(first->weights, "t"), SampleBase());
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_EQ(read->use_rslora, rslora);
    EXPECT_EQ(read->alpha, 2.5f);
    EXPECT_NEAR(read->tensors[0].scale, adapter.tensors[0].scale, 1e-6);
    EXPECT_EQ(read->tensors[2].b, adapter.tensors[2].b);
    const auto second = SerializePeft(*read, SampleBase());
    ASSERT_TRUE(second.ok());
    EXPECT_EQ(first->config, second->config);
    EXPECT_EQ(first->weights, second->weights);
  }
}

TEST(Peft, HalfPrecisionIsWidened) {
  safetensors::Writer writer;
  const std::string module = std::string(kLayer) + "self_attn.q_proj.";
  writer.AddTensor(module + "lora_A.weight", safetensors::ElementType::kBF16, {2, 8},
                   std::vector<uint8_t>(32, 0x3F));  // 0x3F3F = 0.74609375
  writer.AddTensor(module + "lora_B.weight", safetensors::ElementType::kF16, {8, 2},
                   std::vector<uint8_t>(32, 0x3C));  // 0x3C3C = 1.05859375
  const auto adapter = Parse(PlainConfig().dump(), writer);
  ASSERT_TRUE(adapter.ok()) << adapter.status().message();
  EXPECT_EQ(adapter->tensors[0].a[15], 0.74609375f);
  EXPECT_EQ(adapter->tensors[0].b[0], 1.05859375f);
}

TEST(PeftConfig, MalformedIsRefused) {
  for (const char* text : {"", "[]", "{", "null", "{\"r\":2}x", "\xEF\xBB\xBF{}", "{\"r\":NaN}",
                           "{\"r\":1e400}", "{\"\xFF\":1}"}) {
    ExpectConfig(text, StatusCode::kFormat, "adapter_config.json");
  }
  ExpectConfig(R"({"peft_type":"LORA","r":2,"r":8})", StatusCode::kFormat, "is there twice");
  ExpectConfig("{\"a\":" + std::string(10000, '['), StatusCode::kFormat, "nested too deeply");
  ExpectConfig("{}", StatusCode::kFormat, "peft_type");
}

TEST(PeftConfig, RankAndAlphaHaveLimits) {
  for (const Json& rank : {Json(0), Json(-1), Json(2.5), Json("8"), Json(nullptr)}) {
    ExpectField("r", rank, StatusCode::kFormat);
  }
  for (const int64_t rank : {int64_t{4097}, int64_t{1} << 31}) {
    ExpectField("r", rank, StatusCode::kLimit);
  }
  for (const Json& alpha : {Json(0), Json(-4), Json("16"), Json(nullptr), Json(1e-300)}) {
    ExpectField("lora_alpha", alpha, StatusCode::kFormat);
  }
  ExpectField("lora_alpha", 1e30, StatusCode::kLimit);
}

TEST(PeftConfig, UnsupportedFeaturesAreRefusedByName) {
  const auto no = StatusCode::kIncompatible;
  ExpectField("peft_type", "ADALORA", no);
  ExpectField("task_type", "SEQ_CLS", no);
  for (const char* flag : {"use_dora", "lora_bias", "fan_in_fan_out", "use_qalora", "use_bdlora"}) {
    ExpectField(flag, true, no);
  }
  ExpectField("bias", "all", no);
  ExpectField("modules_to_save", {"lm_head"}, no);
  for (const char* field : {"rank_pattern", "alpha_pattern"}) {
    ExpectField(field, {{"(q|k)_proj", 4}}, no);
    ExpectField(field, {{".*_proj", 4}}, no);
    ExpectField(field, {{"q_proj", 4}, {"self_attn.q_proj", 8}}, no);
    ExpectField(field, {{"q_proj", 0}}, StatusCode::kFormat);
    ExpectField(field, {{"q_proj", "4"}}, StatusCode::kFormat);
    ExpectField(field, Json::array({4}), StatusCode::kFormat);
    ExpectField(field, {{"q_proj", 10000000}}, StatusCode::kLimit);
  }
  ExpectField("rank_pattern", {{"q_proj", 2.5}}, StatusCode::kFormat);
  ExpectField("alora_invocation_tokens", {1, 2}, no);
  ExpectField("layer_replication", Json::array({Json::array({0, 1})}), no);
  ExpectField("layers_to_transform", 0, no);
  ExpectField("init_lora_weights", "pissa", no);
  ExpectField("loftq_config", {{"loftq_bits", 4}}, no);
  ExpectField("some_future_feature", 1, no);
}

TEST(PeftConfig, DefaultsAndInformationAreAccepted) {
  Json config = PlainConfig();
  config.update({{"use_dora", false},
                 {"bias", "none"},
                 {"rank_pattern", Json::object()},
                 {"modules_to_save", nullptr},
                 {"init_lora_weights", "gaussian"},
                 {"qalora_group_size", 16},
                 {"megatron_core", "megatron.core"},
                 {"lora_dropout", 0.1},
                 {"base_model_name_or_path", "a/b"},
                 {"peft_version", "0.17.0"},
                 {"revision", nullptr},
                 {"task_type", "CAUSAL_LM"},
                 {"some_future_feature", nullptr},
                 {"target_modules", "all-linear"}});
  const auto adapter = Parse(config.dump(), OneModule());
  EXPECT_TRUE(adapter.ok()) << adapter.status().message();
}

void ExpectWeights(const safetensors::Writer& writer, StatusCode code, const std::string& text) {
  Json config = PlainConfig();
  config["target_modules"] = {"q_proj", "k_proj"};
  const Status status = Parse(config.dump(), writer).status();
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_THAT(status.message(), HasSubstr(text));
}

TEST(PeftWeights, PairsAndShapesMustMatch) {
  const std::string k = std::string(kLayer) + "self_attn.k_proj.";
  const std::vector<float> values(16, 0.1f);
  const std::span<const float> four(values.data(), 4), eight(values.data(), 8);

  auto writer = OneModule();
  writer.AddFloats(k + "lora_A.weight", {2, 8}, values);
  ExpectWeights(writer, StatusCode::kFormat, "lora_B of this module is missing");
  auto other_rank = writer;
  other_rank.AddFloats(k + "lora_B.weight", {4, 1}, four);
  ExpectWeights(other_rank, StatusCode::kFormat, "got [4, 1], must be [out, 2]");
  auto flat = writer;
  flat.AddFloats(k + "lora_B.weight", {8}, eight);
  ExpectWeights(flat, StatusCode::kFormat, "got [8]");
  auto wrong_width = writer;
  wrong_width.AddFloats(k + "lora_B.weight", {8, 2}, values);
  ExpectWeights(wrong_width, StatusCode::kFormat, "rows of B: got 8, must be 4");
  auto right = writer;
  right.AddFloats(k + "lora_B.weight", {4, 2}, eight);
  ExpectWeights(right, StatusCode::kOk, "");

  safetensors::Writer transposed;
  transposed.AddFloats(k + "lora_A.weight", {8, 2}, values);
  transposed.AddFloats(k + "lora_B.weight", {2, 4}, eight);
  ExpectWeights(transposed, StatusCode::kFormat, "got [8, 2], must be [2, in]");
  ExpectWeights(safetensors::Writer(), StatusCode::kFormat, "no tensors");
}

TEST(PeftWeights, TensorsOfOtherFeaturesAreNamed) {
  const float one[] = {1};
  const auto extra = [&](const std::string& name) {
    auto writer = OneModule();
    writer.AddFloats(name, {1}, one);
    return writer;
  };
  const std::string q = std::string(kLayer) + "self_attn.q_proj.";
  const auto no = StatusCode::kIncompatible;
  ExpectWeights(extra(q + "lora_magnitude_vector"), no, "DoRA");
  ExpectWeights(extra("base_model.model.model.embed_tokens.lora_embedding_A"), no, "embedding");
  ExpectWeights(extra("base_model.model.lm_head.weight"), no, "full output layer");
  ExpectWeights(extra("base_model.model.lm_head.modules_to_save.weight"), no, "full module");
  ExpectWeights(extra("../../etc/passwd"), StatusCode::kFormat, "no LoRA tensor");
  ExpectWeights(extra(q + "../lora_A.weight"), StatusCode::kFormat, "no LoRA tensor");
  ExpectWeights(extra(std::string(kLayer) + "mlp.up_proj.lora_A.weight"), StatusCode::kFormat,
                "not in target_modules");
  ExpectWeights(extra("base_model.model.model.layers.0.self_attn.x_proj.lora_A.weight"),
                StatusCode::kFormat, "no LoRA tensor");
  ExpectWeights(extra(std::string(10240, 'n')), StatusCode::kFormat, "the name must have");
}

TEST(PeftWeights, LayersBeyondTheBaseAreRefused) {
  BaseShape base = SampleBase();
  const auto files = SerializePeft(SampleAdapter(), base);
  ASSERT_TRUE(files.ok());
  base.n_layers = 1;
  const auto read = ParsePeft(files->config, core::MappedFile::Wrap(files->weights, "t"), base);
  EXPECT_EQ(read.status().code(), StatusCode::kFormat);
  EXPECT_THAT(read.status().message(), HasSubstr("layer: got 1"));
}

TEST(PeftWeights, NumbersMustBeFiniteAndReasonable) {
  const auto with = [](float a, float b) {
    safetensors::Writer writer;
    const std::string k = std::string(kLayer) + "self_attn.k_proj.";
    writer.AddFloats(k + "lora_A.weight", {2, 8}, std::vector<float>(16, a));
    writer.AddFloats(k + "lora_B.weight", {4, 2}, std::vector<float>(8, b));
    return writer;
  };
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    ExpectWeights(with(bad, 0), StatusCode::kNumeric, "finite");
    ExpectWeights(with(0, bad), StatusCode::kNumeric, "finite");
  }
  ExpectWeights(with(1e38f, 0), StatusCode::kNumeric, "norm");
  ExpectWeights(with(0, 1e38f), StatusCode::kNumeric, "norm");
  ExpectWeights(with(2000, 2000), StatusCode::kNumeric, "norm of the update");
  ExpectWeights(with(0.1f, 0), StatusCode::kOk, "");  // an adapter before its first step
  ExpectWeights(with(0, 0), StatusCode::kOk, "");
}

TEST(PeftFolder, PicklesAreRefusedUnopened) {
  const ScopedFolder folder;
  // A folder of that name could not be read: the refusal comes from the name alone.
  std::filesystem::create_directory(folder / "adapter_model.bin");
  Spill(folder / "adapter_config.json", PlainConfig().dump());
  const Status status = ReadPeft(folder.path(), SampleBase()).status();
  EXPECT_EQ(status.code(), StatusCode::kIncompatible);
  EXPECT_THAT(status.message(), HasSubstr("pickle is not supported"));
  Spill(folder / "other.pt", "\x80\x02");
  EXPECT_EQ(ReadAnyAdapter(folder / "other.pt", SampleBase()).status().code(),
            StatusCode::kIncompatible);
}

TEST(PeftFolder, MissingAndOversizedFiles) {
  const ScopedFolder folder;
  EXPECT_EQ(ReadPeft(folder / "absent", SampleBase()).status().code(), StatusCode::kNotFound);
  EXPECT_EQ(ReadAnyAdapter(folder / "absent", SampleBase()).status().code(), StatusCode::kNotFound);
  ASSERT_TRUE(WritePeft(folder / "a", SampleAdapter(), SampleBase()).ok());
  EXPECT_TRUE(ReadAnyAdapter(folder / "a/", SampleBase()).ok());
  EXPECT_TRUE(ReadAnyAdapter(folder / "a/adapter_model.safetensors", SampleBase()).ok());
  Spill(folder / "a/adapter_config.json", std::string(kMaxConfigBytes + 1, ' '));
  EXPECT_EQ(ReadPeft(folder / "a", SampleBase()).status().code(), StatusCode::kLimit);
  std::filesystem::remove(folder / "a/adapter_config.json");
  EXPECT_EQ(ReadPeft(folder / "a", SampleBase()).status().code(), StatusCode::kFormat);
}

// An adapter of layers 0 and 1 whose modules have the ranks and alphas that PEFT gives them:
//   r 4, alpha 8, rank_pattern {"v_proj": 2, "^model.layers.1.mlp.up_proj": 1},
//   alpha_pattern {"layers.0.self_attn.v_proj": 6, "mlp.up_proj": 3}
// SOURCE: huggingface/peft, read and not run: tuners/lora/model.py, _create_and_replace
// (r = rank_pattern.get(key, r), alpha likewise, each by get_pattern_key) and utils/other.py,
// get_pattern_key (re.match(rf"(.*\.)?({key})$", module)); scale as in tuners/lora/layer.py.
struct ExpectedModule {
  const char* module;
  uint32_t rank;
  double alpha;
};
constexpr ExpectedModule kPatterned[] = {{"layers.0.self_attn.q_proj", 4, 8},
                                         {"layers.0.self_attn.v_proj", 2, 6},
                                         {"layers.1.self_attn.v_proj", 2, 8},
                                         {"layers.0.mlp.up_proj", 4, 3},
                                         {"layers.1.mlp.up_proj", 1, 3}};

Result<LoraAdapter> ReadPatterned(bool rslora) {
  safetensors::Writer writer;
  for (const ExpectedModule& m : kPatterned) {
    const std::string module = std::string("base_model.model.model.") + m.module;
    const uint64_t out = module.ends_with("up_proj") ? 12 : module.ends_with("v_proj") ? 4 : 8;
    std::vector<float> a(m.rank * 8), b(out * m.rank);
    for (size_t i = 0; i < a.size(); ++i) a[i] = std::sin(static_cast<float>(i));
    for (size_t i = 0; i < b.size(); ++i) b[i] = std::cos(static_cast<float>(i));
    writer.AddFloats(module + ".lora_A.weight", {m.rank, 8}, a);
    writer.AddFloats(module + ".lora_B.weight", {out, m.rank}, b);
  }
  Json config = PlainConfig();
  config.update({{"r", 4},
                 {"lora_alpha", 8},
                 {"use_rslora", rslora},
                 {"target_modules", {"q_proj", "v_proj", "up_proj"}},
                 {"rank_pattern", {{"v_proj", 2}, {"^model.layers.1.mlp.up_proj", 1}}},
                 {"alpha_pattern", {{"layers\\.0\\.self_attn\\.v_proj", 6}, {"mlp.up_proj", 3}}}});
  return Parse(config.dump(), writer);
}

TEST(Peft, PatternsGiveModulesTheRankAndScaleThatPeftGivesThem) {
  for (const bool rslora : {false, true}) {
    const auto adapter = ReadPatterned(rslora);
    ASSERT_TRUE(adapter.ok()) << adapter.status().message();
    EXPECT_EQ(adapter->rank, 4u);
    for (const ExpectedModule& m : kPatterned) {
      const std::string name = PlaceOfHuggingFace(std::string("model.") + m.module)->GgufName();
      const auto tensor = std::find_if(adapter->tensors.begin(), adapter->tensors.end(),
                                       [&](const LoraTensor& t) { return t.base_name == name; });
      ASSERT_NE(tensor, adapter->tensors.end()) << name;
      EXPECT_EQ(tensor->rank, m.rank) << name;
      const double r = m.rank;
      EXPECT_FLOAT_EQ(tensor->scale, static_cast<float>(m.alpha / (rslora ? std::sqrt(r) : r)));
    }
  }
}

TEST(Peft, PatternsRoundTripByteForByte) {
  for (const bool rslora : {false, true}) {
    const auto adapter = ReadPatterned(rslora);
    ASSERT_TRUE(adapter.ok());
    const auto first = SerializePeft(*adapter, SampleBase());
    ASSERT_TRUE(first.ok()) << first.status().message();
    const auto read =
        ParsePeft(first->config, core::MappedFile::Wrap(first->weights, "t"), SampleBase());
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_TRUE(SameTensors(*read, *adapter));
    const auto second = SerializePeft(*read, SampleBase());
    EXPECT_EQ(first->config, second->config);
    EXPECT_EQ(first->weights, second->weights);
  }
}

TEST(Peft, APatternDoesNotReachIntoTheMiddleOfAName) {
  Json config = PlainConfig();
  config["alpha_pattern"] = {{"proj", 9}, {"attn.q_proj", 9}, {"^q_proj", 9}};
  const auto adapter = Parse(config.dump(), OneModule());
  ASSERT_TRUE(adapter.ok()) << adapter.status().message();
  EXPECT_EQ(adapter->tensors[0].scale, 2.0f);
}

TEST(Peft, AShapeThatIsNotThePatternsIsRefused) {
  Json config = PlainConfig();
  config["rank_pattern"] = {{"q_proj", 3}};
  EXPECT_EQ(Parse(config.dump(), OneModule()).status().code(), StatusCode::kFormat);
}

}  // namespace
}  // namespace selvedge::adapters
