#pragma once
// Space that a home keeps for itself on its disk, so that consents can be withdrawn and records
// erased when the disk is full: in the file HOME/reserve, which is given up then.

#include <cstdint>
#include <string>

#include <selvedge/status.h>

namespace selvedge::vault {

inline constexpr char kReserveFile[] = "reserve";
// Far above what withdrawing a consent writes: 32 KiB of shared memory file, some pages of log, a
// new key.json.
inline constexpr uint64_t kReserveBytes = uint64_t{1} << 20;

// Before a home's database is opened: gives the reserve up where less than kReserveBytes is free,
// and sets it aside (again) where there is plenty. Neither can fail: a home opens without it.
void TendReserve(const std::string& home);

// kNoSpace, with `what` in front, if no more than the reserve is free: then only what makes room
// may write.
Status RequireRoom(const std::string& home, const std::string& what);

}  // namespace selvedge::vault
