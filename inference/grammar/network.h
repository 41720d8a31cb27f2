#pragma once
// A grammar as a network of bytes: nodes with edges that take a byte, edges that take nothing, and
// calls of rules. Characters are spelt in UTF-8, so a text may be cut anywhere.

#include <cstdint>
#include <string_view>
#include <vector>

#include <selvedge/status.h>

#include "inference/grammar/gbnf.h"

namespace selvedge::inference {

class GrammarNetwork {
 public:
  struct ByteEdge {
    uint8_t low, high;
    int32_t to;
  };
  // Goes on at `back` when the rule that starts at `start` has ended.
  struct Call {
    int32_t start, back;
  };
  struct Node {
    std::vector<ByteEdge> bytes;
    std::vector<int32_t> next;
    std::vector<Call> calls;
    bool end = false;  // the rule may end here

    bool only_ends() const { return end && bytes.empty() && next.empty() && calls.empty(); }
  };

  // What ParseGbnf refuses; kFormat for a rule that calls itself before it takes a byte (left
  // recursion) or that no text ever ends; kLimit above kMostNodes.
  static constexpr size_t kMostNodes = size_t{1} << 17;
  static Result<GrammarNetwork> FromGbnf(std::string_view text);

  const std::vector<Node>& nodes() const { return nodes_; }
  int32_t start() const { return starts_[root_]; }

 private:
  class Builder;

  // Nodes from which an end is reached, taking bytes on the way or not.
  std::vector<bool> ReachesEnd(bool taking_bytes) const;
  std::vector<uint32_t> FirstCalls(uint32_t rule, const std::vector<bool>& can_be_empty,
                                   std::vector<bool>* seen) const;
  size_t FindLeftRecursion(const std::vector<bool>& can_be_empty) const;
  Status Check(const std::vector<std::string>& names) const;

  std::vector<Node> nodes_;
  std::vector<int32_t> starts_;  // by rule
  uint32_t root_ = 0;
};

}  // namespace selvedge::inference
