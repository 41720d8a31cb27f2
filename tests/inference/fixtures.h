#pragma once
// Model files for the tests of inference/: the golden ones and small ones built on the spot.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "inference/model/model.h"
#include "inference/session/adapter_set.h"
#include "inference/tokenizer/tokenizer.h"

namespace selvedge::inference::testing {

// tests/inference/golden/NAME
std::string GoldenPath(const std::string& name);
std::vector<float> ReadGoldenFloats(const std::string& name);
// ids and positions of tokens.json in `folder`, "" or a name with a slash
std::vector<int32_t> GoldenTokens(const std::string& folder = "");
std::vector<int64_t> GoldenPositions(const std::string& folder = "");
std::shared_ptr<const gguf::File> OpenGolden(const std::string& name);
std::shared_ptr<const Model> LoadGolden(const std::string& name);
std::unique_ptr<Tokenizer> GoldenTokenizer();

// A model in memory whose keys and tensors a test may change before it is built.
struct ModelParts {
  using Value = std::variant<uint32_t, float, bool, std::string, std::vector<std::string>,
                             std::vector<float>, std::vector<int32_t>>;
  struct Tensor {
    core::DType type;
    std::vector<uint64_t> dims;
    std::vector<float> values;  // encoded as `type`; missing ones are random
  };
  std::map<std::string, Value> keys;
  std::map<std::string, Tensor> tensors;

  // 2 layers, 64 wide, 4 heads, 2 key heads, 300 tokens without byte fallback.
  static ModelParts Small(core::DType type = core::DType::kF32);
  std::shared_ptr<const gguf::File> Build() const;
};

// A small model whose matrices are all of this type.
std::shared_ptr<const Model> ModelOf(core::DType type);

// An adapter of rank 3 on a matrix of each shape, its values from the seed.
std::shared_ptr<const AdapterSet> AdaptersOn(const Model& model, uint64_t seed, double scale = 0.7);

}  // namespace selvedge::inference::testing
