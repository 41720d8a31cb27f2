#pragma once
// Values from blocks, one scalar function per type (DequantizeFn of kernel_table.h).

#include <cstring>

#include "core/kernels/reference/block_runs.h"

namespace selvedge::kernels::reference {

void DequantizeF32(const uint8_t* row, size_t first, float* dst, size_t n);
void DequantizeF16(const uint8_t* row, size_t first, float* dst, size_t n);
void DequantizeBf16(const uint8_t* row, size_t first, float* dst, size_t n);

template <typename Block>
void DequantizeBlocks(const uint8_t* row, size_t first, float* dst, size_t n) {
  for (size_t i = first; i < first + n; i += 32, dst += 32) {
    Run run;
    Block::Read(row + i / Block::kValues * Block::kBytes, i % Block::kValues / 32, &run);
    for (size_t j = 0; j < 32; ++j) {
      dst[j] = run.d * static_cast<float>(run.scale[j / 16]) * static_cast<float>(run.q[j]) -
               run.dmin * static_cast<float>(run.min[j / 16]);
    }
  }
}

}  // namespace selvedge::kernels::reference
