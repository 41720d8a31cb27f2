// llama.cpp's half of tokenizer_parity.py, through its C API.
//
//   llama_cpp_ids MODEL PARSE_SPECIAL   records (u32 length, bytes) on stdin -> a line of ids each
//
// Not part of the build. With a built llama.cpp in $L (one line):
//   g++ -O2 -I$L/include -I$L/ggml/include llama_cpp_ids.cc -o llama_cpp_ids
//   $L/build/src/libllama.a
//       $L/build/ggml/src/libggml.a $L/build/ggml/src/libggml-cpu.a
//       $L/build/ggml/src/libggml-base.a -lpthread -ldl -fopenmp

#include <llama.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 3) return 64;
  const bool parse_special = std::strcmp(argv[2], "1") == 0;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  llama_model_params params = llama_model_default_params();
  params.vocab_only = true;
  llama_model* model = llama_model_load_from_file(argv[1], params);
  if (model == nullptr) return 1;
  const llama_vocab* vocab = llama_model_get_vocab(model);
  uint32_t size = 0;
  while (std::fread(&size, sizeof size, 1, stdin) == 1) {
    std::string text(size, '\0');
    if (size > 0 && std::fread(text.data(), 1, size, stdin) != size) return 2;
    std::vector<llama_token> ids(text.size() + 16);
    const int count =
        llama_tokenize(vocab, text.data(), static_cast<int32_t>(size), ids.data(),
                       static_cast<int32_t>(ids.size()), /*add_special=*/false, parse_special);
    for (int i = 0; i < count; ++i) std::printf(i == 0 ? "%d" : " %d", ids[i]);
    std::puts("");
  }
  return 0;
}
