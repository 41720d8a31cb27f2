#include "inference/grammar/automaton.h"

#include <algorithm>
#include <set>
#include <utility>

namespace selvedge::inference {

GrammarAutomaton::GrammarAutomaton(std::shared_ptr<const GrammarNetwork> network)
    : network_(std::move(network)) {
  FindByteClasses();
  start_ = Close({{network_->start(), kNone}});
}

void GrammarAutomaton::FindByteClasses() {
  bool begins[257] = {};  // a class
  begins[0] = true;
  for (const GrammarNetwork::Node& node : network_->nodes()) {
    for (const GrammarNetwork::ByteEdge& edge : node.bytes) {
      begins[edge.low] = true;
      begins[edge.high + 1] = true;
    }
  }
  for (size_t byte = 0; byte < 256; ++byte) {
    if (begins[byte]) ++classes_;
    class_of_[byte] = static_cast<uint8_t>(classes_ - 1);
  }
}

int32_t GrammarAutomaton::Push(int32_t back, int32_t outer) {
  // The last call of a rule needs no frame of its own: lists that call themselves at their end
  // would pile up frames.
  if (network_->nodes()[static_cast<size_t>(back)].only_ends()) return outer;
  const uint64_t key =
      static_cast<uint64_t>(static_cast<uint32_t>(back)) << 32 | static_cast<uint32_t>(outer);
  const auto [it, is_new] = frame_ids_.try_emplace(key, static_cast<int32_t>(frames_.size()));
  if (is_new) frames_.push_back({back, outer});
  return it->second;
}

// The state of all places that are reached from the open ones without a byte.
GrammarAutomaton::State GrammarAutomaton::Close(std::vector<Place> open) {
  StateInfo info;
  std::set<Place> seen(open.begin(), open.end());
  const auto reach = [&](Place place) {
    if (seen.insert(place).second) open.push_back(place);
  };
  while (!open.empty()) {
    const Place place = open.back();
    open.pop_back();
    if (seen.size() > kMostPlaces || frames_.size() > kMostFrames) {
      overflowed_ = true;
      return kDead;
    }
    const GrammarNetwork::Node& node = network_->nodes()[static_cast<size_t>(place.node)];
    if (!node.bytes.empty()) info.places.push_back(place);
    for (const int32_t next : node.next) reach({next, place.stack});
    for (const GrammarNetwork::Call& call : node.calls) {
      reach({call.start, Push(call.back, place.stack)});
    }
    if (!node.end) continue;
    if (place.stack == kNone) {
      info.can_end = true;
    } else {
      const Frame frame = frames_[static_cast<size_t>(place.stack)];
      reach({frame.back, frame.outer});
    }
  }
  if (info.places.empty() && !info.can_end) return kDead;
  std::sort(info.places.begin(), info.places.end());
  return Intern(std::move(info));
}

GrammarAutomaton::State GrammarAutomaton::Intern(StateInfo info) {
  std::string key(reinterpret_cast<const char*>(info.places.data()),
                  info.places.size() * sizeof(Place));
  key.push_back(info.can_end ? '\1' : '\0');
  const auto found = state_ids_.find(key);
  if (found != state_ids_.end()) return found->second;
  if (states_.size() >= kMostStates) {
    overflowed_ = true;
    return kDead;
  }
  const auto id = static_cast<State>(states_.size());
  state_ids_.emplace(std::move(key), id);
  states_.push_back(std::move(info));
  transitions_.resize(transitions_.size() + classes_, kUnknown);
  return id;
}

GrammarAutomaton::State GrammarAutomaton::Next(State state, uint8_t byte) {
  const size_t at = static_cast<size_t>(state) * classes_ + class_of_[byte];
  if (transitions_[at] != kUnknown) return transitions_[at];
  std::vector<Place> reached;
  for (const Place& place : states_[static_cast<size_t>(state)].places) {
    for (const auto& edge : network_->nodes()[static_cast<size_t>(place.node)].bytes) {
      if (edge.low <= byte && byte <= edge.high) reached.push_back({edge.to, place.stack});
    }
  }
  const State next = reached.empty() ? kDead : Close(std::move(reached));
  return transitions_[at] = next;
}

GrammarAutomaton::State GrammarAutomaton::Forget(State kept) {
  StateInfo info = std::move(states_[static_cast<size_t>(kept)]);
  std::vector<std::vector<int32_t>> stacks;  // of each place, the outermost frame last
  for (const Place& place : info.places) {
    std::vector<int32_t>& backs = stacks.emplace_back();
    for (int32_t at = place.stack; at != kNone; at = frames_[static_cast<size_t>(at)].outer) {
      backs.push_back(frames_[static_cast<size_t>(at)].back);
    }
  }
  states_.clear();
  state_ids_.clear();
  transitions_.clear();
  frames_.clear();
  frame_ids_.clear();
  overflowed_ = false;
  start_ = Close({{network_->start(), kNone}});
  for (size_t i = 0; i < info.places.size(); ++i) {
    int32_t stack = kNone;
    for (auto back = stacks[i].rbegin(); back != stacks[i].rend(); ++back) {
      stack = Push(*back, stack);
    }
    info.places[i].stack = stack;
  }
  std::sort(info.places.begin(), info.places.end());
  return Intern(std::move(info));
}

}  // namespace selvedge::inference
