#pragma once
// LoRA as data: y += scale * B (A x) on the named base tensors.

#include <cstdint>
#include <string>
#include <vector>

#include <selvedge/privacy.h>
#include <selvedge/status.h>

namespace selvedge::adapters {

// The pair for one base tensor W [out, in]; row-major f32. Rows of A and B are in the order of the
// GGUF base tensor (llama's q and k are permuted there; the PEFT reader and writer convert).
struct LoraTensor {
  std::string base_name;  // GGUF name, e.g. "blk.0.attn_q.weight"
  uint32_t rank = 0;      // r
  uint32_t in = 0;
  uint32_t out = 0;
  std::vector<float> a;  // [r, in]
  std::vector<float> b;  // [out, r]
  float scale = 1;       // alpha / r (or alpha / sqrt(r)), resolved
};

struct LoraAdapter {
  std::string architecture;  // of the base, "llama"
  uint32_t rank = 0;         // nominal r
  float alpha = 0;
  bool use_rslora = false;
  std::vector<LoraTensor> tensors;  // sorted by base_name
};

// What is known of an adapter beside its weights: manifest.json in its folder, signed as the exact
// bytes.
struct Manifest {
  int format_version = 2;
  std::string id;
  std::string parent;
  std::string base_digest;  // hex, gguf::BaseDigest
  std::string created;      // ISO 8601 UTC
  uint32_t rank = 0;
  float alpha = 0;
  std::vector<std::string> target_modules;
  int64_t tensors = 0;  // adapted weights: pairs of A and B; 0 = not said (version 1)
  bool dp = true;
  PrivacyStatement privacy;
  std::string ledger_head;     // hex hash of the ledger row that covers the run; empty without DP
  std::string weights_sha256;  // of adapter_model.safetensors
  std::string config_sha256;   // of adapter_config.json
  std::string receipt_sha256;  // of receipt.json; empty without DP and in version 1
};

}  // namespace selvedge::adapters
