// Any bytes must give a file whose every view lies within them, or an error with a message.

#include <cstdlib>

#include "storage/gguf/gguf_file.h"
#include "tests/fuzz/seeds.h"

namespace gguf = selvedge::gguf;

namespace {

void Check(bool holds) {
  if (!holds) std::abort();
}

void CheckFile(const gguf::File& file, const uint8_t* data, size_t size) {
  for (const auto& tensor : file.tensors()) {
    Check(tensor.data.data() >= data && tensor.data.data() + tensor.data.size() <= data + size);
    Check(tensor.values() > 0 && file.FindTensor(tensor.name) == &tensor);
  }
  for (const auto& [key, value] : file.metadata()) {
    Check(file.Has(key));
    (void)file.GetU32(key).ok();
    (void)file.GetStrings(key).ok();
    (void)file.GetF32s(key).ok();
  }
  gguf::BaseDigest(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto file = gguf::File::Parse(selvedge::core::MappedFile::Wrap({data, size}, "fuzz"));
  if (file.ok()) {
    CheckFile(**file, data, size);
  } else {
    Check(!file.status().message().empty());
  }
  return 0;
}

std::vector<std::vector<uint8_t>> FuzzSeeds() {
  gguf::Writer writer;
  writer.SetString("general.architecture", "llama");
  writer.SetU32("general.alignment", 32);
  writer.SetF32("llama.attention.layer_norm_rms_epsilon", 1e-5f);
  writer.SetBool("tokenizer.ggml.add_bos_token", true);
  writer.SetStrings("tokenizer.ggml.tokens", {"<unk>", "a", "b"});
  writer.SetF32s("tokenizer.ggml.scores", {0, -1, -2});
  writer.SetI32s("tokenizer.ggml.token_type", {2, 1, 1});
  writer.AddTensor("token_embd.weight", selvedge::core::DType::kQ8_0, {32, 3},
                   std::vector<uint8_t>(102, 7));
  writer.AddTensor("output_norm.weight", selvedge::core::DType::kF32, {32},
                   std::vector<uint8_t>(128, 1));
  return {writer.Serialize(), gguf::Writer().Serialize()};
}
