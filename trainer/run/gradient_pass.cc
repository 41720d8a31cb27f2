#include "trainer/run/gradient_pass.h"

#include <algorithm>
#include <chrono>
#include <ctime>

#include "trainer/functions/decoder.h"

namespace selvedge::trainer {
namespace {

constexpr size_t kFirstRows = 256;
constexpr size_t kLeastRows = 32;

// Milliseconds of work: time on the clock, but no more than the processor time of all threads, so
// that a busy machine does not shrink micro-batches until they are too small to be efficient.
class WorkTimer {
 public:
  double Ms() const {
    const std::chrono::duration<double, std::milli> wall = std::chrono::steady_clock::now() - wall_;
    const double cpu = 1e3 * static_cast<double>(std::clock() - cpu_) / CLOCKS_PER_SEC;
    return std::min(wall.count(), cpu);
  }

 private:
  std::chrono::steady_clock::time_point wall_ = std::chrono::steady_clock::now();
  std::clock_t cpu_ = std::clock();
};

// The next size from the last one's time: aims at 80 % of the bound, at most doubling.
size_t NextRows(size_t rows, double ms, double bound_ms, size_t max_rows) {
  const double fitting = static_cast<double>(rows) * 0.8 * bound_ms / std::max(ms, 1e-3);
  const double bounded = std::min(fitting, 2.0 * static_cast<double>(rows));
  return std::clamp(static_cast<size_t>(bounded), std::min(kLeastRows, max_rows), max_rows);
}

}  // namespace

GradientPass::GradientPass(const inference::Model& model, const LoraLayout& layout,
                           const MemoryPlan& memory, core::ThreadPool& pool,
                           double max_micro_batch_ms)
    : model_(model),
      layout_(layout),
      memory_(memory),
      pool_(pool),
      max_micro_batch_ms_(max_micro_batch_ms),
      rows_(std::min(kFirstRows, memory.max_rows)) {}

bool GradientPass::Run(const std::vector<Group>& groups, std::span<const uint32_t> sampled,
                       const std::vector<float>& frozen, const std::vector<float>& trained,
                       const std::function<bool()>& should_stop,
                       const std::function<void(const GroupResult&)>& on_group) {
  Packer packer(groups, sampled);
  MicroBatch batch;
  open_.clear();
  while (packer.Next(fixed_rows_ != 0 ? fixed_rows_ : rows_, memory_.max_slots, &batch)) {
    if (should_stop()) return false;
    const WorkTimer timer;
    RunMicroBatch(batch, frozen, trained);
    const double spent_ms = timer.Ms();
    // Short ends of a pass say little about speed.
    if (2 * batch.rows() >= rows_) {
      rows_ = NextRows(batch.rows(), spent_ms, max_micro_batch_ms_, memory_.max_rows);
    }
    HandOut(batch, on_group);
  }
  return true;
}

void GradientPass::RunMicroBatch(const MicroBatch& batch, const std::vector<float>& frozen,
                                 const std::vector<float>& trained) {
  while (open_.size() < batch.slots.size()) {
    open_.push_back({std::vector<float>(layout_.trained()), 0, 0});
  }
  if (batch.rows() == 0) return;
  std::vector<float*> gradients;
  for (size_t i = 0; i < batch.slots.size(); ++i) gradients.push_back(open_[i].gradient.data());
  label_loss_.assign(batch.label_rows.size(), 0);
  Tape tape;
  tape.model = &model_;
  tape.layout = &layout_;
  tape.dense = &ActiveDenseKernels();
  tape.pool = &pool_;
  tape.batch = &batch;
  tape.frozen = frozen.data();
  tape.trained = trained.data();
  tape.slot_gradients = gradients;
  tape.label_losses = label_loss_;
  ForwardBackward(tape);
  AddLosses(batch);
}

void GradientPass::AddLosses(const MicroBatch& batch) {
  size_t label = 0;
  for (size_t i = 0; i < batch.slots.size(); ++i) {
    const Slot& slot = batch.slots[i];
    if (slot.begin == slot.end) continue;
    const uint32_t end_row = batch.segments[slot.end - 1].end;
    for (; label < batch.label_rows.size() && batch.label_rows[label] < end_row; ++label) {
      open_[i].loss += label_loss_[label];
      ++open_[i].labels;
    }
  }
}

void GradientPass::HandOut(const MicroBatch& batch,
                           const std::function<void(const GroupResult&)>& on_group) {
  size_t complete = 0;
  for (; complete < batch.slots.size() && batch.slots[complete].complete; ++complete) {
    const OpenGroup& group = open_[complete];
    on_group({group.gradient, group.labels, group.loss});
  }
  // Only the last slot can be incomplete; it becomes the first of the next micro-batch.
  if (complete < batch.slots.size()) std::swap(open_[0], open_[complete]);
  for (size_t i = complete < batch.slots.size() ? 1 : 0; i < open_.size(); ++i) {
    std::fill(open_[i].gradient.begin(), open_[i].gradient.end(), 0.0f);
    open_[i].labels = 0;
    open_[i].loss = 0;
  }
}

}  // namespace selvedge::trainer
