// The whole model: group gradients against ATen's own autograd on dequantized weights in double,
// against one group at a time, and bit for bit across packings and threads.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tests/trainer/fixture/gradients.h"
#include "tests/trainer/fixture/tiny_model.h"
#include "trainer/optim/adam.h"

namespace selvedge::trainer {
namespace {

using testing::Gradients;
using testing::GroupGradient;
using testing::RandomWeights;

// The decoder in plain ATen operations, double precision, one sequence at a time.
class DoubleDecoder {
 public:
  DoubleDecoder(const inference::Model& model, const LoraLayout& layout,
                const std::vector<float>& frozen, const std::vector<float>& trained)
      : model_(model), layout_(layout) {
    const auto r = static_cast<int64_t>(layout.rank());
    for (const LoraTarget& t : layout.targets()) {
      const std::vector<float>& a = layout.freeze_a() ? frozen : trained;
      a_.push_back(Matrix(a.data() + t.a_offset, r, static_cast<int64_t>(t.in)));
      b_.push_back(Matrix(trained.data() + t.b_offset, static_cast<int64_t>(t.out), r));
      if (!layout.freeze_a()) a_.back().requires_grad_(true);
      b_.back().requires_grad_(true);
    }
  }

  // Gradient [P] and loss of a group's summed label losses.
  GroupGradient Run(const Group& group) {
    at::Tensor loss = at::zeros({}, at::kDouble);
    GroupGradient result;
    for (const Example& example : group.examples) {
      if (example.tokens.size() < 2) continue;
      loss = loss + SequenceLoss(example, &result.labels);
    }
    result.gradient.assign(layout_.trained(), 0);
    result.loss = loss.item<double>();
    if (!loss.requires_grad()) return result;
    loss.backward();
    for (size_t i = 0; i < b_.size(); ++i) {
      const LoraTarget& t = layout_.targets()[i];
      Take(b_[i], result.gradient.data() + t.b_offset);
      if (!layout_.freeze_a()) Take(a_[i], result.gradient.data() + t.a_offset);
    }
    return result;
  }

 private:
  static at::Tensor Matrix(const float* data, int64_t rows, int64_t cols) {
    return at::from_blob(const_cast<float*>(data), {rows, cols}, at::kFloat).to(at::kDouble);
  }
  static void Take(at::Tensor& leaf, float* out) {
    if (!leaf.grad().defined()) return;
    const at::Tensor gradient = leaf.grad().contiguous();
    for (int64_t i = 0; i < gradient.numel(); ++i) {
      out[i] = static_cast<float>(gradient.data_ptr<double>()[i]);
    }
    leaf.mutable_grad() = at::Tensor();
  }

  at::Tensor Linear(const at::Tensor& x, const kernels::WeightView& w) const {
    const std::vector<float> values = testing::Dequantized(w);
    at::Tensor y = x.matmul(
        Matrix(values.data(), static_cast<int64_t>(w.rows), static_cast<int64_t>(w.cols)).t());
    for (size_t i = 0; i < a_.size(); ++i) {
      if (layout_.targets()[i].weight != &w) continue;
      y = y + layout_.scale() * x.matmul(a_[i].t()).matmul(b_[i].t());
    }
    return y;
  }

  at::Tensor Norm(const at::Tensor& x, const std::vector<float>& weight) const {
    const at::Tensor w = Matrix(weight.data(), 1, static_cast<int64_t>(weight.size()));
    return x * (x.square().mean(-1, true) + model_.config().norm_eps).rsqrt() * w;
  }

