#pragma once
// Adapter folders: adapter_model.safetensors + adapter_config.json (PEFT), manifest.json and
// manifest.sig (Ed25519 over the exact manifest bytes, with a domain string), and receipt.json of
// an adapter that was trained with privacy. docs/formats/adapter.md says every byte.

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <selvedge/status.h>

#include "adapters/lora.h"

namespace selvedge::adapters {

using PublicKey = std::array<uint8_t, 32>;

// The device's signing key; lives in the vault. Wiped when destroyed.
struct SigningKey {
  PublicKey public_key{};
  std::array<uint8_t, 64> secret_key{};
  static SigningKey Generate();
  ~SigningKey();
};

// What PEFT files need to know of the base: llama's q and k rows are permuted between Hugging Face
// and GGUF order.
struct BaseShape {
  std::string architecture;  // "llama"
  uint32_t n_layers = 0, n_heads = 0, n_kv_heads = 0, head_dim = 0;
};

struct StoredAdapter {
  LoraAdapter adapter;
  Manifest manifest;
  std::string receipt;  // receipt.json; empty without privacy, or if it came in a bundle
};

inline constexpr char kReceiptFile[] = "receipt.json";
inline constexpr size_t kMaxReceiptBytes = size_t{64} << 10;
// Makes the receipt's text for a manifest whose digests are known.
using MakeReceipt = std::function<Result<std::string>(const Manifest&)>;

// Writes a complete folder beside `folder` and renames it there; fills the manifest's digests.
// `receipt` makes the receipt; without it the folder has none. kIo, kNoSpace.
Result<Manifest> WriteAdapter(const std::string& folder, const LoraAdapter& adapter,
                              Manifest manifest, const BaseShape& base, const SigningKey& key,
                              const MakeReceipt& receipt = nullptr);

// Checks in this order: sizes, signature, manifest, base digest, file digests (the receipt's too),
// config, safetensors, shapes, finite values, that the tensors are exactly the declared ones.
// kAuth, kIncompatible, kFormat, kNumeric.
Result<StoredAdapter> ReadAdapter(const std::string& folder, const PublicKey& key,
                                  const std::string& base_digest, const BaseShape& base);

// A PEFT folder from anywhere (no manifest). Unsupported features are refused by name:
// kIncompatible.
Result<LoraAdapter> ReadPeft(const std::string& folder, const BaseShape& base);
Status WritePeft(const std::string& folder, const LoraAdapter& adapter, const BaseShape& base);

// A llama.cpp LoRA adapter in GGUF.
Result<LoraAdapter> ReadGgufLora(const std::string& path, const BaseShape& base);
Status WriteGgufLora(const std::string& path, const LoraAdapter& adapter);

// Any of the above by what lies at `path` (folder or file). kNotFound, kIncompatible for pickles.
Result<LoraAdapter> ReadAnyAdapter(const std::string& path, const BaseShape& base);

}  // namespace selvedge::adapters
