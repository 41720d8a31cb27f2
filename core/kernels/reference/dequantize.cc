#include "core/kernels/reference/dequantize.h"

#include <cstdlib>

#include "core/kernels/kernel_table.h"
#include "core/kernels/reference/reference.h"

namespace selvedge::kernels::reference {

void DequantizeF32(const uint8_t* row, size_t first, float* dst, size_t n) {
  std::memcpy(dst, row + first * sizeof(float), n * sizeof(float));
}

void DequantizeF16(const uint8_t* row, size_t first, float* dst, size_t n) {
  for (size_t i = 0; i < n; ++i) dst[i] = LoadHalf(row + 2 * (first + i));
}

void DequantizeBf16(const uint8_t* row, size_t first, float* dst, size_t n) {
  for (size_t i = 0; i < n; ++i) dst[i] = Bfloat16ToFloat(LoadU16(row + 2 * (first + i)));
}

void DequantizeRow(core::DType type, const uint8_t* src, float* dst, size_t n) {
  ScalarTable().types->rows[static_cast<size_t>(type)].dequantize(src, 0, dst, n);
}

}  // namespace selvedge::kernels::reference
