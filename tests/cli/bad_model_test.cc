// The default model with one field changed in place: every command that opens a model says what is
// wrong in one line and ends with 4. A numbers as in docs/bad_inputs.md; the reader's own tests
// have the many variants of each.

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>

#include "tests/cli/command.h"

namespace selvedge::cli_test {
namespace {

constexpr ptrdiff_t kVersionAt = 4, kTensorCountAt = 8, kKeyCountAt = 16, kFirstKeyAt = 24;

std::string DefaultModel() {
  std::ifstream file(SELVEDGE_SOURCE_DIR "/models/default/selvedge-default.gguf", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <typename T>
std::string Bytes(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// A place of the model: an offset, or what follows a name of the header.
struct Place {
  const char* name;  // null: `offset` counts from the file's start
  ptrdiff_t offset;  // negative: into the name
};

struct Change {
  const char* test;
  Place place;
  std::string bytes;
};

// A key is followed by its type (u32) and its value; a tensor's name by the number of its
// dimensions (u32), the dimensions (u64), its type (u32) and its offset (u64).
constexpr ptrdiff_t kType = 0, kValue = 4;
constexpr ptrdiff_t kDimensions = 0, kFirstDimension = 4;
constexpr ptrdiff_t kMatrixType = 20, kMatrixOffset = 24;
constexpr const char* kMatrix = "blk.0.attn_q.weight";

const std::vector<Change>& Changes() {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  static const std::vector<Change> changes = {
      {"A02_Magic", {nullptr, 0}, "GGUX"},
      {"A03_Version", {nullptr, kVersionAt}, Bytes(uint32_t{4})},
      {"A04_Keys", {nullptr, kKeyCountAt}, Bytes(~uint64_t{0})},
      {"A04_Tensors", {nullptr, kTensorCountAt}, Bytes(uint64_t{1} << 32)},
      {"A05_KeyLength", {nullptr, kFirstKeyAt}, Bytes(~uint64_t{0})},
      {"A05_KeyOfNul", {nullptr, kFirstKeyAt + 8}, std::string("\0", 1)},
      {"A05_KeyOfNoUtf8", {nullptr, kFirstKeyAt + 8}, "\xFF"},
      {"A06_KeyTwice", {"general.name", -12}, "general.type"},
      {"A06_TensorTwice", {"blk.1.attn_q.weight", -19}, kMatrix},
      {"A07_ValueType", {"general.name", kType}, Bytes(uint32_t{13})},
      {"A07_ArrayOfArrays", {"tokenizer.ggml.tokens", kValue}, Bytes(uint32_t{9})},
      {"A07_ArrayLength", {"tokenizer.ggml.tokens", kValue + 4}, Bytes(uint64_t{1} << 61)},
      {"A08_StringLength", {"general.name", kValue}, Bytes(uint64_t{1} << 30)},
      {"A09_Alignment", {"general.file_type", -17}, "general.alignment"},  // of 7
      {"A10_NoDimensions", {kMatrix, kDimensions}, Bytes(uint32_t{0})},
      {"A10_ManyDimensions", {kMatrix, kDimensions}, Bytes(~uint32_t{0})},
      {"A11_DimensionsWrap",
       {kMatrix, kFirstDimension},
       Bytes(uint64_t{1} << 32) + Bytes(uint64_t{1} << 32)},
      {"A12_NegativeDimension", {kMatrix, kFirstDimension}, Bytes(int64_t{-256})},
      {"A12_EmptyDimension", {kMatrix, kFirstDimension}, Bytes(uint64_t{0})},
      {"A13_HalfABlock", {kMatrix, kFirstDimension}, Bytes(uint64_t{250})},
      {"A13_RemovedType", {kMatrix, kMatrixType}, Bytes(uint32_t{4})},
      {"A14_Unaligned", {kMatrix, kMatrixOffset}, Bytes(uint64_t{1})},
      {"A14_PastTheEnd", {kMatrix, kMatrixOffset}, Bytes(~uint64_t{31})},
      {"A17_EpsilonAsCount", {"llama.attention.layer_norm_rms_epsilon", kType}, Bytes(uint32_t{4})},
      {"A17_BosAsNumber", {"tokenizer.ggml.bos_token_id", kType}, Bytes(uint32_t{6})},
      {"A18_NoLayers", {"llama.block_count", kValue}, Bytes(uint32_t{0})},
      {"A18_ManyLayers", {"llama.block_count", kValue}, Bytes(uint32_t{1} << 31)},
      {"A18_Heads", {"llama.attention.head_count", kValue}, Bytes(uint32_t{3})},
      {"A18_Context", {"llama.context_length", kValue}, Bytes(~uint32_t{0})},
      {"A18_RopeBase", {"llama.rope.freq_base", kValue}, Bytes(nan)},
      {"A18_Epsilon", {"llama.attention.layer_norm_rms_epsilon", kValue}, Bytes(0.0f)},
      {"A18_VocabSize", {"llama.vocab_size", kValue}, Bytes(uint32_t{4097})},
      {"A18_KeyMissing", {"llama.block_coun", 0}, "x"},
      {"A18_Architecture", {"general.architecture", kValue + 8}, "\x1b[31m"},
      {"A19_ByteToken", {"<0x0", 0}, "Z"},
      {"A19_Bos", {"tokenizer.ggml.bos_token_id", kValue}, Bytes(uint32_t{4096})},
      {"A19_Eos", {"tokenizer.ggml.eos_token_id", kValue}, Bytes(~uint32_t{0})},
  };
  return changes;
}

size_t OffsetOf(const std::string& model, const Place& place) {
  if (place.name == nullptr) return static_cast<size_t>(place.offset);
  // A string's bytes follow its length, whose last byte is 0; other names may end alike.
  const std::string name = std::string(1, '\0') + place.name;
  const size_t at = model.find(name);
  EXPECT_NE(at, std::string::npos) << place.name;
  return static_cast<size_t>(static_cast<ptrdiff_t>(at + name.size()) + place.offset);
}

class BadModel : public testing::TestWithParam<Change> {};

TEST_P(BadModel, IsMalformedForEveryCommand) {
  const Sandbox sandbox;
  std::string model = DefaultModel();
  const Change& change = GetParam();
  model.replace(OffsetOf(model, change.place), change.bytes.size(), change.bytes);
  const std::string file = sandbox.Write("m.gguf", model);
  const std::string out = sandbox.path("out.gguf");
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"generate", "-m", file, "-p", "a", "-n", "1"},
        {"model", "verify", file},
        {"init", "-m", file, "--home", sandbox.path("home")}}) {
    const Finished finished = sandbox.Run(command);
    EXPECT_TRUE(FailsWith(finished, 4)) << command.front();
    EXPECT_EQ(finished.err.find('\x1b'), std::string::npos);
    EXPECT_EQ(finished.err.find(sandbox.path("")), std::string::npos) << finished.err;
  }
}

INSTANTIATE_TEST_SUITE_P(Fields, BadModel, testing::ValuesIn(Changes()),
                         [](const auto& test) { return std::string(test.param.test); });

TEST(BadModelFile, CutAnywhereIsMalformed) {  // A15
  const Sandbox sandbox;
  const std::string model = DefaultModel();
  for (size_t i = 0; i < 20; ++i) {
    const std::string file = sandbox.Write("m.gguf", model.substr(0, model.size() * i / 20));
    EXPECT_TRUE(FailsWith(sandbox.Run({"generate", "-m", file, "-p", "a", "-n", "1"}), 4)) << i;
  }
}

TEST(BadModelFile, AGibibyteBehindTheLastTensorIsRefused) {  // A16
  const Sandbox sandbox;
  const std::string file = sandbox.Write("m.gguf", DefaultModel());
  std::filesystem::resize_file(file, uint64_t{1} << 30);
  EXPECT_TRUE(FailsWith(sandbox.Run({"generate", "-m", file, "-p", "a", "-n", "1"}), 4));
}

// H04: norms that overflow make every logit infinite.
TEST(BadModelFile, InfiniteLogitsAreAnErrorAndNoText) {
  const Sandbox sandbox;
  std::string model = DefaultModel();
  const auto read = [&](const Place& place) {
    uint64_t value = 0;
    std::memcpy(&value, model.data() + OffsetOf(model, place), sizeof value);
    return value;
  };
  // The data end with the head, Q8_0 (34 bytes for 32 values); a vector's offset
  // stands behind one dimension and its type.
  const char* const last = "output.weight";
  const uint64_t last_bytes =
      read({last, kFirstDimension}) * read({last, kFirstDimension + 8}) / 32 * 34;
  const uint64_t data = model.size() - read({last, kMatrixOffset}) - last_bytes;
  const uint64_t norm = data + read({"output_norm.weight", 16});
  for (uint64_t i = 0; i < read({"output_norm.weight", kFirstDimension}); ++i) {
    model.replace(norm + 4 * i, 4, Bytes(3e38f));
  }
  const std::string file = sandbox.Write("m.gguf", model);
  for (const char* temperature : {"0", "0.8"}) {
    const Finished finished =
        sandbox.Run({"generate", "-m", file, "-p", "a", "-n", "4", "--temp", temperature});
    EXPECT_TRUE(FailsWith(finished, 4));
    EXPECT_NE(finished.err.find("logit"), std::string::npos) << finished.err;
  }
}

}  // namespace
}  // namespace selvedge::cli_test
