// Sampling options and logits of any value: refused, or an id that may be drawn.

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "inference/session/sampler.h"
#include "tests/fuzz/seeds.h"

using selvedge::SamplingOptions;
using selvedge::inference::Sampler;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

// The next value of the input, or zero at its end.
template <typename T>
T Take(const uint8_t** data, size_t* size) {
  T value{};
  const size_t n = std::min(sizeof(T), *size);
  if (n == 0) return value;
  std::memcpy(&value, *data, n);
  *data += n;
  *size -= n;
  return value;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  SamplingOptions options;
  options.temperature = Take<double>(&data, &size);
  options.top_p = Take<double>(&data, &size);
  options.min_p = Take<double>(&data, &size);
  options.repeat_penalty = Take<double>(&data, &size);
  options.top_k = Take<int32_t>(&data, &size);
  options.repeat_last_n = Take<int32_t>(&data, &size);
  options.seed = Take<uint64_t>(&data, &size) | 1;  // 0 would ask the system
  const auto history_size = Take<uint8_t>(&data, &size);
  auto sampler = Sampler::Create(options);
  if (!sampler.ok()) {
    Check(!sampler.status().message().empty());
    return 0;
  }
  std::vector<int32_t> history;
  for (uint8_t i = 0; i < history_size && size > 0; ++i) {
    history.push_back(Take<uint8_t>(&data, &size));
  }
  std::vector<float> logits;
  while (size > 0) logits.push_back(Take<float>(&data, &size));
  for (int32_t& id : history) id = logits.empty() ? 0 : id % static_cast<int32_t>(logits.size());
  if (logits.empty()) history.clear();
  const std::vector<float> before = logits;
  for (int draw = 0; draw < 3; ++draw) {
    logits = before;
    const auto id = sampler->Next(logits, history);
    if (!id.ok()) {
      Check(!id.status().message().empty());
      return 0;
    }
    Check(*id >= 0 && static_cast<size_t>(*id) < before.size());
    Check(std::isfinite(before[static_cast<size_t>(*id)]));
  }
  return 0;
}

std::vector<std::vector<uint8_t>> FuzzSeeds() {
  std::vector<std::vector<uint8_t>> seeds;
  for (const double temperature : {0.0, 0.8, 5.0}) {
    std::vector<uint8_t> seed;
    const auto put = [&seed](const auto& value) {
      const auto* bytes = reinterpret_cast<const uint8_t*>(&value);
      seed.insert(seed.end(), bytes, bytes + sizeof value);
    };
    put(temperature);
    for (const double value : {0.95, 0.05, 1.1}) put(value);
    for (const int32_t value : {40, 64}) put(value);
    put(uint64_t{7});
    for (const uint8_t value : {3, 0, 1, 2}) put(value);
    for (int i = 0; i < 50; ++i) put(static_cast<float>(i % 7) - 3.0f);
    seeds.push_back(seed);
  }
  return seeds;
}
