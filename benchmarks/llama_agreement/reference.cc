// What llama.cpp says: greedy continuations of prompts with the logits of every step, through
// llama.cpp's C API with its defaults. run.sh compiles it against a llama.cpp build.
//
//   reference MODEL STEPS THREADS [f16|f32 [LORA]] < PROMPTS > FILE
//     PROMPTS  one prompt a line, tokenized by llama.cpp; or "ids: 1 2 3" for vocabularies without
//              text
//     f32      cache of keys and values in f32, no flash attention
//     LORA     an adapter in GGUF, applied with scale 1
//
// FILE, all numbers little-endian 32-bit: vocabulary size V, steps S; then for each prompt the
// number n of its bytes, its bytes padded to 4, the number m of its ids, the ids [m], the chosen
// ids [S] and the logits [S, V] that they were chosen from.

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "llama.h"

namespace {

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << "reference: " << what << "\n";
  std::exit(1);
}

void Write(const void* data, size_t bytes) {
  if (std::fwrite(data, 1, bytes, stdout) != bytes) Fail("cannot write");
}

void WriteNumber(size_t value) {
  const auto number = static_cast<int32_t>(value);
  Write(&number, sizeof number);
}

std::vector<llama_token> Tokenize(const llama_vocab* vocab, const std::string& text) {
  if (text.rfind("ids:", 0) == 0) {
    std::istringstream in(text.substr(4));
    return {std::istream_iterator<llama_token>(in), std::istream_iterator<llama_token>()};
  }
  std::vector<llama_token> ids(text.size() + 8);
  const int n = llama_tokenize(vocab, text.data(), static_cast<int>(text.size()), ids.data(),
                               static_cast<int>(ids.size()), /*add_special=*/true,
                               /*parse_special=*/false);
  if (n <= 0) Fail("cannot tokenize a prompt");
  ids.resize(static_cast<size_t>(n));
  return ids;
}

struct Options {
  size_t steps = 64;
  int threads = 1;
  bool f32 = false;
  llama_adapter_lora* lora = nullptr;
};

llama_context* NewContext(llama_model* model, const Options& options) {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 512;
  params.n_threads = params.n_threads_batch = options.threads;
  if (options.f32) {
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
  }
  llama_context* context = llama_init_from_model(model, params);
  if (context == nullptr) Fail("no context");
  llama_adapter_lora* lora = options.lora;
  float scale = 1;
  if (lora != nullptr && llama_set_adapters_lora(context, &lora, 1, &scale) != 0) {
    Fail("llama.cpp does not apply the adapter");
  }
  return context;
}

void Continue(llama_model* model, const Options& options, const std::string& text) {
  const llama_vocab* vocab = llama_model_get_vocab(model);
  const auto n_vocab = static_cast<size_t>(llama_vocab_n_tokens(vocab));
  std::vector<llama_token> ids = Tokenize(vocab, text);
  llama_context* context = NewContext(model, options);
  std::vector<llama_token> chosen;
  std::vector<float> logits;
  llama_batch batch = llama_batch_get_one(ids.data(), static_cast<int>(ids.size()));
  for (size_t step = 0; step < options.steps; ++step) {
    if (llama_decode(context, batch) != 0) Fail("llama_decode failed");
    const float* row = llama_get_logits_ith(context, -1);
    logits.insert(logits.end(), row, row + n_vocab);
    chosen.push_back(static_cast<llama_token>(std::max_element(row, row + n_vocab) - row));
    batch = llama_batch_get_one(&chosen.back(), 1);
  }
  llama_free(context);

  const std::string padded = text + std::string((4 - text.size() % 4) % 4, '\0');
  WriteNumber(text.size());
  Write(padded.data(), padded.size());
  WriteNumber(ids.size());
  Write(ids.data(), ids.size() * sizeof ids[0]);
  Write(chosen.data(), chosen.size() * sizeof chosen[0]);
  Write(logits.data(), logits.size() * sizeof logits[0]);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) Fail("usage: reference MODEL STEPS THREADS [f16|f32 [LORA]] < PROMPTS > FILE");
  Options options;
  options.steps = static_cast<size_t>(std::atoi(argv[2]));
  options.threads = std::atoi(argv[3]);
  options.f32 = argc > 4 && std::strcmp(argv[4], "f32") == 0;
  llama_log_set([](ggml_log_level, const char*, void*) {}, nullptr);
  llama_backend_init();
  llama_model* model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (model == nullptr) Fail("llama.cpp does not load the model");
  if (argc > 5) {
    options.lora = llama_adapter_lora_init(model, argv[5]);
    if (options.lora == nullptr) Fail("llama.cpp does not load the adapter");
  }
  WriteNumber(static_cast<size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model))));
  WriteNumber(options.steps);
  std::string line;
  while (std::getline(std::cin, line)) {
    if (!line.empty()) Continue(model, options, line);
  }
  llama_model_free(model);
}
