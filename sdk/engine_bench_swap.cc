#include <selvedge/adapters.h>
#include <selvedge/bench.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "adapters/store.h"
#include "sdk/engine_impl.h"

namespace selvedge {
namespace {

constexpr uint32_t kRank = 8;

// What values they are does not change the work.
std::vector<float> Values(size_t n) {
  std::vector<float> values(n);
  for (size_t i = 0; i < n; ++i) values[i] = 1e-3f * std::sin(static_cast<float>(i));
  return values;
}

adapters::LoraAdapter AdapterOnAllLinear(const inference::Model& model) {
  adapters::LoraAdapter adapter;
  adapter.architecture = model.config().architecture;
  adapter.rank = kRank;
  adapter.alpha = kRank;
  for (uint32_t layer = 0; layer < model.config().n_layers; ++layer) {
    for (const char* name :
         {"attn_k", "attn_output", "attn_q", "attn_v", "ffn_down", "ffn_gate", "ffn_up"}) {
      adapters::LoraTensor tensor;
      tensor.base_name = "blk." + std::to_string(layer) + "." + name + ".weight";
      const kernels::WeightView* weight = model.FindWeight(tensor.base_name);
      if (weight == nullptr) continue;
      tensor.rank = kRank;
      tensor.in = static_cast<uint32_t>(weight->cols);
      tensor.out = static_cast<uint32_t>(weight->rows);
      tensor.a = Values(size_t{kRank} * weight->cols);
      tensor.b = Values(size_t{kRank} * weight->rows);
      adapter.tensors.push_back(std::move(tensor));
    }
  }
  std::sort(adapter.tensors.begin(), adapter.tensors.end(),
            [](const auto& a, const auto& b) { return a.base_name < b.base_name; });
  return adapter;
}

// The file that is imported twice.
Result<std::string> FileOf(const Engine& engine, const std::string& home,
                           const BenchOptions& options) {
  if (options.lora.size() > 1) return UsageError("bench swap: one LoRA file at most is allowed");
  if (!options.lora.empty()) return options.lora.front().path;
  const std::string made = home + ".lora.gguf";
  SELVEDGE_RETURN_IF_ERROR(
      adapters::WriteGgufLora(made, AdapterOnAllLinear(*engine.impl()->model)));
  return made;
}

}  // namespace

Result<SwapBench> BenchSwap(Engine& engine, const std::string& path, const BenchOptions& options) {
  if (options.repetitions < 1 || options.repetitions > 10000) {
    return UsageError("bench: repetitions " + std::to_string(options.repetitions) +
                      ", 1 to 10000 are allowed");
  }
  Engine::Impl& impl = *engine.impl();
  HomeOptions home_options;
  home_options.path = path;
  if (impl.path != Engine::kEmbedded) home_options.model_path = impl.path;
  SELVEDGE_ASSIGN_OR_RETURN(Home home, Home::Create(home_options));
  SELVEDGE_ASSIGN_OR_RETURN(const std::string file, FileOf(engine, path, options));
  std::vector<std::string> ids;
  for (int i = 0; i < 2; ++i) {
    SELVEDGE_ASSIGN_OR_RETURN(const InterchangeReport report, ImportAdapter(home, file));
    ids.push_back(report.adapter_id);
  }
  if (options.lora.empty()) std::filesystem::remove(file);
  SELVEDGE_RETURN_IF_ERROR(engine.AttachHome(&home));
  SwapBench bench;
  const auto swap = [&](int64_t i) -> Result<double> {
    SELVEDGE_RETURN_IF_ERROR(home.UseAdapter(ids[static_cast<size_t>(i % 2)]));
    SELVEDGE_ASSIGN_OR_RETURN(const AdapterRefresh refresh, engine.RefreshAdapter());
    return refresh.swap_ms;
  };
  Status status;
  for (int64_t i = 0; status.ok() && i <= 2 * options.repetitions + 2; ++i) {
    const bool from_disk = i <= options.repetitions;
    if (from_disk) impl.ForgetLoaded();
    const Result<double> ms = swap(i);
    status = ms.status();
    if (!status.ok()) break;
    if (from_disk && i > 0) bench.from_disk.push_back(*ms);
    if (i > options.repetitions + 2) bench.from_memory.push_back(*ms);
  }
  SELVEDGE_RETURN_IF_ERROR(engine.AttachHome(nullptr));
  SELVEDGE_RETURN_IF_ERROR(std::move(status));
  return bench;
}

}  // namespace selvedge
