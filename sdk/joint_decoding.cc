#include "sdk/joint_decoding.h"

#include <algorithm>

namespace selvedge {
namespace {

// A member is waited for while it draws its next token and hands out text, which takes a small part
// of a pass. One that is still away then (its reader is slow) is not waited for again until it is
// back.
constexpr int kPatienceShare = 4;  // of the last pass
constexpr auto kLeastPatience = std::chrono::microseconds(200);

}  // namespace

JointDecoding::Member::Member(JointDecoding& joint, inference::Session& session)
    : joint_(joint), session_(session) {
  const std::lock_guard lock(joint_.mutex_);
  joint_.members_.push_back(this);
}

JointDecoding::Member::~Member() {
  const std::lock_guard lock(joint_.mutex_);
  joint_.members_.remove(this);
  joint_.changed_.notify_all();  // others may have waited for this one alone
}

Status JointDecoding::Member::Append(std::span<const int32_t> tokens, std::vector<float>* logits) {
  std::unique_lock lock(joint_.mutex_);
  step_ = {&session_, tokens, logits, OkStatus()};
  state_ = State::kWaiting;
  const auto arrival = Clock::now();
  while (state_ == State::kWaiting || state_ == State::kRunning) {
    // Who came during a pass waits for those that were in it, else the two would take turns.
    const auto deadline = std::max(arrival, joint_.pass_ended_) + joint_.patience_;
    if (joint_.running_) {
      joint_.changed_.wait(lock);
    } else if (joint_.AllHere() || Clock::now() >= deadline) {
      joint_.Run(lock);
    } else {
      joint_.changed_.wait_until(lock, deadline);
    }
  }
  return std::move(step_.status);
}

bool JointDecoding::AllHere() const {
  return std::none_of(members_.begin(), members_.end(),
                      [](const Member* m) { return m->state_ == Member::State::kBusy; });
}

// Takes the steps that wait now. The mutex is free while the pass runs.
void JointDecoding::Run(std::unique_lock<std::mutex>& lock) {
  std::vector<Member*> taken;
  std::vector<inference::Session::Step> steps;
  for (Member* member : members_) {
    if (member->state_ == Member::State::kBusy) member->state_ = Member::State::kAway;
    if (member->state_ != Member::State::kWaiting) continue;
    member->state_ = Member::State::kRunning;
    taken.push_back(member);
    steps.push_back(member->step_);
  }
  running_ = true;
  lock.unlock();
  const auto start = Clock::now();
  inference::Session::AppendTogether(steps);
  lock.lock();
  pass_ended_ = Clock::now();
  running_ = false;
  patience_ = std::max<Clock::duration>((pass_ended_ - start) / kPatienceShare, kLeastPatience);
  most_together_ = std::max(most_together_, taken.size());
  for (size_t i = 0; i < taken.size(); ++i) {
    taken[i]->step_.status = std::move(steps[i].status);
    taken[i]->state_ = Member::State::kBusy;
  }
  changed_.notify_all();
}

size_t JointDecoding::most_together() const {
  const std::lock_guard lock(mutex_);
  return most_together_;
}

}  // namespace selvedge