  at::Tensor Rotate(const at::Tensor& x, bool local) const {  // [T, heads, D]
    const int64_t d = x.size(2);
    const float base = local ? model_.config().local_rope_base : model_.config().rope_base;
    const at::Tensor frequency = at::pow(base, at::arange(0, d, 2, at::kDouble) / -d);
    const at::Tensor angle =
        (at::arange(x.size(0), at::kDouble).unsqueeze(1) * frequency).unsqueeze(1);
    if (!model_.config().rope_interleaved) {
      const at::Tensor first = x.slice(2, 0, d / 2), second = x.slice(2, d / 2, d);
      return at::cat(
          {first * angle.cos() - second * angle.sin(), first * angle.sin() + second * angle.cos()},
          -1);
    }
    const at::Tensor even = x.slice(2, 0, d, 2), odd = x.slice(2, 1, d, 2);
    return at::stack(
               {even * angle.cos() - odd * angle.sin(), even * angle.sin() + odd * angle.cos()}, -1)
        .flatten(2);
  }

  static at::Tensor Capped(const at::Tensor& x, double cap) {
    return cap == 0 ? x : cap * at::tanh(x / cap);
  }

  at::Tensor Attend(const at::Tensor& h, size_t index) const {
    const inference::ModelConfig& c = model_.config();
    const inference::LayerWeights& layer = model_.layers()[index];
    const bool local = c.IsLocal(index);
    const int64_t t = h.size(0), d = c.head_dim;
    const auto heads = [&](const kernels::WeightView& w, const std::vector<float>& bias,
                           const std::vector<float>& norm) {
      at::Tensor x = Linear(h, w);
      if (!bias.empty()) x = x + Matrix(bias.data(), 1, static_cast<int64_t>(bias.size()));
      x = x.view({t, -1, d});
      return norm.empty() ? x : Norm(x, norm);
    };
    const at::Tensor q =
        Rotate(heads(layer.attn_q, layer.attn_q_bias, layer.attn_q_norm), local).transpose(0, 1);
    at::Tensor k =
        Rotate(heads(layer.attn_k, layer.attn_k_bias, layer.attn_k_norm), local).transpose(0, 1);
    at::Tensor v = heads(layer.attn_v, layer.attn_v_bias, {}).transpose(0, 1);
    k = k.repeat_interleave(c.n_heads / c.n_kv_heads, 0);
    v = v.repeat_interleave(c.n_heads / c.n_kv_heads, 0);
    at::Tensor unseen = at::ones({t, t}, at::kBool).triu(1);
    if (local) unseen = unseen.logical_or(at::ones({t, t}, at::kBool).tril(-int64_t{c.window}));
    const at::Tensor scores =
        Capped(q.matmul(k.transpose(1, 2)) * double{c.attention_scale}, c.attention_cap)
            .masked_fill(unseen, -1e30);
    return Linear(at::softmax(scores, -1).matmul(v).transpose(0, 1).reshape({t, c.n_heads * d}),
                  layer.attn_output);
  }

  at::Tensor SequenceLoss(const Example& example, int64_t* labels) const {
    const std::vector<float> table = testing::Dequantized(model_.token_embedding());
    const auto n = static_cast<int64_t>(model_.config().n_embd);
    std::vector<int64_t> ids(example.tokens.begin(), example.tokens.end());
    const at::Tensor tokens = at::tensor(ids, at::kLong);
    const int64_t t = tokens.size(0) - 1;
    const inference::ModelConfig& c = model_.config();
    const auto post_norm = [&](const at::Tensor& y, const std::vector<float>& norm) {
      return norm.empty() ? y : Norm(y, norm);
    };
    const auto activate = [&](const at::Tensor& y) {
      return c.activation == inference::Activation::kGelu ? at::gelu(y, "tanh") : at::silu(y);
    };
    at::Tensor x = double{c.embedding_scale} *
                   Matrix(table.data(), c.n_vocab, n).index({tokens.slice(0, 0, t)});
    for (size_t i = 0; i < model_.layers().size(); ++i) {
      const inference::LayerWeights& layer = model_.layers()[i];
      x = x + post_norm(Attend(Norm(x, layer.attn_norm), i), layer.attn_post_norm);
      const at::Tensor h = Norm(x, layer.ffn_norm);
      const at::Tensor gated = activate(Linear(h, layer.ffn_gate)) * Linear(h, layer.ffn_up);
      x = x + post_norm(Linear(gated, layer.ffn_down), layer.ffn_post_norm);
    }
    const at::Tensor logits =
        Capped(Linear(Norm(x, model_.output_norm()), model_.output()), c.output_cap);
    at::Tensor loss = at::zeros({}, at::kDouble);
    const at::Tensor log_p = at::log_softmax(logits, -1);
    for (int64_t i = 0; i < t; ++i) {
      if (example.is_label[static_cast<size_t>(i) + 1] == 0) continue;
      loss = loss - log_p[i][ids[static_cast<size_t>(i) + 1]];
      ++*labels;
    }
    return loss;
  }

