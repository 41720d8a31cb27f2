#include "storage/safetensors/safetensors.h"

#include <algorithm>

#include "core/open_regular.h"
#include "storage/safetensors/header_reader.h"
#include "storage/untrusted/byte_cursor.h"
#include "storage/untrusted/file_kind.h"
#include "storage/untrusted/quote.h"

namespace selvedge::safetensors {
namespace {

using untrusted::Quote;

std::string Dec(uint64_t n) { return std::to_string(n); }

// The product of `shape` and the element size; false if it does not fit in 64 bits.
bool SizeOf(const HeaderEntry& entry, uint64_t* bytes) {
  *bytes = ElementBytes(entry.type);
  for (const uint64_t dim : entry.shape) {
    if (__builtin_mul_overflow(*bytes, dim, bytes)) return false;
  }
  return true;
}

// Each entry's range must have the size of its tensor, and together, in the order of their data,
// they must cover [0, data_bytes) exactly.
Status CheckRanges(const std::vector<HeaderEntry>& entries, uint64_t data_bytes) {
  uint64_t covered = 0;
  for (const HeaderEntry& entry : entries) {
    const std::string where = "tensor " + Quote(entry.name);
    uint64_t bytes = 0;
    if (!SizeOf(entry, &bytes)) return FormatError(where + ": its size does not fit in 64 bits");
    if (entry.end < entry.begin || entry.end - entry.begin != bytes) {
      return FormatError(where + ": got bytes " + Dec(entry.begin) + " to " + Dec(entry.end) +
                         ", its shape needs " + Dec(bytes) + " bytes");
    }
    if (entry.begin != covered) {
      return FormatError(where + ": begins at " + Dec(entry.begin) +
                         ", the tensors before it end at " + Dec(covered));
    }
    if (entry.end > data_bytes) {
      return FormatError(where + ": ends at " + Dec(entry.end) + ", the data has " +
                         Dec(data_bytes) + " bytes");
    }
    covered = entry.end;
  }
  if (covered != data_bytes) {
    return FormatError("data: the tensors end at " + Dec(covered) + ", the data has " +
                       Dec(data_bytes) + " bytes");
  }
  return OkStatus();
}

// The two parts of the file: header text and data.
struct Parts {
  std::string_view header;
  std::span<const uint8_t> data;
};

Result<Parts> Split(std::span<const uint8_t> all) {
  untrusted::ByteCursor cursor(all);
  uint64_t header_bytes = 0;
  if (!cursor.Read(&header_bytes)) {
    return FormatError("header length: file has " + Dec(all.size()) + " bytes, at least 8 needed");
  }
  if (header_bytes > kMaxHeaderBytes) {
    const std::string_view kind = untrusted::DescribeFileKind(all);
    const bool json_follows = all.size() > 8 && all[8] == '{';
    if (!kind.empty() && !json_follows) return FormatError("header: got " + std::string(kind));
    return LimitError("header length: got " + Dec(header_bytes) + ", at most " +
                      Dec(kMaxHeaderBytes) + " allowed");
  }
  std::span<const uint8_t> header;
  if (!cursor.ReadBytes(header_bytes, &header)) {
    return FormatError("header length: got " + Dec(header_bytes) + ", " + Dec(cursor.remaining()) +
                       " bytes are left in the file");
  }
  return Parts{untrusted::AsText(header), all.subspan(cursor.position())};
}

Result<std::vector<TensorInfo>> ReadTensors(std::vector<HeaderEntry> entries,
                                            std::span<const uint8_t> data) {
  std::sort(entries.begin(), entries.end(), [](const HeaderEntry& x, const HeaderEntry& y) {
    return std::tie(x.begin, x.end, x.name) < std::tie(y.begin, y.end, y.name);
  });
  SELVEDGE_RETURN_IF_ERROR(CheckRanges(entries, data.size()));
  std::vector<TensorInfo> tensors;
  tensors.reserve(entries.size());
  for (HeaderEntry& entry : entries) {
    tensors.push_back({std::move(entry.name), entry.type, std::move(entry.shape),
                       data.subspan(entry.begin, entry.end - entry.begin)});
  }
  return tensors;
}

}  // namespace

uint64_t TensorInfo::values() const { return data.size() / ElementBytes(type); }

const TensorInfo* File::FindTensor(std::string_view name) const {
  const auto it = index_.find(std::string(name));
  return it == index_.end() ? nullptr : &tensors_[it->second];
}

Result<std::shared_ptr<const File>> File::Parse(std::shared_ptr<const core::MappedFile> bytes) {
  const std::string name = core::BaseName(bytes->name());
  const auto in_file = [&](const Status& status) {
    return Status(status.code(), name + ": " + status.message());
  };
  const Result<Parts> parts = Split(bytes->bytes());
  if (!parts.ok()) return in_file(parts.status());
  Result<Header> header = ReadHeader(parts->header);
  if (!header.ok()) return in_file(header.status());
  auto tensors = ReadTensors(std::move(header->entries), parts->data);
  if (!tensors.ok()) return in_file(tensors.status());

  const std::shared_ptr<File> file(new File());
  file->bytes_ = std::move(bytes);
  file->metadata_ = std::move(header->metadata);
  file->tensors_ = std::move(*tensors);
  for (size_t i = 0; i < file->tensors_.size(); ++i)
    file->index_.emplace(file->tensors_[i].name, i);
  return std::shared_ptr<const File>(file);
}

Result<std::shared_ptr<const File>> File::Open(const std::string& path) {
  SELVEDGE_ASSIGN_OR_RETURN(auto bytes, core::MappedFile::Open(path));
  return Parse(std::move(bytes));
}

}  // namespace selvedge::safetensors
