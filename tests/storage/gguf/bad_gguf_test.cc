// Malformed GGUF: each input must come back as the stated error, name the place and change nothing.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/gguf/gguf_bytes.h"

namespace selvedge::gguf {
namespace {

using ::testing::HasSubstr;

void ExpectError(const std::vector<uint8_t>& bytes, StatusCode code, const std::string& text) {
  const Status status = ParseBytes(bytes).status();
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_THAT(status.message(), HasSubstr(text));
  EXPECT_THAT(status.message(), HasSubstr("test.gguf"));
}

void ExpectFormat(const Bytes& b, const std::string& text) {
  ExpectError(b.data, StatusCode::kFormat, text);
}

// A file whose only key is `key`, with room behind it, so that only the key can be at fault.
Bytes OneKey(std::string_view key, uint32_t type) {
  Bytes b;
  return b.Preamble(0, 1).Text(key).U32(type);
}

Bytes OneTensor(std::string_view name, const std::vector<uint64_t>& dims, uint32_t type,
                uint64_t offset, size_t data_bytes) {
  Bytes b;
  return b.Preamble(1, 0).Tensor(name, dims, type, offset).PadTo(32).Zeros(data_bytes).PadTo(32);
}

TEST(BadGguf, TooShortForThePreamble) {
  const Bytes whole = Bytes().Preamble(0, 0);
  ExpectError({}, StatusCode::kFormat, "empty");
  for (const size_t size : {1, 3, 7, 15, 23}) {
    ExpectError({whole.data.begin(), whole.data.begin() + static_cast<ptrdiff_t>(size)},
                StatusCode::kFormat, "file has " + std::to_string(size) + " bytes");
  }
  EXPECT_TRUE(ParseBytes(whole.data).ok());
}

TEST(BadGguf, AnotherKindOfFileIsNamed) {
  ExpectFormat(Bytes().Raw("version https://git-lfs.github.com/spec/v1\noid sha256:00\n"),
               "Git LFS");
  ExpectFormat(Bytes().Raw("<!DOCTYPE html><html>404"), "HTML");
  ExpectFormat(Bytes().Raw("PK\x03\x04............................"), "ZIP");
  ExpectFormat(Bytes().Raw("\x89PNG\r\n\x1A\n................"), "PNG");
  ExpectFormat(Bytes().Raw("GGUX").U32(3).U64(0).U64(0), "other bytes, must be 'GGUF'");
}

TEST(BadGguf, OtherVersionsAreNamed) {
  for (const uint32_t version : {0u, 1u, 2u, 4u}) {
    ExpectFormat(Bytes().Raw("GGUF").U32(version).U64(0).U64(0),
                 "version: got " + std::to_string(version) + ", only 3");
  }
  ExpectFormat(Bytes().Raw("GGUF").U32(0x03000000).U64(0).U64(0), "big-endian");
}

TEST(BadGguf, HugeCountsAreLimits) {
  for (const uint64_t count : {~uint64_t{0}, uint64_t{1} << 63, uint64_t{1} << 32}) {
    ExpectError(Bytes().Preamble(count, 0).data, StatusCode::kLimit, "tensor count");
    ExpectError(Bytes().Preamble(0, count).data, StatusCode::kLimit, "key count");
  }
  ExpectFormat(Bytes().Preamble(0, 60000), "do not fit");
  ExpectFormat(Bytes().Preamble(60000, 0), "do not fit");
}

TEST(BadGguf, BadKeyNames) {
  const auto key_of_length = [](uint64_t declared, size_t present) {
    return Bytes()
        .Preamble(0, 1)
        .U64(declared)
        .Raw(std::string(present, 'k'))
        .U32(0)
        .U8(1)
        .Zeros(64);
  };
  ExpectFormat(key_of_length(~uint64_t{0}, 10), "declares 18446744073709551615 bytes");
  ExpectFormat(key_of_length(5000, 10), "declares 5000 bytes");
  ExpectFormat(key_of_length(0, 0), "empty");
  ExpectFormat(key_of_length(65536, 65536), "at most 65535");
  ExpectFormat(OneKey(std::string_view("a\0b", 3), 0).U8(1), "without NUL");
  ExpectFormat(OneKey("a\xFF", 0).U8(1), "UTF-8");
  ExpectFormat(OneKey("\xED\xA0\x80", 0).U8(1), "UTF-8");
  EXPECT_TRUE(ParseBytes(OneKey(std::string(65535, 'k'), 0).U8(1).data).ok());
}

TEST(BadGguf, DuplicateNames) {
  ExpectFormat(Bytes().Preamble(0, 2).Key("a", ValueType::kU8).U8(1).Key("a", ValueType::kU8).U8(1),
               "key 'a': is there twice");
  Bytes b;
  b.Preamble(2, 0).Tensor("t", {1}, 0, 0).Tensor("t", {1}, 0, 32).PadTo(32).Zeros(64);
  ExpectFormat(b, "tensor 't': is there twice");
}

TEST(BadGguf, NamesThatGgmlWouldCutAreRefused) {
  const std::string name(63, 'n');
  Bytes b;
  b.Preamble(2, 0).Tensor(name + "a", {1}, 0, 0).Tensor(name + "b", {1}, 0, 32).PadTo(32).Zeros(64);
  ExpectFormat(b, "has 64 bytes, at most 63");
  EXPECT_TRUE(ParseBytes(OneTensor(name, {1}, 0, 0, 4).data).ok());
  ExpectFormat(OneTensor("", {1}, 0, 0, 4), "empty");
  ExpectFormat(OneTensor("\xFF", {1}, 0, 0, 4), "UTF-8");
}

TEST(BadGguf, ValueTypesOutOfRange) {
  ExpectFormat(OneKey("k", 13).Zeros(32), "type 13");
  ExpectFormat(OneKey("k", 0xFFFFFFFF).Zeros(32), "types are 0 to 12");
  ExpectFormat(OneKey("k", 9).U32(13).U64(1).Zeros(32), "element type 13");
  ExpectFormat(OneKey("k", 9).U32(9).U64(1).U32(0).U64(1).U8(1), "arrays of arrays");
  ExpectFormat(OneKey("k", 7).U8(2), "boolean 2");
  ExpectFormat(OneKey("k", 9).U32(7).U64(2).U8(1).U8(3), "boolean 3");
}

TEST(BadGguf, ArraysThatDoNotFit) {
  for (const uint32_t type : {0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12}) {
    for (const uint64_t count : {uint64_t{1} << 61, ~uint64_t{0}, uint64_t{129}}) {
      ExpectFormat(OneKey("k", 9).U32(type).U64(count).Zeros(128), "elements");
    }
  }
  // 16 strings would fit by their lengths alone, the last one's text does not.
  Bytes b = OneKey("k", 9).U32(8).U64(16);
  for (int i = 0; i < 15; ++i) b.Text("");
  ExpectFormat(b.U64(1), "declares 1 bytes, 0 are left");
}

TEST(BadGguf, TooManyArrayElementsAreALimit) {
  Bytes b;
  b.Preamble(0, 2);
  for (const char* key : {"a", "b"}) {
    b.Key(key, ValueType::kArray).U32(0).U64(kMaxArrayElements / 2 + 1);
    b.Zeros(kMaxArrayElements / 2 + 1);
  }
  ExpectError(b.data, StatusCode::kLimit, "key 'b'");
}

TEST(BadGguf, AStringOfOneGibibyteInASmallFile) {
  Bytes b = OneKey("k", 8).U64(uint64_t{1} << 30);
  ExpectFormat(b.Zeros(160 - b.data.size()), "declares 1073741824 bytes");
}

TEST(BadGguf, AlignmentMustBeAPowerOfTwoInU32) {
  const auto with_alignment = [](uint32_t type, uint64_t value) {
    Bytes b = OneKey("general.alignment", type);
    return type == 4 || type == 5 ? b.U32(static_cast<uint32_t>(value)) : b.U64(value);
  };
  for (const uint32_t alignment : {0u, 3u, 1u << 30, 48u, 4u, 0xFFFFFFE0u}) {
    ExpectFormat(with_alignment(4, alignment), "must be a power of two");
  }
  ExpectFormat(with_alignment(5, 32), "got i32, must be u32");
  ExpectFormat(with_alignment(10, 32), "got u64, must be u32");
  ExpectFormat(OneKey("general.alignment", 8).Text("32"), "got string, must be u32");
}

TEST(BadGguf, DimensionCountOutOfRange) {
  for (const uint32_t n_dims : {0u, 5u, 0xFFFFFFFFu}) {
    Bytes b;
    b.Preamble(1, 0).Text("t").U32(n_dims).Zeros(64);
    ExpectFormat(b, std::to_string(n_dims) + " dimensions");
  }
}

TEST(BadGguf, DimensionsThatWrap) {
  const uint64_t k32 = uint64_t{1} << 32;
  ExpectFormat(OneTensor("t", {k32, k32}, 0, 0, 64), "does not fit in 63 bits");
  ExpectFormat(OneTensor("t", {k32 * 2, k32 / 2, 2}, 0, 0, 64), "does not fit in 63 bits");
  ExpectFormat(OneTensor("t", {k32, k32 + 1}, 0, 0, 64), "does not fit in 63 bits");
  ExpectFormat(OneTensor("t", {3, 0x5555555555555556}, 0, 0, 64), "does not fit in 63 bits");
  // The values fit in 63 bits, their bytes do not fit in 64.
  ExpectFormat(OneTensor("t", {uint64_t{1} << 62}, 0, 0, 64), "does not fit in 64 bits");
  ExpectFormat(OneTensor("t", {~uint64_t{0}}, 0, 0, 64), "is -1, must be positive");
  ExpectFormat(OneTensor("t", {1, uint64_t{1} << 63}, 0, 0, 64), "must be positive");
  ExpectFormat(OneTensor("t", {0}, 0, 0, 64), "is 0, must be positive");
  ExpectFormat(OneTensor("t", {32, 0}, 8, 0, 64), "is 0, must be positive");
}

TEST(BadGguf, PaddedSumThatWraps) {
  const uint64_t big = (uint64_t{1} << 61) - 8;  // 4 big = 2^63 - 32 bytes
  Bytes b;
  b.Preamble(3, 0);
  for (uint64_t i = 0; i < 3; ++i)
    b.Tensor(std::string(1, static_cast<char>('a' + i)), {big}, 0, i * 4 * big);
  b.PadTo(32).Zeros(64);
  ExpectFormat(b, "does not fit in 64 bits");
}

TEST(BadGguf, RowsThatAreNoWholeBlocks) {
  ExpectFormat(OneTensor("t", {33}, 8, 0, 68),
               "rows of 33 values, type Q8_0 needs a multiple of 32");
  ExpectFormat(OneTensor("t", {16, 2}, 2, 0, 64), "multiple of 32");
  ExpectFormat(OneTensor("t", {128, 2}, 12, 0, 288), "multiple of 256");
}

TEST(BadGguf, RemovedUnknownAndUnsupportedTypesAreNamed) {
  for (const uint32_t removed : {4, 5, 31, 32, 33, 36, 37, 38}) {
    ExpectFormat(OneTensor("t", {256}, removed, 0, 64), "removed from ggml");
  }
  for (const uint32_t unknown : {43u, 999u, 0xFFFFFFFFu}) {
    ExpectFormat(OneTensor("t", {256}, unknown, 0, 64), "type " + std::to_string(unknown));
  }
  ExpectError(OneTensor("t", {256}, 16, 0, 96).data, StatusCode::kIncompatible, "IQ2_XXS (16)");
  ExpectError(OneTensor("t", {256}, 39, 0, 160).data, StatusCode::kIncompatible, "MXFP4 (39)");
}

TEST(BadGguf, OffsetsOtherThanTheRunningPaddedSum) {
  const auto two = [](uint64_t first, uint64_t second) {
    Bytes b;
    b.Preamble(2, 0).Tensor("a", {9}, 0, first).Tensor("b", {9}, 0, second).PadTo(32).Zeros(128);
    return b;
  };
  EXPECT_TRUE(ParseBytes(two(0, 64).data).ok());
  ExpectFormat(two(0, 36), "got offset 36");    // unaligned
  ExpectFormat(two(0, 32), "got offset 32");    // overlaps
  ExpectFormat(two(0, 96), "got offset 96");    // hole
  ExpectFormat(two(64, 0), "got offset 64");    // other order
  ExpectFormat(two(0, 1 << 20), "got offset");  // beyond the file
  ExpectFormat(two(0, ~uint64_t{31}), "got offset 18446744073709551584");
}

// A model-like file, for the loops.
Bytes Sample() {
  Bytes b;
  b.Preamble(2, 4).Key("general.architecture", ValueType::kString).Text("llama");
  b.Key("general.alignment", ValueType::kU32).U32(32);
  b.Key("tokenizer.ggml.tokens", ValueType::kArray).U32(8).U64(3).Text("a").Text("b").Text("c");
  b.Key("tokenizer.ggml.scores", ValueType::kArray).U32(6).U64(3).Zeros(12);
  b.Tensor("token_embd.weight", {32, 30}, 8, 0).Tensor("output_norm.weight", {30}, 0, 1024);
  return b.PadTo(32).Zeros(1020).PadTo(32).Zeros(120).PadTo(32);
}

TEST(BadGguf, TruncationAnywhereIsAFormatError) {
  const std::vector<uint8_t> whole = Sample().data;
  ASSERT_TRUE(ParseBytes(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    ASSERT_EQ(ParseBytes(part).status().code(), StatusCode::kFormat) << "cut at byte " << size;
  }
}

TEST(BadGguf, TrailingBytesAreRefused) {
  for (const size_t extra : {1, 31, 32, 1 << 20}) {
    ExpectFormat(Sample().Zeros(extra), "data: ends at");
  }
}

TEST(BadGguf, EveryFlippedByteGivesAFileOrAnError) {
  // Nothing is expected but a clean answer: the sanitizers look for the rest.
  const std::vector<uint8_t> whole = Sample().data;
  size_t refused = 0;
  for (size_t i = 0; i < 512; ++i) {
    for (const uint8_t mask : {0x01, 0x80, 0xFF}) {
      std::vector<uint8_t> bytes = whole;
      bytes[i] ^= mask;
      const auto parsed = ParseBytes(bytes);
      if (parsed.ok()) {
        BaseDigest(**parsed);
      } else {
        ++refused;
        EXPECT_FALSE(parsed.status().message().empty());
      }
    }
  }
  EXPECT_GT(refused, 100u);
}

}  // namespace
}  // namespace selvedge::gguf
