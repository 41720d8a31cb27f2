#include "storage/vault/timestamp.h"

#include <chrono>
#include <cstdio>

namespace selvedge::vault {
namespace {

using std::chrono::days;
using std::chrono::milliseconds;
using std::chrono::sys_days;
using std::chrono::sys_time;
using std::chrono::year_month_day;

// Reads fixed-width fields from the front of a text.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool Digits(size_t count, int* value) {
    if (text_.size() < count) return false;
    int v = 0;
    for (size_t i = 0; i < count; ++i) {
      if (text_[i] < '0' || text_[i] > '9') return false;
      v = v * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    *value = v;
    return true;
  }
  bool Take(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool AtEnd() const { return text_.empty(); }
  char Peek() const { return text_.empty() ? '\0' : text_[0]; }

  // ".123456" -> 123 ms; extra digits are dropped.
  bool Fraction(int* ms) {
    int scale = 100;
    int value = 0;
    int digit = 0;
    int count = 0;
    while (Digits(1, &digit)) {
      value += digit * scale;
      scale /= 10;
      ++count;
    }
    *ms = value;
    return count > 0;
  }

 private:
  std::string_view text_;
};

bool ScanTime(Scanner& in, int64_t* ms) {
  int hour = 0, minute = 0, second = 0, fraction = 0;
  if (!in.Digits(2, &hour) || !in.Take(':') || !in.Digits(2, &minute)) return false;
  if (in.Take(':')) {
    if (!in.Digits(2, &second)) return false;
    if ((in.Take('.') || in.Take(',')) && !in.Fraction(&fraction)) return false;
  }
  if (hour > 23 || minute > 59 || second > 60) return false;
  *ms = ((hour * 60 + minute) * 60 + second) * int64_t{1000} + fraction;
  return true;
}

bool ScanZone(Scanner& in, int64_t* offset_ms) {
  *offset_ms = 0;
  if (in.AtEnd() || in.Take('Z') || in.Take('z')) return true;
  const char sign = in.Peek();
  if (!in.Take('+') && !in.Take('-')) return false;
  int hour = 0, minute = 0;
  if (!in.Digits(2, &hour)) return false;
  in.Take(':');
  if (!in.AtEnd() && !in.Digits(2, &minute)) return false;
  if (hour > 23 || minute > 59) return false;
  *offset_ms = (sign == '-' ? -1 : 1) * (hour * 60 + minute) * int64_t{60000};
  return true;
}

}  // namespace

int64_t NowMs() {
  return std::chrono::duration_cast<milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string FormatTime(int64_t ms) {
  const sys_time<milliseconds> time{milliseconds(ms)};
  const auto day = std::chrono::floor<days>(time);
  const year_month_day date{day};
  const int64_t rest = (time - day).count();
  char text[64];
  const int n =
      std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d",
                    static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                    static_cast<unsigned>(date.day()), static_cast<int>(rest / 3600000),
                    static_cast<int>(rest / 60000 % 60), static_cast<int>(rest / 1000 % 60));
  std::string out(text, static_cast<size_t>(n));
  if (rest % 1000 != 0) {
    std::snprintf(text, sizeof text, ".%03d", static_cast<int>(rest % 1000));
    out += text;
  }
  return out + "Z";
}

Result<int64_t> ParseTime(std::string_view text) {
  const Status bad = FormatError("time: not ISO 8601, allowed e.g. 2026-03-01T09:30:00Z");
  Scanner in(text);
  int year = 0, month = 0, day = 0;
  if (!in.Digits(4, &year) || !in.Take('-') || !in.Digits(2, &month) || !in.Take('-') ||
      !in.Digits(2, &day)) {
    return bad;
  }
  const year_month_day date{std::chrono::year(year),
                            std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return bad;
  int64_t time_ms = 0, zone_ms = 0;
  if (!in.AtEnd()) {
    if (!in.Take('T') && !in.Take('t') && !in.Take(' ')) return bad;
    if (!ScanTime(in, &time_ms) || !ScanZone(in, &zone_ms) || !in.AtEnd()) return bad;
  }
  return sys_days(date).time_since_epoch().count() * int64_t{86400000} + time_ms - zone_ms;
}

}  // namespace selvedge::vault
