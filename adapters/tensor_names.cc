#include "adapters/tensor_names.h"

#include <algorithm>
#include <charconv>

#include "storage/untrusted/quote.h"

namespace selvedge::adapters {
namespace {

constexpr Module kModules[] = {
    {"attn_q", "self_attn.q_proj", Width::kEmbedding, Width::kHeads},
    {"attn_k", "self_attn.k_proj", Width::kEmbedding, Width::kKvHeads},
    {"attn_v", "self_attn.v_proj", Width::kEmbedding, Width::kKvHeads},
    {"attn_output", "self_attn.o_proj", Width::kHeads, Width::kEmbedding},
    {"ffn_gate", "mlp.gate_proj", Width::kEmbedding, Width::kFeedForward},
    {"ffn_up", "mlp.up_proj", Width::kEmbedding, Width::kFeedForward},
    {"ffn_down", "mlp.down_proj", Width::kFeedForward, Width::kEmbedding},
    {"output", "lm_head", Width::kEmbedding, Width::kVocabulary, false},
};

// Architectures of this family whose converter leaves the rows alone.
constexpr std::string_view kUnpermuted[] = {"qwen2", "qwen3", "gemma2", "gemma3"};

constexpr std::string_view kWeightSuffix = ".weight";

bool Consume(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

// A decimal number as it would be printed: no sign, no leading zero.
bool ConsumeNumber(std::string_view* text, uint32_t* number) {
  const char* const begin = text->data();
  const auto [end, error] = std::from_chars(begin, begin + text->size(), *number);
  const auto digits = static_cast<size_t>(end - begin);
  if (error != std::errc() || digits == 0 || (digits > 1 && text->front() == '0')) return false;
  text->remove_prefix(digits);
  return true;
}

// Heads whose rows are permuted; 0 if none are.
uint32_t PermutedHeads(const Place& place, const BaseShape& base) {
  if (base.architecture != "llama") return 0;
  const std::string_view name = place.module->gguf;
  return name == "attn_q" ? base.n_heads : name == "attn_k" ? base.n_kv_heads : 0;
}

// In each head, GGUF row 2j+s is Hugging Face row s d/2 + j.
void Reorder(const Place& place, const BaseShape& base, uint32_t rank, bool to_gguf,
             std::vector<float>* b) {
  const uint32_t heads = PermutedHeads(place, base);
  if (heads == 0) return;
  const std::vector<float> from = *b;
  const size_t half = base.head_dim / 2;
  for (size_t head = 0; head < heads; ++head) {
    for (size_t j = 0; j < half; ++j) {
      for (size_t s = 0; s < 2; ++s) {
        const size_t gguf_row = head * base.head_dim + 2 * j + s;
        const size_t hf_row = head * base.head_dim + s * half + j;
        const size_t source = to_gguf ? hf_row : gguf_row;
        const size_t target = to_gguf ? gguf_row : hf_row;
        std::copy_n(from.begin() + static_cast<ptrdiff_t>(source * rank), rank,
                    b->begin() + static_cast<ptrdiff_t>(target * rank));
      }
    }
  }
}

// The place that `name` spells: `blocks`, a layer's number, a point and the module's name, or the
// name alone outside the blocks.
std::optional<Place> FindPlace(std::string_view name, std::string_view blocks,
                               const char* Module::*module_name) {
  Place place;
  const bool in_blocks = Consume(&name, blocks);
  if (in_blocks && (!ConsumeNumber(&name, &place.layer) || !Consume(&name, "."))) {
    return std::nullopt;
  }
  for (const Module& module : kModules) {
    if (module.in_blocks != in_blocks || name != module.*module_name) continue;
    place.module = &module;
    return place;
  }
  return std::nullopt;
}

}  // namespace

const char* Module::short_name() const {
  return hugging_face + std::string_view(hugging_face).find('.') + 1;
}

std::string Place::GgufName() const {
  const std::string block = module->in_blocks ? "blk." + std::to_string(layer) + "." : "";
  return block + module->gguf + ".weight";
}

std::string Place::HuggingFaceName() const {
  const std::string block = module->in_blocks ? "model.layers." + std::to_string(layer) + "." : "";
  return block + module->hugging_face;
}

std::span<const Module> AllModules() { return kModules; }

std::optional<Place> PlaceOfGguf(std::string_view name) {
  if (!name.ends_with(kWeightSuffix)) return std::nullopt;
  name.remove_suffix(kWeightSuffix.size());
  return FindPlace(name, "blk.", &Module::gguf);
}

std::optional<Place> PlaceOfHuggingFace(std::string_view name) {
  return FindPlace(name, "model.layers.", &Module::hugging_face);
}

Status CheckBase(const BaseShape& base) {
  const bool known = base.architecture == "llama" ||
                     std::find(std::begin(kUnpermuted), std::end(kUnpermuted), base.architecture) !=
                         std::end(kUnpermuted);
  if (!known) {
    return IncompatibleError("base model: architecture: got " +
                             untrusted::Quote(base.architecture) +
                             ", adapters are known for llama, qwen2, qwen3, gemma2 and gemma3");
  }
  if (base.n_layers == 0 || base.n_heads == 0 || base.n_kv_heads == 0 || base.head_dim == 0 ||
      base.head_dim % 2 != 0) {
    return UsageError("base model: shape: layers, heads and an even head dimension are needed");
  }
  return OkStatus();
}

std::vector<std::string> TargetModules(const LoraAdapter& adapter) {
  std::vector<std::string> names;
  for (const Module& module : kModules) {
    const bool used =
        std::any_of(adapter.tensors.begin(), adapter.tensors.end(), [&](const LoraTensor& tensor) {
          const auto place = PlaceOfGguf(tensor.base_name);
          return place.has_value() && place->module == &module;
        });
    if (used) names.emplace_back(module.short_name());
  }
  return names;
}

void ToGgufRows(const Place& place, const BaseShape& base, uint32_t rank, std::vector<float>* b) {
  Reorder(place, base, rank, /*to_gguf=*/true, b);
}

void ToHuggingFaceRows(const Place& place, const BaseShape& base, uint32_t rank,
                       std::vector<float>* b) {
  Reorder(place, base, rank, /*to_gguf=*/false, b);
}

}  // namespace selvedge::adapters