  const inference::Model& model_;
  const LoraLayout& layout_;
  std::vector<at::Tensor> a_, b_;
};

double RelativeDistance(const std::vector<float>& got, const std::vector<float>& expected) {
  double difference = 0, norm = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    difference += std::pow(static_cast<double>(got[i]) - expected[i], 2);
    norm += std::pow(static_cast<double>(expected[i]), 2);
  }
  return std::sqrt(difference / std::max(norm, 1e-30));
}

double NormOf(const std::vector<float>& values) {
  double sum = 0;
  for (const float v : values) sum += static_cast<double>(v) * v;
  return std::sqrt(sum);
}

// The largest relative distance of one tensor of the trained vector.
double WorstTensor(const LoraLayout& layout, const std::vector<float>& got,
                   const std::vector<float>& expected) {
  double worst = 0;
  const auto slice = [](const std::vector<float>& v, size_t begin, size_t n) {
    return std::vector<float>(v.begin() + static_cast<long>(begin),
                              v.begin() + static_cast<long>(begin + n));
  };
  for (const LoraTarget& t : layout.targets()) {
    const size_t b = layout.rank() * t.out, a = layout.freeze_a() ? 0 : layout.rank() * t.in;
    worst = std::max(worst,
                     RelativeDistance(slice(got, t.b_offset, b), slice(expected, t.b_offset, b)));
    if (a == 0) continue;
    worst = std::max(worst,
                     RelativeDistance(slice(got, t.a_offset, a), slice(expected, t.a_offset, a)));
  }
  return worst;
}

struct Case {
  std::shared_ptr<const inference::Model> model;
  Config config;
  LoraLayout layout;
  std::vector<float> frozen, trained;
};

Case MakeCase(bool freeze_a, core::DType type, uint32_t rank = 4,
              const std::string& family = "llama") {
  testing::TinyShape shape;
  shape.type = type;
  shape.family = family;
  auto model = testing::TinyModel(shape);
  Config config = testing::PlainConfig(*model, 1);
  config.target_modules.push_back("output.weight");
  config.freeze_a = freeze_a;
  config.rank = rank;
  LoraLayout layout = *LoraLayout::Create(*model, config);
  return {model, config, layout, RandomWeights(layout.frozen(), 0.1f, 8),
          RandomWeights(layout.trained(), 0.1f, 9)};
}

TEST(Decoder, GroupGradientsAgreeWithAtenAutogradInDouble) {
  for (const core::DType type : {core::DType::kQ8_0, core::DType::kQ4_0, core::DType::kF32}) {
    for (const bool freeze_a : {true, false}) {
      const Case s = MakeCase(freeze_a, type);
      const std::vector<Group> groups = testing::RandomGroups(*s.model, 3, 2, 40, 3);
      const auto got = Gradients(*s.model, s.layout, groups, s.frozen, s.trained, {});
      DoubleDecoder reference(*s.model, s.layout, s.frozen, s.trained);
      ASSERT_EQ(got.size(), groups.size());
      for (size_t i = 0; i < groups.size(); ++i) {
        const GroupGradient expected = reference.Run(groups[i]);
        EXPECT_EQ(got[i].labels, expected.labels);
        EXPECT_NEAR(got[i].loss, expected.loss, 1e-5 * expected.loss);
        EXPECT_LE(WorstTensor(s.layout, got[i].gradient, expected.gradient), 1e-5);
        const double norm = NormOf(expected.gradient);
        EXPECT_NEAR(NormOf(got[i].gradient), norm, 1e-6 * norm);
      }
    }
  }
}

// The same optimizer, which follows torch.optim's (adam_test.cc), on both gradients.
TEST(Decoder, LossesOf50StepsFollowAtensAutogradInDouble) {
  for (const auto precision : {kernels::GemmPrecision::kFloat32, kernels::GemmPrecision::kFast}) {
    const Case s = MakeCase(false, core::DType::kQ8_0);
    const std::vector<Group> groups = testing::RuleGroups(*s.model, 4, 16, 3);
    OptimizerState ours = OptimizerState::Start(s.trained);
    OptimizerState theirs = OptimizerState::Start(s.trained);
    testing::PassOptions options;
    options.precision = precision;
    double worst = 0, first = 0, last = 0;
    for (int step = 0; step < 50; ++step) {
      const auto got = Gradients(*s.model, s.layout, groups, s.frozen, ours.weights, options);
      DoubleDecoder reference(*s.model, s.layout, s.frozen, theirs.weights);
      MeanGradient our_mean(s.layout.trained()), their_mean(s.layout.trained());
      double our_loss = 0, their_loss = 0;
      int64_t labels = 0;
      for (size_t i = 0; i < groups.size(); ++i) {
        const GroupGradient expected = reference.Run(groups[i]);
        our_mean.Add(got[i].gradient, got[i].labels);
        their_mean.Add(expected.gradient, expected.labels);
        our_loss += got[i].loss;
        their_loss += expected.loss;
        labels += expected.labels;
      }
      last = their_loss / static_cast<double>(labels);
      if (step == 0) first = last;
      worst = std::max(worst, std::abs(our_loss / static_cast<double>(labels) - last));
      ASSERT_TRUE(PlainAdam({}).Step(our_mean, 0.003, &ours).ok());
      ASSERT_TRUE(PlainAdam({}).Step(their_mean, 0.003, &theirs).ok());
    }
    EXPECT_LT(last, 0.7 * first);
    EXPECT_LE(worst, precision == kernels::GemmPrecision::kFloat32 ? 1e-5 : 1e-3);
    RecordProperty(precision == kernels::GemmPrecision::kFast ? "worst_fast" : "worst_f32",
                   std::to_string(worst * 1e6) + "e-6");
  }
}

TEST(Decoder, EveryTrainableFamilyAgreesWithAtenAutogradToo) {
  for (const char* family : {"qwen2", "qwen3", "gemma2", "gemma3"}) {
    for (const bool freeze_a : {true, false}) {
      const Case s = MakeCase(freeze_a, core::DType::kF32, 4, family);
      const std::vector<Group> groups = testing::RandomGroups(*s.model, 3, 2, 40, 3);
      const auto got = Gradients(*s.model, s.layout, groups, s.frozen, s.trained, {});
      DoubleDecoder reference(*s.model, s.layout, s.frozen, s.trained);
      for (size_t i = 0; i < groups.size(); ++i) {
        const GroupGradient expected = reference.Run(groups[i]);
        EXPECT_NEAR(got[i].loss, expected.loss, 1e-5 * expected.loss) << family;
        EXPECT_LE(RelativeDistance(got[i].gradient, expected.gradient), 1e-5) << family;
      }
    }
  }
}

// The aim for fast products is a thousandth; what is left of it is for deeper models.
TEST(Decoder, FastProductsChangeGradientsByLessThanAThousandth) {
  for (const core::DType type : {core::DType::kQ8_0, core::DType::kQ4_0, core::DType::kF16}) {
    const Case s = MakeCase(false, type);
    const std::vector<Group> groups = testing::RandomGroups(*s.model, 3, 2, 40, 3);
    testing::PassOptions options;
    options.precision = kernels::GemmPrecision::kFast;
    const auto got = Gradients(*s.model, s.layout, groups, s.frozen, s.trained, options);
    DoubleDecoder reference(*s.model, s.layout, s.frozen, s.trained);
    for (size_t i = 0; i < groups.size(); ++i) {
      const GroupGradient expected = reference.Run(groups[i]);
      EXPECT_NEAR(got[i].loss, expected.loss, 1e-4 * expected.loss);
      EXPECT_LE(RelativeDistance(got[i].gradient, expected.gradient), 5e-4);
    }
  }
}

TEST(Decoder, PartialTargetsGiveTheSameGradients) {
  const std::vector<std::vector<std::string>> choices = {
      {"blk.1.attn_v.weight", "blk.1.ffn_down.weight"},
      {"output.weight"},
      {"blk.0.attn_k.weight", "output.weight"}};
  for (const std::vector<std::string>& targets : choices) {
    for (const size_t recomputed : {0, 1}) {
      Case s = MakeCase(true, core::DType::kQ8_0);
      s.config.target_modules = targets;
      s.layout = *LoraLayout::Create(*s.model, s.config);
      s.frozen = RandomWeights(s.layout.frozen(), 0.1f, 8);
      s.trained = RandomWeights(s.layout.trained(), 0.1f, 9);
      const std::vector<Group> groups = testing::RandomGroups(*s.model, 2, 2, 20, 3);
      testing::PassOptions options;
      options.recomputed_layers = recomputed;
      const auto got = Gradients(*s.model, s.layout, groups, s.frozen, s.trained, options);
      DoubleDecoder reference(*s.model, s.layout, s.frozen, s.trained);
      for (size_t i = 0; i < groups.size(); ++i) {
        EXPECT_LE(RelativeDistance(got[i].gradient, reference.Run(groups[i]).gradient), 1e-5)
            << targets.back();
      }
    }
  }
}

TEST(Decoder, GradientsAreBitIdenticalForEveryPackingAndThreadCount) {
  for (const bool freeze_a : {true, false}) {
    for (const uint32_t rank : {1u, 3u, 8u}) {
      const Case s = MakeCase(freeze_a, core::DType::kQ8_0, rank);
      const std::vector<Group> groups = testing::RandomGroups(*s.model, 9, 4, 90, 11);
      // One group at a time is the brute force that the packed passes must reproduce.
      std::vector<GroupGradient> alone;
      for (const Group& group : groups) {
        alone.push_back(Gradients(*s.model, s.layout, {group}, s.frozen, s.trained, {1, 1})[0]);
      }
      for (const testing::PassOptions options : {testing::PassOptions{1, 37, 8},
                                                 {1, 150, 2},
                                                 {2, 1000, 16},
                                                 {2, 64, 8, 1},
                                                 {1, 0, 16, 9}}) {
        const auto packed = Gradients(*s.model, s.layout, groups, s.frozen, s.trained, options);
        ASSERT_EQ(packed.size(), alone.size());
        for (size_t i = 0; i < alone.size(); ++i) {
          EXPECT_EQ(packed[i].gradient, alone[i].gradient) << i << " rows " << options.rows;
          EXPECT_EQ(packed[i].loss, alone[i].loss);
        }
      }
    }
  }
}

TEST(Decoder, FastGradientsAreBitIdenticalForEveryPackingAndThreadCount) {
  const Case s = MakeCase(true, core::DType::kQ8_0, 8);
  const std::vector<Group> groups = testing::RandomGroups(*s.model, 9, 4, 90, 11);
  constexpr auto kFast = kernels::GemmPrecision::kFast;
  const auto alone =
      Gradients(*s.model, s.layout, groups, s.frozen, s.trained, {1, 0, 1, 0, kFast});
  for (const testing::PassOptions options :
       {testing::PassOptions{1, 37, 8, 0, kFast}, {2, 1000, 16, 1, kFast}, {2, 64, 8, 5, kFast}}) {
    const auto packed = Gradients(*s.model, s.layout, groups, s.frozen, s.trained, options);
    ASSERT_EQ(packed.size(), alone.size());
    for (size_t i = 0; i < alone.size(); ++i) {
      EXPECT_EQ(packed[i].gradient, alone[i].gradient) << i << " rows " << options.rows;
    }
  }
}

TEST(Decoder, DropoutIsTheSameForEveryPackingAndRecomputation) {
  for (const bool freeze_a : {true, false}) {
    const Case s = MakeCase(freeze_a, core::DType::kQ8_0, 4);
    Config config = s.config;
    config.dropout = 0.25;
    const LoraLayout dropping = *LoraLayout::Create(*s.model, config);
    ASSERT_EQ(dropping.trained(), s.layout.trained());
    const std::vector<Group> groups = testing::RandomGroups(*s.model, 5, 3, 60, 11);
    const auto alone = Gradients(*s.model, dropping, groups, s.frozen, s.trained, {1, 0, 1});
    const auto whole = Gradients(*s.model, s.layout, groups, s.frozen, s.trained, {1, 0, 1});
    EXPECT_NE(alone[0].gradient, whole[0].gradient);
    for (const testing::PassOptions options :
         {testing::PassOptions{1, 37, 8}, {2, 1000, 16}, {2, 64, 8, 1}, {1, 0, 16, 9}}) {
      const auto packed = Gradients(*s.model, dropping, groups, s.frozen, s.trained, options);
      ASSERT_EQ(packed.size(), alone.size());
      for (size_t i = 0; i < alone.size(); ++i) {
        EXPECT_EQ(packed[i].gradient, alone[i].gradient) << i << " rows " << options.rows;
      }
    }
  }
}

TEST(Decoder, GroupsDoNotSeeEachOther) {
  const Case s = MakeCase(true, core::DType::kQ8_0);
  std::vector<Group> groups = testing::RandomGroups(*s.model, 3, 2, 30, 3);
  const auto before = Gradients(*s.model, s.layout, groups, s.frozen, s.trained, {});
  groups[1] = testing::RandomGroups(*s.model, 1, 2, 30, 77)[0];
  const auto after = Gradients(*s.model, s.layout, groups, s.frozen, s.trained, {});
  EXPECT_EQ(before[0].gradient, after[0].gradient);
  EXPECT_NE(before[1].gradient, after[1].gradient);
  EXPECT_EQ(before[2].gradient, after[2].gradient);
}

TEST(Decoder, GroupsWithoutLabelsHaveAZeroGradient) {
  const Case s = MakeCase(true, core::DType::kQ8_0);
  const std::vector<Group> groups = {{}, {{{{1, 2, 3}, {0, 0, 0}}}}, {{{{4}, {0}}}}};
  const auto got = Gradients(*s.model, s.layout, groups, s.frozen, s.trained, {});
  ASSERT_EQ(got.size(), 3u);
  for (const GroupGradient& group : got) {
    EXPECT_EQ(group.labels, 0);
    EXPECT_EQ(group.gradient, std::vector<float>(s.layout.trained(), 0.0f));
  }
}

// A chunk of logits then ends inside a sequence.
TEST(Decoder, SequencesAsLongAsTheContextAreTrained) {
  const Case s = MakeCase(true, core::DType::kQ8_0);
  const std::vector<Group> groups =
      testing::RuleGroups(*s.model, 1, s.model->config().n_ctx + 1, 3);
  const auto got = Gradients(*s.model, s.layout, groups, s.frozen, s.trained, {1, 8});
  DoubleDecoder reference(*s.model, s.layout, s.frozen, s.trained);
  EXPECT_LE(RelativeDistance(got[0].gradient, reference.Run(groups[0]).gradient), 1e-5);
}

}  // namespace
}  // namespace selvedge::trainer
