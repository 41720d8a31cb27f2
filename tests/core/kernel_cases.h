#pragma once
// What the kernel tests share: every instruction set of this machine, every type, random weights.

#include <string>
#include <vector>

#include "core/cpu_features.h"
#include "core/kernels/dispatch.h"
#include "core/seeded_random.h"

namespace selvedge::kernels {

inline std::vector<core::Isa> AvailableIsas() {
  std::vector<core::Isa> isas;
  for (const core::Isa isa : {core::Isa::kScalar, core::Isa::kAvx2, core::Isa::kAvx512,
                              core::Isa::kAvx512Vnni, core::Isa::kNeon, core::Isa::kNeonDot}) {
    if (core::IsaAvailable(isa)) isas.push_back(isa);
  }
  return isas;
}

inline constexpr core::DType kKernelTypes[] = {core::DType::kF32, core::DType::kF16,
                                               core::DType::kBF16, core::DType::kQ8_0,
                                               core::DType::kQ4_0};

inline std::vector<float> RandomValues(core::SeededRandom& random, size_t n, double scale = 1) {
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(random.NextGaussian() * scale);
  return values;
}

// A random weight [rows, cols] of a type, and the same numbers as f32.
struct Weight {
  Weight(core::SeededRandom& random, core::DType type, size_t rows, size_t cols)
      : row_bytes(core::RowBytes(*core::FindDType(type), cols)),
        bytes(rows * row_bytes),
        values(rows * cols) {
    const std::vector<float> source = RandomValues(random, rows * cols);
    for (size_t r = 0; r < rows; ++r) {
      QuantizeRow(type, &source[r * cols], &bytes[r * row_bytes], cols);
      DequantizeRow(ScalarTable(), type, &bytes[r * row_bytes], &values[r * cols], cols);
    }
    view = {bytes.data(), type, rows, cols, row_bytes};
  }

  size_t row_bytes;
  std::vector<uint8_t> bytes;
  std::vector<float> values;
  WeightView view;
};

inline std::string Name(core::Isa isa, core::DType type) {
  return std::string(core::IsaName(isa)) + " " + core::FindDType(type)->name;
}

}  // namespace selvedge::kernels
