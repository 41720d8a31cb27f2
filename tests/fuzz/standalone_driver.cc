// Runs a fuzz target without libFuzzer: replays the files given, then mutates them and the target's
// seeds. Deterministic, so that a failure can be repeated.
//   TARGET [-runs=N] [-max_total_time=SECONDS] [FILE|FOLDER]...

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/seeds.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

Bytes ReadAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// Runs on a copy of exactly the right size, so that the sanitizers see a read past its end.
void Run(const Bytes& input) {
  const Bytes exact(input);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

void MutateOnce(Bytes& bytes, std::mt19937_64& random) {
  constexpr uint64_t kInteresting[] = {0,
                                       1,
                                       0x7F,
                                       0xFF,
                                       0x7FFFFFFF,
                                       0xFFFFFFFF,
                                       uint64_t{1} << 32,
                                       uint64_t{1} << 61,
                                       uint64_t{1} << 63,
                                       ~uint64_t{0}};
  if (bytes.empty()) bytes.push_back(0);
  const size_t at = random() % bytes.size();
  switch (random() % 5) {
    case 0:
      bytes[at] ^= static_cast<uint8_t>(1 << (random() % 8));
      break;
    case 1:
      bytes[at] = static_cast<uint8_t>(random());
      break;
    case 2: {  // a number that is likely to sit on a border
      const uint64_t value = kInteresting[random() % std::size(kInteresting)];
      const size_t width = size_t{1} << (random() % 4);
      for (size_t i = 0; i < width && at + i < bytes.size(); ++i) {
        bytes[at + i] = static_cast<uint8_t>(value >> (8 * i));
      }
      break;
    }
    case 3:
      bytes.resize(at);
      break;
    default: {  // repeat a piece
      const size_t end = at + random() % (bytes.size() - at);
      const Bytes piece(bytes.begin() + static_cast<ptrdiff_t>(at),
                        bytes.begin() + static_cast<ptrdiff_t>(end));
      bytes.insert(bytes.begin() + static_cast<ptrdiff_t>(at), piece.begin(), piece.end());
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t runs = 100000;
  double seconds = 0;  // 0: as many runs as were asked for
  std::vector<Bytes> inputs = FuzzSeeds();
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.starts_with("-runs=")) {
      runs = std::strtoull(argument.c_str() + 6, nullptr, 10);
    } else if (argument.starts_with("-max_total_time=")) {
      runs = ~uint64_t{0};
      seconds = std::atof(argument.c_str() + 16);
    } else if (std::filesystem::is_directory(argument)) {
      for (const auto& entry : std::filesystem::directory_iterator(argument)) {
        if (entry.is_regular_file()) inputs.push_back(ReadAll(entry.path()));
      }
    } else {
      inputs.push_back(ReadAll(argument));
    }
  }
  for (const Bytes& input : inputs) Run(input);
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const auto time_is_up = [&] {
    return seconds > 0 && std::chrono::duration<double>(Clock::now() - start).count() >= seconds;
  };
  std::mt19937_64 random(1);
  uint64_t run = 0;
  for (; run < runs && !time_is_up(); ++run) {
    Bytes bytes = inputs[random() % inputs.size()];
    for (uint64_t n = 1 + random() % 4; n > 0; --n) MutateOnce(bytes, random);
    Run(bytes);
  }
  std::printf("%zu inputs, %llu mutations\n", inputs.size(), static_cast<unsigned long long>(run));
  return 0;
}
