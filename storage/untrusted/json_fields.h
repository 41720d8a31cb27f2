#pragma once
// The fields of a JSON object from outside, taken one by one with their types.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include <selvedge/status.h>

namespace selvedge::untrusted {

// Keeps the first fault, which names the field and what is allowed, never the value; what is read
// after it is empty or 0. Looks at the object, which must outlive it.
class JsonFields {
 public:
  // `what` stands in front of messages: "manifest.json".
  JsonFields(const nlohmann::json& object, std::string what);

  std::string Text(const char* name);
  // Lower-case hexadecimal of a SHA-256 digest, or empty where that is allowed.
  std::string Digest(const char* name, bool may_be_empty = false);
  double Number(const char* name);                 // finite, at least 0
  int64_t Integer(const char* name, int64_t max);  // 0 to max
  bool Boolean(const char* name);
  std::vector<std::string> Texts(const char* name);
  const nlohmann::json& Object(const char* name);
  const nlohmann::json& Array(const char* name);

  // A fault that the caller found: kFormat.
  void Fail(const std::string& name, const std::string& allowed);
  const Status& status() const { return status_; }  // the first fault so far

  // The first fault, or kIncompatible for a field that nobody took, unless its name begins with
  // "x_".
  Status Finish() const;

 private:
  using Is = bool (nlohmann::json::*)() const noexcept;
  const nlohmann::json* Find(const char* name, Is is, const char* allowed);

  const nlohmann::json& object_;
  std::string what_;
  std::set<std::string> taken_;
  Status status_;
};

}  // namespace selvedge::untrusted
