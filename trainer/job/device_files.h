#pragma once
// The small text files in which Linux reports the state of a device (sysfs, procfs), read so that
// no fault of a driver becomes a fault of ours: whatever is not plausible is absent.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace selvedge::trainer {

// The first 4 KiB, without surrounding white space. Empty if it cannot be opened or read (EAGAIN,
// EIO, ENODATA), holds nothing or holds bytes that are not printable ASCII, tabs or line feeds.
// Never blocks.
std::optional<std::string> ReadDeviceText(const std::string& path);

// The integer that is the file's whole content, if it lies in [min, max].
std::optional<int64_t> ReadDeviceInteger(const std::string& path, int64_t min, int64_t max);

// Names in a folder, sorted; none if it cannot be listed. At most 1024.
std::vector<std::string> ListDeviceFolder(const std::string& path);

// The decimal number at the start of the text, if it is finite and lies in [min, max].
std::optional<double> ParseNumber(std::string_view text, double min, double max);

}  // namespace selvedge::trainer
