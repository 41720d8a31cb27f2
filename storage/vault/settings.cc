#include "storage/vault/settings.h"

namespace selvedge::vault {

Status Settings::Set(std::string_view name, std::span<const uint8_t> value) const {
  SELVEDGE_ASSIGN_OR_RETURN(
      Statement put, db_->Prepare("INSERT INTO settings (name, value) VALUES (?, ?)"
                                  " ON CONFLICT (name) DO UPDATE SET value = excluded.value"));
  return put.Bind(name).Bind(value).Run();
}

Status Settings::SetText(std::string_view name, std::string_view value) const {
  return Set(name, {reinterpret_cast<const uint8_t*>(value.data()), value.size()});
}

Result<Bytes> Settings::Get(std::string_view name) const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement get,
                            db_->Prepare("SELECT value FROM settings WHERE name = ?"));
  SELVEDGE_ASSIGN_OR_RETURN(const bool found, get.Bind(name).Step());
  if (!found) return FormatError("vault: setting '" + std::string(name) + "' is missing");
  return get.Blob(0);
}

Result<std::string> Settings::GetText(std::string_view name) const {
  SELVEDGE_ASSIGN_OR_RETURN(const Bytes value, Get(name));
  return std::string(value.begin(), value.end());
}

Status Settings::AddToCounter(std::string_view name) const {
  SELVEDGE_ASSIGN_OR_RETURN(const int64_t now, Counter(name));
  return SetText(name, std::to_string(now + 1));
}

Result<int64_t> Settings::Counter(std::string_view name) const {
  SELVEDGE_ASSIGN_OR_RETURN(Statement get,
                            db_->Prepare("SELECT value FROM settings WHERE name = ?"));
  SELVEDGE_ASSIGN_OR_RETURN(const bool found, get.Bind(name).Step());
  return found ? std::strtoll(get.Text(0).c_str(), nullptr, 10) : int64_t{0};
}

}  // namespace selvedge::vault
