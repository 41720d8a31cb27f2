#include "inference/session/session.h"

#include <algorithm>

#include "core/memory.h"
#include "inference/session/decoder.h"
#include "inference/session/kv_cache.h"

namespace selvedge::inference {
namespace {

// Models that read less than this per token decode on the calling thread: their products are too
// short to be worth waking another thread for. An estimate, not tuned by measurement.
constexpr size_t kSharedBytesPerToken = size_t{2} << 20;

Status CheckTokens(std::span<const int32_t> tokens, uint32_t n_vocab) {
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i] < 0 || static_cast<uint32_t>(tokens[i]) >= n_vocab) {
      return UsageError("session: token id at index " + std::to_string(i) +
                        " is out of range, 0 to " + std::to_string(n_vocab - 1) + " allowed");
    }
  }
  return OkStatus();
}

bool AllFinite(const float* values, size_t n) {
  float sum = 0;  // 0 * x is NaN exactly for NaN and infinity
  for (size_t i = 0; i < n; ++i) sum += 0.0f * values[i];
  return sum == 0.0f;
}

}  // namespace

struct Session::Impl {
  Impl(std::shared_ptr<const Model> m, std::shared_ptr<const AdapterSet> a, core::ThreadPool& pool,
       int64_t context, core::DType kv_type)
      : model(std::move(m)),
        adapters(std::move(a)),
        inline_pool(1),
        decoder(*model, pool),
        inline_decoder(*model, inline_pool),
        cache(model->config(), kv_type),
        n_ctx(context) {}

  Status Reserve(size_t tokens) {
    const auto first = static_cast<size_t>(position);
    return cache.Reserve(first, first + tokens);
  }

  DecoderPart Part(std::span<const int32_t> tokens) {
    return {tokens, static_cast<size_t>(position), n_ctx, adapters.get(), &cache};
  }

  Decoder& DecoderFor(size_t tokens) {
    const bool small = tokens == 1 && model->bytes_per_token() < kSharedBytesPerToken;
    return small ? inline_decoder : decoder;
  }

  // Goes on to after the tokens if their logits, or those of some of them, are finite.
  Status Advance(size_t tokens, const float* logits, size_t logit_rows) {
    if (!AllFinite(logits, logit_rows * model->config().n_vocab)) {
      return NumericError("session: a logit is NaN or infinite, finite values needed");
    }
    position += static_cast<int64_t>(tokens);
    return OkStatus();
  }

  // Runs one chunk; writes its last logit_rows rows of logits.
  Status RunChunk(std::span<const int32_t> tokens, size_t logit_rows, float* logits) {
    SELVEDGE_RETURN_IF_ERROR(Reserve(tokens.size()));
    const DecoderPart part = Part(tokens);
    DecoderFor(tokens.size()).Run({&part, 1}, logit_rows, kernels::RowSums::kFastest, logits);
    return Advance(tokens.size(), logits, logit_rows);
  }

  Status Run(std::span<const int32_t> tokens, bool all, std::vector<float>* logits) {
    const size_t n_vocab = model->config().n_vocab;
    if (logits != nullptr) logits->resize((all ? tokens.size() : 1) * n_vocab);
    float* out = logits == nullptr ? nullptr : logits->data();
    // Even chunks: a short last one would be worked less efficiently (and rounded as single rows).
    size_t chunks = (tokens.size() - 1) / Decoder::kMaxChunk + 1;
    for (; !tokens.empty(); --chunks) {
      // In fours, as products of some types take tokens (PanelOrder::kFours).
      const size_t size = std::min(tokens.size(), ((tokens.size() - 1) / chunks / 4 + 1) * 4);
      const bool last = size == tokens.size();
      const size_t rows = logits == nullptr ? 0 : all ? size : last ? 1 : 0;
      SELVEDGE_RETURN_IF_ERROR(RunChunk(tokens.first(size), rows, out));
      if (all && out != nullptr) out += rows * n_vocab;
      tokens = tokens.subspan(size);
    }
    return OkStatus();
  }

