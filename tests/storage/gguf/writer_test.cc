#include <gtest/gtest.h>

#include <tuple>

#include "tests/storage/gguf/gguf_bytes.h"

namespace selvedge::gguf {
namespace {

std::vector<uint8_t> Filled(size_t n, uint8_t value) { return std::vector<uint8_t>(n, value); }

TEST(GgufWriter, WritesTheBytesThatTheFormatDescribes) {
  Writer writer;
  writer.SetString("general.architecture", "llama");
  writer.SetU32("llama.block_count", 2);
  writer.SetF32("eps", 0.25f);
  writer.SetBool("flag", true);
  writer.SetStrings("tokens", {"a", "bc"});
  writer.SetF32s("scores", {0.5f});
  writer.SetI32s("types", {-1, 3});
  writer.AddTensor("w", core::DType::kQ8_0, {32, 1}, Filled(34, 7));
  writer.AddTensor("n", core::DType::kF32, {2}, Filled(8, 9));

  Bytes b;
  b.Preamble(2, 7);
  b.Key("general.architecture", ValueType::kString).Text("llama");
  b.Key("llama.block_count", ValueType::kU32).U32(2);
  b.Key("eps", ValueType::kF32).Put(0.25f);
  b.Key("flag", ValueType::kBool).U8(1);
  b.Key("tokens", ValueType::kArray).U32(8).U64(2).Text("a").Text("bc");
  b.Key("scores", ValueType::kArray).U32(6).U64(1).Put(0.5f);
  b.Key("types", ValueType::kArray).U32(5).U64(2).Put<int32_t>(-1).Put<int32_t>(3);
  b.Tensor("w", {32, 1}, 8, 0).Tensor("n", {2}, 0, 64).PadTo(32);
  for (int i = 0; i < 34; ++i) b.U8(7);
  b.PadTo(32);
  for (int i = 0; i < 8; ++i) b.U8(9);
  b.PadTo(32);
  EXPECT_EQ(writer.Serialize(), b.data);
}

TEST(GgufWriter, DeclaredTensorsLeaveTheDataToTheCaller) {
  Writer whole, declared;
  for (Writer* writer : {&whole, &declared}) writer->SetU32("llama.block_count", 2);
  whole.AddTensor("w", core::DType::kQ8_0, {32, 3}, Filled(102, 7));
  whole.AddTensor("n", core::DType::kF32, {2}, Filled(8, 9));
  declared.DeclareTensor("w", core::DType::kQ8_0, {32, 3});
  declared.DeclareTensor("n", core::DType::kF32, {2});
  std::vector<uint8_t> bytes = declared.SerializeHeader();
  for (const auto& [size, padded, value] :
       {std::tuple<size_t, size_t, uint8_t>{102, 128, 7}, {8, 32, 9}}) {
    bytes.resize(bytes.size() + size, value);
    bytes.resize(bytes.size() + padded - size, 0);
  }
  EXPECT_EQ(bytes, whole.Serialize());
}

TEST(GgufWriter, WhatItWritesTheReaderReads) {
  Writer writer;
  writer.SetString("general.architecture", "llama");
  writer.AddTensor("w", core::DType::kF32, {3, 2}, Filled(24, 1));
  const std::vector<uint8_t> bytes = writer.Serialize();
  const auto parsed = ParseBytes(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  EXPECT_EQ((*parsed)->GetString("general.architecture").value(), "llama");
  EXPECT_EQ((*parsed)->FindTensor("w")->data.size(), 24u);
}

TEST(GgufWriter, ASecondSetReplacesInPlace) {
  Writer writer;
  writer.SetU32("a", 1);
  writer.SetU32("b", 2);
  writer.SetString("a", "now text");
  const std::vector<uint8_t> bytes = writer.Serialize();
  const auto parsed = ParseBytes(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  ASSERT_EQ((*parsed)->metadata().size(), 2u);
  EXPECT_EQ((*parsed)->metadata()[0].first, "a");
  EXPECT_EQ((*parsed)->GetString("a").value(), "now text");
}

TEST(GgufWriter, CopiesForeignKeysByteForByteButNotTheAlignment) {
  Bytes b;
  b.Preamble(0, 4).Key("general.alignment", ValueType::kU32).U32(128);
  b.Key("odd", ValueType::kI16).Put<int16_t>(-7);
  b.Key("list", ValueType::kArray).U32(8).U64(2).Text("x").Text("\xFF");
  b.Key("nan", ValueType::kF32).U32(0x7FC00001);
  const auto source = ParseBytes(b.data);
  ASSERT_TRUE(source.ok()) << source.status().message();
  Writer writer;
  writer.CopyMetadata(**source);
  const std::vector<uint8_t> bytes = writer.Serialize();
  const auto copy = ParseBytes(bytes);
  ASSERT_TRUE(copy.ok()) << copy.status().message();
  EXPECT_FALSE((*copy)->Has("general.alignment"));
  for (const char* key : {"odd", "list", "nan"}) {
    const auto was = (*source)->EncodedValue(key), is = (*copy)->EncodedValue(key);
    EXPECT_TRUE(std::equal(was.begin(), was.end(), is.begin(), is.end())) << key;
  }
}

}  // namespace
}  // namespace selvedge::gguf
