// How far the gradients of fast products are from those of f32 products on a model of any size.
//
//   gradient_error FILE.gguf [ROWS] [THREADS]
//
// Prints |fast - f32| / |f32| of one group's gradient of ROWS random label tokens (128), over all
// linear layers together and for the worst of them, with A and B trained and B not zero.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "core/mapped_file.h"
#include "core/seeded_random.h"
#include "storage/gguf/gguf_file.h"
#include "trainer/run/gradient_pass.h"

namespace selvedge::trainer {
namespace {

struct Setup {
  std::shared_ptr<const inference::Model> model;
  LoraLayout layout;
  std::vector<float> trained;
  std::vector<Group> groups;
};

Result<Setup> Prepare(const char* path, size_t rows) {
  SELVEDGE_ASSIGN_OR_RETURN(auto mapped, core::MappedFile::Open(path));
  SELVEDGE_ASSIGN_OR_RETURN(auto file, gguf::File::Parse(std::move(mapped)));
  SELVEDGE_ASSIGN_OR_RETURN(auto model, inference::Model::Load(file));
  Config config;
  config.freeze_a = false;
  for (size_t i = 0; i < model->layers().size(); ++i) {
    for (const char* part :
         {"attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"}) {
      config.target_modules.push_back("blk." + std::to_string(i) + "." + part + ".weight");
    }
  }
  SELVEDGE_ASSIGN_OR_RETURN(LoraLayout layout, LoraLayout::Create(*model, config));
  core::SeededRandom random(1);
  std::vector<float> trained(layout.trained());
  for (float& v : trained) v = static_cast<float>(0.02 * random.NextGaussian());
  Example example;
  for (size_t t = 0; t <= rows; ++t) {
    example.tokens.push_back(static_cast<int32_t>(random.NextBelow(model->config().n_vocab)));
    example.is_label.push_back(t > 0 ? 1 : 0);
  }
  return Setup{model, std::move(layout), std::move(trained), {Group{{example}}}};
}

std::vector<float> Gradient(const Setup& s, size_t rows, core::ThreadPool& pool,
                            kernels::GemmPrecision precision) {
  std::vector<float> gradient;
  GradientPass pass(*s.model, s.layout, {rows, 1, 0, 0}, pool, precision, /*seed=*/0);
  const std::vector<uint32_t> all = {0};
  pass.Run(
      s.groups, all, /*step=*/0, {}, s.trained, [] { return false; },
      [&](const GroupResult& group) {
        gradient.assign(group.gradient.begin(), group.gradient.end());
      });
  return gradient;
}

double RelativeDistance(const std::vector<float>& got, const std::vector<float>& expected,
                        size_t begin, size_t end) {
  double difference = 0, norm = 0;
  for (size_t i = begin; i < end; ++i) {
    difference += std::pow(double{got[i]} - expected[i], 2);
    norm += std::pow(double{expected[i]}, 2);
  }
  return std::sqrt(difference / norm);
}

int Run(const char* path, size_t rows, int threads) {
  const Result<Setup> setup = Prepare(path, rows);
  if (!setup.ok()) {
    std::fprintf(stderr, "gradient_error: %s\n", setup.status().message().c_str());
    return 1;
  }
  core::ThreadPool pool(threads);
  const auto exact = Gradient(*setup, rows, pool, kernels::GemmPrecision::kFloat32);
  const auto fast = Gradient(*setup, rows, pool, kernels::GemmPrecision::kFast);
  double worst = 0;
  size_t begin = 0;
  for (const auto& [end, rate] : setup->layout.Blocks()) {
    worst = std::max(worst, RelativeDistance(fast, exact, begin, end));
    begin = end;
  }
  std::printf("%zu rows, %zu numbers: all %.2e, worst tensor %.2e\n", rows, exact.size(),
              RelativeDistance(fast, exact, 0, exact.size()), worst);
  return 0;
}

}  // namespace
}  // namespace selvedge::trainer

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: gradient_error FILE.gguf [ROWS] [THREADS]\n");
    return 2;
  }
  return selvedge::trainer::Run(argv[1], argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 128,
                                argc > 3 ? std::atoi(argv[3]) : 0);
}
