// selvedge_adapter_list_* and the registry's functions of a home.

#include <vector>

#include "sdk/c/boundary.h"

struct selvedge_adapter_list {
  std::vector<selvedge::AdapterInfo> adapters;
};

using namespace selvedge;     // NOLINT: the C functions below are the global namespace's
using namespace selvedge::c;  // NOLINT

extern "C" {

selvedge_status selvedge_home_list_adapters(selvedge_home* home, selvedge_adapter_list** list) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(home, "home"));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(list, "list"));
    SELVEDGE_ASSIGN_OR_RETURN(std::vector<AdapterInfo> adapters, home->home.Adapters());
    *list = new selvedge_adapter_list{std::move(adapters)};
    return OkStatus();
  });
}

size_t selvedge_adapter_list_size(const selvedge_adapter_list* list) {
  return list == nullptr ? 0 : list->adapters.size();
}

selvedge_status selvedge_adapter_list_get(const selvedge_adapter_list* list, size_t index,
                                          selvedge_adapter_info* info) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(list, "list"));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(info, "info"));
    if (index >= list->adapters.size()) {
      return UsageError("list: index " + std::to_string(index) + ", it has " +
                        std::to_string(list->adapters.size()));
    }
    const AdapterInfo& adapter = list->adapters[index];
    selvedge_adapter_info shown{};
    shown.id = adapter.id.c_str();
    shown.state = adapter.state.c_str();
    shown.created = adapter.created.c_str();
    shown.sha256 = adapter.sha256.c_str();
    shown.rank = adapter.rank;
    shown.dp = adapter.dp;
    shown.epsilon = adapter.dp ? adapter.privacy.epsilon : 0;
    shown.delta = adapter.dp ? adapter.privacy.delta : 0;
    return WriteReport(shown, info);
  });
}

void selvedge_adapter_list_free(selvedge_adapter_list* list) { delete list; }

selvedge_status selvedge_home_use_adapter(selvedge_home* home, const char* id) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(home, "home"));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(id, "id"));
    return home->home.UseAdapter(id);
  });
}

selvedge_status selvedge_home_rollback_adapter(selvedge_home* home) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(home, "home"));
    return home->home.RollbackAdapter().status();
  });
}

selvedge_status selvedge_home_verify_adapter(selvedge_home* home, const char* id) {
  return Guarded([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(home, "home"));
    SELVEDGE_RETURN_IF_ERROR(NeedPointer(id, "id"));
    return home->home.VerifyAdapter(id);
  });
}

}  // extern "C"
