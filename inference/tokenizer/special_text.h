#pragma once
// Finds the texts of special tokens inside a prompt.

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace selvedge::inference {

// A run of plain text (id -1) or one special token.
struct TextFragment {
  std::string_view text;
  int32_t id = -1;
};

class SpecialTextSplitter {
 public:
  // `specials`: token text -> id; must outlive the splitter.
  explicit SpecialTextSplitter(const std::unordered_map<std::string_view, int32_t>& specials);

  // Cuts text at special tokens, leftmost first and the longest of those that start there. Plain
  // fragments are never empty.
  std::vector<TextFragment> Split(std::string_view text) const;

 private:
  TextFragment MatchAt(std::string_view text, size_t at) const;  // id -1: none
  const std::unordered_map<std::string_view, int32_t>& specials_;
  std::array<bool, 256> starts_{};  // first bytes of special tokens
  std::vector<size_t> lengths_;     // of special tokens, longest first
};

}  // namespace selvedge::inference
