#include <cstring>
#include <type_traits>

#include "storage/gguf/gguf_file.h"

namespace selvedge::gguf {
namespace {

using Bytes = std::vector<uint8_t>;

template <typename T>
void Append(Bytes& out, T value) {
  static_assert(std::is_arithmetic_v<T>);
  const size_t at = out.size();
  out.resize(at + sizeof(T));
  std::memcpy(out.data() + at, &value, sizeof(T));
}

void AppendText(Bytes& out, std::string_view text) {
  Append<uint64_t>(out, text.size());
  out.insert(out.end(), text.begin(), text.end());
}

Bytes Typed(ValueType type) {
  Bytes out;
  Append(out, static_cast<uint32_t>(type));
  return out;
}

Bytes TypedArray(ValueType element_type, uint64_t count) {
  Bytes out = Typed(ValueType::kArray);
  Append(out, static_cast<uint32_t>(element_type));
  Append(out, count);
  return out;
}

void PadToAlignment(Bytes& out) {
  out.resize((out.size() + kDefaultAlignment - 1) / kDefaultAlignment * kDefaultAlignment, 0);
}

}  // namespace

void Writer::Set(std::string key, Bytes encoded) {
  for (auto& [known, value] : metadata_) {
    if (known != key) continue;
    value = std::move(encoded);
    return;
  }
  metadata_.emplace_back(std::move(key), std::move(encoded));
}

void Writer::SetU32(std::string key, uint32_t v) {
  Bytes out = Typed(ValueType::kU32);
  Append(out, v);
  Set(std::move(key), std::move(out));
}

void Writer::SetF32(std::string key, float v) {
  Bytes out = Typed(ValueType::kF32);
  Append(out, v);
  Set(std::move(key), std::move(out));
}

void Writer::SetBool(std::string key, bool v) {
  Bytes out = Typed(ValueType::kBool);
  Append<uint8_t>(out, v ? 1 : 0);
  Set(std::move(key), std::move(out));
}

void Writer::SetString(std::string key, std::string v) {
  Bytes out = Typed(ValueType::kString);
  AppendText(out, v);
  Set(std::move(key), std::move(out));
}

void Writer::SetStrings(std::string key, std::vector<std::string> v) {
  Bytes out = TypedArray(ValueType::kString, v.size());
  for (const std::string& text : v) AppendText(out, text);
  Set(std::move(key), std::move(out));
}

void Writer::SetF32s(std::string key, std::vector<float> v) {
  Bytes out = TypedArray(ValueType::kF32, v.size());
  for (const float number : v) Append(out, number);
  Set(std::move(key), std::move(out));
}

void Writer::SetI32s(std::string key, std::vector<int32_t> v) {
  Bytes out = TypedArray(ValueType::kI32, v.size());
  for (const int32_t number : v) Append(out, number);
  Set(std::move(key), std::move(out));
}

void Writer::CopyMetadata(const File& file) {
  for (const auto& [key, value] : file.metadata()) {
    if (key == "general.alignment") continue;
    Bytes out = Typed(value.type);
    const std::span<const uint8_t> encoded = file.EncodedValue(key);
    out.insert(out.end(), encoded.begin(), encoded.end());
    Set(key, std::move(out));
  }
}

void Writer::AddTensor(std::string name, core::DType type, std::vector<uint64_t> dims, Bytes data) {
  const uint64_t size = data.size();
  tensors_.push_back({std::move(name), type, std::move(dims), size, std::move(data)});
}

void Writer::DeclareTensor(std::string name, core::DType type, std::vector<uint64_t> dims) {
  uint64_t values = 1;
  for (const uint64_t dim : dims) values *= dim;
  const uint64_t size = core::RowBytes(*core::FindDType(type), values);
  tensors_.push_back({std::move(name), type, std::move(dims), size, {}});
}

Bytes Writer::SerializeHeader() const {
  Bytes out = {'G', 'G', 'U', 'F'};
  Append<uint32_t>(out, 3);
  Append<uint64_t>(out, tensors_.size());
  Append<uint64_t>(out, metadata_.size());
  for (const auto& [key, encoded] : metadata_) {
    AppendText(out, key);
    out.insert(out.end(), encoded.begin(), encoded.end());
  }
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors_) {
    AppendText(out, tensor.name);
    Append(out, static_cast<uint32_t>(tensor.dims.size()));
    for (const uint64_t dim : tensor.dims) Append(out, dim);
    Append(out, static_cast<uint32_t>(tensor.type));
    Append(out, offset);
    offset += (tensor.size_bytes + kDefaultAlignment - 1) / kDefaultAlignment * kDefaultAlignment;
  }
  PadToAlignment(out);
  return out;
}

Bytes Writer::Serialize() const {
  Bytes out = SerializeHeader();
  uint64_t size = out.size();
  for (const Tensor& tensor : tensors_) size += tensor.size_bytes + kDefaultAlignment;
  out.reserve(size);
  for (const Tensor& tensor : tensors_) {
    out.insert(out.end(), tensor.data.begin(), tensor.data.end());
    PadToAlignment(out);
  }
  return out;
}

}  // namespace selvedge::gguf
