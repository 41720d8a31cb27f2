// Grammars and JSON schemas of any form: refused, or a walk with random tokens that ends in a text
// of the grammar or is cut off.

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/mapped_file.h"
#include "inference/grammar/constraint.h"
#include "inference/grammar/json_schema.h"
#include "models/default/default_model.h"
#include "tests/fuzz/seeds.h"

namespace inference = selvedge::inference;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// The vocabulary of the default model.
const std::shared_ptr<const inference::TokenTable>& Tokens() {
  static const auto tokens = [] {
    auto file = selvedge::gguf::File::Parse(
        selvedge::core::MappedFile::Wrap(selvedge::DefaultModelBytes(), "default"));
    Check(file.ok());
    auto tokenizer = inference::Tokenizer::FromGguf(**file);
    Check(tokenizer.ok());
    return std::make_shared<const inference::TokenTable>(**tokenizer);
  }();
  return tokens;
}

void Walk(inference::GrammarConstraint constraint, uint64_t random) {
  std::vector<float> logits(Tokens()->vocab_size());
  for (int step = 0; step < 24 && !constraint.finished(); ++step) {
    std::fill(logits.begin(), logits.end(), 0.0f);
    const selvedge::Status status = constraint.Exclude(logits);
    if (!status.ok()) return Check(!status.message().empty());
    // The next allowed token from a random place on.
    random = random * 6364136223846793005u + 1442695040888963407u;
    const size_t start = static_cast<size_t>(random >> 33) % logits.size();
    size_t id = start;
    while (!std::isfinite(logits[id])) {
      id = (id + 1) % logits.size();
      Check(id != start);  // Exclude said that there is one
    }
    const auto& ends = Tokens()->ends();
    if (std::binary_search(ends.begin(), ends.end(), static_cast<int32_t>(id))) return;
    const selvedge::Status accepted = constraint.Accept(static_cast<int32_t>(id));
    if (!accepted.ok()) return Check(accepted.code() == selvedge::StatusCode::kLimit);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  if ((data[0] & 1) != 0) {
    const auto grammar = inference::GrammarOfJsonSchema(text);
    if (!grammar.ok()) {
      Check(!grammar.status().message().empty());
      return 0;
    }
    text = *grammar;
  }
  auto network = inference::GrammarNetwork::FromGbnf(text);
  if (!network.ok()) {
    Check(!network.status().message().empty());
    return 0;
  }
  Walk(inference::GrammarConstraint(
           std::make_shared<const inference::GrammarNetwork>(std::move(*network)), Tokens(),
           (data[0] & 2) != 0),
       data[0] * 31u + size);
  return 0;
}

std::vector<std::vector<uint8_t>> FuzzSeeds() {
  const std::vector<std::pair<char, std::string>> texts = {
      {0,
       "root ::= a b* | [^a-z\\x00-\\u00ff]{2,5} \"x\\\"\" # c\na ::= (\"q\" | .)?\nb ::= [0-9]+ "
       "a"},
      {2, "root ::= \"[\" (root (\",\" root)*)? \"]\" | \"\\U0001F600\""},
      {1,
       R"({"type":"object","properties":{"a":{"type":"string","maxLength":3},"b":{"enum":[1,"x"]},
          "c":{"type":"array","items":{"$ref":"#/$defs/d"},"minItems":1}},"required":["a"],
          "$defs":{"d":{"anyOf":[{"const":null},{"type":["number","boolean"]}]}}})"},
      {3, R"({"type":"object","additionalProperties":{"type":"integer"}})"}};
  std::vector<std::vector<uint8_t>> seeds;
  for (const auto& [mode, text] : texts) {
    std::vector<uint8_t> seed = {static_cast<uint8_t>(mode)};
    seed.insert(seed.end(), text.begin(), text.end());
    seeds.push_back(seed);
  }
  return seeds;
}
