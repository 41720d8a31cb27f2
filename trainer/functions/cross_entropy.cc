#include <ATen/ops/full.h>
#include <ATen/ops/mul.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "trainer/functions/functions.h"
#include "trainer/functions/lora_products.h"
#include "trainer/functions/tensor_pool.h"

namespace selvedge::trainer {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// -log softmax(logits)[target] with the model's cap on logits, which are replaced by the gradient
// divided by `scale`. `capped` is scratch.
double LossOfRow(size_t target, size_t vocab, float* logits, float* scale,
                 std::vector<float>* capped, const Tape& tape) {
  const float cap = tape.model->config().output_cap;
  if (cap == 0) return tape.dense->cross_entropy_row(logits, vocab, target, scale);
  tape.dense->soft_cap_row(cap, logits, vocab);
  capped->assign(logits, logits + vocab);
  const double loss = tape.dense->cross_entropy_row(logits, vocab, target, scale);
  tape.dense->soft_cap_grad_row(cap, capped->data(), vocab, logits);
  return loss;
}

// The label rows as runs of one sequence each, of kLabelPiece rows at most, and the slots over
// them. Where a sequence is cut depends on nothing but itself: each piece is one product of the
// adapter.
constexpr size_t kLabelPiece = 128;
constexpr uint64_t kNextSequence = 0x9e3779b97f4a7c15u;
static_assert(kLabelPiece <= LabelChunk(1));

struct LabelPieces {
  std::vector<Segment> pieces;
  std::vector<Slot> slots;
};

LabelPieces CutLabels(const MicroBatch& batch) {
  LabelPieces out;
  uint32_t label = 0;
  for (const Slot& slot : batch.slots) {
    const auto first = static_cast<uint32_t>(out.pieces.size());
    for (size_t s = slot.begin; s < slot.end; ++s) {
      uint32_t end = label;
      while (end < batch.label_rows.size() && batch.label_rows[end] < batch.segments[s].end) ++end;
      // Each piece is a sequence of its own for dropout.
      uint64_t sequence = batch.segments[s].sequence;
      for (; label < end; label = out.pieces.back().end, sequence += kNextSequence) {
        out.pieces.push_back({label, std::min<uint32_t>(label + kLabelPiece, end), sequence});
      }
    }
    out.slots.push_back(
        {slot.group, first, static_cast<uint32_t>(out.pieces.size()), slot.complete});
  }
  return out;
}

// Pieces [first, last) of `all` as rows of a chunk that begins with them.
LabelPieces Chunk(const LabelPieces& all, uint32_t first, uint32_t last) {
  LabelPieces out;
  const uint32_t row = all.pieces[first].begin;
  for (uint32_t i = first; i < last; ++i) {
    out.pieces.push_back(
        {all.pieces[i].begin - row, all.pieces[i].end - row, all.pieces[i].sequence});
  }
  for (const Slot& slot : all.slots) {
    const uint32_t begin = std::clamp(slot.begin, first, last) - first;
    out.slots.push_back({slot.group, begin, std::clamp(slot.end, first, last) - first, false});
  }
  return out;
}

// Logits, losses and gradients of some label rows at a time.
class Head {
 public:
  Head(Tape& tape, bool wants_adapter_gradient)
      : tape_(tape),
        output_(tape.model->output()),
        target_(tape.layout->Find(output_)),
        wants_adapter_gradient_(wants_adapter_gradient) {}

