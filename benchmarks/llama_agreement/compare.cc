// Feeds the choices of reference.cc to Selvedge, one token after the other, and compares.
//
//   llama_agreement MODEL FILE [THREADS [LORA]] [--verbose]
//
// Prints one line of JSON: prompts whose ids and whose greedy choices are all the same (choosing
// the same at every step is the same as continuing alike), the largest difference of two logits,
// the range of theirs, the mean Kullback-Leibler divergence of the next-token distributions in nats
// and, where a choice differs, by how much our logit of the other choice is lower. --verbose adds a
// line for each prompt.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "adapters/store.h"
#include "inference/session/session.h"
#include "inference/tokenizer/tokenizer.h"

namespace selvedge::inference {
namespace {

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << "llama_agreement: " << what << "\n";
  std::exit(1);
}

template <typename T>
T Take(Result<T> result) {
  if (!result.ok()) Fail(result.status().message());
  return std::move(*result);
}

struct Prompt {
  std::string text;
  std::vector<int32_t> ids, chosen;
  std::vector<float> logits;  // [steps, n_vocab]
};

class ReferenceFile {
 public:
  explicit ReferenceFile(const char* path) : in_(path, std::ios::binary) {
    if (!Number(&n_vocab_) || !Number(&steps_)) Fail("the reference file is empty");
  }

  size_t n_vocab() const { return static_cast<size_t>(n_vocab_); }
  size_t steps() const { return static_cast<size_t>(steps_); }

  // False at the end.
  bool Next(Prompt* prompt) {
    int32_t n = 0;
    if (!Number(&n)) return false;
    prompt->text.resize(static_cast<size_t>(n + 3) / 4 * 4);
    Read(prompt->text.data(), prompt->text.size());
    prompt->text.resize(static_cast<size_t>(n));
    if (!Number(&n)) Fail("the reference file ends early");
    prompt->ids.resize(static_cast<size_t>(n));
    prompt->chosen.resize(steps());
    prompt->logits.resize(steps() * n_vocab());
    Read(prompt->ids.data(), prompt->ids.size() * 4);
    Read(prompt->chosen.data(), prompt->chosen.size() * 4);
    Read(prompt->logits.data(), prompt->logits.size() * 4);
    return true;
  }

 private:
  bool Number(int32_t* value) {
    return static_cast<bool>(in_.read(reinterpret_cast<char*>(value), sizeof *value));
  }
  void Read(void* to, size_t bytes) {
    if (!in_.read(static_cast<char*>(to), static_cast<std::streamsize>(bytes))) {
      Fail("the reference file ends early");
    }
  }

