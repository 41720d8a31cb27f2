#include "inference/grammar/network.h"

#include <map>
#include <tuple>
#include <utility>

namespace selvedge::inference {

// Builds from the end of each rule to its start: an expression is told where to go on.
class GrammarNetwork::Builder {
 public:
  explicit Builder(const GbnfRules& rules) : rules_(rules) {}

  Result<GrammarNetwork> Run() {
    // Starts come first: calls refer to them before their rules are built.
    for (size_t i = 0; i < rules_.bodies.size(); ++i) network_.starts_.push_back(Add());
    const int32_t end = Add();
    At(end).end = true;
    for (size_t i = 0; i < rules_.bodies.size() && !full_; ++i) {
      const int32_t body = Build(rules_.bodies[i], end);
      At(network_.starts_[i]).next.push_back(body);
    }
    if (full_) {
      return LimitError("grammar: takes more than " + std::to_string(kMostNodes) + " states");
    }
    network_.root_ = rules_.root;
    SELVEDGE_RETURN_IF_ERROR(network_.Check(rules_.names));
    return std::move(network_);
  }

 private:
  Node& At(int32_t node) { return network_.nodes_[static_cast<size_t>(node)]; }

  int32_t Add() {
    full_ = full_ || network_.nodes_.size() >= kMostNodes;
    if (full_) return 0;
    network_.nodes_.emplace_back();
    return static_cast<int32_t>(network_.nodes_.size()) - 1;
  }

  int32_t Build(const GbnfExpr& expr, int32_t to) {
    full_ = full_ || ++steps_ > 4 * kMostNodes;  // repetitions of nothing add no nodes
    if (full_) return to;
    switch (expr.kind) {
      case GbnfExpr::Kind::kLiteral:
        return Literal(expr.literal, to);
      case GbnfExpr::Kind::kClass:
        return Class(expr.points, to);
      case GbnfExpr::Kind::kRule: {
        const int32_t node = Add();
        At(node).calls.push_back({network_.starts_[expr.rule], to});
        return node;
      }
      case GbnfExpr::Kind::kSequence:
        for (auto child = expr.children.rbegin(); child != expr.children.rend(); ++child) {
          to = Build(*child, to);
        }
        return to;
      case GbnfExpr::Kind::kChoice: {
        const int32_t node = Add();
        for (const GbnfExpr& child : expr.children) {
          const int32_t way = Build(child, to);
          At(node).next.push_back(way);
        }
        return node;
      }
      case GbnfExpr::Kind::kRepeat:
        return Repeat(expr, to);
    }
    return to;
  }

  int32_t Literal(const std::string& bytes, int32_t to) {
    for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
      const int32_t node = Add();
      const auto value = static_cast<uint8_t>(*byte);
      At(node).bytes.push_back({value, value, to});
      to = node;
    }
    return to;
  }

  // Forms share the nodes of equal ends.
  int32_t Class(const CodePointSet& points, int32_t to) {
    const int32_t node = Add();
    std::map<std::tuple<uint8_t, uint8_t, int32_t>, int32_t> tails;
    for (const ByteRanges& form : Utf8Forms(points)) {
      int32_t next = to;
      for (size_t i = form.length - 1; i > 0; --i) {
        const auto [it, is_new] = tails.try_emplace({form.low[i], form.high[i], next}, 0);
        if (is_new) {
          it->second = Add();
          At(it->second).bytes.push_back({form.low[i], form.high[i], next});
        }
        next = it->second;
      }
      At(node).bytes.push_back({form.low[0], form.high[0], next});
    }
    return node;
  }

  int32_t Repeat(const GbnfExpr& expr, int32_t to) {
    const GbnfExpr& item = expr.children.front();
    if (expr.most == GbnfExpr::kNoMost) {
      const int32_t loop = Add();
      At(loop).next.push_back(to);
      const int32_t again = Build(item, loop);
      At(loop).next.push_back(again);
      to = loop;
    } else {
      const int32_t after = to;
      for (uint32_t i = expr.least; i < expr.most && !full_; ++i) {
        const int32_t maybe = Add();
        At(maybe).next.push_back(after);
        const int32_t once = Build(item, to);
        At(maybe).next.push_back(once);
        to = maybe;
      }
    }
    for (uint32_t i = 0; i < expr.least && !full_; ++i) to = Build(item, to);
    return to;
  }

  const GbnfRules& rules_;
  GrammarNetwork network_;
  size_t steps_ = 0;
  bool full_ = false;
};

