// Source of the rules: the GGUF v3 layout as ggml's own reader enforces it (docs/formats/gguf.md).
#include "storage/gguf/parser.h"

#include <bit>
#include <utility>

#include "core/open_regular.h"
#include "core/utf8.h"
#include "storage/gguf/tensor_type.h"
#include "storage/untrusted/file_kind.h"
#include "storage/untrusted/quote.h"

namespace selvedge::gguf {
namespace {

using untrusted::AsText;
using untrusted::Quote;

// The least bytes of a key with its value (a one-byte key and value) and of a tensor's entry.
constexpr uint64_t kMinKeyValueBytes = 8 + 1 + 4 + 1;
constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;

// `n` rounded up to a multiple of `alignment`, or false if it would not fit.
bool Pad(uint64_t n, uint64_t alignment, uint64_t* padded) {
  if (__builtin_add_overflow(n, alignment - 1, padded)) return false;
  *padded &= ~(alignment - 1);
  return true;
}

std::string Dec(uint64_t n) { return std::to_string(n); }

// Bytes of one element in the file, 0 for strings (their length varies).
uint64_t ElementBytes(ValueType type) {
  constexpr uint64_t kBytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  return kBytes[static_cast<uint32_t>(type)];
}

}  // namespace

Parser::Parser(std::shared_ptr<const core::MappedFile> bytes)
    : file_(new File()), cursor_(bytes->bytes()), name_(core::BaseName(bytes->name())) {
  file_->bytes_ = std::move(bytes);
}

Status Parser::Fail(const std::string& where, const std::string& what) const {
  return FormatError(name_ + ": " + where + ": " + what);
}

Status Parser::Ends(const std::string& where) const {
  return Fail(where, "starts at byte " + Dec(cursor_.position()) +
                         " and passes the end, file has " + Dec(file_->bytes_->bytes().size()) +
                         " bytes");
}

Result<std::shared_ptr<const File>> Parser::Run() {
  SELVEDGE_RETURN_IF_ERROR(ReadPreamble());
  for (uint64_t i = 0; i < key_count_; ++i) SELVEDGE_RETURN_IF_ERROR(ReadKeyValue(i));
  SELVEDGE_RETURN_IF_ERROR(ReadAlignment());
  for (uint64_t i = 0; i < tensor_count_; ++i) SELVEDGE_RETURN_IF_ERROR(ReadTensor(i));
  SELVEDGE_RETURN_IF_ERROR(PlaceTensors());
  return std::shared_ptr<const File>(std::move(file_));
}

Status Parser::ReadPreamble() {
  const std::span<const uint8_t> all = file_->bytes_->bytes();
  if (all.empty()) return Fail("magic", "the file is empty");
  std::span<const uint8_t> magic;
  if (!cursor_.ReadBytes(4, &magic)) return Ends("magic");
  if (AsText(magic) != "GGUF") {
    const std::string_view kind = untrusted::DescribeFileKind(all);
    return Fail("magic", "got " + (kind.empty() ? "other bytes" : std::string(kind)) +
                             ", must be 'GGUF'");
  }
  uint32_t version = 0;
  if (!cursor_.Read(&version)) return Ends("version");
  if (version != 3) {
    const bool swapped = version != 0 && (version & 0xFFFF) == 0;
    return Fail("version", "got " + Dec(version) + (swapped ? " (a big-endian file)" : "") +
                               ", only 3 is supported");
  }
  if (!cursor_.Read(&tensor_count_)) return Ends("tensor count");
  if (!cursor_.Read(&key_count_)) return Ends("key count");
  if (tensor_count_ > kMaxTensors) {
    return LimitError(name_ + ": tensor count: got " + Dec(tensor_count_) + ", at most " +
                      Dec(kMaxTensors) + " allowed");
  }
  if (key_count_ > kMaxKeys) {
    return LimitError(name_ + ": key count: got " + Dec(key_count_) + ", at most " + Dec(kMaxKeys) +
                      " allowed");
  }
  if (key_count_ * kMinKeyValueBytes + tensor_count_ * kMinTensorBytes > cursor_.remaining()) {
    return Fail("header", "declares " + Dec(key_count_) + " keys and " + Dec(tensor_count_) +
                              " tensors, which do not fit in " + Dec(all.size()) + " bytes");
  }
  return OkStatus();
}

Result<std::string_view> Parser::ReadString(const std::string& where) {
  uint64_t length = 0;
  if (!cursor_.Read(&length)) return Ends(where);
  if (length > cursor_.remaining()) {
    return Fail(where, "declares " + Dec(length) + " bytes, " + Dec(cursor_.remaining()) +
                           " are left in the file");
  }
  if (length > kMaxStringBytes) {
    return LimitError(name_ + ": " + where + ": got " + Dec(length) + " bytes, at most " +
                      Dec(kMaxStringBytes) + " allowed");
  }
  std::span<const uint8_t> bytes;
  cursor_.ReadBytes(length, &bytes);
  return AsText(bytes);
}

Status Parser::ReadKeyValue(uint64_t index) {
  const std::string where = "key " + Dec(index);
  SELVEDGE_ASSIGN_OR_RETURN(const std::string_view key, ReadString(where));
  if (key.empty()) return Fail(where, "the name is empty");
  if (key.size() > kMaxKeyBytes) {
    return Fail(where, "the name has " + Dec(key.size()) + " bytes, at most " + Dec(kMaxKeyBytes) +
                           " allowed");
  }
  if (!core::IsValidUtf8(key) || key.find('\0') != std::string_view::npos) {
    return Fail(where, "the name must be UTF-8 without NUL");
  }
  if (!file_->key_index_.emplace(std::string(key), index).second) {
    return Fail("key " + Quote(key), "is there twice");
  }
  uint32_t type_id = 0;
  if (!cursor_.Read(&type_id)) return Ends("key " + Quote(key));
  const uint64_t start = cursor_.position();
  SELVEDGE_ASSIGN_OR_RETURN(Value value, ReadValue(type_id, key));
  file_->metadata_.emplace_back(std::string(key), std::move(value));
  file_->encoded_.push_back(cursor_.Since(start));
  return OkStatus();
}

template <typename Wide, typename Narrow>
Result<Value> Parser::ReadNumber(ValueType type, std::string_view key) {
  Narrow number{};
  if (!cursor_.Read(&number)) return Ends("key " + Quote(key));
  return Value{type, static_cast<Wide>(number)};
}

Result<Value> Parser::ReadValue(uint32_t type_id, std::string_view key) {
  const auto type = static_cast<ValueType>(type_id);
  const std::string where = "key " + Quote(key);
  switch (type) {
    case ValueType::kU8:
      return ReadNumber<uint64_t, uint8_t>(type, key);
    case ValueType::kI8:
      return ReadNumber<int64_t, int8_t>(type, key);
    case ValueType::kU16:
      return ReadNumber<uint64_t, uint16_t>(type, key);
    case ValueType::kI16:
      return ReadNumber<int64_t, int16_t>(type, key);
    case ValueType::kU32:
      return ReadNumber<uint64_t, uint32_t>(type, key);
    case ValueType::kI32:
      return ReadNumber<int64_t, int32_t>(type, key);
    case ValueType::kF32:
      return ReadNumber<double, float>(type, key);
    case ValueType::kU64:
      return ReadNumber<uint64_t, uint64_t>(type, key);
    case ValueType::kI64:
      return ReadNumber<int64_t, int64_t>(type, key);
    case ValueType::kF64:
      return ReadNumber<double, double>(type, key);
    case ValueType::kBool: {
      uint8_t byte = 0;
      if (!cursor_.Read(&byte)) return Ends(where);
      if (byte > 1) return Fail(where, "got boolean " + Dec(byte) + ", must be 0 or 1");
      return Value{type, byte == 1};
    }
    case ValueType::kString: {
      SELVEDGE_ASSIGN_OR_RETURN(const std::string_view text, ReadString(where));
      return Value{type, text};
    }
    case ValueType::kArray:
      return ReadArray(key);
  }
  return Fail(where, "got value type " + Dec(type_id) + ", types are 0 to 12");
}

Result<Value> Parser::ReadArray(std::string_view key) {
  const std::string where = "key " + Quote(key);
  uint32_t element_id = 0;
  uint64_t count = 0;
  if (!cursor_.Read(&element_id) || !cursor_.Read(&count)) return Ends(where);
  if (element_id > static_cast<uint32_t>(ValueType::kF64)) {
    return Fail(where, "got element type " + Dec(element_id) + ", types are 0 to 12");
  }
  const auto element_type = static_cast<ValueType>(element_id);
  if (element_type == ValueType::kArray) return Fail(where, "arrays of arrays are not allowed");
  // Every element takes at least this many bytes, so a count that passes is paid for by the file.
  const uint64_t least = element_type == ValueType::kString ? 8 : ElementBytes(element_type);
  if (count > cursor_.remaining() / least) {
    return Fail(where, "declares " + Dec(count) + " elements, " + Dec(cursor_.remaining()) +
                           " bytes are left in the file");
  }
  array_elements_ += count;  // both terms are below the file's size
  if (array_elements_ > kMaxArrayElements) {
    return LimitError(name_ + ": " + where + ": brings the arrays to " + Dec(array_elements_) +
                      " elements, at most " + Dec(kMaxArrayElements) + " allowed");
  }
  Array array{element_type, {}};
  SELVEDGE_RETURN_IF_ERROR(ReadElements(&array, count, key));
  return Value{ValueType::kArray, std::move(array)};
}

template <typename Wide, typename Narrow>
bool Parser::ReadNumbers(Array* array, uint64_t count) {
  std::vector<Wide> values(count);
  for (Wide& value : values) {
    Narrow number{};
    if (!cursor_.Read(&number)) return false;
    value = static_cast<Wide>(number);
  }
  array->values = std::move(values);
  return true;
}

Status Parser::ReadElements(Array* array, uint64_t count, std::string_view key) {
  const std::string where = "key " + Quote(key);
  bool complete = false;
  switch (array->element_type) {
    case ValueType::kU8:
    case ValueType::kBool:
      complete = ReadNumbers<uint64_t, uint8_t>(array, count);
      break;
    case ValueType::kI8:
      complete = ReadNumbers<int64_t, int8_t>(array, count);
      break;
    case ValueType::kU16:
      complete = ReadNumbers<uint64_t, uint16_t>(array, count);
      break;
    case ValueType::kI16:
      complete = ReadNumbers<int64_t, int16_t>(array, count);
      break;
    case ValueType::kU32:
      complete = ReadNumbers<uint64_t, uint32_t>(array, count);
      break;
    case ValueType::kI32:
      complete = ReadNumbers<int64_t, int32_t>(array, count);
      break;
    case ValueType::kF32:
      complete = ReadNumbers<double, float>(array, count);
      break;
    case ValueType::kU64:
      complete = ReadNumbers<uint64_t, uint64_t>(array, count);
      break;
    case ValueType::kI64:
      complete = ReadNumbers<int64_t, int64_t>(array, count);
      break;
    case ValueType::kF64:
      complete = ReadNumbers<double, double>(array, count);
      break;
    case ValueType::kString: {
      std::vector<std::string_view> strings(count);
      for (std::string_view& text : strings) {
        SELVEDGE_ASSIGN_OR_RETURN(text, ReadString(where));
      }
      array->values = std::move(strings);
      return OkStatus();
    }
    case ValueType::kArray:
      break;  // ReadArray has refused it
  }
  if (!complete) return Ends(where);
  if (array->element_type == ValueType::kBool) {
    for (const uint64_t value : std::get<std::vector<uint64_t>>(array->values)) {
      if (value > 1) return Fail(where, "got boolean " + Dec(value) + ", must be 0 or 1");
    }
  }
  return OkStatus();
}

Status Parser::ReadAlignment() {
  const auto it = file_->key_index_.find("general.alignment");
  if (it == file_->key_index_.end()) return OkStatus();
  const Value& value = file_->metadata_[it->second].second;
  const std::string where = "key 'general.alignment'";
  if (value.type != ValueType::kU32) {
    return Fail(where, std::string("got ") + ValueTypeName(value.type) + ", must be u32");
  }
  alignment_ = std::get<uint64_t>(value.data);
  if (!std::has_single_bit(alignment_) || alignment_ < kMinAlignment ||
      alignment_ > kMaxAlignment) {
    return Fail(where, "got " + Dec(alignment_) + ", must be a power of two from " +
                           Dec(kMinAlignment) + " to " + Dec(kMaxAlignment));
  }
  return OkStatus();
}

Status Parser::ReadDims(TensorInfo* tensor, const std::string& where) {
  uint32_t n_dims = 0;
  if (!cursor_.Read(&n_dims)) return Ends(where);
  if (n_dims < 1 || n_dims > 4)
    return Fail(where, "got " + Dec(n_dims) + " dimensions, 1 to 4 allowed");
  uint64_t product = 1;
  for (uint32_t i = 0; i < n_dims; ++i) {
    int64_t dim = 0;
    if (!cursor_.Read(&dim)) return Ends(where);
    if (dim < 1) {
      return Fail(where,
                  "dimension " + Dec(i) + " is " + std::to_string(dim) + ", must be positive");
    }
    if (__builtin_mul_overflow(product, static_cast<uint64_t>(dim), &product) ||
        product > static_cast<uint64_t>(INT64_MAX)) {
      return Fail(where, "the product of its dimensions does not fit in 63 bits");
    }
    tensor->dims.push_back(static_cast<uint64_t>(dim));
  }
  return OkStatus();
}

Status Parser::ReadTensor(uint64_t index) {
  TensorInfo tensor;
  SELVEDGE_ASSIGN_OR_RETURN(const std::string_view name, ReadString("tensor " + Dec(index)));
  const std::string where = "tensor " + (name.empty() ? Dec(index) : Quote(name));
  if (name.empty()) return Fail(where, "the name is empty");
  // ggml cuts longer names, so two of them could become one.
  if (name.size() > kMaxTensorNameBytes) {
    return Fail(where, "the name has " + Dec(name.size()) + " bytes, at most " +
                           Dec(kMaxTensorNameBytes) + " allowed");
  }
  if (!core::IsValidUtf8(name) || name.find('\0') != std::string_view::npos) {
    return Fail(where, "the name must be UTF-8 without NUL");
  }
  if (!file_->tensor_index_.emplace(std::string(name), index).second) {
    return Fail(where, "is there twice");
  }
  tensor.name = name;
  SELVEDGE_RETURN_IF_ERROR(ReadDims(&tensor, where));

  uint32_t type_id = 0;
  uint64_t offset = 0;
  if (!cursor_.Read(&type_id) || !cursor_.Read(&offset)) return Ends(where);
  auto type = ReadableType(type_id);
  if (!type.ok())
    return {type.status().code(), name_ + ": " + where + ": " + type.status().message()};
  const core::DTypeInfo& info = **type;
  tensor.type = info.type;
  if (tensor.dims[0] % info.block_values != 0) {
    return Fail(where, "has rows of " + Dec(tensor.dims[0]) + " values, type " + info.name +
                           " needs a multiple of " + Dec(info.block_values));
  }
  if (offset != data_size_) {
    return Fail(where,
                "got offset " + Dec(offset) + ", the tensors before it end at " + Dec(data_size_));
  }
  uint64_t bytes = 0, padded = 0;
  if (__builtin_mul_overflow(tensor.values() / info.block_values, info.block_bytes, &bytes) ||
      !Pad(bytes, alignment_, &padded) || __builtin_add_overflow(data_size_, padded, &data_size_)) {
    return Fail(where, "its size does not fit in 64 bits");
  }
  tensor_bytes_.push_back(bytes);
  file_->tensors_.push_back(std::move(tensor));
  return OkStatus();
}

Status Parser::PlaceTensors() {
  const std::span<const uint8_t> all = file_->bytes_->bytes();
  const uint64_t header_end = cursor_.position();
  if (tensor_count_ == 0 && header_end == all.size()) return OkStatus();
  uint64_t data_start = 0, end = 0;
  if (!Pad(header_end, alignment_, &data_start) ||
      __builtin_add_overflow(data_start, data_size_, &end)) {
    return Fail("data", "the sum of the tensors does not fit in 64 bits");
  }
  uint64_t start = data_start;
  for (size_t i = 0; i < file_->tensors_.size(); ++i) {
    TensorInfo& tensor = file_->tensors_[i];
    uint64_t padded = 0;
    Pad(tensor_bytes_[i], alignment_, &padded);  // did fit in ReadTensor
    if (start > all.size() || padded > all.size() - start) {
      return Fail("tensor " + Quote(tensor.name), "ends with its padding at " +
                                                      Dec(start + padded) + ", file has " +
                                                      Dec(all.size()) + " bytes");
    }
    tensor.data = all.subspan(start, tensor_bytes_[i]);
    start += padded;
  }
  if (end != all.size()) {
    return Fail("data", "ends at " + Dec(end) + ", file has " + Dec(all.size()) + " bytes");
  }
  return OkStatus();
}

Result<std::shared_ptr<const File>> File::Parse(std::shared_ptr<const core::MappedFile> bytes) {
  return Parser(std::move(bytes)).Run();
}

Result<std::shared_ptr<const File>> File::Open(const std::string& path) {
  SELVEDGE_ASSIGN_OR_RETURN(auto bytes, core::MappedFile::Open(path));
  return Parse(std::move(bytes));
}

}  // namespace selvedge::gguf
