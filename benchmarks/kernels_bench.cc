// Speed of every kernel, type and instruction set.
//
//   kernels_bench [--threads N] [--repeats R] [--isa NAME] [--type NAME] [--m M --n N --k K]
//
// Two rates per row: by the clock on the wall, and by the processor time of all threads together
// (which a busy machine disturbs less). Each is the best of R runs. "tile" is the register kernel
// on data in the first-level cache: what the GEMM could reach at most.

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <vector>

#include "core/cpu_features.h"
#include "core/kernels/dispatch.h"
#include "core/seeded_random.h"

namespace selvedge::kernels {
namespace {

using core::DType;
using core::Isa;

struct Options {
  int threads = 1;
  int repeats = 15;
  const char* isa = nullptr;   // null: every one that this machine has
  const char* type = nullptr;  // null: every one
  size_t m = 512, n = 768, k = 256;
};

struct Rates {
  double wall_seconds = 1e30;
  double cpu_seconds = 1e30;
};

double Seconds(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// The best of `repeats` timings of one call, in batches of at least a millisecond.
Rates Measure(int repeats, const std::function<void()>& call) {
  call();
  const double start = Seconds(CLOCK_PROCESS_CPUTIME_ID);
  call();
  const double once = Seconds(CLOCK_PROCESS_CPUTIME_ID) - start;
  const int batch = std::max(1, static_cast<int>(1e-3 / std::max(once, 1e-7)));
  Rates best;
  for (int i = 0; i < repeats; ++i) {
    const double wall = Seconds(CLOCK_MONOTONIC), cpu = Seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int j = 0; j < batch; ++j) call();
    best.wall_seconds = std::min(best.wall_seconds, (Seconds(CLOCK_MONOTONIC) - wall) / batch);
    best.cpu_seconds =
        std::min(best.cpu_seconds, (Seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) / batch);
  }
  return best;
}

void Print(const char* kernel, Isa isa, const char* type, double flops, double bytes,
           const Rates& rates) {
  std::printf("%-16s %-11s %-6s %9.1f %9.1f %8.2f %8.2f\n", kernel, core::IsaName(isa), type,
              flops / rates.wall_seconds * 1e-9, flops / rates.cpu_seconds * 1e-9,
              bytes / rates.wall_seconds * 1e-9, bytes / rates.cpu_seconds * 1e-9);
  std::fflush(stdout);
}

std::vector<float> RandomValues(size_t n) {
  core::SeededRandom random(n);
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(random.NextGaussian());
  return values;
}

void BenchTile(const Options& options, Isa isa) {
  const KernelTable& t = TableFor(isa);
  struct alignas(64) Panel {
    float values[kPanelDepth * 32];
  };
  const auto b = std::make_unique<Panel>();
  std::fill_n(b->values, kPanelDepth * 32, 0.5f);
  const std::vector<float> a = RandomValues(t.tile_rows * kPanelStride);
  std::vector<float> c(t.tile_rows * t.tile_cols);
  const Rates rates = Measure(options.repeats, [&] {
    t.gemm_tile(t.tile_rows, kPanelDepth, a.data(), b->values, c.data(), t.tile_cols, false);
  });
  const double flops = 2.0 * kPanelDepth * static_cast<double>(t.tile_rows * t.tile_cols);
  Print("tile", isa, "F32", flops, 0, rates);
}

void BenchProducts(const Options& o, core::ThreadPool& pool, Isa isa, DType type) {
  const KernelTable& t = TableFor(isa);
  const core::DTypeInfo& info = *core::FindDType(type);
  const size_t row_bytes = core::RowBytes(info, o.k);
  std::vector<uint8_t> bytes(o.n * row_bytes);
  core::SeededRandom random(1);
  for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.NextU64() & 0x3F);  // no NaN
  const WeightView w{bytes.data(), type, o.n, o.k, row_bytes};
  const std::vector<float> x = RandomValues(o.m * std::max(o.n, o.k));
  std::vector<float> y(o.m * std::max(o.n, o.k));
  const double flops = 2.0 * static_cast<double>(o.m * o.n * o.k);
  const double weight_bytes = static_cast<double>(bytes.size());
  const auto run = [&](const char* name, double share, const std::function<void()>& call) {
    Print(name, isa, info.name, flops * share, weight_bytes, Measure(o.repeats, call));
  };
  run("gemm_forward", 1, [&] { GemmForward(t, pool, w, x.data(), o.m, y.data()); });
  run("gemm_input_grad", 1, [&] { GemmInputGrad(t, pool, w, x.data(), o.m, y.data(), false); });
  if (t.int16 != nullptr) {
    run("int16_forward", 1, [&] { GemmForwardInt16(t, pool, w, x.data(), o.m, y.data()); });
    run("int16_input_grad", 1,
        [&] { GemmInputGradInt16(t, pool, w, x.data(), o.m, y.data(), false); });
  }
  run("matmul_prefill", 1, [&] { MatMul(t, pool, w, x.data(), o.m, y.data()); });
  run("matmul_decode", 1.0 / static_cast<double>(o.m),
      [&] { MatMul(t, pool, w, x.data(), 1, y.data()); });
}

void BenchVectors(const Options& options, Isa isa) {
  const KernelTable& t = TableFor(isa);
  constexpr size_t kN = 4096;  // 16 KiB per vector: first-level cache
  const std::vector<float> a = RandomValues(kN), b = RandomValues(kN);
  std::vector<float> out(kN);
  float sink = 0;
  const auto run = [&](const char* name, double flops, double vectors,
                       const std::function<void()>& call) {
    Print(name, isa, "F32", flops * kN, vectors * kN * sizeof(float),
          Measure(options.repeats, call));
  };
  run("dot", 2, 2, [&] { sink += t.dot(a.data(), b.data(), kN); });
  run("axpy", 2, 3, [&] { t.axpy(1e-9f, a.data(), out.data(), kN); });
  run("rms_norm", 4, 3, [&] { t.rms_norm_row(a.data(), b.data(), 1e-5f, kN, out.data()); });
  run("silu_mul", 4, 3, [&] { t.silu_mul(a.data(), b.data(), kN, out.data()); });
  run("softmax", 4, 2, [&] {
    std::memcpy(out.data(), a.data(), kN * sizeof(float));
    t.softmax(out.data(), kN);
  });
  // A turn by a fixed angle keeps the values' size: repeated calls must not reach denormals.
  const std::vector<float> cos(kN / 2, 0.6f), sin(kN / 2, 0.8f);
  run("rope_halves", 3, 3, [&] { t.rope_head(out.data(), kN, cos.data(), sin.data(), false); });
  run("rope_pairs", 3, 3, [&] { t.rope_head(out.data(), kN, cos.data(), sin.data(), true); });
  if (sink == 12345.0f) std::puts("");  // keeps the dot products
}

constexpr const char* kUsage =
    "kernels_bench [--threads N] [--repeats R] [--isa NAME] [--type NAME] [--m M --n N --k K]\n";

// Exits with 0 after --help and with 2 on a flag that is not known or has no value.
Options Parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const auto is = [flag = argv[i]](const char* name) { return std::strcmp(flag, name) == 0; };
    const bool help = is("--help") || is("-h");
    if (help || i + 1 == argc) {
      std::fputs(kUsage, help ? stdout : stderr);
      std::exit(help ? 0 : 2);
    }
    const size_t value = std::strtoul(argv[i + 1], nullptr, 10);
    if (is("--threads")) {
      options.threads = static_cast<int>(value);
    } else if (is("--repeats")) {
      options.repeats = static_cast<int>(value);
    } else if (is("--isa")) {
      options.isa = argv[i + 1];
    } else if (is("--type")) {
      options.type = argv[i + 1];
    } else if (is("--m")) {
      options.m = value;
    } else if (is("--n")) {
      options.n = value;
    } else if (is("--k")) {
      options.k = value;
    } else {
      std::fputs(kUsage, stderr);
      std::exit(2);
    }
  }
  return options;
}

