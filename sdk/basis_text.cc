#include "sdk/basis_text.h"

#include <algorithm>

#include "inference/session/sampler.h"
#include "inference/session/session.h"

namespace selvedge {

Result<std::vector<std::vector<int32_t>>> BasisText(const BaseModel& base, uint64_t seed,
                                                    int threads,
                                                    const std::function<bool()>& should_stop) {
  core::ThreadPool pool(threads);
  const int64_t n_ctx = std::min<int64_t>(kBasisTokens, base.model->config().n_ctx);
  SELVEDGE_ASSIGN_OR_RETURN(
      const std::unique_ptr<inference::Session> session,
      inference::Session::Create(base.model, inference::AdapterSet::Empty(), pool, n_ctx));
  SamplingOptions plain;
  plain.temperature = 1;
  plain.top_k = 0;
  plain.top_p = 1;
  plain.min_p = 0;
  plain.repeat_penalty = 1;
  plain.seed = seed + 1;  // 0 would be drawn from the operating system
  SELVEDGE_ASSIGN_OR_RETURN(inference::Sampler sampler, inference::Sampler::Create(plain));
  const int32_t start = base.tokenizer->bos() >= 0 ? base.tokenizer->bos() : base.tokenizer->eos();
  std::vector<std::vector<int32_t>> text(kBasisSequences);
  std::vector<float> logits;
  for (std::vector<int32_t>& tokens : text) {
    SELVEDGE_RETURN_IF_ERROR(session->Rewind(0));
    tokens.push_back(std::max(0, start));
    while (static_cast<int64_t>(tokens.size()) < n_ctx) {
      if (should_stop()) return std::vector<std::vector<int32_t>>();
      SELVEDGE_RETURN_IF_ERROR(session->Append(std::span(&tokens.back(), 1), false, &logits));
      SELVEDGE_ASSIGN_OR_RETURN(const int32_t next, sampler.Next(logits, tokens));
      tokens.push_back(next);
    }
  }
  return text;
}

}  // namespace selvedge
