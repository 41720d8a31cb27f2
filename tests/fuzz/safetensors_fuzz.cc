// Any bytes must give a file whose every view lies within them, or an error with a message.

#include <cstdlib>

#include "storage/safetensors/safetensors.h"
#include "tests/fuzz/seeds.h"

namespace safetensors = selvedge::safetensors;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file =
      safetensors::File::Parse(selvedge::core::MappedFile::Wrap({data, size}, "fuzz"));
  if (!file.ok()) {
    Check(!file.status().message().empty());
    return 0;
  }
  for (const auto& tensor : (*file)->tensors()) {
    Check(tensor.data.data() >= data && tensor.data.data() + tensor.data.size() <= data + size);
    Check((*file)->FindTensor(tensor.name) == &tensor);
    const auto floats = safetensors::ToFloats(tensor);
    Check(!floats.ok() || floats->size() == tensor.values());
  }
  return 0;
}

std::vector<std::vector<uint8_t>> FuzzSeeds() {
  safetensors::Writer writer;
  writer.SetMetadata("format", "pt");
  writer.AddFloats("a.lora_A.weight", {2, 2}, std::vector<float>(4, 0.5f));
  writer.AddTensor("b", safetensors::ElementType::kBF16, {3}, std::vector<uint8_t>(6, 1));
  writer.AddTensor("c", safetensors::ElementType::kI64, {}, std::vector<uint8_t>(8, 2));
  return {writer.Serialize(), safetensors::Writer().Serialize()};
}
