#include "storage/gguf/gguf_file.h"

#include "core/open_regular.h"
#include "storage/untrusted/quote.h"

namespace selvedge::gguf {
namespace {

std::string Where(const File& file, std::string_view key) {
  return core::BaseName(file.bytes().name()) + ": key " + untrusted::Quote(key);
}

std::string TypeText(const Value& value) {
  if (value.type != ValueType::kArray) return ValueTypeName(value.type);
  return std::string("array of ") + ValueTypeName(std::get<Array>(value.data).element_type);
}

}  // namespace

const char* ValueTypeName(ValueType type) {
  constexpr const char* kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                    "bool", "string", "array", "u64", "i64", "f64"};
  return kNames[static_cast<uint32_t>(type)];
}

uint64_t TensorInfo::values() const {
  uint64_t product = 1;
  for (const uint64_t dim : dims) product *= dim;  // Parse has proven that it fits
  return product;
}

const TensorInfo* File::FindTensor(std::string_view name) const {
  const auto it = tensor_index_.find(std::string(name));
  return it == tensor_index_.end() ? nullptr : &tensors_[it->second];
}

bool File::Has(std::string_view key) const { return key_index_.contains(std::string(key)); }

std::span<const uint8_t> File::EncodedValue(std::string_view key) const {
  const auto it = key_index_.find(std::string(key));
  return it == key_index_.end() ? std::span<const uint8_t>() : encoded_[it->second];
}

Result<const Value*> File::Typed(std::string_view key, ValueType type) const {
  const auto it = key_index_.find(std::string(key));
  if (it == key_index_.end()) return FormatError(Where(*this, key) + ": missing");
  const Value& value = metadata_[it->second].second;
  if (value.type != type) {
    return FormatError(Where(*this, key) + ": got " + TypeText(value) + ", must be " +
                       ValueTypeName(type));
  }
  return &value;
}

Result<const Array*> File::TypedArray(std::string_view key, ValueType element_type) const {
  SELVEDGE_ASSIGN_OR_RETURN(const Value* value, Typed(key, ValueType::kArray));
  const auto& array = std::get<Array>(value->data);
  if (array.element_type != element_type) {
    return FormatError(Where(*this, key) + ": got " + TypeText(*value) + ", must be array of " +
                       ValueTypeName(element_type));
  }
  return &array;
}

Result<uint32_t> File::GetU32(std::string_view key) const {
  SELVEDGE_ASSIGN_OR_RETURN(const Value* value, Typed(key, ValueType::kU32));
  return static_cast<uint32_t>(std::get<uint64_t>(value->data));
}

Result<float> File::GetF32(std::string_view key) const {
  SELVEDGE_ASSIGN_OR_RETURN(const Value* value, Typed(key, ValueType::kF32));
  return static_cast<float>(std::get<double>(value->data));
}

Result<bool> File::GetBool(std::string_view key) const {
  SELVEDGE_ASSIGN_OR_RETURN(const Value* value, Typed(key, ValueType::kBool));
  return std::get<bool>(value->data);
}

Result<std::string> File::GetString(std::string_view key) const {
  SELVEDGE_ASSIGN_OR_RETURN(const Value* value, Typed(key, ValueType::kString));
  return std::string(std::get<std::string_view>(value->data));
}

Result<std::vector<std::string_view>> File::GetStrings(std::string_view key) const {
  SELVEDGE_ASSIGN_OR_RETURN(const Array* array, TypedArray(key, ValueType::kString));
  return std::get<std::vector<std::string_view>>(array->values);
}

Result<std::vector<float>> File::GetF32s(std::string_view key) const {
  SELVEDGE_ASSIGN_OR_RETURN(const Array* array, TypedArray(key, ValueType::kF32));
  const auto& values = std::get<std::vector<double>>(array->values);
  return std::vector<float>(values.begin(), values.end());
}

Result<std::vector<int32_t>> File::GetI32s(std::string_view key) const {
  SELVEDGE_ASSIGN_OR_RETURN(const Array* array, TypedArray(key, ValueType::kI32));
  const auto& values = std::get<std::vector<int64_t>>(array->values);
  return std::vector<int32_t>(values.begin(), values.end());
}

}  // namespace selvedge::gguf
