#include <utility>
#include <vector>

#include "privacy/mechanism.h"
#include "tests/privacy/seeded_words.h"

namespace selvedge::privacy {

Result<NoisedGradient> Try(ClippedSum sum, [[maybe_unused]] SpendReceipt receipt,
                           core::SecureRandom& random) {
#ifdef SELVEDGE_ALLOWED
  return AddNoise(std::move(sum), std::move(receipt), random);
#else
  return AddNoise(std::move(sum), random);
#endif
}

}  // namespace selvedge::privacy
