// Malformed safetensors: each input must come back as the stated error and name the place.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <chrono>

#include "tests/storage/safetensors/safetensors_bytes.h"

namespace selvedge::safetensors {
namespace {

using ::testing::HasSubstr;

void ExpectError(const std::vector<uint8_t>& bytes, StatusCode code, const std::string& text) {
  const Status status = ParseBytes(bytes).status();
  EXPECT_EQ(status.code(), code) << status.message();
  EXPECT_THAT(status.message(), HasSubstr(text));
  EXPECT_THAT(status.message(), HasSubstr("test.safetensors"));
}

void ExpectFormat(std::string_view header, size_t data_bytes, const std::string& text) {
  SCOPED_TRACE(std::string(header.substr(0, 200)));
  ExpectError(FileBytes(header, data_bytes), StatusCode::kFormat, text);
}

// A header with the one tensor 't'.
std::string Entry(std::string_view dtype, std::string_view shape, std::string_view offsets) {
  return R"({"t":{"dtype":")" + std::string(dtype) + R"(","shape":)" + std::string(shape) +
         R"(,"data_offsets":)" + std::string(offsets) + "}}";
}

TEST(BadSafetensors, HeaderLengths) {
  const std::string whole = Entry("U8", "[4]", "[0,4]");
  for (const size_t size : {0, 1, 7}) {
    ExpectError(std::vector<uint8_t>(size, 0), StatusCode::kFormat, "at least 8");
  }
  ExpectError(WithLength(0, whole), StatusCode::kFormat, "must begin with");
  ExpectError(WithLength(1, whole), StatusCode::kFormat, "no valid JSON");
  ExpectError(WithLength(7, whole), StatusCode::kFormat, "no valid JSON");
  ExpectError(WithLength(whole.size() + 8, whole), StatusCode::kFormat, "are left in the file");
  ExpectError(WithLength(uint64_t{1} << 63, whole), StatusCode::kLimit, "at most 100000000");
  ExpectError(WithLength(100'000'001, whole), StatusCode::kLimit, "at most 100000000");
  ExpectError(WithLength(100'000'000, whole), StatusCode::kFormat, "are left in the file");
}

TEST(BadSafetensors, AnotherKindOfFileIsNamed) {
  const std::string pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\n";
  ExpectError({pointer.begin(), pointer.end()}, StatusCode::kFormat, "Git LFS");
  const std::string page = "<!DOCTYPE html><html><body>Not found</body></html>";
  ExpectError({page.begin(), page.end()}, StatusCode::kFormat, "HTML");
}

TEST(BadSafetensors, HeadersThatAreNoPlainJsonObject) {
  const std::string good = Entry("U8", "[4]", "[0,4]");
  ASSERT_TRUE(ParseBytes(FileBytes(good, 4)).ok());
  ExpectFormat("\xEF\xBB\xBF" + good, 4, "must begin with");
  ExpectFormat("  " + good, 4, "must begin with");
  ExpectFormat("[]", 0, "must begin with");
  ExpectFormat("hello", 0, "must begin with");
  ExpectFormat(good + std::string(3, '\0'), 4, "NUL");
  ExpectFormat(good + "x", 4, "no valid JSON");
  ExpectFormat(good + good, 4, "no valid JSON");
  ExpectFormat("{/**/}", 0, "no valid JSON");
  ExpectFormat(R"({"t":)", 0, "no valid JSON");
  ExpectFormat("{\"\xFF\":{}}", 0, "no valid JSON");
  ExpectFormat("{\"\xED\xA0\x80\":{}}", 0, "no valid JSON");
  ExpectFormat(R"({"\ud800":{}})", 0, "no valid JSON");
  ExpectFormat(R"({"t":NaN})", 0, "no valid JSON");
}

TEST(BadSafetensors, DeepNestingStopsAtTheFirstLevelTooMany) {
  std::string nested = R"({"t":)";
  for (int i = 0; i < 10000; ++i) nested += '[';
  ExpectFormat(nested, 0, "got an array");
  nested = "";
  for (int i = 0; i < 10000; ++i) nested += R"({"a":)";
  ExpectFormat(nested, 0, "unknown field 'a'");
  ExpectFormat(R"({"__metadata__":{"a":{"b":"c"}}})", 0, "must be a string");
  ExpectFormat(R"({"t":{"shape":[[1]]}})", 0, "got an array");
}

TEST(BadSafetensors, Duplicates) {
  const std::string entry = R"({"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  ExpectFormat(R"({"t":)" + entry + R"(,"t":)" + entry + "}", 0, "tensor 't': is there twice");
  ExpectFormat(R"({"t":)" + entry + R"(,"\u0074":)" + entry + "}", 0, "tensor 't': is there twice");
  ExpectFormat(R"({"__metadata__":{},"__metadata__":{}})", 0, "__metadata__: is there twice");
  ExpectFormat(R"({"__metadata__":{"a":"1","a":"2"}})", 0, "key 'a' is there twice");
  ExpectFormat(R"({"t":{"dtype":"U8","dtype":"U8"}})", 0, "field 'dtype' is there twice");
}

TEST(BadSafetensors, MetadataMustMapTextToText) {
  for (const char* value : {"1", "-1", "1.5", "null", "true", "[]", "{}"}) {
    ExpectFormat(std::string(R"({"__metadata__":{"a":)") + value + "}}", 0, "must be a string");
  }
  ExpectFormat(R"({"__metadata__":"pt"})", 0, "must be an object");
  ExpectError(
      FileBytes(R"({"__metadata__":{"a":")" + std::string(kMaxMetadataBytes, 'x') + "\"}}", 0),
      StatusCode::kLimit, "__metadata__");
}

TEST(BadSafetensors, OffsetsOfTheWrongKind) {
  for (const char* offsets :
       {"[-1,3]", "[0.0,4]", "[0,4e0]", "[\"0\",4]", "[0,1e400]", "4", "null", "{}",
        "[0,18446744073709551616]", "[true,4]", "[]", "[0]", "[0,4,4]"}) {
    SCOPED_TRACE(offsets);
    const Status status = ParseBytes(FileBytes(Entry("U8", "[4]", offsets), 4)).status();
    EXPECT_EQ(status.code(), StatusCode::kFormat) << status.message();
  }
}

TEST(BadSafetensors, RangesThatDoNotTileTheData) {
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
           R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
  };
  ASSERT_TRUE(ParseBytes(FileBytes(two("[0,4]", "[4,8]"), 8)).ok());
  ASSERT_TRUE(ParseBytes(FileBytes(two("[4,8]", "[0,4]"), 8)).ok());
  ExpectFormat(two("[0,4]", "[2,6]"), 6, "begins at 2");       // overlap
  ExpectFormat(two("[0,4]", "[0,4]"), 4, "begins at 0");       // the same bytes twice
  ExpectFormat(two("[0,4]", "[5,9]"), 9, "begins at 5");       // hole
  ExpectFormat(two("[1,5]", "[5,9]"), 9, "begins at 1");       // hole at the start
  ExpectFormat(two("[4,0]", "[4,8]"), 8, "got bytes 4 to 0");  // reversed
  ExpectFormat(two("[0,4]", "[4,8]"), 7, "ends at 8");         // beyond the end
  ExpectFormat(two("[0,4]", "[4,8]"), 9, "the data has 9");    // rest
  ExpectFormat(two("[0,4]", "[18446744073709551612,0]"), 8, "got bytes");
}

