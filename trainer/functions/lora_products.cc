#include "trainer/functions/lora_products.h"

#include <vector>

#include "trainer/functions/dropout.h"

namespace selvedge::trainer {
namespace {

// B of a target as [r, out].
std::vector<float> TransposedB(const LoraTarget& target, const Tape& tape) {
  const size_t r = tape.layout->rank();
  std::vector<float> transposed(r * target.out);
  tape.dense->transpose(target.out, r, tape.b(target), r, transposed.data(), target.out);
  return transposed;
}

// What the adapter sees of x, the rows of a segment: x itself or, with dropout, `scratch`.
const float* Seen(const LoraTarget& target, const Segment& segment, const float* x,
                  std::vector<float>* scratch, const Tape& tape) {
  if (tape.layout->dropout() == 0) return x;
  Drop(*tape.layout, target, tape.dropout_seed, segment, x, scratch);
  return scratch->data();
}

// dB += scale dy^T h of one sequence. The product is made with `out` along its rows, where it is as
// wide as the vectors, and turned over on its way into the gradient; `scratch` is for that.
void AddGradientOfB(const LoraTarget& target, const Segment& s, const LoraRows& rows, float* db,
                    std::vector<float>* scratch, const Tape& tape) {
  const size_t r = tape.layout->rank();
  scratch->resize(2 * r * target.out);
  float* wide = scratch->data();
  float* turned = wide + r * target.out;
  tape.dense->gemm_tn(r, target.out, s.length(), tape.layout->scale(), rows.h + s.begin * r, r,
                      rows.dy + s.begin * target.out, target.out, false, wide, target.out);
  tape.dense->transpose(r, target.out, wide, target.out, turned, r);
  for (size_t i = 0; i < r * target.out; ++i) db[i] += turned[i];
}

// dx += u A of one segment, through the dropout where there is one.
void AddInputGradient(const LoraTarget& target, const Segment& s, const float* u, float* dx,
                      std::vector<float>* scratch, const Tape& tape) {
  const size_t r = tape.layout->rank(), n = s.length() * target.in;
  dx += s.begin * target.in;
  if (tape.layout->dropout() == 0) {
    tape.dense->gemm_nn(s.length(), target.in, r, 1, u, r, tape.a(target), target.in, true, dx,
                        target.in);
    return;
  }
  std::vector<float> product(n);
  tape.dense->gemm_nn(s.length(), target.in, r, 1, u, r, tape.a(target), target.in, false,
                      product.data(), target.in);
  Drop(*tape.layout, target, tape.dropout_seed, s, product.data(), scratch);
  for (size_t i = 0; i < n; ++i) dx[i] += (*scratch)[i];
}

}  // namespace

void AddLora(const LoraTarget& target, std::span<const Segment> segments, const float* x, float* h,
             float* y, Tape& tape) {
  const size_t r = tape.layout->rank();
  const std::vector<float> b = TransposedB(target, tape);
  tape.pool->ParallelFor(segments.size(), 1, [&](size_t begin, size_t end, int) {
    std::vector<float> scratch;
    for (size_t i = begin; i < end; ++i) {
      const Segment& s = segments[i];
      float* h_s = h + s.begin * r;
      const float* x_s = Seen(target, s, x + s.begin * target.in, &scratch, tape);
      tape.dense->gemm_nt(s.length(), r, target.in, 1, x_s, target.in, tape.a(target), target.in,
                          false, h_s, r);
      tape.dense->gemm_nn(s.length(), target.out, r, tape.layout->scale(), h_s, r, b.data(),
                          target.out, true, y + s.begin * target.out, target.out);
    }
  });
}

void AddLoraGradients(const LoraTarget& target, std::span<const Segment> segments,
                      std::span<const Slot> slots, const LoraRows& rows, Tape& tape) {
  const size_t r = tape.layout->rank();
  const std::vector<float> b = TransposedB(target, tape);
  tape.pool->ParallelFor(slots.size(), 1, [&](size_t begin, size_t end, int) {
    std::vector<float> u, scratch;
    for (size_t slot = begin; slot < end; ++slot) {
      float* gradient = tape.slot_gradients[slot];
      for (size_t i = slots[slot].begin; i < slots[slot].end; ++i) {
        const Segment& s = segments[i];
        AddGradientOfB(target, s, rows, gradient + target.b_offset, &scratch, tape);
        if (rows.x == nullptr && rows.dx == nullptr) continue;
        u.resize(s.length() * r);
        tape.dense->gemm_nt(s.length(), r, target.out, tape.layout->scale(),
                            rows.dy + s.begin * target.out, target.out, b.data(), target.out, false,
                            u.data(), r);
        if (rows.dx != nullptr) AddInputGradient(target, s, u.data(), rows.dx, &scratch, tape);
        if (rows.x == nullptr) continue;
        const float* x = Seen(target, s, rows.x + s.begin * target.in, &scratch, tape);
        tape.dense->gemm_tn(r, target.in, s.length(), 1, u.data(), r, x, target.in, true,
                            gradient + target.a_offset, target.in);
      }
    }
  });
}

}  // namespace selvedge::trainer
