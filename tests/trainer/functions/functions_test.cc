// Every autograd function against central differences of the same formula written in double.

#include "trainer/functions/functions.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/mul.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "tests/trainer/fixture/gradients.h"
#include "tests/trainer/fixture/tiny_model.h"
#include "trainer/functions/dropout.h"

namespace selvedge::trainer {
namespace {

using testing::RandomWeights;
using Values = std::vector<double>;

at::Tensor Leaf(const std::vector<float>& values, int64_t rows, int64_t cols) {
  at::Tensor tensor = at::empty({rows, cols}, at::kFloat);
  std::copy(values.begin(), values.end(), tensor.data_ptr<float>());
  return tensor.requires_grad_(true);
}

// d/dx of sum(f(x) * direction) by central differences. In double with step 1e-5 the error of
// the quotient is of the order 1e-9.
Values Differences(const std::function<Values(const Values&)>& f, const std::vector<float>& x,
                   const std::vector<float>& direction) {
  const auto along = [&](const Values& at) {
    const Values y = f(at);
    double sum = 0;
    for (size_t i = 0; i < y.size(); ++i) sum += y[i] * direction[i];
    return sum;
  };
  Values point(x.begin(), x.end()), gradient(x.size());
  for (size_t i = 0; i < x.size(); ++i) {
    const double step = 1e-5;
    point[i] = x[i] + step;
    const double up = along(point);
    point[i] = x[i] - step;
    gradient[i] = (up - along(point)) / (2 * step);
    point[i] = x[i];
  }
  return gradient;
}

// Largest difference as a share of the largest value.
void ExpectClose(const at::Tensor& got, const Values& expected, double tolerance) {
  ASSERT_EQ(static_cast<size_t>(got.numel()), expected.size());
  const float* values = got.data_ptr<float>();
  double worst = 0, largest = 1e-12;
  for (size_t i = 0; i < expected.size(); ++i) {
    worst = std::max(worst, std::abs(values[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  EXPECT_LE(worst / largest, tolerance);
}

class Functions : public ::testing::Test {
 protected:
  Functions() : pool_(2) {
    layout_ = std::make_unique<LoraLayout>(*LoraLayout::Create(*model_, config_));
    for (const uint32_t length : {5u, 1u, 70u}) Append(length);
    batch_.slots = {{0, 0, 2, true}, {1, 2, 3, true}};
    frozen_ = RandomWeights(layout_->frozen(), 0.2f, 1);
    trained_ = RandomWeights(layout_->trained(), 0.2f, 2);
    tape_.model = model_.get();
    tape_.layout = layout_.get();
    tape_.dense = &ActiveDenseKernels();
    tape_.pool = &pool_;
    tape_.batch = &batch_;
    tape_.angles = &angles_;
    tape_.frozen = frozen_.data();
    tape_.trained = trained_.data();
    for (auto& gradient : slot_gradients_) gradient.resize(layout_->trained());
    slot_pointers_ = {slot_gradients_[0].data(), slot_gradients_[1].data()};
    tape_.slot_gradients = slot_pointers_;
  }

  void Append(uint32_t length) {
    const auto begin = static_cast<uint32_t>(batch_.rows());
    for (uint32_t t = 0; t < length; ++t) {
      batch_.tokens.push_back(static_cast<int32_t>((t * 7 + length) % 80));
      batch_.positions.push_back(t);
    }
    batch_.segments.push_back({begin, begin + length});
  }

  int64_t rows() const { return static_cast<int64_t>(batch_.rows()); }

  std::shared_ptr<const inference::Model> model_ = testing::TinyModel();
  Config config_ = testing::PlainConfig(*model_, 1);
  std::unique_ptr<LoraLayout> layout_;
  core::ThreadPool pool_;
  MicroBatch batch_;
  inference::RotaryAngles angles_ = model_->rope(false, 70).First(70);
  Tape tape_;
  std::vector<float> frozen_, trained_;
  std::vector<float> slot_gradients_[2];
  std::vector<float*> slot_pointers_;
};

TEST_F(Functions, RmsNormHasTheGradientOfItsFormula) {
  const size_t n = 64, r = 3;
  const auto x = RandomWeights(r * n, 1, 3), direction = RandomWeights(r * n, 1, 4);
  const std::vector<float>& weight = model_->output_norm();
  const auto formula = [&](const Values& in) {
    Values out(in.size());
    for (size_t i = 0; i < r; ++i) {
      double square = 0;
      for (size_t j = 0; j < n; ++j) square += in[i * n + j] * in[i * n + j];
      const double scale = 1 / std::sqrt(square / n + model_->config().norm_eps);
      for (size_t j = 0; j < n; ++j) out[i * n + j] = in[i * n + j] * scale * weight[j];
    }
    return out;
  };
  at::Tensor leaf = Leaf(x, r, n);
  const at::Tensor y = RmsNorm(leaf, weight, tape_);
  ExpectClose(y, formula(Values(x.begin(), x.end())), 1e-6);
  y.backward(Leaf(direction, r, n));
  ExpectClose(leaf.grad(), Differences(formula, x, direction), 1e-5);
}

TEST_F(Functions, RopeHasTheGradientOfItsFormula) {
  const size_t heads = 2, d = 16, cols = heads * d;
  const auto x = RandomWeights(batch_.rows() * cols, 1, 3);
  const auto direction = RandomWeights(batch_.rows() * cols, 1, 4);
  const auto formula = [&](const Values& in) {
    Values out(in.size());
    for (size_t i = 0; i < batch_.rows(); ++i) {
      for (size_t h = 0; h < heads; ++h) {
        for (size_t j = 0; j < d / 2; ++j) {
          const double angle = batch_.positions[i] * std::pow(10000.0, -2.0 * j / d);
          const size_t at = i * cols + h * d + 2 * j;
          out[at] = in[at] * std::cos(angle) - in[at + 1] * std::sin(angle);
          out[at + 1] = in[at] * std::sin(angle) + in[at + 1] * std::cos(angle);
        }
      }
    }
    return out;
  };
  at::Tensor leaf = Leaf(x, rows(), cols);
  const at::Tensor y = Rope(leaf, heads, false, tape_);
  ExpectClose(y, formula(Values(x.begin(), x.end())), 1e-5);
  y.backward(Leaf(direction, rows(), cols));
  // The rotation is linear: its differences are exact but for the tables' rounding of the angle.
  ExpectClose(leaf.grad(), Differences(formula, x, direction), 1e-5);
}

TEST_F(Functions, GatedUnitHasTheGradientOfItsFormula) {
  const size_t r = 3, n = 37;
  const auto x = RandomWeights(2 * r * n, 2, 3), direction = RandomWeights(r * n, 1, 4);
  const auto formula = [&](const Values& in) {
    Values out(r * n);
    for (size_t i = 0; i < r * n; ++i) out[i] = in[i] / (1 + std::exp(-in[i])) * in[r * n + i];
    return out;
  };
  at::Tensor gate = Leaf({x.begin(), x.begin() + r * n}, r, n);
  at::Tensor up = Leaf({x.begin() + r * n, x.end()}, r, n);
  const at::Tensor y = GatedUnit(gate, up, tape_);
  ExpectClose(y, formula(Values(x.begin(), x.end())), 1e-6);
  y.backward(Leaf(direction, r, n));
  const Values expected = Differences(formula, x, direction);
  ExpectClose(gate.grad(), {expected.begin(), expected.begin() + r * n}, 1e-5);
  ExpectClose(up.grad(), {expected.begin() + r * n, expected.end()}, 1e-5);
}

// Causal attention of each sequence, one query at a time.
Values AttentionFormula(const MicroBatch& batch, const inference::ModelConfig& c,
                        const Values& qkv) {
  const size_t m = batch.rows(), d = c.head_dim, qs = c.n_heads * d, ks = c.n_kv_heads * d;
  const double* q = qkv.data();
  const double* k = q + m * qs;
  const double* v = k + m * ks;
  Values out(m * qs);
  for (const Segment& s : batch.segments) {
    for (size_t h = 0; h < c.n_heads; ++h) {
      const size_t g = h / (c.n_heads / c.n_kv_heads);
      for (size_t i = s.begin; i < s.end; ++i) {
        Values p;
        double sum = 0;
        for (size_t j = s.begin; j <= i; ++j) {
          double dot = 0;
          for (size_t l = 0; l < d; ++l) dot += q[i * qs + h * d + l] * k[j * ks + g * d + l];
          p.push_back(std::exp(dot / std::sqrt(static_cast<double>(d))));
          sum += p.back();
        }
        for (size_t j = s.begin; j <= i; ++j) {
          for (size_t l = 0; l < d; ++l) {
            out[i * qs + h * d + l] += p[j - s.begin] / sum * v[j * ks + g * d + l];
          }
        }
      }
    }
  }
  return out;
}

TEST_F(Functions, AttentionHasTheGradientOfItsFormula) {
  // Lengths on both sides of a query block, small enough for differences in every input.
  batch_.Clear();
  for (const uint32_t length : {3u, 1u, 66u}) Append(length);
  const inference::ModelConfig& c = model_->config();
  const size_t m = batch_.rows(), qn = m * c.n_heads * c.head_dim;
  const size_t kn = m * c.n_kv_heads * c.head_dim;
  const auto x = RandomWeights(qn + 2 * kn, 0.7f, 3), direction = RandomWeights(qn, 1, 4);
  const auto formula = [&](const Values& in) { return AttentionFormula(batch_, c, in); };
  at::Tensor q = Leaf({x.begin(), x.begin() + qn}, rows(), c.n_heads * c.head_dim);
  at::Tensor k = Leaf({x.begin() + qn, x.begin() + qn + kn}, rows(), c.n_kv_heads * c.head_dim);
  at::Tensor v = Leaf({x.begin() + qn + kn, x.end()}, rows(), c.n_kv_heads * c.head_dim);
  const at::Tensor o = Attention(q, k, v, false, tape_);
  ExpectClose(o, formula(Values(x.begin(), x.end())), 2e-6);
  o.backward(Leaf(direction, rows(), c.n_heads * c.head_dim));
  // Differences for a sample of the inputs: all would take minutes.
  const at::Tensor parts[] = {q.grad(), k.grad(), v.grad()};
  std::vector<float> got;
  for (const at::Tensor& part : parts) {
    got.insert(got.end(), part.data_ptr<float>(), part.data_ptr<float>() + part.numel());
  }
  Values point(x.begin(), x.end());
  double largest = 0;
  for (const float g : got) largest = std::max<double>(largest, std::abs(g));
  for (size_t i = 0; i < x.size(); i += 97) {
    double sides[2];
    for (const int side : {0, 1}) {
      point[i] = x[i] + (side == 0 ? 1e-5 : -1e-5);
      const Values y = formula(point);
      sides[side] = std::inner_product(y.begin(), y.end(), direction.begin(), 0.0);
      point[i] = x[i];
    }
    EXPECT_NEAR(got[i], (sides[0] - sides[1]) / 2e-5, 1e-5 * largest) << i;
  }
}

TEST_F(Functions, CrossEntropyHasTheGradientOfItsFormula) {
  const size_t labels = 290, n = 64;  // more than one chunk
  batch_.Clear();
  for (const uint32_t length : {20u, 270u}) Append(length);
  batch_.slots = {{0, 0, 1, true}, {1, 1, 2, true}};
  for (size_t i = 0; i < labels; ++i) {
    batch_.label_rows.push_back(static_cast<uint32_t>(i));
    batch_.targets.push_back(static_cast<int32_t>(i * 11 % 80));
  }
  std::vector<double> losses(labels);
  tape_.label_losses = losses;
  const std::vector<float> w = testing::Dequantized(model_->output());
  const auto x = RandomWeights(labels * n, 1, 3);
  const auto row_loss = [&](const double* in, size_t target) {
    double sum = 0, at_target = 0;
    for (size_t v = 0; v < 80; ++v) {
      double logit = 0;
      for (size_t j = 0; j < n; ++j) logit += in[j] * w[v * n + j];
      sum += std::exp(logit);
      if (v == target) at_target = logit;
    }
    return std::log(sum) - at_target;
  };
  at::Tensor leaf = Leaf(x, labels, n);
  const at::Tensor loss = CrossEntropy(leaf, at::Tensor(), tape_);
  loss.backward();
  double total = 0;
  Values expected;
  for (size_t i = 0; i < labels; ++i) {
    Values row(x.begin() + static_cast<long>(i * n), x.begin() + static_cast<long>((i + 1) * n));
    const auto target = static_cast<size_t>(batch_.targets[i]);
    EXPECT_NEAR(losses[i], row_loss(row.data(), target), 1e-5);
    total += losses[i];
    for (size_t j = 0; j < n; ++j) {
      const double middle = row[j];
      row[j] = middle + 1e-5;
      const double up = row_loss(row.data(), target);
      row[j] = middle - 1e-5;
      expected.push_back((up - row_loss(row.data(), target)) / 2e-5);
      row[j] = middle;
    }
  }
  EXPECT_NEAR(loss.item<float>(), total, 1e-3);
  ExpectClose(leaf.grad(), expected, 1e-5);
}

// What dropout multiplies each value of an input [rows, in] with.
Values Mask(const LoraLayout& layout, const LoraTarget& target, const Tape& tape) {
  Values mask;
  for (const Segment& segment : tape.batch->segments) {
    const std::vector<float> ones(segment.length() * target.in, 1.0f);
    std::vector<float> kept;
    Drop(layout, target, tape.dropout_seed, segment, ones.data(), &kept);
    mask.insert(mask.end(), kept.begin(), kept.end());
  }
  return mask;
}

TEST_F(Functions, DropoutKeepsItsShareAndTheMean) {
  config_.dropout = 0.3;
  *layout_ = *LoraLayout::Create(*model_, config_);
  const LoraTarget& target = *layout_->Find(model_->layers()[0].ffn_gate);
  const Values mask = Mask(*layout_, target, tape_);
  const auto dropped = static_cast<double>(std::count(mask.begin(), mask.end(), 0.0));
  const auto n = static_cast<double>(mask.size());
  EXPECT_NEAR(dropped / n, 0.3, 4 * std::sqrt(0.3 * 0.7 / n));
  for (const double v : mask) EXPECT_TRUE(v == 0 || std::abs(v - 1 / 0.7) < 1e-4) << v;
  tape_.dropout_seed = 1;
  EXPECT_NE(Mask(*layout_, target, tape_), mask);
  EXPECT_NE(Mask(*layout_, *layout_->Find(model_->layers()[0].ffn_up), tape_), mask);
}

TEST_F(Functions, LoraLinearHasTheGradientsOfItsFormula) {
  for (const int variant : {0, 1, 2, 3}) {
    const bool freeze_a = variant % 2 == 0;
    config_.freeze_a = freeze_a;
    config_.dropout = variant < 2 ? 0 : 0.4;
    *layout_ = *LoraLayout::Create(*model_, config_);
    const LoraTarget& target = *layout_->Find(model_->layers()[0].ffn_gate);
    frozen_ = RandomWeights(layout_->frozen(), 0.2f, 1);
    trained_ = RandomWeights(layout_->trained(), 0.2f, 2);
    tape_.frozen = frozen_.data();
    tape_.trained = trained_.data();
    for (int i : {0, 1}) {
      slot_gradients_[i].assign(layout_->trained(), 0);
      slot_pointers_[static_cast<size_t>(i)] = slot_gradients_[i].data();
    }
    const size_t r = layout_->rank(), m = batch_.rows(), in = target.in, out = target.out;
    const std::vector<float> w = testing::Dequantized(*target.weight);
    const std::vector<float> a(tape_.a(target), tape_.a(target) + r * in);
    const std::vector<float> b(tape_.b(target), tape_.b(target) + r * out);
    const Values mask = Mask(*layout_, target, tape_);
    const auto x = RandomWeights(m * in, 1, 3), direction = RandomWeights(m * out, 1, 4);
    // y of rows [first, last) with the factors given in double.
    const auto formula = [&](const Values& xs, const Values& as, const Values& bs, size_t first,
                             size_t last) {
      double along = 0;
      for (size_t i = first; i < last; ++i) {
        Values h(r);
        for (size_t l = 0; l < r; ++l) {
          for (size_t j = 0; j < in; ++j)
            h[l] += mask[i * in + j] * xs[i * in + j] * as[l * in + j];
        }
        for (size_t o = 0; o < out; ++o) {
          double y = 0;
          for (size_t j = 0; j < in; ++j) y += xs[i * in + j] * w[o * in + j];
          for (size_t l = 0; l < r; ++l) y += layout_->scale() * h[l] * bs[o * r + l];
          along += y * direction[i * out + o];
        }
      }
      return along;
    };
    at::Tensor leaf = Leaf(x, rows(), static_cast<int64_t>(in));
    LoraLinears(leaf, leaf, {target.weight}, tape_)[0].backward(
        Leaf(direction, rows(), static_cast<int64_t>(out)));
    Values xd(x.begin(), x.end()), ad(a.begin(), a.end()), bd(b.begin(), b.end());
    const auto difference = [&](Values& values, size_t at, size_t first, size_t last) {
      const double middle = values[at];
      values[at] = middle + 1e-4;
      const double up = formula(xd, ad, bd, first, last);
      values[at] = middle - 1e-4;
      const double down = formula(xd, ad, bd, first, last);
      values[at] = middle;
      return (up - down) / 2e-4;  // exact for a function linear in this value
    };
    for (size_t i = 0; i < m * in; i += 211) {
      EXPECT_NEAR(leaf.grad().data_ptr<float>()[i], difference(xd, i, i / in, i / in + 1), 2e-5);
    }
    for (const size_t slot : {0, 1}) {
      const size_t first = slot == 0 ? 0 : 6, last = slot == 0 ? 6 : 76;
      for (size_t i = 0; i < b.size(); i += 29) {
        EXPECT_NEAR(slot_gradients_[slot][target.b_offset + i], difference(bd, i, first, last),
                    2e-4);
      }
      for (size_t i = 0; !freeze_a && i < a.size(); i += 19) {
        EXPECT_NEAR(slot_gradients_[slot][target.a_offset + i], difference(ad, i, first, last),
                    2e-4);
      }
    }
  }
}

}  // namespace
}  // namespace selvedge::trainer
