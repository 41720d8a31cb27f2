#include "inference/grammar/gbnf.h"

#include <algorithm>
#include <map>
#include <utility>

#include "core/utf8.h"

namespace selvedge::inference {
namespace {

constexpr size_t kMostNameBytes = 256;

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_';
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string Utf8Of(uint32_t point) {
  std::string out;
  for (const ByteRanges& form : Utf8Forms(Normal({{point, point}}))) {
    out.append(reinterpret_cast<const char*>(form.low.data()), form.length);
  }
  return out;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<GbnfRules> Run() {
    for (Skip(true); at_ < text_.size(); Skip(true)) SELVEDGE_RETURN_IF_ERROR(Rule());
    for (size_t i = 0; i < defined_.size(); ++i) {
      if (!defined_[i]) {
        return FormatError("grammar: rule '" + rules_.names[i] + "' is used but not defined");
      }
    }
    const auto root = index_.find("root");
    if (root == index_.end()) return FormatError("grammar: no rule 'root', one is needed");
    rules_.root = root->second;
    return std::move(rules_);
  }

 private:
  Status Wrong(const std::string& what) const {
    const std::string_view before = text_.substr(0, at_);
    const size_t line_start =
        before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    return FormatError("grammar: line " +
                       std::to_string(1 + std::count(before.begin(), before.end(), '\n')) +
                       ", column " + std::to_string(1 + at_ - line_start) + ": " + what);
  }

  char Peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool Take(std::string_view what) {
    if (text_.substr(at_, what.size()) != what) return false;
    at_ += what.size();
    return true;
  }

  // Passes blanks and comments; line breaks too if `lines`.
  void Skip(bool lines) {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ + 1 < text_.size() && text_[at_ + 1] != '\n') ++at_;
      } else if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r'))) {
        return;
      }
    }
  }

  uint32_t IndexOf(const std::string& name) {
    const auto [it, is_new] = index_.try_emplace(name, static_cast<uint32_t>(index_.size()));
    if (is_new) {
      rules_.names.push_back(name);
      rules_.bodies.emplace_back();
      defined_.push_back(false);
    }
    return it->second;
  }

  std::string Name() {
    const size_t start = at_;
    while (IsNameCharacter(Peek())) ++at_;
    return std::string(text_.substr(start, at_ - start));
  }

  Status Rule() {
    const std::string name = Name();
    if (name.empty()) return Wrong("the name of a rule is needed");
    if (name.size() > kMostNameBytes) return Wrong("the name of a rule is too long");
    Skip(false);
    if (!Take("::=")) return Wrong("'::=' is needed after the name of a rule");
    const uint32_t index = IndexOf(name);
    if (defined_[index]) return Wrong("rule '" + name + "' is defined twice");
    Skip(true);
    SELVEDGE_ASSIGN_OR_RETURN(GbnfExpr body, Choice(0));
    rules_.bodies[index] = std::move(body);
    defined_[index] = true;
    Skip(false);
    if (at_ < text_.size() && Peek() != '\n' && Peek() != '\r') {
      return Wrong("an element of a rule or the end of the line is needed");
    }
    return OkStatus();
  }

  Result<GbnfExpr> Choice(size_t depth) {
    if (depth > kMostGbnfDepth) {
      return LimitError("grammar: parentheses nest deeper than " + std::to_string(kMostGbnfDepth));
    }
    GbnfExpr choice;
    choice.kind = GbnfExpr::Kind::kChoice;
    do {
      Skip(true);
      SELVEDGE_ASSIGN_OR_RETURN(GbnfExpr sequence, Sequence(depth));
      choice.children.push_back(std::move(sequence));
      SkipToBar(depth > 0);
    } while (Take("|"));
    if (choice.children.size() == 1) return std::move(choice.children.front());
    return choice;
  }

  // A bar may begin the next line.
  void SkipToBar(bool lines) {
    const size_t here = at_;
    Skip(true);
    if (!lines && Peek() != '|') at_ = here;
  }

  Result<GbnfExpr> Sequence(size_t depth) {
    GbnfExpr sequence;
    sequence.kind = GbnfExpr::Kind::kSequence;
    for (;;) {
      Skip(depth > 0);
      GbnfExpr item;
      const char c = Peek();
      if (c == '"') {
        SELVEDGE_ASSIGN_OR_RETURN(item, Literal());
      } else if (c == '[') {
        SELVEDGE_ASSIGN_OR_RETURN(item, Class());
      } else if (c == '(') {
        ++at_;
        SELVEDGE_ASSIGN_OR_RETURN(item, Choice(depth + 1));
        Skip(true);
        if (!Take(")")) return Wrong("')' is needed");
      } else if (c == '.') {
        ++at_;
        item.kind = GbnfExpr::Kind::kClass;
        item.points = Complement({});
      } else if (IsNameCharacter(c)) {
        item.kind = GbnfExpr::Kind::kRule;
        const std::string name = Name();
        if (name.size() > kMostNameBytes) return Wrong("the name of a rule is too long");
        item.rule = IndexOf(name);
      } else {
        return sequence;
      }
      SELVEDGE_RETURN_IF_ERROR(Repeats(&item));
      sequence.children.push_back(std::move(item));
    }
  }

  static void Wrap(uint32_t least, uint32_t most, GbnfExpr* item) {
    GbnfExpr repeat;
    repeat.kind = GbnfExpr::Kind::kRepeat;
    repeat.least = least;
    repeat.most = most;
    repeat.children.push_back(std::move(*item));
    *item = std::move(repeat);
  }

  // Any of * + ? {m} {m,} {m,n} {,n} after an item; each applies to what stands before it.
  Status Repeats(GbnfExpr* item) {
    for (size_t n = 0;; ++n) {
      if (n > kMostGbnfDepth) return Wrong("too many repetitions of one element");
      if (Take("*")) {
        Wrap(0, GbnfExpr::kNoMost, item);
      } else if (Take("+")) {
        Wrap(1, GbnfExpr::kNoMost, item);
      } else if (Take("?")) {
        Wrap(0, 1, item);
      } else if (Take("{")) {
        SELVEDGE_RETURN_IF_ERROR(Braces(item));
      } else {
        return OkStatus();
      }
    }
  }

  Status Braces(GbnfExpr* item) {
    uint32_t least = 0, most = GbnfExpr::kNoMost;
    Skip(false);
    const bool has_least = Peek() != ',';
    if (has_least) SELVEDGE_RETURN_IF_ERROR(Number(&least));
    Skip(false);
    if (!Take(",")) {
      most = least;
    } else {
      Skip(false);
      if (Peek() != '}') SELVEDGE_RETURN_IF_ERROR(Number(&most));
      if (most < least) return Wrong("the larger number of repetitions stands first");
      if (!has_least && most == GbnfExpr::kNoMost) return Wrong("a number is needed");
    }
    Skip(false);
    if (!Take("}")) return Wrong("'}' is needed");
    Wrap(least, most, item);
    return OkStatus();
  }

  Status Number(uint32_t* value) {
    constexpr uint32_t kMost = 1 << 16;
    *value = 0;
    if (Peek() < '0' || Peek() > '9') return Wrong("a number is needed");
    for (; Peek() >= '0' && Peek() <= '9'; ++at_) {
      *value = *value * 10 + static_cast<uint32_t>(Peek() - '0');
      if (*value > kMost) return Wrong("more than " + std::to_string(kMost) + " repetitions");
    }
    return OkStatus();
  }

  Result<GbnfExpr> Literal() {
    GbnfExpr literal;
    literal.kind = GbnfExpr::Kind::kLiteral;
    ++at_;
    while (!Take("\"")) {
      SELVEDGE_ASSIGN_OR_RETURN(const uint32_t point, Character());
      literal.literal += Utf8Of(point);
    }
    return literal;
  }

  Result<GbnfExpr> Class() {
    GbnfExpr item;
    item.kind = GbnfExpr::Kind::kClass;
    ++at_;
    const bool negated = Take("^");
    while (!Take("]")) {
      SELVEDGE_ASSIGN_OR_RETURN(const uint32_t low, Character());
      uint32_t high = low;
      if (Peek() == '-' && text_.substr(at_, 2) != "-]") {
        ++at_;
        SELVEDGE_ASSIGN_OR_RETURN(high, Character());
        if (high < low) return Wrong("the larger character of a range stands first");
      }
      item.points.push_back({low, high});
    }
    item.points = Normal(std::move(item.points));
    if (negated) item.points = Complement(item.points);
    if (item.points.empty()) return Wrong("a set without any character");
    return item;
  }

  // One character, written as itself or as \n \r \t \\ \" \[ \] \- \^ \xHH \uHHHH \UHHHHHHHH.
  Result<uint32_t> Character() {
    if (at_ >= text_.size() || Peek() == '\n') return Wrong("ends before '\"' or ']'");
    if (!Take("\\")) return Plain();
    const char c = Peek();
    ++at_;
    switch (c) {
      case 'n':
        return uint32_t{'\n'};
      case 'r':
        return uint32_t{'\r'};
      case 't':
        return uint32_t{'\t'};
      case 'x':
        return Hex(2);
      case 'u':
        return Hex(4);
      case 'U':
        return Hex(8);
      default:
        break;
    }
    if (std::string_view("\\\"[]-^").find(c) == std::string_view::npos || c == '\0') {
      return Wrong("an unknown escape");
    }
    return static_cast<uint32_t>(c);
  }

  Result<uint32_t> Plain() {
    const size_t length = core::CharacterLength(text_.substr(at_));
    if (length == 0) return Wrong("ill-formed UTF-8");
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(text_[at_ + i]); };
    uint32_t point = length == 1 ? byte(0) : byte(0) & (0x7Fu >> length);
    for (size_t i = 1; i < length; ++i) point = point << 6 | (byte(i) & 0x3F);
    at_ += length;
    return point;
  }

  Result<uint32_t> Hex(size_t digits) {
    uint32_t point = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const int digit = HexDigit(Peek());
      if (digit < 0) return Wrong(std::to_string(digits) + " hexadecimal digits are needed");
      point = point << 4 | static_cast<uint32_t>(digit);
    }
    if (Normal({{point, point}}).empty()) return Wrong("no Unicode character");
    return point;
  }

  std::string_view text_;
  size_t at_ = 0;
  GbnfRules rules_;
  std::vector<bool> defined_;
  std::map<std::string, uint32_t, std::less<>> index_;
};

}  // namespace

Result<GbnfRules> ParseGbnf(std::string_view text) {
  if (text.size() > kMostGbnfBytes) {
    return LimitError("grammar: " + std::to_string(text.size()) + " bytes, at most " +
                      std::to_string(kMostGbnfBytes) + " are allowed");
  }
  return Parser(text).Run();
}

}  // namespace selvedge::inference