int Run(const Options& options) {
  core::ThreadPool pool(options.threads);
  std::printf("%s, %d thread(s), M %zu, N %zu, K %zu, best of %d\n", core::CpuName().c_str(),
              pool.threads(), options.m, options.n, options.k, options.repeats);
  std::printf("%-16s %-11s %-6s %9s %9s %8s %8s\n", "kernel", "isa", "type", "GFLOP/s", "per cpu",
              "GB/s", "per cpu");
  for (const Isa isa : {Isa::kScalar, Isa::kAvx2, Isa::kAvx512, Isa::kAvx512Vnni, Isa::kNeon}) {
    if (!core::IsaAvailable(isa)) continue;
    if (options.isa != nullptr && std::strcmp(options.isa, core::IsaName(isa)) != 0) continue;
    BenchTile(options, isa);
    for (const core::DTypeInfo& info : core::DTypes()) {
      if (options.type != nullptr && std::strcmp(options.type, info.name) != 0) continue;
      if (info.has_kernels) BenchProducts(options, pool, isa, info.type);
    }
    BenchVectors(options, isa);
  }
  return 0;
}

}  // namespace
}  // namespace selvedge::kernels

int main(int argc, char** argv) {
  return selvedge::kernels::Run(selvedge::kernels::Parse(argc, argv));
}
