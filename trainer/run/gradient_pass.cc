#include "trainer/run/gradient_pass.h"

#include <algorithm>
#include <numeric>

#include "core/seeded_random.h"
#include "trainer/functions/decoder.h"
#include "trainer/functions/tensor_pool.h"

namespace selvedge::trainer {
namespace {

constexpr uint64_t kDropoutStream = 0x64726f70;

}  // namespace

GradientPass::GradientPass(const inference::Model& model, const LoraLayout& layout,
                           const MemoryPlan& memory, core::ThreadPool& pool,
                           kernels::GemmPrecision precision, uint64_t seed)
    : model_(model),
      layout_(layout),
      memory_(memory),
      pool_(pool),
      precision_(precision),
      seed_(seed),
      tensors_(std::make_unique<TensorPool>(memory.max_rows)) {}

GradientPass::~GradientPass() = default;

void GradientPass::FillAngles(size_t positions) {
  if (positions <= positions_) return;
  const int64_t n_ctx = model_.config().n_ctx;
  angles_ = model_.rope(false, n_ctx).First(positions);
  if (model_.config().window > 0) local_angles_ = model_.rope(true, n_ctx).First(positions);
  positions_ = positions;
}

bool GradientPass::Run(const std::vector<Group>& groups, std::span<const uint32_t> sampled,
                       int64_t step, const std::vector<float>& frozen,
                       const std::vector<float>& trained, const std::function<bool()>& should_stop,
                       const std::function<void(const GroupResult&)>& on_group) {
  Packer packer(groups, sampled, step);
  MicroBatch batch;
  step_ = step;
  open_.clear();
  while (packer.Next(memory_.max_rows, memory_.max_slots, &batch)) {
    if (should_stop()) return false;
    try {
      RunMicroBatch(batch, frozen, trained, should_stop);
    } catch (const StopRequested&) {
      return false;
    }
    HandOut(batch, on_group);
  }
  if (!memory_.keeps_tensors) tensors_->Release();  // the update needs memory of its own
  return true;
}

bool GradientPass::Observe(const std::vector<Group>& groups, const std::vector<float>& frozen,
                           const std::vector<float>& trained,
                           const std::function<bool()>& should_stop,
                           const InputObserver& observer) {
  std::vector<uint32_t> all(groups.size());
  std::iota(all.begin(), all.end(), 0u);
  Packer packer(groups, all, 0);
  MicroBatch batch;
  while (packer.Next(memory_.max_rows, memory_.max_slots, &batch)) {
    if (batch.rows() == 0) continue;
    Tape tape = MakeTape(batch, frozen, trained, should_stop);
    tape.observer = observer;
    try {
      ForwardOnly(tape);
    } catch (const StopRequested&) {
      return false;
    }
  }
  tensors_->Release();
  return true;
}

Tape GradientPass::MakeTape(const MicroBatch& batch, const std::vector<float>& frozen,
                            const std::vector<float>& trained,
                            const std::function<bool()>& should_stop) {
  label_loss_.assign(batch.label_rows.size(), 0);
  for (const Segment& s : batch.segments) FillAngles(s.length());
  Tape tape;
  tape.model = &model_;
  tape.layout = &layout_;
  tape.dense = &ActiveDenseKernels();
  tape.pool = &pool_;
  tape.precision = precision_;
  tape.should_stop = &should_stop;
  tape.batch = &batch;
  tape.tensors = tensors_.get();
  tape.recomputed_layers = memory_.recomputed_layers;
  tape.dropout_seed =
      core::SeededRandom(seed_, kDropoutStream + static_cast<uint64_t>(step_)).NextU64();
  tape.angles = &angles_;
  tape.local_angles = &local_angles_;
  tape.frozen = frozen.data();
  tape.trained = trained.data();
  tape.label_losses = label_loss_;
  return tape;
}

void GradientPass::RunMicroBatch(const MicroBatch& batch, const std::vector<float>& frozen,
                                 const std::vector<float>& trained,
                                 const std::function<bool()>& should_stop) {
  while (open_.size() < batch.slots.size()) {
    open_.push_back({std::vector<float>(layout_.trained()), 0, 0});
  }
  if (batch.rows() == 0) return;
  std::vector<float*> gradients;
  for (size_t i = 0; i < batch.slots.size(); ++i) gradients.push_back(open_[i].gradient.data());
  Tape tape = MakeTape(batch, frozen, trained, should_stop);
  tape.slot_gradients = gradients;
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
