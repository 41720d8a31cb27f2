// PEFT folders that are not what they should be: `adapters import` says so in one line and takes
// nothing in. B numbers as in docs/bad_inputs.md; the readers' own tests have the many variants.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <limits>

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

using Json = nlohmann::json;

constexpr const char* kA = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
constexpr const char* kB = "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight";
constexpr uint64_t kWidth = 256, kRank = 2, kBytes = kWidth * kRank * 4;

// A good adapter of rank 2 for one matrix of the default model, part by part.
struct Folder {
  Json config = {
      {"peft_type", "LORA"}, {"r", kRank}, {"lora_alpha", 4}, {"target_modules", {"q_proj"}}};
  Json header = {
      {kA, {{"dtype", "F32"}, {"shape", {kRank, kWidth}}, {"data_offsets", {0, kBytes}}}},
      {kB, {{"dtype", "F32"}, {"shape", {kWidth, kRank}}, {"data_offsets", {kBytes, 2 * kBytes}}}}};
  std::string data = std::string(2 * kBytes, '\0');
  std::string header_text;    // instead of `header`
  uint64_t header_bytes = 0;  // instead of its length

  std::string Weights() const {
    const std::string text = header_text.empty() ? header.dump() : header_text;
    const uint64_t length = header_bytes != 0 ? header_bytes : text.size();
    return std::string(reinterpret_cast<const char*>(&length), sizeof length) + text + data;
  }
};

struct Fault {
  const char* test;
  std::function<void(Folder*)> make;
  const char* named;  // must stand in the message
};

const std::vector<Fault>& Faults() {
  static const std::vector<Fault> faults = {
      {"B01_HeaderLength", [](Folder* f) { f->header_bytes = uint64_t{1} << 63; }, "header"},
      {"B02_NoJson", [](Folder* f) { f->header_text = "tensors, honestly"; }, "header"},
      {"B02_Deep", [](Folder* f) { f->header_text = std::string(10000, '['); }, "header"},
      {"B03_MetadataOfNumbers",
       [](Folder* f) {
         f->header["__metadata__"] = {{"format", 1}};
       },
       "__metadata__"},
      {"B04_Overlap",
       [](Folder* f) {
         f->header[kB]["data_offsets"] = {0, kBytes};
       },
       "begins at"},
      {"B05_Shape",
       [](Folder* f) {
         f->header[kA]["shape"] = {kRank, kWidth + 1};
       },
       "shape"},
      {"B05_ShapeWraps",
       [](Folder* f) {
         f->header[kA]["shape"] = {uint64_t{1} << 62, uint64_t{4}};
       },
       "size"},
      {"B06_Type", [](Folder* f) { f->header[kA]["dtype"] = "F8_E4M3"; }, "F8_E4M3"},
      {"B07_ManyTensors",
       [](Folder* f) {
         Json empty = {{"dtype", "F32"}, {"shape", {0}}, {"data_offsets", {0, 0}}};
         for (int i = 0; i < 100000; ++i) f->header["t" + std::to_string(i)] = empty;
       },
       "tensors"},
      {"B08_Tail", [](Folder* f) { f->data += "PK\3\4"; }, "bytes"},
      {"B09_NotANumber",
       [](Folder* f) {
         const float nan = std::numeric_limits<float>::quiet_NaN();
         std::memcpy(f->data.data(), &nan, sizeof nan);
       },
       "finite"},
      {"B10_NoRank", [](Folder* f) { f->config["r"] = 0; }, "r"},
      {"B10_OtherRank", [](Folder* f) { f->config["r"] = 4; }, "r"},
      {"B10_AlphaAsText", [](Folder* f) { f->config["lora_alpha"] = "4"; }, "lora_alpha"},
      {"B11_Dora", [](Folder* f) { f->config["use_dora"] = true; }, "use_dora"},
      {"B11_OtherMethod", [](Folder* f) { f->config["peft_type"] = "IA3"; }, "peft_type"},
      {"B12_HalfAPair",
       [](Folder* f) {
         f->header.erase(kB);
         f->data.resize(kBytes);
       },
       "lora_B"},
      {"B12_Transposed",
       [](Folder* f) {
         f->header[kA]["shape"] = {kWidth, kRank};
       },
       "lora_A"},
  };
  return faults;
}

class BadAdapter : public testing::TestWithParam<Fault> {
 protected:
  BadAdapter() { sandbox.environment["SELVEDGE_HOME"] = sandbox.path("home"); }

  Finished Import(const Folder& folder) {
    std::filesystem::create_directories(sandbox.path("adapter"));
    sandbox.Write("adapter/adapter_config.json", folder.config.dump());
    sandbox.Write("adapter/adapter_model.safetensors", folder.Weights());
    return sandbox.Run({"adapters", "import", sandbox.path("adapter")});
  }

  size_t Registered() {
    return sandbox.Run({"adapters", "list", "--json"}).Json()["adapters"].size();
  }

  size_t Stored() {
    size_t entries = 0;
    for (const auto& entry : std::filesystem::directory_iterator(sandbox.path("home/adapters"))) {
      entries += entry.exists();
    }
    return entries;
  }

  Sandbox sandbox;
};

TEST_P(BadAdapter, IsRefusedAndNothingOfItIsKept) {
  ASSERT_EQ(sandbox.Run({"init"}).exit_code, 0);
  Folder folder;
  GetParam().make(&folder);
  const Finished finished = Import(folder);
  EXPECT_TRUE(FailsWith(finished, 4));
  EXPECT_NE(finished.err.find(GetParam().named), std::string::npos) << finished.err;
  EXPECT_EQ(Registered(), 0u);
  EXPECT_EQ(Stored(), 0u);
  EXPECT_EQ(Import(Folder()).exit_code, 0) << "the good folder afterwards";
  EXPECT_EQ(Registered(), 1u);
}

TEST_F(BadAdapter, OfZerosIsTakenWithANotice) {  // B09
  ASSERT_EQ(sandbox.Run({"init"}).exit_code, 0);
  Folder folder;
  const float one = 1;
  std::memcpy(folder.data.data(), &one, sizeof one);  // in A; B is zero
  const Finished zero = Import(folder);
  EXPECT_EQ(zero.exit_code, 0);
  EXPECT_NE(zero.err.find("changes nothing"), std::string::npos) << zero.err;
  std::memcpy(folder.data.data() + kBytes, &one, sizeof one);
  const Finished some = Import(folder);
  EXPECT_EQ(some.exit_code, 0);
  EXPECT_EQ(some.err.find("changes nothing"), std::string::npos) << some.err;
  EXPECT_EQ(Registered(), 2u);
}

INSTANTIATE_TEST_SUITE_P(Folders, BadAdapter, testing::ValuesIn(Faults()),
                         [](const auto& test) { return std::string(test.param.test); });

}  // namespace
}  // namespace selvedge::cli_test