  std::ifstream in_;
  int32_t n_vocab_ = 0, steps_ = 0;
};

// Sum over tokens of p log(p / q), p from logits a.
double Divergence(const float* a, const float* b, size_t n) {
  const double max_a = *std::max_element(a, a + n), max_b = *std::max_element(b, b + n);
  double sum_a = 0, sum_b = 0;
  for (size_t i = 0; i < n; ++i) {
    sum_a += std::exp(a[i] - max_a);
    sum_b += std::exp(b[i] - max_b);
  }
  double total = 0;
  for (size_t i = 0; i < n; ++i) {
    const double log_p = a[i] - max_a - std::log(sum_a), log_q = b[i] - max_b - std::log(sum_b);
    total += std::exp(log_p) * (log_p - log_q);
  }
  return total;
}

struct Totals {
  int prompts = 0, same_ids = 0, identical = 0;
  double largest = 0, range = 0, divergence = 0, largest_gap = 0;
  size_t rows = 0;
};

// One row of logits; returns by how much ours prefer another token than the reference.
double CompareRow(const float* ours, const float* theirs, int32_t chosen, size_t n,
                  Totals* totals) {
  for (size_t i = 0; i < n; ++i) {
    totals->largest = std::max(totals->largest, std::abs(double{ours[i]} - double{theirs[i]}));
  }
  const auto [low, high] = std::minmax_element(theirs, theirs + n);
  totals->range = std::max(totals->range, double{*high} - double{*low});
  totals->divergence += Divergence(theirs, ours, n);
  ++totals->rows;
  const float* best = std::max_element(ours, ours + n);
  return best - ours == chosen ? 0 : double{*best} - double{ours[chosen]};
}

void ComparePrompt(const std::shared_ptr<const Model>& model,
                   const std::shared_ptr<const AdapterSet>& adapters, core::ThreadPool& pool,
                   const Prompt& prompt, bool verbose, Totals* totals) {
  const size_t n_vocab = model->config().n_vocab;
  auto session = Take(Session::Create(model, adapters, pool, 0));
  std::vector<float> logits;
  int differing = -1;  // the first step with another choice
  Totals own;
  for (size_t step = 0; step < prompt.chosen.size(); ++step) {
    const std::span<const int32_t> next =
        step == 0 ? std::span(prompt.ids) : std::span(&prompt.chosen[step - 1], 1);
    const Status status = session->Append(next, false, &logits);
    if (!status.ok()) Fail(status.message());
    const double gap = CompareRow(logits.data(), prompt.logits.data() + step * n_vocab,
                                  prompt.chosen[step], n_vocab, &own);
    if (gap > 0 && differing < 0) differing = static_cast<int>(step);
    own.largest_gap = std::max(own.largest_gap, gap);
  }
  if (verbose) {
    std::printf("%s: %zu ids, largest difference %.5f, KL %.2e, first other choice %d, gap %.5f\n",
                prompt.text.substr(0, 32).c_str(), prompt.ids.size(), own.largest,
                own.divergence / static_cast<double>(own.rows), differing, own.largest_gap);
  }
  totals->identical += differing < 0 ? 1 : 0;
  totals->largest = std::max(totals->largest, own.largest);
  totals->range = std::max(totals->range, own.range);
  totals->largest_gap = std::max(totals->largest_gap, own.largest_gap);
  totals->divergence += own.divergence;
  totals->rows += own.rows;
}

std::shared_ptr<const AdapterSet> ReadAdapter(const Model& model, const char* path) {
  const ModelConfig& c = model.config();
  auto lora = Take(adapters::ReadGgufLora(
      path, {c.architecture, c.n_layers, c.n_heads, c.n_kv_heads, c.head_dim}));
  return Take(AdapterSet::Build(
      model, {{path, std::make_shared<const adapters::LoraAdapter>(std::move(lora)), 1.0}}));
}

int Main(int argc, char** argv) {
  if (argc < 3) Fail("usage: llama_agreement MODEL FILE [THREADS [LORA]] [--verbose]");
  const bool verbose = std::string(argv[argc - 1]) == "--verbose";
  if (verbose) --argc;
  const auto file = Take(gguf::File::Open(argv[1]));
  const auto model = Take(Model::Load(file));
  const auto tokenizer = Take(Tokenizer::FromGguf(*file));
  core::ThreadPool pool(argc > 3 ? std::max(0, std::atoi(argv[3])) : 1);
  const auto adapters = argc > 4 ? ReadAdapter(*model, argv[4]) : AdapterSet::Empty();
  ReferenceFile reference(argv[2]);
  if (reference.n_vocab() != model->config().n_vocab) Fail("the reference has another vocabulary");
  Totals totals;
  Prompt prompt;
  while (reference.Next(&prompt)) {
    ++totals.prompts;
    const bool given = prompt.text.rfind("ids:", 0) == 0;
    if (given || Take(tokenizer->Encode(prompt.text, tokenizer->adds_bos(), false)) == prompt.ids) {
      ++totals.same_ids;
    }
    ComparePrompt(model, adapters, pool, prompt, verbose, &totals);
  }
  if (totals.prompts == 0) Fail("the reference file holds no prompt");
  std::printf(
      "{\"prompts\": %d, \"same_ids\": %d, \"identical\": %d, \"steps\": %zu, "
      "\"largest_logit_difference\": %.6f, \"logit_range\": %.3f, \"mean_kl\": %.3e, "
      "\"largest_gap\": %.6f}\n",
      totals.prompts, totals.same_ids, totals.identical, reference.steps(), totals.largest,
      totals.range, totals.divergence / static_cast<double>(totals.rows), totals.largest_gap);
  return 0;
}

}  // namespace
}  // namespace selvedge::inference

int main(int argc, char** argv) { return selvedge::inference::Main(argc, argv); }
