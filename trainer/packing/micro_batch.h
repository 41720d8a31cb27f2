#pragma once
// Packs sequences of several groups into micro-batches, without padding.
//
// A row is one input token; sequences lie one after the other and see only themselves. What a
// group's gradient is does not depend on how its sequences are spread over micro-batches.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "trainer/trainer.h"

namespace selvedge::trainer {

// One sequence: rows [begin, end) of the micro-batch.
struct Segment {
  uint32_t begin = 0;
  uint32_t end = 0;
  uint64_t sequence = 0;  // a number of its own among all sequences of all groups
  size_t length() const { return end - begin; }
};

// The part of one group that lies in a micro-batch: segments [begin, end).
struct Slot {
  uint32_t group = 0;  // index into the groups of the step, in sampled order
  uint32_t begin = 0;
  uint32_t end = 0;
  bool complete = false;  // the group's last sequence is here
};

struct MicroBatch {
  std::vector<int32_t> tokens;       // [M] inputs
  std::vector<uint32_t> positions;   // [M] within the sequence
  std::vector<Segment> segments;     // cover [0, M) in order
  std::vector<Slot> slots;           // cover the segments in order
  std::vector<uint32_t> label_rows;  // [L] rows whose next token counts, ascending
  std::vector<int32_t> targets;      // [L] that next token
  size_t rows() const { return tokens.size(); }
  void Clear();
};

// Inputs that a sequence needs: all before its last label; 0 if nothing in it counts.
size_t UsedRows(const Example& example);

// Walks the sequences of the groups named by `sampled` whose turn is `step`, in order.
class Packer {
 public:
  // Both must outlive the packer.
  Packer(const std::vector<Group>& groups, std::span<const uint32_t> sampled, int64_t step);

  // Fills `batch` with whole sequences until the next one would pass `max_rows` (a longer sequence
  // gets a micro-batch of its own) or `max_slots` groups are in it. False when all is done. A group
  // without labels takes no rows but is handed over as a complete, empty slot.
  bool Next(size_t max_rows, size_t max_slots, MicroBatch* batch);

 private:
  const std::vector<Group>& groups_;
  std::span<const uint32_t> sampled_;
  int64_t step_;
  size_t group_ = 0;    // into sampled_
  size_t example_ = 0;  // into the group's examples
};

}  // namespace selvedge::trainer
