#pragma once
// What every way out of the registry shares.

#include <memory>
#include <string>

#include <selvedge/adapters.h>

#include "sdk/home_impl.h"

namespace selvedge {

struct ExportSource {
  std::shared_ptr<const BaseModel> base;
  adapters::StoredAdapter stored;
};

// Verifies that the adapter may leave and that its tensors are the base's, and that `out` is free.
// Errors as ExportAdapter.
Result<ExportSource> OpenForExport(const Home& home, const std::string& id, const std::string& out,
                                   const ExportOptions& options);

// kUsage if something is at `out`.
Status RefuseExisting(const std::string& out);

// Counts the adapter's matrices, and those that have their weight in the base.
void CountMatches(const adapters::LoraAdapter& adapter, const inference::Model& model,
                  InterchangeReport* report);

}  // namespace selvedge
