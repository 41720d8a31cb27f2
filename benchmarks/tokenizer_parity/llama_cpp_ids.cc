// What llama.cpp makes of the same input: the other half of the scripts beside this file.
//
//   llama_cpp_twin ids MODEL PARSE_SPECIAL   records (u32 length, bytes) on stdin -> a line of ids
//   each llama_cpp_twin greedy MODEL COUNT        lines of prompt ids on stdin -> for each a line
//   of the
//                                            next COUNT ids, then f32 [COUNT, n_vocab] of the
//                                            logits they were picked from, in FILE.logits (MODEL +
//                                            suffix)
//
// Not part of the build. With a built llama.cpp in $L (b-number in docs/results.md):
//   g++ -O2 -I$L/include -I$L/ggml/include llama_cpp_twin.cc -o llama_cpp_twin
//   $L/build/src/libllama.a
//       $L/build/ggml/src/libggml.a $L/build/ggml/src/libggml-cpu.a
//       $L/build/ggml/src/libggml-base.a -lpthread -ldl -fopenmp   (one line)

#include <llama.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

namespace {

int PrintIds(const llama_vocab* vocab, bool parse_special) {
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

int PrintGreedy(llama_model* model, int count, const std::string& logits_path) {
  const int n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
  std::ofstream out(logits_path, std::ios::binary);
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::vector<llama_token> ids;
    for (llama_token id; words >> id;) ids.push_back(id);
    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<uint32_t>(llama_model_n_ctx_train(model));
    params.n_threads = params.n_threads_batch = 1;
    llama_context* context = llama_init_from_model(model, params);
    llama_batch batch = llama_batch_get_one(ids.data(), static_cast<int32_t>(ids.size()));
    llama_token next = 0;
    for (int i = 0; i < count; ++i, batch = llama_batch_get_one(&next, 1)) {
      if (llama_decode(context, batch) != 0) return 3;
      const float* logits = llama_get_logits_ith(context, -1);
      out.write(reinterpret_cast<const char*>(logits),
                static_cast<std::streamsize>(sizeof(float)) * n_vocab);
      next = static_cast<llama_token>(std::max_element(logits, logits + n_vocab) - logits);
      std::printf(i == 0 ? "%d" : " %d", next);
    }
    std::puts("");
    llama_free(context);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 64;
  const bool ids = std::strcmp(argv[1], "ids") == 0;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  llama_model_params params = llama_model_default_params();
  params.vocab_only = ids;
  llama_model* model = llama_model_load_from_file(argv[2], params);
  if (model == nullptr) return 1;
  return ids ? PrintIds(llama_model_get_vocab(model), std::atoi(argv[3]) != 0)
             : PrintGreedy(model, std::atoi(argv[3]), std::string(argv[2]) + ".logits");
}