TEST(BadSafetensors, ShapesThatDoNotMatchTheirRange) {
  ExpectFormat(Entry("F32", "[4]", "[0,4]"), 4, "its shape needs 16 bytes");
  ExpectFormat(Entry("F32", "[4]", "[0,15]"), 15, "its shape needs 16 bytes");
  ExpectFormat(Entry("U8", "[4294967296,4294967296]", "[0,0]"), 0, "does not fit in 64 bits");
  ExpectFormat(Entry("F64", "[2305843009213693952]", "[0,0]"), 0, "does not fit in 64 bits");
  ExpectFormat(Entry("U8", "[-4]", "[0,4]"), 4, "negative");
  ExpectFormat(Entry("U8", "[4.0]", "[0,4]"), 4, "no integer");
  ExpectFormat(Entry("U8", "[1e400]", "[0,4]"), 4, "no valid JSON");
  std::string dims = "[1";
  for (int i = 1; i < 1'000'000; ++i) dims += ",1";
  ExpectFormat(Entry("U8", dims + "]", "[0,1]"), 1, "more than 8 dimensions");
}

TEST(BadSafetensors, ElementTypesAreNamed) {
  ExpectFormat(Entry("F33", "[4]", "[0,4]"), 4, "'F33'");
  ExpectFormat(Entry("f32", "[1]", "[0,4]"), 4, "'f32'");
  ExpectFormat(Entry("", "[1]", "[0,4]"), 4, "dtype ''");
  for (const char* type : {"F8_E4M3", "F8_E5M2", "F4"}) {
    ExpectError(FileBytes(Entry(type, "[3]", "[0,3]"), 3), StatusCode::kIncompatible, type);
  }
}

