#pragma once
// Splits a file's bytes into candidate records. No consent, storage or redaction here.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <selvedge/home.h>
#include <selvedge/status.h>

namespace selvedge {

struct CandidateRecord {
  int64_t line = 0;  // 1-based
  std::string text;  // valid UTF-8 without NUL, more than white space, at most kMaxRecordBytes
  std::string id;    // empty: to be made
  std::string thread;
  std::string role;
  int64_t ts = 0;  // ms; 0 = unknown
};

inline constexpr size_t kMaxRecordBytes = 64 << 10;
inline constexpr size_t kMaxIngestBytes = size_t{64} << 20;

struct ParsedFile {
  std::vector<CandidateRecord> records;
  std::vector<RejectedRecord> rejected;
};

// Lines end with LF or CRLF; a byte order mark is dropped and empty lines are skipped.
//   text   one record a line
//   jsonl  {"text", "ts"?, "thread"?, "role"?, "id"?} a line; ts is ISO 8601 or seconds since 1970
//   chat   {"messages": [{"role", "content"}], "ts"?, "thread"?, "id"?} a line: one record of the
//          messages with role "user", joined by line ends
// kLimit if the file is larger than kMaxIngestBytes.
Result<ParsedFile> ParseRecords(RecordFormat format, std::string_view data);

}  // namespace selvedge
