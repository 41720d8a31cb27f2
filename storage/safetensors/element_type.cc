#include <array>
#include <cstring>

#include "storage/safetensors/safetensors.h"
#include "storage/untrusted/quote.h"

namespace selvedge::safetensors {
namespace {

struct Element {
  ElementType type;
  const char* name;
  uint64_t bytes;
};

constexpr Element kElements[] = {
    {ElementType::kBool, "BOOL", 1}, {ElementType::kU8, "U8", 1},     {ElementType::kI8, "I8", 1},
    {ElementType::kU16, "U16", 2},   {ElementType::kI16, "I16", 2},   {ElementType::kU32, "U32", 4},
    {ElementType::kI32, "I32", 4},   {ElementType::kU64, "U64", 8},   {ElementType::kI64, "I64", 8},
    {ElementType::kF16, "F16", 2},   {ElementType::kBF16, "BF16", 2}, {ElementType::kF32, "F32", 4},
    {ElementType::kF64, "F64", 8},
};

// Defined by the reference implementation, not read here.
constexpr const char* kUnreadable[] = {"F4",          "F6_E2M3", "F6_E3M2",
                                       "F8_E4M3",     "F8_E5M2", "F8_E4M3FNUZ",
                                       "F8_E5M2FNUZ", "F8_E8M0", "C64"};

// IEEE 754 binary16 to binary32, exact; NaN payloads keep their upper bits.
float HalfToFloat(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = (half >> 10) & 31;
  const uint32_t mantissa = half & 0x3FF;
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24
    const float magnitude = static_cast<float>(mantissa) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  const uint32_t bits =
      sign | (exponent == 31 ? 0x7F800000u : (exponent + 112) << 23) | (mantissa << 13);
  float value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

float BrainToFloat(uint16_t brain) {
  const uint32_t bits = static_cast<uint32_t>(brain) << 16;
  float value = 0;
  std::memcpy(&value, &bits, sizeof(value));
  return value;
}

}  // namespace

const char* ElementName(ElementType type) { return kElements[static_cast<size_t>(type)].name; }
uint64_t ElementBytes(ElementType type) { return kElements[static_cast<size_t>(type)].bytes; }

Result<ElementType> FindElementType(std::string_view name) {
  for (const Element& element : kElements) {
    if (name == element.name) return element.type;
  }
  for (const char* unreadable : kUnreadable) {
    if (name == unreadable) {
      return IncompatibleError("got dtype " + std::string(name) + ", which Selvedge does not read");
    }
  }
  return FormatError("got dtype " + untrusted::Quote(name) + ", which safetensors does not define");
}

Result<std::vector<float>> ToFloats(const TensorInfo& tensor) {
  std::vector<float> values(tensor.values());
  if (tensor.type == ElementType::kF32) {
    if (!values.empty()) std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    return values;
  }
  if (tensor.type != ElementType::kF16 && tensor.type != ElementType::kBF16) {
    return IncompatibleError("tensor " + untrusted::Quote(tensor.name) + ": got dtype " +
                             ElementName(tensor.type) + ", F32, F16 and BF16 are read");
  }
  const auto convert = tensor.type == ElementType::kF16 ? HalfToFloat : BrainToFloat;
  for (size_t i = 0; i < values.size(); ++i) {
    uint16_t bits = 0;
    std::memcpy(&bits, tensor.data.data() + 2 * i, sizeof(bits));
    values[i] = convert(bits);
  }
  return values;
}

}  // namespace selvedge::safetensors
