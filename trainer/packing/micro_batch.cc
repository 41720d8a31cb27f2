#include "trainer/packing/micro_batch.h"

#include <algorithm>

namespace selvedge::trainer {
namespace {

void Append(const Example& example, size_t rows, uint64_t sequence, MicroBatch* batch) {
  const auto begin = static_cast<uint32_t>(batch->rows());
  for (size_t t = 0; t < rows; ++t) {
    batch->tokens.push_back(example.tokens[t]);
    batch->positions.push_back(static_cast<uint32_t>(t));
    if (example.is_label[t + 1] == 0) continue;
    batch->label_rows.push_back(begin + static_cast<uint32_t>(t));
    batch->targets.push_back(example.tokens[t + 1]);
  }
  batch->segments.push_back({begin, begin + static_cast<uint32_t>(rows), sequence});
}

}  // namespace

void MicroBatch::Clear() {
  tokens.clear();
  positions.clear();
  segments.clear();
  slots.clear();
  label_rows.clear();
  targets.clear();
}

size_t UsedRows(const Example& example) {
  for (size_t t = example.is_label.size(); t-- > 1;) {
    if (example.is_label[t] != 0) return t;
  }
  return 0;
}

Packer::Packer(const std::vector<Group>& groups, std::span<const uint32_t> sampled, int64_t step)
    : groups_(groups), sampled_(sampled), step_(step) {}

bool Packer::Next(size_t max_rows, size_t max_slots, MicroBatch* batch) {
  batch->Clear();
  while (group_ < sampled_.size() && batch->slots.size() < std::max<size_t>(1, max_slots)) {
    const std::vector<Example>& examples = groups_[sampled_[group_]].examples;
    const auto first = static_cast<uint32_t>(batch->segments.size());
    bool full = false;
    for (; example_ < examples.size(); ++example_) {
      const Example& example = examples[example_];
      const size_t rows = UsedRows(example);
      if (rows == 0 || step_ % example.turns != example.turn) continue;
      full = !batch->segments.empty() && batch->rows() + rows > max_rows;
      if (full) break;
      const uint64_t sequence = (uint64_t{sampled_[group_]} << 20) + example_;
      Append(example, rows, sequence, batch);
    }
    const auto last = static_cast<uint32_t>(batch->segments.size());
    if (!full || last > first) {
      batch->slots.push_back({static_cast<uint32_t>(group_), first, last, !full});
    }
    if (full) break;
    ++group_;
    example_ = 0;
  }
  return !batch->slots.empty();
}

}  // namespace selvedge::trainer
