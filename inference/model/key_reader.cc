#include "inference/model/key_reader.h"

#include <algorithm>

namespace selvedge::inference {
namespace {

template <typename T>
Result<uint64_t> Same(const std::string& name, const std::vector<T>& values) {
  if (values.empty() || values.front() < T{0}) {
    return FormatError("model file: " + name + ": no count in it");
  }
  if (std::any_of(values.begin(), values.end(), [&](T v) { return v != values.front(); })) {
    return IncompatibleError("model file: " + name + ": layers differ, equal layers supported");
  }
  return static_cast<uint64_t>(values.front());
}

}  // namespace

const gguf::Array* KeyReader::FindArray(const std::string& key) const {
  for (const auto& [name, value] : file_.metadata()) {
    if (name == prefix_ + key) return std::get_if<gguf::Array>(&value.data);
  }
  return nullptr;
}

Result<uint64_t> KeyReader::Uniform(const std::string& key) const {
  if (const gguf::Array* array = FindArray(key); array != nullptr) {
    const std::string name = prefix_ + key;
    if (const auto* u = std::get_if<std::vector<uint64_t>>(&array->values)) return Same(name, *u);
    if (const auto* i = std::get_if<std::vector<int64_t>>(&array->values)) return Same(name, *i);
  }
  SELVEDGE_ASSIGN_OR_RETURN(const uint32_t value, file_.GetU32(prefix_ + key));
  return uint64_t{value};
}

Result<uint32_t> KeyReader::Count(const std::string& key, uint64_t low, uint64_t high) const {
  SELVEDGE_ASSIGN_OR_RETURN(const uint64_t value, Uniform(key));
  const std::string got = "model file: " + prefix_ + key + ": " + std::to_string(value);
  if (value < low) return FormatError(got + ", at least " + std::to_string(low) + " needed");
  if (value > high) return LimitError(got + ", at most " + std::to_string(high) + " allowed");
  return static_cast<uint32_t>(value);
}

Result<uint32_t> KeyReader::CountOr(const std::string& key, uint32_t fallback,
                                    uint64_t high) const {
  if (!Has(key)) return fallback;
  return Count(key, 1, high);
}

Result<float> KeyReader::Number(const std::string& key, float low, float high) const {
  SELVEDGE_ASSIGN_OR_RETURN(const float value, file_.GetF32(prefix_ + key));
  if (!(value > low && value <= high)) {
    return FormatError("model file: " + prefix_ + key + ": " + std::to_string(value) +
                       ", finite, above " + std::to_string(low) + " and at most " +
                       std::to_string(high) + " allowed");
  }
  return value;
}

Result<float> KeyReader::NumberOr(const std::string& key, float fallback, float low,
                                  float high) const {
  if (!Has(key)) return fallback;
  return Number(key, low, high);
}

std::vector<bool> KeyReader::Flags(const std::string& key) const {
  const gguf::Array* array = FindArray(key);
  if (array == nullptr) return {};
  std::vector<bool> flags;
  if (const auto* u = std::get_if<std::vector<uint64_t>>(&array->values)) {
    for (const uint64_t value : *u) flags.push_back(value != 0);
  } else if (const auto* i = std::get_if<std::vector<int64_t>>(&array->values)) {
    for (const int64_t value : *i) flags.push_back(value != 0);
  }
  return flags;
}

}  // namespace selvedge::inference
