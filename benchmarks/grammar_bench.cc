// What keeping to a grammar costs: `grammar_bench VOCABULARY.gguf SCHEMA.json TEXT`. Walks TEXT,
// which the schema allows, token by token and prints how long the sorted vocabulary and the mask of
// each new state took.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "inference/grammar/constraint.h"
#include "inference/grammar/json_schema.h"

namespace selvedge::inference {
namespace {

using Clock = std::chrono::steady_clock;

double MsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

Status Run(const char* model, const char* schema_path, const std::string& text) {
  SELVEDGE_ASSIGN_OR_RETURN(const auto file, gguf::File::Open(model));
  SELVEDGE_ASSIGN_OR_RETURN(const auto tokenizer, Tokenizer::FromGguf(*file));
  auto start = Clock::now();
  const auto table = std::make_shared<const TokenTable>(*tokenizer);
  std::printf("%zu tokens, sorted in %.1f ms\n", table->vocab_size(), MsSince(start));
  std::ifstream in(schema_path);
  const std::string schema((std::istreambuf_iterator<char>(in)), {});
  start = Clock::now();
  SELVEDGE_ASSIGN_OR_RETURN(const std::string grammar, GrammarOfJsonSchema(schema));
  SELVEDGE_ASSIGN_OR_RETURN(auto network, GrammarNetwork::FromGbnf(grammar));
  std::printf("schema to %zu nodes in %.2f ms\n", network.nodes().size(), MsSince(start));
  GrammarConstraint constraint(std::make_shared<const GrammarNetwork>(std::move(network)), table,
                               tokenizer->vocabulary().add_space_prefix);
  SELVEDGE_ASSIGN_OR_RETURN(const auto ids, tokenizer->Encode(text, false, false));
  std::vector<float> logits(table->vocab_size());
  std::vector<double> ms;
  for (const int32_t id : ids) {
    start = Clock::now();
    SELVEDGE_RETURN_IF_ERROR(constraint.Exclude(logits));
    ms.push_back(MsSince(start));
    SELVEDGE_RETURN_IF_ERROR(constraint.Accept(id));
  }
  double sum = 0;
  for (const double value : ms) sum += value;
  std::sort(ms.begin(), ms.end());
  std::printf("%zu tokens: mean %.3f ms, median %.3f, largest %.3f\n", ms.size(),
              sum / static_cast<double>(ms.size()), ms[ms.size() / 2], ms.back());
  return OkStatus();
}

}  // namespace
}  // namespace selvedge::inference

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: grammar_bench VOCABULARY.gguf SCHEMA.json TEXT\n");
    return 2;
  }
  const selvedge::Status status = selvedge::inference::Run(argv[1], argv[2], argv[3]);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.message().c_str());
  return 1;
}
