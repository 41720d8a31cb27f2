#pragma once
// Everything that leaves the command: data on stdout (text or one JSON object), messages on stderr.

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include <selvedge/status.h>

namespace selvedge::cli {

// Field order in the output is the order of insertion.
using Json = nlohmann::ordered_json;

class Output {
 public:
  bool json = false;
  bool quiet = false;

  // Writes to stdout at once; the first failure is kept for Finish and later writes are dropped.
  void Write(std::string_view bytes);
  // A command's result: the JSON object itself, or its fields as aligned lines and tables.
  void Report(const Json& object);
  // One JSON object on a line of its own, for commands that answer more than once.
  void JsonLine(const Json& object);
  // A message for people on stderr, unless --quiet.
  void Note(std::string_view message) const;
  // The one line about a failure on stderr and, with --json, {"error": ...} on stdout.
  void Fail(const Status& status);

  bool failed() const { return write_errno_ != 0; }
  // Exit code after everything is written: `code`, or 8 if stdout could not take all of it.
  // A closed pipe is a quiet end; other failures are reported.
  int Finish(int code) const;

 private:
  int write_errno_ = 0;
};

// Columns of the terminal that stdout is, 80 if it is none.
int OutputWidth();

// Writes a file that the user named. kIo, kNoSpace.
Status WriteOutputFile(const std::string& path, std::string_view bytes);

// `object` as one line of JSON; bytes that are not UTF-8 become U+FFFD.
std::string JsonText(const Json& object);
// Shortest decimal form with at most 6 significant digits, whatever the locale.
std::string NumberText(double value);
// As a person reads it in passing: 0.67, 5.14, 3039, 1.2e-05.
std::string ShortNumber(double value);
// `text` without line breaks and control characters, so that it stays one line on a terminal.
std::string OneLine(std::string_view text);

}  // namespace selvedge::cli