  Status Check(std::span<const int32_t> tokens) const {
    if (tokens.empty()) return UsageError("session: no tokens, at least 1 needed");
    SELVEDGE_RETURN_IF_ERROR(CheckTokens(tokens, model->config().n_vocab));
    if (tokens.size() <= static_cast<uint64_t>(n_ctx - position)) return OkStatus();
    return LimitError("session: " + std::to_string(tokens.size()) + " tokens after " +
                      std::to_string(position) + ", the context has room for " +
                      std::to_string(n_ctx));
  }

  Status CheckAsAlone(std::span<const int32_t> tokens) const {
    SELVEDGE_RETURN_IF_ERROR(Check(tokens));
    if (tokens.size() <= kMostAlone && cache.type() != core::DType::kF32) return OkStatus();
    return UsageError("session: " + std::to_string(tokens.size()) + " tokens as alone, at most " +
                      std::to_string(kMostAlone) + " over keys and values not in F32 are allowed");
  }

  // One pass for steps that may be taken and have room, of kMaxChunk tokens at most.
  void RunTogether(std::span<Step* const> steps);

  std::shared_ptr<const Model> model;
  std::shared_ptr<const AdapterSet> adapters;
  core::ThreadPool inline_pool;
  Decoder decoder, inline_decoder;
  KvCache cache;
  int64_t position = 0;
  int64_t n_ctx;
  std::vector<float> joint_logits;  // of a pass of several sessions
};

void Session::Impl::RunTogether(std::span<Step* const> steps) {
  const size_t n_vocab = model->config().n_vocab;
  std::vector<DecoderPart> parts;
  size_t rows = 0;
  for (Step* step : steps) {
    parts.push_back(step->session->impl_->Part(step->tokens));
    step->logits->resize(step->tokens.size() * n_vocab);
    rows += step->tokens.size();
  }
  if (steps.size() > 1) joint_logits.resize(rows * n_vocab);
  float* from = steps.size() > 1 ? joint_logits.data() : steps[0]->logits->data();
  DecoderFor(rows).Run(parts, rows, kernels::RowSums::kAsAlone, from);
  const Status intact = model->file().bytes().Intact();
  for (Step* step : steps) {
    const size_t n = step->tokens.size();
    step->status = intact;
    if (intact.ok()) step->status = step->session->impl_->Advance(n, from, n);
    if (steps.size() > 1) std::copy_n(from, n * n_vocab, step->logits->data());
    from += n * n_vocab;
  }
}

Session::Session() = default;
Session::~Session() = default;

Result<std::unique_ptr<Session>> Session::Create(std::shared_ptr<const Model> model,
                                                 std::shared_ptr<const AdapterSet> adapters,
                                                 core::ThreadPool& pool, int64_t n_ctx,
                                                 core::DType kv_type) {
  const ModelConfig& config = model->config();
  if (kv_type != core::DType::kF16 && kv_type != core::DType::kQ8_0 &&
      kv_type != core::DType::kF32) {
    return UsageError("session: keys and values of another type, F16, Q8_0 or F32 allowed");
  }
  if (!KvCache::Fits(config, kv_type)) {
    return IncompatibleError("session: keys and values in Q8_0: the model has heads of " +
                             std::to_string(config.head_dim) + ", multiples of 32 are needed");
  }
  if (!adapters->FitsModel(*model)) {
    return IncompatibleError("session: the adapters were built for another model object");
  }
  if (n_ctx < 0) return UsageError("session: n_ctx is negative, 0 or more allowed");
  if (n_ctx > config.n_ctx) {
    return LimitError("session: n_ctx " + std::to_string(n_ctx) + ", at most " +
                      std::to_string(config.n_ctx) + " as the model was trained for");
  }
  if (n_ctx > 0) {
    const uint64_t needed = KvCache::BytesFor(config, kv_type, static_cast<uint64_t>(n_ctx));
    const uint64_t available = core::AvailableBytes();
    if (available > 0 && needed > available) {
      return LimitError("session: n_ctx " + std::to_string(n_ctx) + " takes " +
                        std::to_string(needed >> 20) + " MiB, " + std::to_string(available >> 20) +
                        " MiB of memory are free");
    }
  }
  std::unique_ptr<Session> session(new Session());
  const int64_t context = n_ctx == 0 ? config.n_ctx : n_ctx;
  session->impl_ =
      std::make_unique<Impl>(std::move(model), std::move(adapters), pool, context, kv_type);
  return session;
}

