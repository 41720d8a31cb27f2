#include "storage/gguf/tensor_type.h"

#include <string>

namespace selvedge::gguf {
namespace {

struct NamedType {
  uint32_t id;
  const char* name;
  bool removed;
};

// Source: enum ggml_type of ggml, 2026-08.
constexpr NamedType kOtherTypes[] = {
    {4, "Q4_2", true},        {5, "Q4_3", true},        {9, "Q8_1", false},
    {15, "Q8_K", false},      {16, "IQ2_XXS", false},   {17, "IQ2_XS", false},
    {18, "IQ3_XXS", false},   {19, "IQ1_S", false},     {21, "IQ3_S", false},
    {22, "IQ2_S", false},     {23, "IQ4_XS", false},    {29, "IQ1_M", false},
    {31, "Q4_0_4_4", true},   {32, "Q4_0_4_8", true},   {33, "Q4_0_8_8", true},
    {34, "TQ1_0", false},     {35, "TQ2_0", false},     {36, "IQ4_NL_4_4", true},
    {37, "IQ4_NL_4_8", true}, {38, "IQ4_NL_8_8", true}, {39, "MXFP4", false},
    {40, "NVFP4", false},     {41, "Q1_0", false},      {42, "Q2_0", false},
};

}  // namespace

Result<const core::DTypeInfo*> ReadableType(uint32_t id) {
  if (const core::DTypeInfo* info = core::FindDType(id)) return info;
  for (const NamedType& other : kOtherTypes) {
    if (other.id != id) continue;
    const std::string what = "type " + std::string(other.name) + " (" + std::to_string(id) + ")";
    if (other.removed) return FormatError("got " + what + ", which was removed from ggml");
    return IncompatibleError("got " + what + ", which Selvedge does not read");
  }
  return FormatError("got type " + std::to_string(id) + ", which ggml does not define");
}

}  // namespace selvedge::gguf
