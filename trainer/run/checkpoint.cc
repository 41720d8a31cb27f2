#include "trainer/run/checkpoint.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <cstring>
#include <iosfwd>
#include <map>
#include <sstream>
#include <string_view>

// The parameter archive of LibTorch's mobile library. Its header,
// torch/csrc/jit/mobile/train/export_data.h, is not in Debian's libtorch-dev although the library
// exports both functions, so their declarations of 1.13 stand here.
namespace torch::jit {
void _save_parameters(const std::map<std::string, at::Tensor>& map, std::ostream& out,
                      bool use_flatbuffer);
std::map<std::string, at::Tensor> _load_parameters(std::istream& in,
                                                   c10::optional<at::Device> device);
}  // namespace torch::jit

namespace selvedge::trainer {
namespace {

constexpr int64_t kVersion = 3;

// A checkpoint is this, the SHA-256 of the archive, the archive. LibTorch 1.13's zip reader reads
// past the end of a truncated archive (AddressSanitizer, mz_zip_reader_init), so it is shown only
// bytes that are exactly those that were written.
constexpr std::string_view kMagic = "SLVGTRN1";
constexpr size_t kHeaderBytes = kMagic.size() + sizeof(core::Sha256Digest);

at::Tensor FromFloats(const std::vector<float>& values) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(values.size())}, at::kFloat);
  if (!values.empty()) std::memcpy(tensor.data_ptr(), values.data(), values.size() * sizeof(float));
  return tensor;
}

template <typename T>
at::Tensor FromArray(const T* values, size_t n, at::ScalarType type) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(n)}, type);
  std::memcpy(tensor.data_ptr(), values, n * sizeof(T));
  return tensor;
}

Status Read(const std::map<std::string, at::Tensor>& map, const char* name, at::ScalarType type,
            size_t n, void* out) {
  const auto found = map.find(name);
  if (found == map.end()) {
    return FormatError("checkpoint: '" + std::string(name) + "' is missing");
  }
  const at::Tensor& tensor = found->second;
  if (!tensor.defined() || tensor.scalar_type() != type || tensor.dim() != 1 ||
      static_cast<size_t>(tensor.numel()) != n || !tensor.is_contiguous()) {
    return FormatError("checkpoint: '" + std::string(name) + "' has not the expected " +
                       std::to_string(n) + " values");
  }
  if (n > 0) std::memcpy(out, tensor.data_ptr(), n * tensor.element_size());
  return OkStatus();
}

Status ReadFloats(const std::map<std::string, at::Tensor>& map, const char* name, size_t n,
                  std::vector<float>* out) {
  out->resize(n);
  return Read(map, name, at::kFloat, n, out->data());
}

std::vector<uint8_t> Seal(const std::string& archive) {
  const core::Sha256Digest digest = core::Sha256().Update(archive).Finish();
  std::vector<uint8_t> bytes(kHeaderBytes + archive.size());
  const auto after_magic = std::copy(kMagic.begin(), kMagic.end(), bytes.begin());
  std::copy(archive.begin(), archive.end(), std::copy(digest.begin(), digest.end(), after_magic));
  return bytes;
}

// The archive in `bytes`, if it is whole.
Result<std::string> Unseal(const std::vector<uint8_t>& bytes) {
  if (bytes.size() < kHeaderBytes || !std::equal(kMagic.begin(), kMagic.end(), bytes.begin())) {
    return FormatError("checkpoint: not a training checkpoint");
  }
  const std::string archive(bytes.begin() + kHeaderBytes, bytes.end());
  const core::Sha256Digest digest = core::Sha256().Update(archive).Finish();
  if (!std::equal(digest.begin(), digest.end(), bytes.begin() + kMagic.size())) {
    return FormatError("checkpoint: damaged, its digest does not match");
  }
  return archive;
}

uint64_t Bits(double value) {
  uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

void HashPlan(const privacy::PrivacyPlan& plan, core::Sha256* hash) {
  hash->UpdateU64(plan.unit.size()).Update(plan.unit);
  for (const double v :
       {plan.sampling_rate, plan.noise_multiplier, plan.clip_norm, plan.delta, plan.divisor}) {
    hash->UpdateU64(Bits(v));
  }
  hash->UpdateU64(static_cast<uint64_t>(plan.steps));
  hash->UpdateU64(static_cast<uint64_t>(plan.clipping));
  if (!plan.correlation) return;
  for (const uint32_t theta : plan.correlation->blt.theta_units()) hash->UpdateU64(theta);
  for (const uint64_t omega : plan.correlation->blt.omega_units()) hash->UpdateU64(omega);
  hash->UpdateU64(static_cast<uint64_t>(plan.correlation->schema.min_separation));
}

}  // namespace

