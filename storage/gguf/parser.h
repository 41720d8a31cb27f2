#pragma once
// The strict GGUF v3 parser behind File::Parse. Each function reads one part of the file in order.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <selvedge/status.h>

#include "storage/gguf/gguf_file.h"
#include "storage/untrusted/byte_cursor.h"

namespace selvedge::gguf {

class Parser {
 public:
  explicit Parser(std::shared_ptr<const core::MappedFile> bytes);
  Result<std::shared_ptr<const File>> Run();

 private:
  Status ReadPreamble();  // magic, version, counts
  Status ReadKeyValue(uint64_t index);
  Result<Value> ReadValue(uint32_t type_id, std::string_view key);
  Result<Value> ReadArray(std::string_view key);
  Status ReadElements(Array* array, uint64_t count, std::string_view key);
  Result<std::string_view> ReadString(const std::string& where);
  Status ReadAlignment();
  Status ReadTensor(uint64_t index);
  Status ReadDims(TensorInfo* tensor, const std::string& where);
  Status PlaceTensors();  // sets TensorInfo::data and accounts for every byte of the file

  template <typename Wide, typename Narrow>
  bool ReadNumbers(Array* array, uint64_t count);
  template <typename Wide, typename Narrow>
  Result<Value> ReadNumber(ValueType type, std::string_view key);

  Status Ends(const std::string& where) const;
  Status Fail(const std::string& where, const std::string& what) const;

  std::shared_ptr<File> file_;
  untrusted::ByteCursor cursor_;
  std::string name_;  // for messages
  uint64_t key_count_ = 0;
  uint64_t tensor_count_ = 0;
  uint64_t array_elements_ = 0;  // of all arrays so far
  uint64_t alignment_ = kDefaultAlignment;
  uint64_t data_size_ = 0;  // padded sum of the tensors so far
  std::vector<uint64_t> tensor_bytes_;
};

}  // namespace selvedge::gguf
