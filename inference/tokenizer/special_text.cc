#include "inference/tokenizer/special_text.h"

#include <algorithm>
#include <functional>

namespace selvedge::inference {

SpecialTextSplitter::SpecialTextSplitter(
    const std::unordered_map<std::string_view, int32_t>& specials)
    : specials_(specials) {
  for (const auto& [text, id] : specials_) {
    starts_[static_cast<uint8_t>(text.front())] = true;
    lengths_.push_back(text.size());
  }
  std::sort(lengths_.begin(), lengths_.end(), std::greater<>());
  lengths_.erase(std::unique(lengths_.begin(), lengths_.end()), lengths_.end());
}

TextFragment SpecialTextSplitter::MatchAt(std::string_view text, size_t at) const {
  if (!starts_[static_cast<uint8_t>(text[at])]) return {};
  for (const size_t length : lengths_) {
    if (length > text.size() - at) continue;
    const auto it = specials_.find(text.substr(at, length));
    if (it != specials_.end()) return {it->first, it->second};
  }
  return {};
}

std::vector<TextFragment> SpecialTextSplitter::Split(std::string_view text) const {
  std::vector<TextFragment> out;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const TextFragment special = MatchAt(text, at);
    if (special.id < 0) {
      ++at;
      continue;
    }
    if (at > begin) out.push_back({text.substr(begin, at - begin), -1});
    out.push_back(special);
    at += special.text.size();
    begin = at;
  }
  if (begin < text.size()) out.push_back({text.substr(begin), -1});
  return out;
}

}  // namespace selvedge::inference
