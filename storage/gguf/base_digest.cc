// Bytes of the digest: docs/formats/gguf.md, "Base digest".
#include <algorithm>
#include <numeric>

#include "storage/gguf/gguf_file.h"

namespace selvedge::gguf {
namespace {

void UpdateText(core::Sha256& hash, std::string_view text) {
  hash.UpdateU64(text.size()).Update(text);
}

// Indices of `items` in the byte order of their names.
template <typename Items, typename NameOf>
std::vector<size_t> InNameOrder(const Items& items, NameOf name_of) {
  std::vector<size_t> order(items.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(),
            [&](size_t i, size_t j) { return name_of(items[i]) < name_of(items[j]); });
  return order;
}

void UpdateKeys(core::Sha256& hash, const File& file) {
  const auto architecture = file.GetString("general.architecture");
  const std::string prefix = architecture.ok() ? *architecture + "." : std::string("\0", 1);
  const auto counts = [&](const std::string& key) {
    return key == "general.architecture" || key.starts_with(prefix) ||
           key.starts_with("tokenizer.");
  };
  const auto& metadata = file.metadata();
  hash.UpdateU64(std::count_if(metadata.begin(), metadata.end(),
                               [&](const auto& pair) { return counts(pair.first); }));
  const auto key_of = [](const auto& pair) -> const std::string& { return pair.first; };
  for (const size_t i : InNameOrder(metadata, key_of)) {
    const auto& [key, value] = metadata[i];
    if (!counts(key)) continue;
    UpdateText(hash, key);
    const std::span<const uint8_t> encoded = file.EncodedValue(key);
    hash.UpdateU64(static_cast<uint64_t>(value.type)).UpdateU64(encoded.size()).Update(encoded);
  }
}

void UpdateTensors(core::Sha256& hash, const File& file) {
  const auto& tensors = file.tensors();
  hash.UpdateU64(tensors.size());
  const auto name_of = [](const TensorInfo& tensor) -> const std::string& { return tensor.name; };
  for (const size_t i : InNameOrder(tensors, name_of)) {
    const TensorInfo& tensor = tensors[i];
    UpdateText(hash, tensor.name);
    hash.UpdateU64(static_cast<uint64_t>(tensor.type)).UpdateU64(tensor.dims.size());
    for (const uint64_t dim : tensor.dims) hash.UpdateU64(dim);
    hash.UpdateU64(tensor.data.size()).Update(tensor.data);
  }
}

}  // namespace

core::Sha256Digest BaseDigest(const File& file) {
  core::Sha256 hash;
  hash.Update("selvedge-base-digest-v1\n");
  UpdateKeys(hash, file);
  UpdateTensors(hash, file);
  return hash.Finish();
}

}  // namespace selvedge::gguf
