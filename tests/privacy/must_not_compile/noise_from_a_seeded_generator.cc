#include <utility>
#include <vector>

#include "privacy/mechanism.h"
#include "tests/privacy/seeded_words.h"

namespace selvedge::privacy {

Result<NoisedGradient> Try(ClippedSum sum, SpendReceipt receipt,
                           [[maybe_unused]] core::SecureRandom& random) {
#ifdef SELVEDGE_ALLOWED
  return AddNoise(std::move(sum), std::move(receipt), random);
#else
  SeededWords seeded(1);
  return AddNoise(std::move(sum), std::move(receipt), seeded);
#endif
}

}  // namespace selvedge::privacy
