#include <cstring>
#include <nlohmann/json.hpp>

#include "storage/safetensors/safetensors.h"

namespace selvedge::safetensors {
namespace {

std::string JsonText(const std::string& text) {
  // `replace` keeps the library from throwing on text that is no UTF-8.
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

void Writer::SetMetadata(std::string key, std::string value) {
  metadata_.insert_or_assign(std::move(key), std::move(value));
}

void Writer::AddTensor(std::string name, ElementType type, std::vector<uint64_t> shape,
                       std::vector<uint8_t> data) {
  tensors_.push_back({std::move(name), type, std::move(shape), std::move(data)});
}

void Writer::AddFloats(std::string name, std::vector<uint64_t> shape,
                       std::span<const float> values) {
  std::vector<uint8_t> data(values.size_bytes());
  if (!data.empty()) std::memcpy(data.data(), values.data(), data.size());
  AddTensor(std::move(name), ElementType::kF32, std::move(shape), std::move(data));
}

std::vector<uint8_t> Writer::Serialize() const {
  std::string header = "{";
  const auto separate = [&] {
    if (header.back() != '{') header += ',';
  };
  if (!metadata_.empty()) {
    header += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata_) {
      separate();
      header += JsonText(key) + ":" + JsonText(value);
    }
    header += "}";
  }
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors_) {
    separate();
    header +=
        JsonText(tensor.name) + ":{\"dtype\":\"" + ElementName(tensor.type) + "\",\"shape\":[";
    for (size_t i = 0; i < tensor.shape.size(); ++i) {
      if (i > 0) header += ',';
      header += std::to_string(tensor.shape[i]);
    }
    header += "],\"data_offsets\":[" + std::to_string(offset) + ",";
    offset += tensor.data.size();
    header += std::to_string(offset) + "]}";
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');

  std::vector<uint8_t> out(8 + header.size() + offset);
  const uint64_t header_bytes = header.size();
  std::memcpy(out.data(), &header_bytes, 8);
  std::memcpy(out.data() + 8, header.data(), header.size());
  uint8_t* at = out.data() + 8 + header.size();
  for (const Tensor& tensor : tensors_) {
    if (!tensor.data.empty()) std::memcpy(at, tensor.data.data(), tensor.data.size());
    at += tensor.data.size();
  }
  return out;
}

}  // namespace selvedge::safetensors
