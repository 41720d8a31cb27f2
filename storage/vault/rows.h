#pragma once
// Reading what a query gives.

#include <type_traits>
#include <vector>

#include "storage/vault/database.h"

namespace selvedge::vault {

// Every row that is left of `rows`, as read(rows) makes it of the current one.
template <typename Read>
auto ReadRows(Statement& rows, const Read& read)
    -> Result<std::vector<std::invoke_result_t<Read, const Statement&>>> {
  std::vector<std::invoke_result_t<Read, const Statement&>> out;
  for (;;) {
    SELVEDGE_ASSIGN_OR_RETURN(const bool more, rows.Step());
    if (!more) return out;
    out.push_back(read(rows));
  }
}

}  // namespace selvedge::vault