core::Sha256Digest Fingerprint(const inference::Model& model, const std::vector<Group>& groups,
                               const Config& config) {
  core::Sha256 hash;
  hash.Update("selvedge training run 1");
  hash.Update(gguf::BaseDigest(model.file()));
  hash.UpdateU64(config.rank).UpdateU64(Bits(config.alpha));
  hash.UpdateU64(config.target_modules.size());
  for (const std::string& name : config.target_modules) {
    hash.UpdateU64(name.size()).Update(name);
  }
  hash.UpdateU64(config.freeze_a).UpdateU64(config.dp).UpdateU64(Bits(config.learning_rate));
  hash.UpdateU64(config.seed).UpdateU64(config.exact_f32);
  hash.UpdateU64(static_cast<uint64_t>(config.optimizer)).UpdateU64(Bits(config.dropout));
  HashPlan(config.plan, &hash);
  hash.UpdateU64(groups.size());
  for (const Group& group : groups) {
    hash.UpdateU64(group.examples.size());
    for (const Example& example : group.examples) {
      hash.UpdateU64(example.tokens.size());
      hash.Update(std::span<const uint8_t>(reinterpret_cast<const uint8_t*>(example.tokens.data()),
                                           example.tokens.size() * sizeof(int32_t)));
      hash.Update(example.is_label);
      hash.UpdateU64(example.turn).UpdateU64(example.turns);
    }
  }
  return hash.Finish();
}

Result<std::vector<uint8_t>> SaveState(const RunState& state,
                                       const core::Sha256Digest& fingerprint) {
  const int64_t counters[] = {kVersion, state.step, state.label_tokens, state.failed_in_a_row,
                              state.optimizer.updates};
  const double losses[] = {state.loss_first, state.loss_last};
  std::map<std::string, at::Tensor> map = {
      {"fingerprint", FromArray(fingerprint.data(), fingerprint.size(), at::kByte)},
      {"counters", FromArray(counters, std::size(counters), at::kLong)},
      {"losses", FromArray(losses, std::size(losses), at::kDouble)},
      {"frozen", FromFloats(state.frozen)},
      {"weights", FromFloats(state.optimizer.weights)},
      {"first_moment", FromFloats(state.optimizer.first_moment)},
      {"second_moment", FromFloats(state.optimizer.second_moment)},
      {"average", FromFloats(state.optimizer.average)},
      {"moment_noise", FromArray(&state.optimizer.moment_noise, 1, at::kDouble)},
  };
  if (!state.noise.empty()) {
    map.emplace("noise", FromArray(state.noise.data(), state.noise.size(), at::kLong));
  }
  std::ostringstream out;
  torch::jit::_save_parameters(map, out, false);
  return Seal(std::move(out).str());
}

Result<RunState> LoadState(const std::vector<uint8_t>& bytes, const core::Sha256Digest& fingerprint,
                           size_t trained, size_t frozen, size_t noise) {
  SELVEDGE_ASSIGN_OR_RETURN(std::string archive, Unseal(bytes));
  std::map<std::string, at::Tensor> map;
  try {
    std::istringstream in(std::move(archive));
    map = torch::jit::_load_parameters(in, c10::nullopt);
  } catch (const std::exception&) {
    return FormatError("checkpoint: not a parameter archive, or damaged");
  }
  core::Sha256Digest saved{};
  SELVEDGE_RETURN_IF_ERROR(Read(map, "fingerprint", at::kByte, saved.size(), saved.data()));
  if (saved != fingerprint) {
    return IncompatibleError(
        "checkpoint: it belongs to another base model, configuration or set of records");
  }
  int64_t counters[5];
  double losses[2];
  SELVEDGE_RETURN_IF_ERROR(Read(map, "counters", at::kLong, std::size(counters), counters));
  SELVEDGE_RETURN_IF_ERROR(Read(map, "losses", at::kDouble, std::size(losses), losses));
  if (counters[0] != kVersion) {
    return IncompatibleError("checkpoint: version " + std::to_string(counters[0]) +
                             ", this program reads " + std::to_string(kVersion));
  }
  RunState state;
  state.step = counters[1];
  state.label_tokens = counters[2];
  state.failed_in_a_row = counters[3];
  state.optimizer.updates = counters[4];
  state.loss_first = losses[0];
  state.loss_last = losses[1];
  SELVEDGE_RETURN_IF_ERROR(ReadFloats(map, "frozen", frozen, &state.frozen));
  SELVEDGE_RETURN_IF_ERROR(ReadFloats(map, "weights", trained, &state.optimizer.weights));
  SELVEDGE_RETURN_IF_ERROR(ReadFloats(map, "first_moment", trained, &state.optimizer.first_moment));
  SELVEDGE_RETURN_IF_ERROR(
      ReadFloats(map, "second_moment", trained, &state.optimizer.second_moment));
  SELVEDGE_RETURN_IF_ERROR(ReadFloats(map, "average", trained, &state.optimizer.average));
  SELVEDGE_RETURN_IF_ERROR(
      Read(map, "moment_noise", at::kDouble, 1, &state.optimizer.moment_noise));
  if (noise == 0) return state;
  state.noise.resize(noise);
  SELVEDGE_RETURN_IF_ERROR(Read(map, "noise", at::kLong, noise, state.noise.data()));
  return state;
}

}  // namespace selvedge::trainer
