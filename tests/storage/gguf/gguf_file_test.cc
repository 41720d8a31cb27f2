#include "storage/gguf/gguf_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "tests/storage/gguf/gguf_bytes.h"

namespace selvedge::gguf {
namespace {

// One key of every type, an array of every element type and two tensors.
Bytes Everything() {
  Bytes b;
  b.Preamble(2, 15);
  b.Key("u8", ValueType::kU8).U8(200);
  b.Key("i8", ValueType::kI8).U8(0xFE);
  b.Key("u16", ValueType::kU16).Put<uint16_t>(65535);
  b.Key("i16", ValueType::kI16).Put<int16_t>(-300);
  b.Key("u32", ValueType::kU32).U32(4000000000u);
  b.Key("i32", ValueType::kI32).Put<int32_t>(-5);
  b.Key("f32", ValueType::kF32).Put<float>(0.5f);
  b.Key("bool", ValueType::kBool).U8(1);
  b.Key("string", ValueType::kString).Text("caf\xC3\xA9");
  b.Key("u64", ValueType::kU64).U64(~uint64_t{0});
  b.Key("i64", ValueType::kI64).Put<int64_t>(INT64_MIN);
  b.Key("f64", ValueType::kF64).Put<double>(-0.125);
  b.Key("strings", ValueType::kArray).U32(8).U64(3).Text("a").Text("").Text("\xE2\x96\x81the");
  b.Key("floats", ValueType::kArray).U32(6).U64(2).Put<float>(1.5f).Put<float>(-2);
  b.Key("ints", ValueType::kArray).U32(5).U64(2).Put<int32_t>(7).Put<int32_t>(-8);
  b.Tensor("blk.0.w", {32, 2}, 8, 0);  // Q8_0: 2 rows of 34 bytes, padded from 68 to 96
  b.Tensor("norm", {3}, 0, 96);
  b.PadTo(32);
  for (uint8_t i = 0; i < 68; ++i) b.U8(i);
  b.PadTo(32).Put<float>(1).Put<float>(2).Put<float>(3).PadTo(32);
  return b;
}

TEST(GgufFile, ReadsEveryValueType) {
  const Bytes b = Everything();
  const auto parsed = ParseBytes(b.data);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const File& file = **parsed;
  ASSERT_EQ(file.metadata().size(), 15u);
  EXPECT_EQ(file.metadata()[0].first, "u8");
  EXPECT_EQ(std::get<uint64_t>(file.metadata()[0].second.data), 200u);
  EXPECT_EQ(std::get<int64_t>(file.metadata()[1].second.data), -2);
  EXPECT_EQ(std::get<uint64_t>(file.metadata()[2].second.data), 65535u);
  EXPECT_EQ(std::get<int64_t>(file.metadata()[3].second.data), -300);
  EXPECT_EQ(file.GetU32("u32").value(), 4000000000u);
  EXPECT_EQ(std::get<int64_t>(file.metadata()[5].second.data), -5);
  EXPECT_EQ(file.GetF32("f32").value(), 0.5f);
  EXPECT_TRUE(file.GetBool("bool").value());
  EXPECT_EQ(file.GetString("string").value(), "caf\xC3\xA9");
  EXPECT_EQ(std::get<uint64_t>(file.metadata()[9].second.data), ~uint64_t{0});
  EXPECT_EQ(std::get<int64_t>(file.metadata()[10].second.data), INT64_MIN);
  EXPECT_EQ(std::get<double>(file.metadata()[11].second.data), -0.125);
  EXPECT_EQ(file.GetStrings("strings").value(),
            (std::vector<std::string_view>{"a", "", "\xE2\x96\x81the"}));
  EXPECT_EQ(file.GetF32s("floats").value(), (std::vector<float>{1.5f, -2}));
  EXPECT_EQ(file.GetI32s("ints").value(), (std::vector<int32_t>{7, -8}));
}

TEST(GgufFile, PlacesTensorsAtTheirPaddedOffsets) {
  const Bytes b = Everything();
  const auto parsed = ParseBytes(b.data);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const File& file = **parsed;
  ASSERT_EQ(file.tensors().size(), 2u);
  const TensorInfo* weight = file.FindTensor("blk.0.w");
  ASSERT_NE(weight, nullptr);
  EXPECT_EQ(weight->type, core::DType::kQ8_0);
  EXPECT_EQ(weight->dims, (std::vector<uint64_t>{32, 2}));
  EXPECT_EQ(weight->values(), 64u);
  ASSERT_EQ(weight->data.size(), 68u);
  EXPECT_EQ(weight->data[0], 0);
  EXPECT_EQ(weight->data[67], 67);
  const TensorInfo* norm = file.FindTensor("norm");
  ASSERT_NE(norm, nullptr);
  float last = 0;
  std::memcpy(&last, norm->data.data() + 8, 4);
  EXPECT_EQ(last, 3.0f);
  EXPECT_EQ(file.FindTensor("nor"), nullptr);
}

TEST(GgufFile, GettersDoNotConvertBetweenTypes) {
  const Bytes b = Everything();
  const auto parsed = ParseBytes(b.data);
  ASSERT_TRUE(parsed.ok());
  const File& file = **parsed;
  EXPECT_EQ(file.GetU32("absent").status().code(), StatusCode::kFormat);
  EXPECT_FALSE(file.Has("absent"));
  EXPECT_EQ(file.GetU32("u64").status().code(), StatusCode::kFormat);
  EXPECT_EQ(file.GetU32("i32").status().code(), StatusCode::kFormat);
  EXPECT_EQ(file.GetF32("f64").status().code(), StatusCode::kFormat);
  EXPECT_EQ(file.GetF32("string").status().code(), StatusCode::kFormat);
  EXPECT_EQ(file.GetBool("u8").status().code(), StatusCode::kFormat);
  EXPECT_EQ(file.GetString("u32").status().code(), StatusCode::kFormat);
  EXPECT_EQ(file.GetStrings("floats").status().code(), StatusCode::kFormat);
  EXPECT_EQ(file.GetF32s("ints").status().code(), StatusCode::kFormat);
  EXPECT_EQ(file.GetI32s("ints").ok(), true);
  EXPECT_EQ(file.GetI32s("i32").status().message(), "test.gguf: key 'i32': got i32, must be array");
  EXPECT_EQ(file.GetF32s("strings").status().message(),
            "test.gguf: key 'strings': got array of string, must be array of f32");
}

TEST(GgufFile, HonoursAnotherAlignment) {
  Bytes b;
  b.Preamble(2, 1).Key("general.alignment", ValueType::kU32).U32(128);
  b.Tensor("a", {1}, 0, 0).Tensor("b", {1}, 0, 128).PadTo(128);
  b.Put<float>(4).PadTo(128).Put<float>(5).PadTo(128);
  const auto parsed = ParseBytes(b.data);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  float value = 0;
  std::memcpy(&value, (*parsed)->tensors()[1].data.data(), 4);
  EXPECT_EQ(value, 5.0f);
}

TEST(GgufFile, AcceptsAFileWithoutTensorsPaddedOrNot) {
  Bytes b;
  b.Preamble(0, 1).Key("general.architecture", ValueType::kString).Text("llama");
  EXPECT_TRUE(ParseBytes(b.data).ok());
  b.PadTo(32);
  EXPECT_TRUE(ParseBytes(b.data).ok());
  b.Zeros(32);
  EXPECT_EQ(ParseBytes(b.data).status().code(), StatusCode::kFormat);
}

TEST(GgufFile, OpensFromDiskAndRefusesWhatIsNoFile) {
  const std::string folder = ::testing::TempDir() + "gguf_open_" + std::to_string(getpid());
  std::filesystem::create_directories(folder);
  const Bytes b = Everything();
  std::ofstream(folder + "/good.gguf", std::ios::binary)
      .write(reinterpret_cast<const char*>(b.data.data()),
             static_cast<std::streamsize>(b.data.size()));
  std::ofstream(folder + "/empty.gguf");
  ASSERT_EQ(mkfifo((folder + "/fifo.gguf").c_str(), 0600), 0);
  std::filesystem::create_symlink("good.gguf", folder + "/link.gguf");

  EXPECT_TRUE(File::Open(folder + "/good.gguf").ok());
  EXPECT_TRUE(File::Open(folder + "/link.gguf").ok());
  EXPECT_EQ(File::Open(folder + "/empty.gguf").status().code(), StatusCode::kFormat);
  EXPECT_EQ(File::Open(folder + "/absent.gguf").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(File::Open(folder).status().code(), StatusCode::kFormat);
  EXPECT_EQ(File::Open(folder + "/fifo.gguf").status().code(), StatusCode::kFormat);
  EXPECT_EQ(File::Open("/dev/zero").status().code(), StatusCode::kFormat);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace selvedge::gguf
