#include "inference/tokenizer/spm_plugin.h"

#include <sentencepiece_processor.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <string_view>
#include <vector>

#define SELVEDGE_EXPORT __attribute__((visibility("default")))

struct selvedge_spm {
  sentencepiece::SentencePieceProcessor processor;
};

extern "C" {

SELVEDGE_EXPORT selvedge_spm* selvedge_spm_create(const char* proto, size_t size) {
  try {
    auto spm = std::make_unique<selvedge_spm>();
    if (!spm->processor.LoadFromSerializedProto(std::string_view(proto, size)).ok()) return nullptr;
    return spm.release();
  } catch (const std::exception&) {  // nothing may be thrown across the C interface
    return nullptr;
  }
}

SELVEDGE_EXPORT void selvedge_spm_destroy(selvedge_spm* spm) { delete spm; }

SELVEDGE_EXPORT int selvedge_spm_encode(const selvedge_spm* spm, const char* text, size_t size,
                                        int32_t** ids, size_t* count) {
  try {
    std::vector<int> out;
    if (!spm->processor.Encode(std::string_view(text, size), &out).ok()) return 1;
    auto* copy = static_cast<int32_t*>(std::malloc(out.size() * sizeof(int32_t) + 1));
    if (copy == nullptr) return 1;
    if (!out.empty()) std::memcpy(copy, out.data(), out.size() * sizeof(int32_t));
    *ids = copy;
    *count = out.size();
    return 0;
  } catch (const std::exception&) {
    return 1;
  }
}

SELVEDGE_EXPORT void selvedge_spm_free_ids(int32_t* ids) { std::free(ids); }

SELVEDGE_EXPORT int selvedge_spm_abi_version(void) { return 1; }
}
