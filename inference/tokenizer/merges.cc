#include "inference/tokenizer/merges.h"

#include <queue>
#include <string>

namespace selvedge::inference {
namespace {

constexpr size_t kMaxMerges = size_t{1} << 21;

uint64_t Key(int32_t left, int32_t right) {
  return uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
}

}  // namespace

Result<Merges> Merges::Create(std::span<const std::string_view> lines, const Ids& ids) {
  if (lines.size() > kMaxMerges) {
    return LimitError("vocabulary: " + std::to_string(lines.size()) + " merges, at most " +
                      std::to_string(kMaxMerges) + " allowed");
  }
  Merges merges;
  merges.pairs_.reserve(lines.size());
  std::string product;
  for (size_t i = 0; i < lines.size(); ++i) {
    const std::string at = "vocabulary: merge " + std::to_string(i);
    const size_t space = lines[i].find(' ', 1);  // a token may begin with what looks like one
    if (space == std::string_view::npos) return FormatError(at + ": not two tokens and a space");
    const std::string_view left = lines[i].substr(0, space), right = lines[i].substr(space + 1);
    product.assign(left).append(right);
    const auto l = ids.find(left), r = ids.find(right), p = ids.find(product);
    if (l == ids.end() || r == ids.end() || p == ids.end()) {
      return FormatError(at + ": names or makes a token that the vocabulary lacks");
    }
    merges.pairs_.emplace(Key(l->second, r->second), Product{static_cast<int32_t>(i), p->second});
  }
  return merges;
}

const Merges::Product* Merges::Find(int32_t left, int32_t right) const {
  if (left < 0 || right < 0) return nullptr;
  const auto it = pairs_.find(Key(left, right));
  return it == pairs_.end() ? nullptr : &it->second;
}

// The symbols of a word as a linked list, with the pairs that may be merged.
struct Merges::Chain {
  struct Candidate {
    int32_t rank;
    size_t left, right;  // symbols
    int32_t left_id, right_id;
    bool operator<(const Candidate& other) const {  // the top of a heap is the largest
      return rank != other.rank ? rank > other.rank : left > other.left;
    }
  };
  static constexpr size_t kEnd = static_cast<size_t>(-1);

  const Merges& merges;
  std::vector<int32_t>& ids;  // kGone for symbols that were merged into their left neighbour
  std::vector<size_t> previous, next;
  std::priority_queue<Candidate> queue;

  static constexpr int32_t kGone = -2;

  void Consider(size_t left, size_t right) {
    if (left == kEnd || right == kEnd) return;
    if (const Product* product = merges.Find(ids[left], ids[right])) {
      queue.push({product->rank, left, right, ids[left], ids[right]});
    }
  }

  void Run() {
    const size_t n = ids.size();
    for (size_t i = 0; i < n; ++i) {
      previous.push_back(i == 0 ? kEnd : i - 1);
      next.push_back(i + 1 == n ? kEnd : i + 1);
    }
    for (size_t i = 0; i + 1 < n; ++i) Consider(i, i + 1);
    while (!queue.empty()) {
      const Candidate c = queue.top();
      queue.pop();
      // A pair whose symbols have changed since is not there any more.
      if (ids[c.left] != c.left_id || ids[c.right] != c.right_id || next[c.left] != c.right)
        continue;
      ids[c.left] = merges.Find(c.left_id, c.right_id)->id;
      ids[c.right] = kGone;
      next[c.left] = next[c.right];
      if (next[c.left] != kEnd) previous[next[c.left]] = c.left;
      Consider(previous[c.left], c.left);
      Consider(c.left, next[c.left]);
    }
    std::erase(ids, kGone);
  }
};

void Merges::Apply(std::vector<int32_t>* symbols) const {
  Chain{*this, *symbols, {}, {}, {}}.Run();
}

}  // namespace selvedge::inference
