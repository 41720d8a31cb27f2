#include <utility>
#include <vector>

#include "privacy/mechanism.h"
#include "tests/privacy/seeded_words.h"

namespace selvedge::privacy {

SpendReceipt Try(SpendReceipt& receipt) {
#ifdef SELVEDGE_ALLOWED
  return SpendReceipt(std::move(receipt));
#else
  return SpendReceipt(receipt);
#endif
}

}  // namespace selvedge::privacy
