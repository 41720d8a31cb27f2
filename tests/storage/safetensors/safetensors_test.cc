#include "storage/safetensors/safetensors.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "tests/storage/safetensors/safetensors_bytes.h"

namespace selvedge::safetensors {
namespace {

TEST(Safetensors, ReadsWhatTheHeaderSaysInTheOrderOfTheData) {
  const auto bytes = FileBytes(R"({"__metadata__":{"format":"pt","caf\u00e9":"x"},)"
                               R"("second":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]},)"
                               R"("first":{"data_offsets":[0,16],"shape":[2,2],"dtype":"F32"},)"
                               R"("scalar":{"dtype":"U8","shape":[],"data_offsets":[22,23]},)"
                               R"("none":{"dtype":"I64","shape":[4,0],"data_offsets":[23,23]}}  )",
                               23);
  const auto parsed = ParseBytes(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  const File& file = **parsed;
  EXPECT_EQ(file.metadata().at("format"), "pt");
  EXPECT_EQ(file.metadata().at("caf\xC3\xA9"), "x");
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.tensors()[0].name, "first");
  EXPECT_EQ(file.tensors()[0].shape, (std::vector<uint64_t>{2, 2}));
  EXPECT_EQ(file.tensors()[0].values(), 4u);
  EXPECT_EQ(file.tensors()[1].type, ElementType::kBF16);
  EXPECT_EQ(file.tensors()[2].values(), 1u);
  EXPECT_EQ(file.tensors()[3].values(), 0u);
  ASSERT_NE(file.FindTensor("second"), nullptr);
  EXPECT_EQ(file.FindTensor("second")->data.size(), 6u);
  EXPECT_EQ(file.FindTensor("third"), nullptr);
}

TEST(Safetensors, ReadsTheBytesOfTheReferenceImplementation) {
  // SOURCE: the layout rules of the format (docs/formats/adapter.md) applied by hand; the header is
  // what the reference implementation writes for {"b": [[1, 2]], "a": [0.5]} in float32 with
  // metadata {"format": "pt"}: names sorted, spaces up to a multiple of 8.
  Writer writer;
  writer.SetMetadata("format", "pt");
  const float half[] = {0.5f};
  const float row[] = {1, 2};
  writer.AddFloats("a", {1}, half);
  writer.AddFloats("b", {1, 2}, row);
  std::string header =
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
      R"("b":{"dtype":"F32","shape":[1,2],"data_offsets":[4,12]}})";
  while (header.size() % 8 != 0) header += ' ';
  EXPECT_EQ(
      writer.Serialize(),
      WithLength(header.size(), header + std::string("\0\0\0\x3F\0\0\x80\x3F\0\0\0\x40", 12)));
}

TEST(Safetensors, WriterAndReaderAgreeForEveryElementType) {
  Writer writer;
  for (const char* name : {"BOOL", "U8", "I8", "U16", "I16", "U32", "I32", "U64", "I64", "F16",
                           "BF16", "F32", "F64"}) {
    const ElementType type = FindElementType(name).value();
    EXPECT_STREQ(ElementName(type), name);
    writer.AddTensor(name, type, {3}, std::vector<uint8_t>(3 * ElementBytes(type), 5));
  }
  const auto bytes = writer.Serialize();
  const auto parsed = ParseBytes(bytes);
  ASSERT_TRUE(parsed.ok()) << parsed.status().message();
  ASSERT_EQ((*parsed)->tensors().size(), 13u);
  for (const TensorInfo& tensor : (*parsed)->tensors()) {
    EXPECT_EQ(tensor.name, ElementName(tensor.type));
    EXPECT_EQ(tensor.values(), 3u);
  }
}

TEST(Safetensors, AFileWithoutTensorsIsFine) {
  const auto bytes = FileBytes("{}", 0);
  EXPECT_TRUE(ParseBytes(bytes).ok());
  EXPECT_EQ(Writer().Serialize(), WithLength(8, "{}      "));
}

std::vector<float> Converted(ElementType type, const std::vector<uint16_t>& bits) {
  std::vector<uint8_t> data(bits.size() * 2);
  std::memcpy(data.data(), bits.data(), data.size());
  const TensorInfo tensor{"t", type, {bits.size()}, data};
  return ToFloats(tensor).value();
}

TEST(ToFloats, WidensHalvesExactly) {
  // SOURCE: IEEE 754-2008 binary16: largest, smallest normal, largest and smallest subnormal, ...
  const auto values = Converted(ElementType::kF16, {0x3C00, 0xC000, 0x7BFF, 0x0400, 0x03FF, 0x0001,
                                                    0x8001, 0x8000, 0x7C00, 0xFC00, 0x7E00});
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[1], -2.0f);
  EXPECT_EQ(values[2], 65504.0f);
  EXPECT_EQ(values[3], 0x1p-14f);
  EXPECT_EQ(values[4], 1023 * 0x1p-24f);
  EXPECT_EQ(values[5], 0x1p-24f);
  EXPECT_EQ(values[6], -0x1p-24f);
  EXPECT_TRUE(values[7] == 0 && std::signbit(values[7]));
  EXPECT_EQ(values[8], INFINITY);
  EXPECT_EQ(values[9], -INFINITY);
  EXPECT_TRUE(std::isnan(values[10]));
}

TEST(ToFloats, WidensBrainFloatsExactly) {
  const auto values = Converted(ElementType::kBF16, {0x3F80, 0xC049, 0x7F80, 0x0001});
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[1], -3.140625f);
  EXPECT_EQ(values[2], INFINITY);
  EXPECT_EQ(values[3], 0x1p-133f);
}

TEST(ToFloats, RefusesIntegersByName) {
  const std::vector<uint8_t> data(8);
  const TensorInfo tensor{"t", ElementType::kI64, {1}, data};
  EXPECT_EQ(ToFloats(tensor).status().code(), StatusCode::kIncompatible);
  EXPECT_NE(ToFloats(tensor).status().message().find("I64"), std::string::npos);
}

}  // namespace
}  // namespace selvedge::safetensors
