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
  for (const core::Isa isa :
       {core::Isa::kScalar, core::Isa::kAvx2, core::Isa::kAvx512, core::Isa::kAvx512Vnni,
        core::Isa::kNeon, core::Isa::kDotProd, core::Isa::kI8mm}) {
    if (core::IsaAvailable(isa)) isas.push_back(isa);
  }
  return isas;
}

// The types that can be multiplied with.
inline std::vector<core::DType> KernelTypes() {
  std::vector<core::DType> types;
  for (const core::DTypeInfo& info : core::DTypes()) {
    if (info.has_kernels) types.push_back(info.type);
  }
  return types;
}

inline std::vector<float> RandomValues(core::SeededRandom& random, size_t n, double scale = 1) {
  std::vector<float> values(n);
  for (float& value : values) value = static_cast<float>(random.NextGaussian() * scale);
  return values;
}

// Any bytes are a block; its f16 numbers are kept small, so that values stay below about 1.
inline void RandomBlocks(core::SeededRandom& random, const core::DTypeInfo& info,
                         std::vector<uint8_t>* bytes) {
  for (uint8_t& byte : *bytes) byte = static_cast<uint8_t>(random.NextU64());
  for (size_t b = 0; b < bytes->size(); b += info.block_bytes) {
    for (uint32_t h = 0; h < info.halves; ++h) {
      uint8_t* half = &(*bytes)[b + info.halves_at + 2 * h];
      half[1] = static_cast<uint8_t>((half[1] & 0x83) | 0x0C);  // 2^-12 <= |d| < 2^-11
    }
  }
}

// A random weight [rows, cols] of a type, and the same numbers as f32.
struct Weight {
  Weight(core::SeededRandom& random, core::DType type, size_t rows, size_t cols)
      : row_bytes(core::RowBytes(*core::FindDType(type), cols)),
        bytes(rows * row_bytes),
        values(rows * cols) {
    const std::vector<float> source = RandomValues(random, rows * cols);
    bool quantized = true;
    for (size_t r = 0; quantized && r < rows; ++r) {
      quantized = QuantizeRow(type, &source[r * cols], &bytes[r * row_bytes], cols);
    }
    if (!quantized) RandomBlocks(random, *core::FindDType(type), &bytes);
    for (size_t r = 0; r < rows; ++r) {
      KernelsOf(ScalarTable(), type).dequantize(&bytes[r * row_bytes], 0, &values[r * cols], cols);
    }
    view = {bytes.data(), type, rows, cols, row_bytes};
  }

  size_t row_bytes;
  std::vector<uint8_t> bytes;
  std::vector<float> values;
  WeightView view;
};

// k, or the next multiple of the type's block.
inline size_t Fitting(core::DType type, size_t k) {
  const size_t block = core::FindDType(type)->block_values;
  return (k + block - 1) / block * block;
}

inline std::string Name(core::Isa isa, core::DType type) {
  return std::string(core::IsaName(isa)) + " " + core::FindDType(type)->name;
}

}  // namespace selvedge::kernels
