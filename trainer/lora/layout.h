#pragma once
// Which base tensors are adapted, and where each pair's numbers lie.
//
// The trained parameters are one vector of P floats (the length of a group's gradient): for every
// target, in the order of the names, A [r, in] if it is trained and then B [out, r]. Frozen A's lie
// in a vector of their own.

#include <cstddef>
#include <string>
#include <vector>

#include "adapters/lora.h"
#include "inference/model/model.h"
#include "trainer/trainer.h"

namespace selvedge::trainer {

struct LoraTarget {
  std::string name;
  const kernels::WeightView* weight = nullptr;  // owned by the model
  size_t in = 0;
  size_t out = 0;
  size_t a_offset = 0;  // into the trained vector, or into the frozen one
  size_t b_offset = 0;  // into the trained vector
  bool is_head = false;
};

// Trained coordinates that share a second moment and a learning rate.
struct Block {
  size_t end = 0;   // in the trained vector; it begins where the one before ends
  double rate = 1;  // relative to the schedule's
};

class LoraLayout {
 public:
  // kUsage: no, unknown or repeated target, or a rank outside [1, smallest dimension].
  static Result<LoraLayout> Create(const inference::Model& model, const Config& config);

  size_t rank() const { return rank_; }
  float scale() const { return alpha_ / static_cast<float>(rank_); }
  bool freeze_a() const { return freeze_a_; }
  double dropout() const { return dropout_; }
  size_t trained() const { return trained_; }  // P
  size_t frozen() const { return frozen_; }
  const std::vector<LoraTarget>& targets() const { return targets_; }
  // Ascending, and without gaps: the tensors, and of the head's B each row apart. A row is a token,
  // and what a person writes differs from what the base expects in few tokens by much.
  std::vector<Block> Blocks() const;
  const LoraTarget* Find(const kernels::WeightView& weight) const;

  // Weights as data for the rest of the world.
  adapters::LoraAdapter Export(const inference::Model& model, const std::vector<float>& frozen,
                               const std::vector<float>& trained) const;

 private:
  LoraLayout() = default;
  size_t rank_ = 0;
  float alpha_ = 0;
  bool freeze_a_ = true;
  double dropout_ = 0;
  size_t trained_ = 0;
  size_t frozen_ = 0;
  std::vector<LoraTarget> targets_;
};

}  // namespace selvedge::trainer
