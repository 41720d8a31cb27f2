// What comes with an adapter besides its weights: config, manifest and bundle. The first byte says
// which. Any bytes must give a value that writes and reads back the same, or an error with a
// message.

#include <cstdlib>
#include <string>

#include "adapters/bundle.h"
#include "adapters/manifest.h"
#include "adapters/peft.h"
#include "adapters/peft_config.h"
#include "core/digest.h"
#include "tests/adapters/sample_adapter.h"
#include "tests/fuzz/seeds.h"

namespace adapters = selvedge::adapters;
namespace core = selvedge::core;

namespace {

enum Kind : uint8_t { kConfig, kManifest, kBundle, kKinds };

void Check(bool holds) {
  if (!holds) std::abort();
}

const adapters::SigningKey& Key() {
  static const auto* const key = new auto(adapters::SigningKey::Generate());
  return *key;
}

adapters::StoredAdapter Sample() {
  adapters::StoredAdapter stored;
  stored.adapter = adapters::SampleAdapter();
  const auto files = adapters::SerializePeft(stored.adapter, adapters::SampleBase());
  Check(files.ok());
  adapters::Manifest& manifest = stored.manifest;
  manifest.id = "a-1";
  manifest.created = "2026-11-20T00:00:00Z";
  manifest.base_digest = std::string(64, 'b');
  manifest.rank = stored.adapter.rank;
  manifest.alpha = stored.adapter.alpha;
  manifest.target_modules = {"q_proj"};
  manifest.weights_sha256 = core::Hex(core::Sha256Of(files->weights));
  manifest.config_sha256 = core::Hex(core::Sha256Of(
      std::span(reinterpret_cast<const uint8_t*>(files->config.data()), files->config.size())));
  return stored;
}

std::vector<uint8_t> Seed(Kind kind, std::string_view text) {
  std::vector<uint8_t> bytes = {kind};
  bytes.insert(bytes.end(), text.begin(), text.end());
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::span<const uint8_t> rest(data + 1, size - 1);
  const std::string_view text(reinterpret_cast<const char*>(rest.data()), rest.size());
  if (data[0] % kKinds == kConfig) {
    const auto config = adapters::ReadPeftConfig(text);
    Check(config.ok() ? adapters::ReadPeftConfig(adapters::WritePeftConfig(*config)).ok()
                      : !config.status().message().empty());
  } else if (data[0] % kKinds == kManifest) {
    const auto manifest = adapters::ReadManifest(text);
    if (!manifest.ok()) {
      Check(!manifest.status().message().empty());
      return 0;
    }
    const std::string written = adapters::WriteManifest(*manifest);
    const auto again = adapters::ReadManifest(written);
    Check(again.ok() && adapters::WriteManifest(*again) == written);
  } else {
    const auto stored = adapters::ReadBundle(rest, Key().public_key, Key(), std::string(64, 'b'),
                                             adapters::SampleBase());
    // Only the unchanged seeds carry the signature.
    Check(!stored.ok() || stored->manifest.id == "a-1");
  }
  return 0;
}

std::vector<std::vector<uint8_t>> FuzzSeeds() {
  adapters::PeftConfig config;
  config.rank = 8;
  config.alpha = 16;
  config.target_modules = {"q_proj", "v_proj"};
  std::vector<std::vector<uint8_t>> seeds = {
      Seed(kConfig, adapters::WritePeftConfig(config)),
      Seed(kManifest, adapters::WriteManifest(Sample().manifest)),
  };
  for (const bool sealed : {false, true}) {
    const auto bundle =
        adapters::WriteBundle(Sample(), adapters::SampleBase(), Key(),
                              sealed ? std::optional(Key().public_key) : std::nullopt);
    Check(bundle.ok());
    seeds.push_back(Seed(kBundle, {reinterpret_cast<const char*>(bundle->data()), bundle->size()}));
  }
  return seeds;
}
