#include <utility>
#include <vector>

#include "privacy/mechanism.h"
#include "tests/privacy/seeded_words.h"

namespace selvedge::privacy {

NoisedGradient Try([[maybe_unused]] NoisedGradient& made,
                   [[maybe_unused]] std::vector<float> values) {
#ifdef SELVEDGE_ALLOWED
  return std::move(made);
#else
  return NoisedGradient(values);
#endif
}

}  // namespace selvedge::privacy
