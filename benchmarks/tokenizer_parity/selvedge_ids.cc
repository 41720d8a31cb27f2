// Selvedge's half of tokenizer_parity.py, as llama_cpp_ids.cc is the other.
//
//   selvedge_ids MODEL PARSE_SPECIAL   records (u32 length, bytes) on stdin -> a line of ids each

#include <cstdint>
#include <cstdio>
#include <cstring>

#include "inference/tokenizer/tokenizer.h"

int main(int argc, char** argv) {
  using selvedge::inference::Tokenizer;
  if (argc != 3) return 64;
  const auto file = selvedge::gguf::File::Open(argv[1]);
  if (!file.ok()) return std::fprintf(stderr, "%s\n", file.status().message().c_str()), 1;
  const auto tokenizer = Tokenizer::FromGguf(**file);
  if (!tokenizer.ok()) return std::fprintf(stderr, "%s\n", tokenizer.status().message().c_str()), 1;
  const bool parse_special = std::strcmp(argv[2], "1") == 0;
  uint32_t size = 0;
  while (std::fread(&size, sizeof size, 1, stdin) == 1) {
    std::string text(size, '\0');
    if (size > 0 && std::fread(text.data(), 1, size, stdin) != size) return 2;
    const auto ids = (*tokenizer)->Encode(text, /*add_bos=*/false, parse_special);
    if (!ids.ok()) return std::fprintf(stderr, "%s\n", ids.status().message().c_str()), 1;
    const char* form = "%d";
    for (const int32_t id : *ids) std::printf(form, id), form = " %d";
    std::puts("");
  }
  return 0;
}