TEST(BadSafetensors, EntriesWithMissingOrUnknownFields) {
  ExpectFormat(R"({"t":{}})", 0, "needs dtype, shape and data_offsets");
  ExpectFormat(R"({"t":{"dtype":"U8","shape":[0]}})", 0, "needs dtype");
  ExpectFormat(R"({"t":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"extra":1}})", 0,
               "unknown field 'extra'");
  ExpectFormat(R"({"t":[]})", 0, "must be an object");
  ExpectFormat(R"({"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0, "the name must have");
  ExpectFormat(R"({"a\u0000b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", 0, "no NUL");
  ExpectFormat("{\"" + std::string(10240, 'n') + "\":{}}", 0, "the name must have");
}

TEST(BadSafetensors, AHundredThousandTensorsAreRefusedFastAndInLittleMemory) {
  std::string header = "{";
  for (int i = 0; i < 100'000; ++i) {
    if (i > 0) header += ',';
    header += "\"t" + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  }
  const auto bytes = FileBytes(header + "}", 0);
  rusage before{}, after{};
  getrusage(RUSAGE_SELF, &before);
  const auto start = std::chrono::steady_clock::now();
  ExpectError(bytes, StatusCode::kLimit, "more than 16384 tensors");
  const auto took = std::chrono::steady_clock::now() - start;
  getrusage(RUSAGE_SELF, &after);
#ifndef SELVEDGE_SANITIZED
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 32 * 1024);  // KiB
#endif
#if !defined(SELVEDGE_SANITIZED) && !defined(SELVEDGE_EMULATED)
  EXPECT_LT(std::chrono::duration<double>(took).count(), 0.5) << "0.1 s on an idle machine";
#endif
}

TEST(BadSafetensors, ATailIsRefusedWhateverItIs) {
  auto bytes = FileBytes(Entry("U8", "[4]", "[0,4]"), 4);
  for (const std::string tail : {"PK\x05\x06", "#!/bin/sh\n", "x"}) {
    auto polyglot = bytes;
    polyglot.insert(polyglot.end(), tail.begin(), tail.end());
    ExpectError(polyglot, StatusCode::kFormat, "the data has");
  }
}

std::vector<uint8_t> Sample() {
  return FileBytes(
      R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
      R"("b":{"dtype":"BF16","shape":[3],"data_offsets":[16,22]}})",
      22);
}

TEST(BadSafetensors, TruncationAnywhereIsAFormatError) {
  const auto whole = Sample();
  ASSERT_TRUE(ParseBytes(whole).ok());
  for (size_t size = 0; size < whole.size(); ++size) {
    const std::vector<uint8_t> part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    ASSERT_EQ(ParseBytes(part).status().code(), StatusCode::kFormat) << "cut at byte " << size;
  }
}

TEST(BadSafetensors, EveryFlippedBitGivesAFileOrAnError) {
  const auto whole = Sample();
  size_t refused = 0;
  for (size_t bit = 0; bit < (whole.size() - 22) * 8; ++bit) {
    auto bytes = whole;
    bytes[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
    const auto parsed = ParseBytes(bytes);
    if (!parsed.ok()) ++refused;
    EXPECT_EQ(parsed.ok(), parsed.status().message().empty());
  }
  EXPECT_GT(refused, 500u);
}

}  // namespace
}  // namespace selvedge::safetensors
