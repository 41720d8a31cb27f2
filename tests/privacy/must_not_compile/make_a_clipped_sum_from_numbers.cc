#include <utility>
#include <vector>

#include "privacy/mechanism.h"
#include "tests/privacy/seeded_words.h"

namespace selvedge::privacy {

ClippedSum Try([[maybe_unused]] GroupGradientSum sum) {
#ifdef SELVEDGE_ALLOWED
  return std::move(sum).Finish();
#else
  ClippedSum made;
  return made;
#endif
}

}  // namespace selvedge::privacy