  // Label rows [begin, begin + rows) of the batch: x [rows, n_embd], scratch `scores` [rows,
  // vocab]. `dx` [rows, n_embd] is null if nobody wants it.
  void Run(const LabelPieces& chunk, size_t begin, const float* x, float* scores, float* dx) {
    const size_t rows = chunk.pieces.back().end;
    tape_.CheckStop();
    kernels::GemmForward(*tape_.pool, tape_.precision, output_, x, rows, scores);
    if (target_ != nullptr) {
      h_.resize(rows * tape_.layout->rank());
      AddLora(*target_, chunk.pieces, x, h_.data(), scores, tape_);
    }
    scales_.resize(rows);
    const bool adapts = target_ != nullptr && wants_adapter_gradient_;
    tape_.pool->ParallelFor(rows, 8, [&](size_t first, size_t last, int) {
      std::vector<float> capped;
      for (size_t i = first; i < last; ++i) {
        float* row = scores + i * output_.rows;
        tape_.label_losses[begin + i] =
            LossOfRow(static_cast<size_t>(tape_.batch->targets[begin + i]), output_.rows, row,
                      &scales_[i], &capped, tape_);
        if (adapts) Scale(row, output_.rows, &scales_[i]);
      }
    });
    if (dx != nullptr) {
      kernels::GemmInputGrad(*tape_.pool, tape_.precision, output_, scores, rows, dx, false);
      const size_t n = output_.cols;
      for (size_t i = 0; i < rows; ++i) Scale(dx + i * n, n, &scales_[i]);
    }
    if (adapts) {
      const LoraRows lora = {tape_.layout->freeze_a() ? nullptr : x, h_.data(), scores, dx};
      AddLoraGradients(*target_, chunk.pieces, chunk.slots, lora, tape_);
    }
  }

 private:
  // The row is multiplied and its scale is 1 from now on.
  static void Scale(float* row, size_t n, float* scale) {
    if (*scale == 1) return;
    for (size_t j = 0; j < n; ++j) row[j] *= *scale;
    *scale = 1;
  }

  Tape& tape_;
  const kernels::WeightView& output_;
  const LoraTarget* target_;
  const bool wants_adapter_gradient_;
  std::vector<float> h_;       // [rows, r]
  std::vector<float> scales_;  // what the rows of the gradient are still to be multiplied with
};

struct CrossEntropyFunction : torch::autograd::Function<CrossEntropyFunction> {
  static at::Tensor forward(AutogradContext* ctx, const at::Tensor& x,
                            const c10::optional<at::Tensor>& leaf, Tape* tape) {
    const auto n = static_cast<size_t>(x.size(1));
    const size_t limit = LabelChunk(tape->recomputed_layers);
    const LabelPieces all = CutLabels(*tape->batch);
    if (const LoraTarget* target = tape->layout->Find(tape->model->output())) {
      tape->Observe(*target, x.data_ptr<float>(), all.pieces);
    }
    at::Tensor dx;
    if (x.requires_grad()) dx = NewTensor(*tape, x.size(0), x.size(1));
    at::Tensor logits = NewTensor(*tape, std::min(static_cast<int64_t>(limit), x.size(0)),
                                  static_cast<int64_t>(tape->model->output().rows));
    Head head(*tape, leaf.has_value());
    const auto pieces = static_cast<uint32_t>(all.pieces.size());
    for (uint32_t first = 0, last = 0; first < pieces; first = last) {
      const size_t begin = all.pieces[first].begin;
      while (last < pieces && all.pieces[last].end - begin <= limit) ++last;
      head.Run(Chunk(all, first, last), begin, x.data_ptr<float>() + begin * n,
               logits.data_ptr<float>(), dx.defined() ? dx.data_ptr<float>() + begin * n : nullptr);
    }
    double sum = 0;
    for (const double loss : tape->label_losses) sum += loss;
    ctx->save_for_backward({dx});
    return at::full({}, sum, x.options());
  }

  static variable_list backward(AutogradContext* ctx, variable_list gradients) {
    const at::Tensor dx = ctx->get_saved_variables()[0];
    return {dx.defined() ? at::mul(dx, gradients[0]) : dx, at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor CrossEntropy(const at::Tensor& x, const at::Tensor& leaf, Tape& tape) {
  const bool adapted = leaf.defined() && tape.layout->Find(tape.model->output()) != nullptr;
  const c10::optional<at::Tensor> start = adapted ? c10::make_optional(leaf) : c10::nullopt;
  return CrossEntropyFunction::apply(x, start, &tape);
}

}  // namespace selvedge::trainer
