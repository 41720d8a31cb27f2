#include "storage/untrusted/strict_json.h"

#include <set>
#include <string>
#include <vector>

#include "storage/untrusted/quote.h"

namespace selvedge::untrusted {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 8;

// Watches the library's parse events for what its tree would hide.
class Watch {
 public:
  bool operator()(int depth, Json::parse_event_t event, const Json& value) {
    if (!error_.empty()) return false;
    if (event == Json::parse_event_t::object_start) {
      keys_.emplace_back();
      if (depth >= kMaxDepth) error_ = "is nested too deeply";
    } else if (event == Json::parse_event_t::array_start) {
      if (depth >= kMaxDepth) error_ = "is nested too deeply";
    } else if (event == Json::parse_event_t::object_end) {
      keys_.pop_back();
    } else if (event == Json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      if (!keys_.back().insert(key).second) {
        error_ = "key " + Quote(key) + " is there twice";
      }
    }
    return error_.empty();
  }

  const std::string& error() const { return error_; }

 private:
  std::vector<std::set<std::string>> keys_;  // of each open object
  std::string error_;
};

}  // namespace

Result<Json> ParseObject(std::string_view text, const std::string& what) {
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || text[start] != '{') {
    return FormatError(what + ": must be a JSON object");
  }
  if (text.find('\0') != std::string_view::npos) return FormatError(what + ": contains NUL");
  Watch watch;
  Json json = Json::parse(text.begin(), text.end(), std::ref(watch), /*allow_exceptions=*/false);
  if (!watch.error().empty()) return FormatError(what + ": " + watch.error());
  if (!json.is_object()) return FormatError(what + ": is no valid JSON");
  return json;
}

}  // namespace selvedge::untrusted
