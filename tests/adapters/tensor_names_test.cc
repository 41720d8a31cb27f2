#include "adapters/tensor_names.h"

#include <gtest/gtest.h>

#include "tests/adapters/sample_adapter.h"

namespace selvedge::adapters {
namespace {

TEST(TensorNames, TranslateBothWays) {
  const auto place = PlaceOfGguf("blk.17.ffn_down.weight");
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->layer, 17u);
  EXPECT_EQ(place->HuggingFaceName(), "model.layers.17.mlp.down_proj");
  EXPECT_STREQ(place->module->short_name(), "down_proj");
  const auto head = PlaceOfGguf("output.weight");
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->HuggingFaceName(), "lm_head");
  EXPECT_STREQ(head->module->short_name(), "lm_head");
  for (const Module& module : AllModules()) {
    const Place original{3, &module};
    EXPECT_EQ(PlaceOfGguf(original.GgufName())->module, &module);
    EXPECT_EQ(PlaceOfHuggingFace(original.HuggingFaceName())->module, &module);
  }
}

TEST(TensorNames, OtherSpellingsAreNotPlaces) {
  for (const char* name :
       {"", "blk.0.attn_q", "blk.0.attn_q.bias", "blk.00.attn_q.weight", "blk.-1.attn_q.weight",
        "blk.+1.attn_q.weight", "blk..attn_q.weight", "blk.4294967296.attn_q.weight",
        "blk.0.attn_qx.weight", "blk.0.attn_q.weight.", "../blk.0.attn_q.weight",
        "BLK.0.attn_q.weight", "blk.0.attn_norm.weight", "token_embd.weight", "blk.0.output.weight",
        "attn_q.weight", "output", "output.bias"}) {
    EXPECT_FALSE(PlaceOfGguf(name).has_value()) << name;
  }
  for (const char* name : {"", "model.layers.0.self_attn.q_proj.", "model.layers.0.q_proj",
                           "model.layers.01.self_attn.q_proj", "layers.0.self_attn.q_proj",
                           "model.layers.0.self_attn.../q_proj", "model.layers.0.lm_head",
                           "self_attn.q_proj", "lm_head."}) {
    EXPECT_FALSE(PlaceOfHuggingFace(name).has_value()) << name;
  }
}

TEST(RowOrder, MovesRowsAsTheConverterReshapes) {
  // SOURCE: numpy 1.24:
  //   np.arange(12).reshape(2, 2, 3, 1).swapaxes(1, 2).reshape(12, 1).ravel()
  const BaseShape base{"llama", 1, 2, 1, 6};
  std::vector<float> rows = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
  ToGgufRows(*PlaceOfGguf("blk.0.attn_q.weight"), base, 1, &rows);
  EXPECT_EQ(rows, (std::vector<float>{0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11}));
}

TEST(RowOrder, OnlyLlamasQAndKAreMoved) {
  const LoraAdapter adapter = SampleAdapter();
  for (const std::string architecture : {"llama", "qwen2"}) {
    BaseShape base = SampleBase();
    base.architecture = architecture;
    for (const LoraTensor& tensor : adapter.tensors) {
      const Place place = *PlaceOfGguf(tensor.base_name);
      const std::string module = place.module->gguf;
      std::vector<float> b = tensor.b;
      ToGgufRows(place, base, tensor.rank, &b);
      const bool moved = architecture == "llama" && (module == "attn_q" || module == "attn_k");
      EXPECT_EQ(b != tensor.b, moved) << architecture << " " << tensor.base_name;
      ToHuggingFaceRows(place, base, tensor.rank, &b);
      EXPECT_EQ(b, tensor.b) << tensor.base_name;
    }
  }
}

// Row-major [out, r] times [r, in].
std::vector<float> Product(const std::vector<float>& b, const std::vector<float>& a, size_t out,
                           size_t r, size_t in) {
  std::vector<float> w(out * in, 0);
  for (size_t o = 0; o < out; ++o)
    for (size_t k = 0; k < r; ++k)
      for (size_t i = 0; i < in; ++i) w[o * in + i] += b[o * r + k] * a[k * in + i];
  return w;
}

TEST(RowOrder, PermutingBPermutesTheUpdate) {
  // P (W + B A) = P W + (P B) A, here with W = 0: permuting the product's rows (as a matrix whose
  // "rank" is the number of columns) is the product with permuted B.
  const BaseShape base = SampleBase();
  const Place q = *PlaceOfGguf("blk.0.attn_q.weight");
  const LoraAdapter adapter = SampleAdapter();
  const LoraTensor& tensor = adapter.tensors[2];
  ASSERT_EQ(tensor.base_name, "blk.0.attn_q.weight");
  std::vector<float> update = Product(tensor.b, tensor.a, tensor.out, tensor.rank, tensor.in);
  const std::vector<float> before = update;
  ToGgufRows(q, base, tensor.in, &update);
  std::vector<float> b = tensor.b;
  ToGgufRows(q, base, tensor.rank, &b);
  EXPECT_EQ(update, Product(b, tensor.a, tensor.out, tensor.rank, tensor.in));
  EXPECT_NE(update, before);
}

}  // namespace
}  // namespace selvedge::adapters
