#include <utility>
#include <vector>

#include "privacy/mechanism.h"
#include "tests/privacy/seeded_words.h"

namespace selvedge::privacy {

void Optimise(const NoisedGradient& gradient);

void Try([[maybe_unused]] const ClippedSum& sum, [[maybe_unused]] const NoisedGradient& noised) {
#ifdef SELVEDGE_ALLOWED
  Optimise(noised);
#else
  Optimise(sum);
#endif
}

}  // namespace selvedge::privacy
