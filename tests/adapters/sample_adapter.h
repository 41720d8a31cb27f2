#pragma once
// A small adapter with distinct values everywhere, and a folder that removes itself.

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "adapters/store.h"
#include "adapters/tensor_names.h"

namespace selvedge::adapters {

// 2 layers, 2 heads and 1 key head of 4 values: embedding 8, feed-forward 12.
inline BaseShape SampleBase() { return {"llama", 2, 2, 1, 4}; }

inline uint32_t SampleWidth(Width width) {
  switch (width) {
    case Width::kFeedForward:
      return 12;
    case Width::kKvHeads:
      return 4;
    case Width::kVocabulary:
      return 20;
    case Width::kEmbedding:
    case Width::kHeads:
      return 8;
  }
  return 0;
}

// Every module of both layers and the head, sorted by name.
inline LoraAdapter SampleAdapter(uint32_t rank = 2, float alpha = 4) {
  LoraAdapter adapter;
  adapter.architecture = "llama";
  adapter.rank = rank;
  adapter.alpha = alpha;
  float value = 0;
  for (uint32_t layer = 0; layer < 2; ++layer) {
    for (const Module& module : AllModules()) {
      if (!module.in_blocks && layer > 0) continue;
      LoraTensor tensor;
      tensor.base_name = Place{layer, &module}.GgufName();
      tensor.rank = rank;
      tensor.in = SampleWidth(module.in);
      tensor.out = SampleWidth(module.out);
      tensor.scale = alpha / static_cast<float>(rank);
      for (uint32_t i = 0; i < rank * tensor.in; ++i) tensor.a.push_back(value += 0.001f);
      for (uint32_t i = 0; i < rank * tensor.out; ++i) tensor.b.push_back(-(value += 0.001f));
      adapter.tensors.push_back(tensor);
    }
  }
  std::sort(adapter.tensors.begin(), adapter.tensors.end(),
            [](const auto& x, const auto& y) { return x.base_name < y.base_name; });
  return adapter;
}

inline bool SameTensors(const LoraAdapter& x, const LoraAdapter& y) {
  return std::equal(x.tensors.begin(), x.tensors.end(), y.tensors.begin(), y.tensors.end(),
                    [](const LoraTensor& s, const LoraTensor& t) {
                      return s.base_name == t.base_name && s.rank == t.rank && s.in == t.in &&
                             s.out == t.out && s.a == t.a && s.b == t.b && s.scale == t.scale;
                    });
}

class ScopedFolder {
 public:
  ScopedFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "selvedge-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  ~ScopedFolder() { std::filesystem::remove_all(path_); }
  ScopedFolder(const ScopedFolder&) = delete;
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string Slurp(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

inline void Spill(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Inverts one bit in place: rewriting the whole file would wait for the disk each time.
inline void FlipBit(const std::string& path, size_t bit) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekg(static_cast<std::streamoff>(bit / 8));
  const auto byte = static_cast<char>(file.peek() ^ (1 << (bit % 8)));
  file.seekp(static_cast<std::streamoff>(bit / 8));
  file.put(byte);
}

}  // namespace selvedge::adapters
