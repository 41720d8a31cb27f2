#pragma once
// Reads a text byte by byte along a grammar, following all ways at once. What was worked out once
// is kept: a state is the set of places in the grammar where the text may be.

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "inference/grammar/network.h"

namespace selvedge::inference {

// Not thread-safe.
class GrammarAutomaton {
 public:
  using State = int32_t;
  static constexpr State kDead = -1;  // no text of the grammar begins so
  // Above so many states the walk ends in kDead and overflowed() is true; Forget makes room.
  static constexpr size_t kMostStates = size_t{1} << 17;

  explicit GrammarAutomaton(std::shared_ptr<const GrammarNetwork> network);

  State start() const { return start_; }
  State Next(State state, uint8_t byte);
  bool CanEnd(State state) const { return states_[static_cast<size_t>(state)].can_end; }
  // True if no byte may follow.
  bool MustEnd(State state) const { return states_[static_cast<size_t>(state)].places.empty(); }

  size_t states() const { return states_.size(); }
  bool overflowed() const { return overflowed_; }
  // Drops all states but `kept` and the start, whose new names are the result and start().
  State Forget(State kept);

 private:
  // A node where a byte is awaited, and the nodes to go back to when rules end.
  struct Place {
    int32_t node;
    int32_t stack;  // index of the innermost frame, or kNone
    bool operator==(const Place&) const = default;
    auto operator<=>(const Place&) const = default;
  };
  struct Frame {
    int32_t back;
    int32_t outer;
  };
  struct StateInfo {
    std::vector<Place> places;
    bool can_end = false;
  };
  static constexpr int32_t kNone = -1;
  static constexpr int32_t kUnknown = -2;  // a transition not worked out yet
  static constexpr size_t kMostPlaces = 4096;
  static constexpr size_t kMostFrames = size_t{1} << 20;

  void FindByteClasses();
  int32_t Push(int32_t back, int32_t outer);
  State Close(std::vector<Place> open);
  State Intern(StateInfo info);

  std::shared_ptr<const GrammarNetwork> network_;
  uint8_t class_of_[256] = {};  // bytes that no edge tells apart
  size_t classes_ = 0;
  std::vector<Frame> frames_;
  std::unordered_map<uint64_t, int32_t> frame_ids_;
  std::vector<StateInfo> states_;
  std::vector<State> transitions_;  // [states, classes]
  std::unordered_map<std::string, State> state_ids_;
  State start_ = kDead;
  bool overflowed_ = false;
};

}  // namespace selvedge::inference
