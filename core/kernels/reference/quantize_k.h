#pragma once
// Quantizers of the types with blocks of 256. Each chooses scales that minimise a weighted squared
// error; the bytes depend on the values alone. Rows of n values, a multiple of 256.

#include <cstddef>
#include <cstdint>

namespace selvedge::kernels::reference {

void QuantizeQ4_K(const float* src, uint8_t* dst, size_t n);
void QuantizeQ5_K(const float* src, uint8_t* dst, size_t n);
void QuantizeQ6_K(const float* src, uint8_t* dst, size_t n);

}  // namespace selvedge::kernels::reference
