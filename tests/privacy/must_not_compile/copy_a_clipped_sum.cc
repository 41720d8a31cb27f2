#include <utility>
#include <vector>

#include "privacy/mechanism.h"
#include "tests/privacy/seeded_words.h"

namespace selvedge::privacy {

ClippedSum Try(ClippedSum& sum) {
#ifdef SELVEDGE_ALLOWED
  return ClippedSum(std::move(sum));
#else
  return ClippedSum(sum);
#endif
}

}  // namespace selvedge::privacy
