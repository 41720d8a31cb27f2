#include "inference/grammar/pattern.h"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "core/utf8.h"
#include "inference/grammar/code_points.h"

namespace selvedge::inference {
namespace {

constexpr size_t kMostBytes = 4096;
constexpr int kMostDepth = 32;

constexpr CodePointRange kDigits[] = {{'0', '9'}};
constexpr CodePointRange kWord[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
// ECMA-262, section 12.2 and 12.3: white space and line ends.
constexpr CodePointRange kSpaces[] = {
    {0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A},
    {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
constexpr CodePointRange kLineEnds[] = {{0x0A, 0x0A}, {0x0D, 0x0D}, {0x2028, 0x2029}};

template <size_t n>
CodePointSet SetOf(const CodePointRange (&ranges)[n]) {
  return Normal(CodePointSet(ranges, ranges + n));
}

bool Holds(const CodePointSet& set, uint32_t point) {
  for (const CodePointRange& range : set) {
    if (range.low <= point && point <= range.high) return true;
  }
  return false;
}

std::string Escaped(uint32_t point) {
  char text[12];
  std::snprintf(text, sizeof text, "\\U%08X", point);
  return text;
}

// The characters of a set as a JSON string writes them; empty if it writes none of them.
std::string InJson(const CodePointSet& set) {
  // RFC 8259, section 7: all but these stand for themselves. DEL is left out as it is elsewhere.
  const CodePointSet barred = {{0, 0x1F}, {'"', '"'}, {'\\', '\\'}, {0x7F, 0x7F}};
  CodePointSet plain;
  for (const CodePointRange& range : set) {
    for (const CodePointRange& free : Complement(barred)) {
      const CodePointRange both = {std::max(range.low, free.low), std::min(range.high, free.high)};
      if (both.low <= both.high) plain.push_back(both);
    }
  }
  std::string ways;
  const auto add = [&ways](const std::string& way) { ways += (ways.empty() ? "" : " | ") + way; };
  if (!plain.empty()) {
    std::string members;
    for (const CodePointRange& range : plain) {
      members += Escaped(range.low) + "-" + Escaped(range.high);
    }
    add("[" + members + "]");
  }
  constexpr std::pair<char, const char*> kEscapes[] = {{'"', "\\\""}, {'\\', "\\\\"}, {'\b', "\\b"},
                                                       {'\f', "\\f"}, {'\n', "\\n"},  {'\r', "\\r"},
                                                       {'\t', "\\t"}};
  for (const auto& [point, escape] : kEscapes) {
    if (Holds(set, static_cast<uint32_t>(point))) add(GbnfLiteral(escape));
  }
  return ways.empty() ? "" : "(" + ways + ")";
}

class PatternReader {
 public:
  PatternReader(std::string_view text, JsonRules* rules) : text_(text), rules_(rules) {}

  Result<std::string> Run() {
    const std::string any = rules_->Use("character") + "*";
    const bool from_start = Take("^");
    SELVEDGE_ASSIGN_OR_RETURN(const std::string body, Choice(0));
    if (at_ < text_.size()) return Wrong("a ')' without its '('");
    // An end anchor is known only after the body; with several ways it would belong to the last.
    if (ways_ > 1 && (from_start || to_end_)) {
      return Unsupported("'^' or '$' beside '|' (put the ways into a group)");
    }
    return R"("\"" )" + (from_start ? "" : any + " ") + body + (to_end_ ? "" : " " + any) +
           R"( "\"")";
  }

 private:
  Status Wrong(const std::string& what) const {
    return FormatError("json schema: pattern: at byte " + std::to_string(at_) + ": " + what);
  }
  Status Unsupported(const std::string& what) const {
    return IncompatibleError("json schema: pattern: at byte " + std::to_string(at_) + ": " + what +
                             " is not supported");
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(std::string_view what) {
    if (text_.substr(at_, what.size()) != what) return false;
    at_ += what.size();
    return true;
  }

  Result<std::string> Choice(int depth) {
    if (depth > kMostDepth) {
      return LimitError("json schema: pattern: groups nest deeper than " +
                        std::to_string(kMostDepth));
    }
    std::string ways;
    size_t count = 0;
    do {
      SELVEDGE_ASSIGN_OR_RETURN(const std::string way, Sequence(depth));
      ways += (count++ == 0 ? "" : " | ") + way;
    } while (Take("|"));
    if (depth == 0) ways_ = count;
    return "(" + ways + ")";
  }

  Result<std::string> Sequence(int depth) {
    std::string sequence = R"("")";
    while (at_ < text_.size() && Peek() != '|' && Peek() != ')') {
      if (depth == 0 && Peek() == '$' && at_ + 1 == text_.size()) {
        ++at_;
        to_end_ = true;
        break;
      }
      SELVEDGE_ASSIGN_OR_RETURN(const std::string item, Item(depth));
      SELVEDGE_ASSIGN_OR_RETURN(const std::string repeats, Repeats());
      sequence += " " + item + repeats;
    }
    return sequence;
  }

  Result<std::string> Item(int depth) {
    if (Take("(")) return Group(depth);
    if (Take("[")) return Set();
    if (Take(".")) return Characters(Complement(SetOf(kLineEnds)));
    const char c = Peek();
    if (c == '^' || c == '$') return Unsupported("an anchor inside the expression");
    if (c == '*' || c == '+' || c == '?' || c == '{') return Wrong("nothing to repeat");
    CodePointSet set;
    SELVEDGE_RETURN_IF_ERROR(Member(&set));
    return Characters(set);
  }

  Result<std::string> Group(int depth) {
    if (Peek() == '?' && !Take("?:")) return Unsupported("this kind of group");
    SELVEDGE_ASSIGN_OR_RETURN(std::string body, Choice(depth + 1));
    if (!Take(")")) return Wrong("a '(' without its ')'");
    return body;
  }

  Result<std::string> Characters(const CodePointSet& set) const {
    std::string text = InJson(set);
    if (text.empty()) return Wrong("no character that JSON can hold");
    return text;
  }

  Result<std::string> Set() {
    const bool negated = Take("^");
    CodePointSet set;
    while (!Take("]")) {
      if (at_ >= text_.size()) return Wrong("a '[' without its ']'");
      CodePointSet low, high;
      SELVEDGE_RETURN_IF_ERROR(Member(&low));
      if (Peek() == '-' && text_.substr(at_, 2) != "-]" && at_ + 1 < text_.size()) {
        ++at_;
        SELVEDGE_RETURN_IF_ERROR(Member(&high));
        const bool single = low.size() == 1 && low[0].low == low[0].high && high.size() == 1 &&
                            high[0].low == high[0].high;
        if (!single || high[0].low < low[0].low) return Wrong("a range that is none");
        low[0].high = high[0].low;
      }
      set.insert(set.end(), low.begin(), low.end());
    }
    set = Normal(std::move(set));
    return Characters(negated ? Complement(set) : set);
  }

  // One character or an escape that stands for some.
  Status Member(CodePointSet* set) {
    if (Take("\\")) return Escape(set);
    const size_t length = core::CharacterLength(text_.substr(at_));
    if (length == 0) return Wrong("ill-formed UTF-8");
    uint32_t point = static_cast<uint8_t>(text_[at_]);
    if (length > 1) point &= 0x7Fu >> length;
    for (size_t i = 1; i < length; ++i) {
      point = point << 6 | (static_cast<uint8_t>(text_[at_ + i]) & 0x3F);
    }
    at_ += length;
    *set = {{point, point}};
    return OkStatus();
  }

  Status Escape(CodePointSet* set) {
    const char c = Peek();
    ++at_;
    const auto one = [set](uint32_t point) {
      *set = {{point, point}};
      return OkStatus();
    };
    switch (c) {
      case 'd':
      case 'D':
        *set = c == 'd' ? SetOf(kDigits) : Complement(SetOf(kDigits));
        return OkStatus();
      case 'w':
      case 'W':
        *set = c == 'w' ? SetOf(kWord) : Complement(SetOf(kWord));
        return OkStatus();
      case 's':
      case 'S':
        *set = c == 's' ? SetOf(kSpaces) : Complement(SetOf(kSpaces));
        return OkStatus();
      case 't':
        return one('\t');
      case 'n':
        return one('\n');
      case 'r':
        return one('\r');
      case 'f':
        return one('\f');
      case 'v':
        return one('\v');
      case 'x':
        return Hex(2, set);
      case 'u':
        return Hex(4, set);
      default:
        break;
    }
    if (std::string_view("^$\\.*+?()[]{}|/-\"'#&,:;<=>@_`~!% ").find(c) == std::string_view::npos) {
      --at_;
      return Unsupported("this escape");
    }
    return one(static_cast<uint8_t>(c));
  }

  Status Hex(size_t digits, CodePointSet* set) {
    uint32_t point = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const size_t digit = std::string_view("0123456789abcdefABCDEF").find(Peek());
      if (at_ >= text_.size() || digit == std::string_view::npos) {
        return Wrong(std::to_string(digits) + " hexadecimal digits are needed");
      }
      point = point << 4 | static_cast<uint32_t>(digit < 16 ? digit : digit - 6);
    }
    *set = Normal({{point, point}});
    if (set->empty()) return Unsupported("half of a character");
    return OkStatus();
  }

  Result<std::string> Repeats() {
    std::string repeats;
    if (Peek() == '*' || Peek() == '+' || Peek() == '?') {
      repeats = Peek();
      ++at_;
    } else if (Peek() == '{') {
      const size_t end = text_.find('}', at_);
      if (end == std::string_view::npos) return Wrong("a '{' without its '}'");
      repeats = text_.substr(at_, end + 1 - at_);
      const bool counts = repeats.find_first_not_of("0123456789,{}") == std::string::npos &&
                          repeats.size() > 2 && repeats[1] != ',' && repeats.size() < 14;
      if (!counts) return Wrong("a number of repetitions is needed");
      at_ = end + 1;
    }
    if (!repeats.empty() && (Peek() == '?' || Peek() == '+'))
      return Unsupported("a lazy repetition");
    return repeats;
  }

  std::string_view text_;
  JsonRules* rules_;
  size_t at_ = 0;
  size_t ways_ = 0;      // of the whole expression
  bool to_end_ = false;  // it ends with '$'
};

}  // namespace

Result<std::string> GrammarOfPattern(std::string_view pattern, JsonRules* rules) {
  if (pattern.size() > kMostBytes) {
    return LimitError("json schema: pattern: " + std::to_string(pattern.size()) +
                      " bytes, at most " + std::to_string(kMostBytes) + " are allowed");
  }
  return PatternReader(pattern, rules).Run();
}

}  // namespace selvedge::inference
