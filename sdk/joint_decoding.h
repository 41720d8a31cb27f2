#pragma once
// Generations that run at the same time decode together: one pass over the weights serves the next
// tokens of all of them. What each gets is what it would get alone, to the bit.

#include <chrono>
#include <condition_variable>
#include <list>
#include <mutex>
#include <span>
#include <vector>

#include <selvedge/status.h>

#include "inference/session/session.h"

namespace selvedge {

// There is no thread of its own: the generation that comes last, or that waited long enough for the
// others, runs the pass for all that are there. Safe to use from several threads.
class JointDecoding {
 public:
  // One generation between its prompt and its end.
  class Member {
   public:
    // Both must outlive it; used by one thread at a time.
    Member(JointDecoding& joint, inference::Session& session);
    ~Member();
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

    // As Session::AppendAsAlone, in a pass with steps of other members.
    Status Append(std::span<const int32_t> tokens, std::vector<float>* logits);

   private:
    friend class JointDecoding;
    JointDecoding& joint_;
    inference::Session& session_;
    inference::Session::Step step_{};
    enum class State { kBusy, kAway, kWaiting, kRunning } state_ = State::kBusy;
  };

  // The most sessions that one pass ever served.
  size_t most_together() const;

 private:
  using Clock = std::chrono::steady_clock;

  bool AllHere() const;
  void Run(std::unique_lock<std::mutex>& lock);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::list<Member*> members_;
  bool running_ = false;  // a pass is under way
  Clock::time_point pass_ended_;
  Clock::duration patience_{0};  // how long a member waits for busy ones
  size_t most_together_ = 0;
};

}  // namespace selvedge
