#include <utility>
#include <vector>

#include "privacy/mechanism.h"
#include "tests/privacy/seeded_words.h"

namespace selvedge::privacy {

Result<SpendReceipt> Try([[maybe_unused]] SpendLedger& ledger) {
#ifdef SELVEDGE_ALLOWED
  return ledger.Charge(0);
#else
  return SpendReceipt(0);
#endif
}

}  // namespace selvedge::privacy