std::vector<bool> GrammarNetwork::ReachesEnd(bool taking_bytes) const {
  std::vector<std::vector<int32_t>> before(nodes_.size());  // who may gain when a node does
  std::vector<int32_t> found;
  std::vector<bool> reaches(nodes_.size(), false);
  for (size_t i = 0; i < nodes_.size(); ++i) {
    const auto node = static_cast<int32_t>(i);
    const auto depends_on = [&](int32_t other) {
      before[static_cast<size_t>(other)].push_back(node);
    };
    for (const int32_t next : nodes_[i].next) depends_on(next);
    for (const ByteEdge& edge : nodes_[i].bytes) depends_on(edge.to);
    for (const Call& call : nodes_[i].calls) {
      depends_on(call.start);
      depends_on(call.back);
    }
    if (nodes_[i].end) found.push_back(node);
  }
  for (const int32_t node : found) reaches[static_cast<size_t>(node)] = true;
  const auto at = [&](int32_t node) { return reaches[static_cast<size_t>(node)]; };
  const auto gains = [&](const Node& node) {
    for (const int32_t next : node.next) {
      if (at(next)) return true;
    }
    for (const ByteEdge& edge : node.bytes) {
      if (taking_bytes && at(edge.to)) return true;
    }
    for (const Call& call : node.calls) {
      if (at(call.start) && at(call.back)) return true;
    }
    return false;
  };
  while (!found.empty()) {
    const int32_t node = found.back();
    found.pop_back();
    for (const int32_t user : before[static_cast<size_t>(node)]) {
      if (at(user) || !gains(nodes_[static_cast<size_t>(user)])) continue;
      reaches[static_cast<size_t>(user)] = true;
      found.push_back(user);
    }
  }
  return reaches;
}

// The rules that are called before `rule` takes a byte. Starts are the first nodes, in order.
std::vector<uint32_t> GrammarNetwork::FirstCalls(uint32_t rule,
                                                 const std::vector<bool>& can_be_empty,
                                                 std::vector<bool>* seen) const {
  std::vector<uint32_t> calls;
  std::vector<int32_t> open = {starts_[rule]};
  while (!open.empty()) {
    const Node& node = nodes_[static_cast<size_t>(open.back())];
    open.pop_back();
    std::vector<int32_t> reached = node.next;
    for (const Call& call : node.calls) {
      calls.push_back(static_cast<uint32_t>(call.start));
      if (can_be_empty[static_cast<size_t>(call.start)]) reached.push_back(call.back);
    }
    for (const int32_t next : reached) {
      if ((*seen)[static_cast<size_t>(next)]) continue;
      (*seen)[static_cast<size_t>(next)] = true;
      open.push_back(next);
    }
  }
  return calls;
}

// A rule that comes back to itself by first calls, or starts_.size().
size_t GrammarNetwork::FindLeftRecursion(const std::vector<bool>& can_be_empty) const {
  std::vector<bool> seen(nodes_.size(), false);  // rules share no node but the last
  std::vector<std::vector<uint32_t>> calls, callers(starts_.size());
  std::vector<size_t> calls_left;
  std::vector<uint32_t> harmless;
  for (uint32_t rule = 0; rule < starts_.size(); ++rule) {
    calls.push_back(FirstCalls(rule, can_be_empty, &seen));
    for (const uint32_t called : calls.back()) callers[called].push_back(rule);
    calls_left.push_back(calls.back().size());
    if (calls.back().empty()) harmless.push_back(rule);
  }
  while (!harmless.empty()) {
    const uint32_t rule = harmless.back();
    harmless.pop_back();
    for (const uint32_t caller : callers[rule]) {
      if (--calls_left[caller] == 0) harmless.push_back(caller);
    }
  }
  // Each rule that is left calls another such one: following them ends in a circle.
  size_t rule = 0;
  while (rule < starts_.size() && calls_left[rule] == 0) ++rule;
  for (size_t step = 0; rule < starts_.size() && step < starts_.size(); ++step) {
    for (const uint32_t called : calls[rule]) {
      if (calls_left[called] > 0) {
        rule = called;
        break;
      }
    }
  }
  return rule;
}

Status GrammarNetwork::Check(const std::vector<std::string>& names) const {
  const std::vector<bool> ends = ReachesEnd(true), can_be_empty = ReachesEnd(false);
  for (size_t rule = 0; rule < starts_.size(); ++rule) {
    if (!ends[static_cast<size_t>(starts_[rule])]) {
      return FormatError("grammar: rule '" + names[rule] + "' never ends");
    }
  }
  const size_t circular = FindLeftRecursion(can_be_empty);
  if (circular == starts_.size()) return OkStatus();
  return FormatError("grammar: rule '" + names[circular] +
                     "' calls itself before it takes a character (left recursion)");
}

Result<GrammarNetwork> GrammarNetwork::FromGbnf(std::string_view text) {
  SELVEDGE_ASSIGN_OR_RETURN(const GbnfRules rules, ParseGbnf(text));
  return Builder(rules).Run();
}

}  // namespace selvedge::inference