Status Session::Append(std::span<const int32_t> tokens, bool all, std::vector<float>* logits) {
  Impl& s = *impl_;
  SELVEDGE_RETURN_IF_ERROR(s.Check(tokens));
  const int64_t before = s.position;
  Status status = s.Run(tokens, all, logits);
  if (status.ok()) status = s.model->file().bytes().Intact();
  if (!status.ok()) s.position = before;  // what was cached beyond it will be overwritten
  return status;
}

Status Session::AppendAsAlone(std::span<const int32_t> tokens, std::vector<float>* logits) {
  Step step{this, tokens, logits, OkStatus()};
  AppendTogether({&step, 1});
  return std::move(step.status);
}

void Session::AppendTogether(std::span<Step> steps) {
  std::vector<Step*> pass;
  size_t rows = 0;
  const auto run = [&] {
    if (!pass.empty()) pass.front()->session->impl_->RunTogether(pass);
    pass.clear();
    rows = 0;
  };
  for (Step& step : steps) {
    Impl& s = *step.session->impl_;
    step.status = s.CheckAsAlone(step.tokens);
    if (step.status.ok()) step.status = s.Reserve(step.tokens.size());
    if (!step.status.ok()) continue;
    if (rows + step.tokens.size() > Decoder::kMaxChunk) run();
    pass.push_back(&step);
    rows += step.tokens.size();
  }
  run();
}

Status Session::Rewind(int64_t position) {
  const auto earliest = static_cast<int64_t>(impl_->cache.earliest());
  if (position != 0 && (position < earliest || position > impl_->position)) {
    return UsageError("session: back to position " + std::to_string(position) + ", 0 and " +
                      std::to_string(earliest) + " to " + std::to_string(impl_->position) +
                      " are allowed");
  }
  impl_->position = position;  // what is cached beyond it will be overwritten
  return OkStatus();
}

std::vector<KvCache::Block> Session::Share() {
  return impl_->cache.Share(static_cast<size_t>(impl_->position));
}

KvCache::BlockBytes Session::block_bytes() const {
  return KvCache::BytesOfBlock(impl_->model->config(), kv_type());
}

Status Session::Adopt(std::vector<KvCache::Block> blocks, int64_t positions) {
  const auto needed = (static_cast<size_t>(positions) - 1) / KvCache::kBlockTokens + 1;
  if (impl_->position != 0 || positions < 1 || positions > impl_->n_ctx ||
      blocks.size() != needed || !CanGoOn(blocks, positions)) {
    return UsageError("session: " + std::to_string(positions) +
                      " positions cannot be taken over here");
  }
  impl_->cache.Adopt(std::move(blocks));
  impl_->position = positions;
  return OkStatus();
}

bool Session::CanGoOn(std::span<const KvCache::Block> blocks, int64_t position) const {
  const ModelConfig& config = impl_->model->config();
  const KvCache::BlockBytes bytes = block_bytes();
  const auto oldest = std::max<int64_t>(position + 1 - static_cast<int64_t>(config.window), 0);
  for (size_t i = 0; i < blocks.size(); ++i) {
    const bool seen = static_cast<int64_t>((i + 1) * KvCache::kBlockTokens) > oldest;
    if (bytes.all > 0 && blocks[i].all == nullptr) return false;
    if (bytes.local > 0 && seen && blocks[i].local == nullptr) return false;
  }
  return true;
}

int64_t Session::position() const { return impl_->position; }
int64_t Session::n_ctx() const { return impl_->n_ctx; }
core::DType Session::kv_type() const { return impl_->cache.type(); }
const AdapterSet& Session::adapters() const { return *impl_->adapters; }

}  // namespace selvedge::inference
