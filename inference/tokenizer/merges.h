#pragma once
// The merges of a BPE vocabulary, over token ids.

#include <cstdint>
#include <span>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <selvedge/status.h>

namespace selvedge::inference {

class Merges {
 public:
  using Ids = std::unordered_map<std::string_view, int32_t>;  // token text -> id

  // Lines "LEFT RIGHT", the first the most urgent. kFormat for a line that is not of this form or
  // names, or makes, a token that is not in `ids`.
  static Result<Merges> Create(std::span<const std::string_view> lines, const Ids& ids);

  // Merges neighbours until none can be, the most urgent pair first and of equal ones the leftmost.
  // A symbol of -1 merges with nothing. Source: Sennrich et al. 2016, algorithm 1.
  void Apply(std::vector<int32_t>* symbols) const;

  size_t size() const { return pairs_.size(); }

 private:
  struct Product {
    int32_t rank;
    int32_t id;
  };
  struct Chain;
  const Product* Find(int32_t left, int32_t right) const;

  std::unordered_map<uint64_t, Product> pairs_;  // left id in the high half, right id in the low
};

}  // namespace selvedge::inference
