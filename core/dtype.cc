#include "core/dtype.h"

namespace selvedge::core {
namespace {

// Source: ggml block layouts, docs/formats (block values and bytes of each ggml_type).
constexpr DTypeInfo kTypes[] = {
    {DType::kF32, "F32", 1, 4, true, 0, 0},         {DType::kF16, "F16", 1, 2, true, 0, 1},
    {DType::kQ4_0, "Q4_0", 32, 18, true, 0, 1},     {DType::kQ4_1, "Q4_1", 32, 20, true, 0, 2},
    {DType::kQ5_0, "Q5_0", 32, 22, true, 0, 1},     {DType::kQ5_1, "Q5_1", 32, 24, true, 0, 2},
    {DType::kQ8_0, "Q8_0", 32, 34, true, 0, 1},     {DType::kQ2_K, "Q2_K", 256, 84, true, 80, 2},
    {DType::kQ3_K, "Q3_K", 256, 110, true, 108, 1}, {DType::kQ4_K, "Q4_K", 256, 144, true, 0, 2},
    {DType::kQ5_K, "Q5_K", 256, 176, true, 0, 2},   {DType::kQ6_K, "Q6_K", 256, 210, true, 208, 1},
    {DType::kIQ4_NL, "IQ4_NL", 32, 18, true, 0, 1}, {DType::kI8, "I8", 1, 1, false, 0, 0},
    {DType::kI16, "I16", 1, 2, false, 0, 0},        {DType::kI32, "I32", 1, 4, false, 0, 0},
    {DType::kI64, "I64", 1, 8, false, 0, 0},        {DType::kF64, "F64", 1, 8, false, 0, 0},
    {DType::kBF16, "BF16", 1, 2, true, 0, 0},
};

}  // namespace

std::span<const DTypeInfo> DTypes() { return kTypes; }

const DTypeInfo* FindDType(uint32_t id) {
  for (const DTypeInfo& info : kTypes) {
    if (static_cast<uint32_t>(info.type) == id) return &info;
  }
  return nullptr;
}

}  // namespace selvedge::core
