#include "sdk/ingest_formats.h"

#include <gtest/gtest.h>

namespace selvedge {
namespace {

TEST(IngestFormats, TextTakesOneRecordALine) {
  const auto file = ParseRecords(RecordFormat::kText, "\xef\xbb\xbfone\r\n\ntwo  \n   \nthree");
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(file->records.size(), 3u);
  EXPECT_EQ(file->records[0].text, "one");
  EXPECT_EQ(file->records[1].text, "two  ");
  EXPECT_EQ(file->records[2].line, 5);
  ASSERT_EQ(file->rejected.size(), 1u);
  EXPECT_EQ(file->rejected[0].line, 4);
  EXPECT_EQ(file->rejected[0].reason, "text: only white space");
}

TEST(IngestFormats, RejectsLinesThatCannotBeText) {
  const std::string data = std::string("a\xff\n") + std::string("b\0c\n", 4) + "\xed\xa0\x80\n" +
                           std::string(kMaxRecordBytes + 1, 'x') + "\n" +
                           std::string(kMaxRecordBytes, 'y') + "\n";
  const auto file = ParseRecords(RecordFormat::kText, data);
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(file->rejected.size(), 4u);
  EXPECT_EQ(file->rejected[0].reason, "text: not valid UTF-8");
  EXPECT_EQ(file->rejected[1].reason, "text: holds a NUL character");
  EXPECT_EQ(file->rejected[2].reason, "text: not valid UTF-8");
  EXPECT_EQ(file->rejected[3].reason, "text: 65537 bytes, at most 65536");
  EXPECT_EQ(file->records.size(), 1u);
}

TEST(IngestFormats, ReadsAllFieldsOfJsonLines) {
  const auto file = ParseRecords(
      RecordFormat::kJsonl,
      R"({"text":"hi \u00e9","ts":"2026-03-01T09:30:00Z","thread":"t","role":"user","id":"7"})"
      "\n"
      R"({"text":"second","ts":1772357400,"id":8,"other":[1,2]})"
      "\n");
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(file->records.size(), 2u);
  EXPECT_EQ(file->records[0].text, "hi \xc3\xa9");
  EXPECT_EQ(file->records[0].ts, 1772357400000);
  EXPECT_EQ(file->records[0].thread, "t");
  EXPECT_EQ(file->records[0].role, "user");
  EXPECT_EQ(file->records[0].id, "7");
  EXPECT_EQ(file->records[1].ts, 1772357400000);
  EXPECT_EQ(file->records[1].id, "8");
}

TEST(IngestFormats, ATimeThatIsNoPointInTimeLeavesTheTimeOfArrival) {
  const auto file = ParseRecords(RecordFormat::kJsonl,
                                 "{\"text\":\"a\",\"ts\":\"book-1\"}\n"
                                 "{\"text\":\"b\",\"ts\":\"1953\"}\n");
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(file->rejected.empty());
  ASSERT_EQ(file->records.size(), 2u);
  EXPECT_EQ(file->records[0].ts, 0);  // filled in when stored
  EXPECT_EQ(file->records[1].ts, 0);
}

TEST(IngestFormats, ReportsFaultyJsonLinesByNumberAndGoesOn) {
  const std::string deep(100000, '[');
  const std::pair<std::string, std::string> faults[] = {
      {"{not json", "line: not a JSON object"},
      {"[1,2]", "line: not a JSON object"},
      {"{\"txt\":\"x\"}", "text: missing"},
      {"{\"text\":7}", "text: must be a string"},
      {"{\"text\":\"\"}", "text: empty"},
      {"{\"text\":\" \\n \"}", "text: only white space"},
      {"{\"text\":\"a\\u0000b\"}", "text: holds a NUL character"},
      {"{\"text\":\"x\",\"ts\":true}", "ts: neither text nor seconds since 1970"},
      {"{\"text\":\"x\",\"ts\":1e300}", "ts: neither text nor seconds since 1970"},
      {"{\"text\":\"x\",\"thread\":{}}", "thread: must be text of at most 256 bytes"},
      {"{\"text\":\"x\",\"n\":1e999}", "line: not a JSON object"},
      {"{\"text\":\"\\ud800\"}", "line: not a JSON object"},
      {deep, "line: not a JSON object"},
      {"{\"text\":\"" + std::string(1 << 20, 'a') + "\"}", "line: 1048587 bytes, at most 1048576"},
  };
  std::string data;
  for (const auto& [line, reason] : faults) data += line + "\n";
  data += "{\"text\":\"good\"}\n";
  const auto file = ParseRecords(RecordFormat::kJsonl, data);
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(file->rejected.size(), std::size(faults));
  for (size_t i = 0; i < std::size(faults); ++i) {
    EXPECT_EQ(file->rejected[i].line, static_cast<int64_t>(i + 1));
    EXPECT_EQ(file->rejected[i].reason, faults[i].second);
  }
  ASSERT_EQ(file->records.size(), 1u);
}

TEST(IngestFormats, ChatKeepsOnlyTheOwnersMessages) {
  const auto file = ParseRecords(
      RecordFormat::kChat,
      R"({"messages":[{"role":"system","content":"S"},{"role":"user","content":"one"},)"
      R"({"role":"assistant","content":"A"},{"role":"user","content":"two"}],"thread":"c1"})"
      "\n"
      R"({"messages":[{"role":"assistant","content":"A"}]})"
      "\n"
      R"({"messages":[{"role":"user"}]})"
      "\n");
  ASSERT_TRUE(file.ok());
  ASSERT_EQ(file->records.size(), 1u);
  EXPECT_EQ(file->records[0].text, "one\ntwo");
  EXPECT_EQ(file->records[0].thread, "c1");
  ASSERT_EQ(file->rejected.size(), 2u);
  EXPECT_EQ(file->rejected[0].reason, "messages: none with role 'user'");
}

TEST(IngestFormats, RefusesAFileOverTheCap) {
  EXPECT_EQ(
      ParseRecords(RecordFormat::kText, std::string(kMaxIngestBytes + 1, 'a')).status().code(),
      StatusCode::kLimit);
}

}  // namespace
}  // namespace selvedge
