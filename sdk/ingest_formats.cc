#include "sdk/ingest_formats.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/utf8.h"
#include "storage/vault/timestamp.h"

namespace selvedge {
namespace {

using Json = nlohmann::json;

// JSON escapes can make a record six times as long, and a chat holds other people's words too.
constexpr size_t kMaxLineBytes = 16 * kMaxRecordBytes;
constexpr size_t kMaxFieldBytes = 256;

bool OnlyWhiteSpace(std::string_view text) {
  return text.find_first_not_of(" \t\n\v\f\r") == std::string_view::npos;
}

// Empty if the text may become a record, else why not.
std::string WhyNotText(std::string_view text) {
  if (text.empty()) return "text: empty";
  if (text.size() > kMaxRecordBytes) {
    return "text: " + std::to_string(text.size()) + " bytes, at most " +
           std::to_string(kMaxRecordBytes);
  }
  if (!core::IsValidUtf8(text)) return "text: not valid UTF-8";
  if (text.find('\0') != std::string_view::npos) return "text: holds a NUL character";
  if (OnlyWhiteSpace(text)) return "text: only white space";
  return "";
}

// Optional short text or integer. False if it is something else.
bool ReadField(const Json& j, const char* name, std::string* out) {
  const auto it = j.find(name);
  if (it == j.end() || it->is_null()) return true;
  if (it->is_number_integer()) {
    *out = it->dump();
    return true;
  }
  if (!it->is_string()) return false;
  *out = it->get<std::string>();
  return out->size() <= kMaxFieldBytes && out->find('\0') == std::string::npos;
}

bool ReadTime(const Json& j, int64_t* ms) {
  const auto it = j.find("ts");
  if (it == j.end() || it->is_null()) return true;
  if (it->is_number()) {
    const double seconds = it->get<double>();
    if (!(std::fabs(seconds) < 1e11)) return false;
    *ms = static_cast<int64_t>(std::llround(seconds * 1000));
    return true;
  }
  if (!it->is_string()) return false;
  if (it->get_ref<const std::string&>().empty()) return true;
  // Text that names no point in time ("1953", "book 2") leaves the time of arrival: the record is
  // no worse for it.
  const Result<int64_t> time = vault::ParseTime(it->get_ref<const std::string&>());
  if (time.ok()) *ms = *time;
  return true;
}

// Fields that both JSON formats share; returns why not.
std::string ReadCommon(const Json& j, CandidateRecord* out) {
  if (!ReadTime(j, &out->ts)) return "ts: neither text nor seconds since 1970";
  for (const auto& [name, field] : {std::pair("id", &out->id), std::pair("thread", &out->thread),
                                    std::pair("role", &out->role)}) {
    if (!ReadField(j, name, field)) {
      return std::string(name) + ": must be text of at most " + std::to_string(kMaxFieldBytes) +
             " bytes";
    }
  }
  return "";
}

std::string ParseJsonLine(const Json& j, CandidateRecord* out) {
  const auto text = j.find("text");
  if (text == j.end()) return "text: missing";
  if (!text->is_string()) return "text: must be a string";
  out->text = text->get<std::string>();
  return ReadCommon(j, out);
}

std::string ParseChatLine(const Json& j, CandidateRecord* out) {
  const auto messages = j.find("messages");
  if (messages == j.end() || !messages->is_array()) return "messages: missing or not a list";
  for (const Json& message : *messages) {
    if (!message.is_object() || !message.contains("role") || !message["role"].is_string() ||
        !message.contains("content") || !message["content"].is_string()) {
      return "messages: an entry has no text role and content";
    }
    if (message["role"].get_ref<const std::string&>() != "user") continue;
    if (!out->text.empty()) out->text += '\n';
    out->text += message["content"].get_ref<const std::string&>();
  }
  if (out->text.empty()) return "messages: none with role 'user'";
  const std::string why_not = ReadCommon(j, out);
  out->role = "user";
  return why_not;
}

std::string ParseLine(RecordFormat format, std::string_view line, CandidateRecord* out) {
  if (format == RecordFormat::kText) {
    if (line.size() <= kMaxRecordBytes) out->text = line;
    return WhyNotText(line);
  }
  if (line.size() > kMaxLineBytes) {
    return "line: " + std::to_string(line.size()) + " bytes, at most " +
           std::to_string(kMaxLineBytes);
  }
  const Json j = Json::parse(line, nullptr, false);
  if (!j.is_object()) return "line: not a JSON object";
  const std::string why_not =
      format == RecordFormat::kJsonl ? ParseJsonLine(j, out) : ParseChatLine(j, out);
  return why_not.empty() ? WhyNotText(out->text) : why_not;
}

}  // namespace

Result<ParsedFile> ParseRecords(RecordFormat format, std::string_view data) {
  if (data.size() > kMaxIngestBytes) {
    return LimitError("record: file has " + std::to_string(data.size()) + " bytes, at most " +
                      std::to_string(kMaxIngestBytes));
  }
  if (data.starts_with("\xef\xbb\xbf")) data.remove_prefix(3);
  ParsedFile out;
  int64_t number = 0;
  while (!data.empty()) {
    ++number;
    const size_t end = data.find('\n');
    std::string_view line = data.substr(0, end);
    data.remove_prefix(end == std::string_view::npos ? data.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    CandidateRecord record;
    record.line = number;
    std::string why_not = ParseLine(format, line, &record);
    if (why_not.empty()) {
      out.records.push_back(std::move(record));
    } else {
      out.rejected.push_back({number, std::move(why_not)});
    }
  }
  return out;
}

}  // namespace selvedge
