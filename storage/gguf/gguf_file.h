#pragma once
// GGUF v3 containers: a strict reader over mapped bytes and a writer. Rules: docs/formats/gguf.md.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include <selvedge/status.h>

#include "core/digest.h"
#include "core/dtype.h"
#include "core/mapped_file.h"

namespace selvedge::gguf {

enum class ValueType : uint32_t {
  kU8 = 0,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kF32,
  kBool,
  kString,
  kArray,
  kU64,
  kI64,
  kF64,
};

struct Array {
  ValueType element_type;
  // Numbers of every width are kept in the widest of their kind; booleans as 0 and 1 in uint64_t.
  std::variant<std::vector<uint64_t>, std::vector<int64_t>, std::vector<double>,
               std::vector<std::string_view>>
      values;
};

struct Value {
  ValueType type;
  std::variant<uint64_t, int64_t, double, bool, std::string_view, Array>
      data;  // views point into the file
};

struct TensorInfo {
  std::string name;
  core::DType type;
  std::vector<uint64_t> dims;     // ne order: dims[0] is the row length
  std::span<const uint8_t> data;  // in the file
  uint64_t values() const;
};

// What a file may declare at most; more is kLimit. A model of 1,000 layers has about 12,000
// tensors.
inline constexpr uint64_t kMaxKeys = 65536;
inline constexpr uint64_t kMaxTensors = 65536;
inline constexpr uint64_t kMaxKeyBytes = 65535;
inline constexpr uint64_t kMaxTensorNameBytes = 63;  // ggml keeps 64 with the final NUL
inline constexpr uint64_t kMaxStringBytes = uint64_t{1} << 30;
inline constexpr uint64_t kMaxArrayElements = uint64_t{1} << 24;  // over all arrays of a file
inline constexpr uint64_t kMinAlignment = 8, kMaxAlignment = 65536, kDefaultAlignment = 32;

// Immutable after Parse, so safe to share between threads. Keeps the bytes alive.
class File {
 public:
  // Checks the whole header before anything is used; reads no tensor data. kFormat or kLimit,
  // naming the place; kIncompatible for a tensor type that exists in ggml but not in Selvedge.
  static Result<std::shared_ptr<const File>> Open(const std::string& path);
  static Result<std::shared_ptr<const File>> Parse(std::shared_ptr<const core::MappedFile> bytes);

  const core::MappedFile& bytes() const { return *bytes_; }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  const TensorInfo* FindTensor(std::string_view name) const;
  bool Has(std::string_view key) const;
  const std::vector<std::pair<std::string, Value>>& metadata() const { return metadata_; }
  // The value of `key` as it is written in the file, after its type field; empty if it is absent.
  std::span<const uint8_t> EncodedValue(std::string_view key) const;

  // Typed getters: kFormat if the key is absent or has another type (no conversion between kinds).
  // Ask Has first for a key that a file may lack.
  Result<uint32_t> GetU32(std::string_view key) const;
  Result<float> GetF32(std::string_view key) const;
  Result<bool> GetBool(std::string_view key) const;
  Result<std::string> GetString(std::string_view key) const;
  Result<std::vector<std::string_view>> GetStrings(std::string_view key) const;
  Result<std::vector<float>> GetF32s(std::string_view key) const;
  Result<std::vector<int32_t>> GetI32s(std::string_view key) const;

 private:
  File() = default;
  friend class Parser;
  Result<const Value*> Typed(std::string_view key, ValueType type) const;
  Result<const Array*> TypedArray(std::string_view key, ValueType element_type) const;
  std::shared_ptr<const core::MappedFile> bytes_;
  std::vector<std::pair<std::string, Value>> metadata_;
  std::vector<std::span<const uint8_t>> encoded_;  // parallel to metadata_
  std::unordered_map<std::string, size_t> key_index_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string, size_t> tensor_index_;
};

// SHA-256 over architecture keys, tokenizer keys and every tensor (name, type, shape, data) in name
// order: the fingerprint that adapters are bound to. Independent of unrelated metadata such as
// general.name.
core::Sha256Digest BaseDigest(const File& file);

const char* ValueTypeName(ValueType type);  // "u32", "string", ...

// Builds a file in memory order: keys, tensor table, padded data. A key that is set twice keeps its
// place and takes the new value. The writer trusts its caller: what Parse would refuse (a name
// twice, data of the wrong size) is written as it was given.
class Writer {
 public:
  void SetU32(std::string key, uint32_t v);
  void SetF32(std::string key, float v);
  void SetBool(std::string key, bool v);
  void SetString(std::string key, std::string v);
  void SetStrings(std::string key, std::vector<std::string> v);
  void SetF32s(std::string key, std::vector<float> v);
  void SetI32s(std::string key, std::vector<int32_t> v);
  // Every key of `file` but general.alignment: the writer always pads to kDefaultAlignment.
  void CopyMetadata(const File& file);
  void AddTensor(std::string name, core::DType type, std::vector<uint64_t> dims,
                 std::vector<uint8_t> data);
  // A tensor whose data the caller writes itself: after SerializeHeader, in the order of the
  // declarations, each padded with zeros to kDefaultAlignment.
  void DeclareTensor(std::string name, core::DType type, std::vector<uint64_t> dims);
  // The file up to the data, padded.
  std::vector<uint8_t> SerializeHeader() const;
  std::vector<uint8_t> Serialize() const;

 private:
  struct Tensor {
    std::string name;
    core::DType type;
    std::vector<uint64_t> dims;
    uint64_t size_bytes;
    std::vector<uint8_t> data;  // empty if only declared
  };
  void Set(std::string key, std::vector<uint8_t> encoded);
  std::vector<std::pair<std::string, std::vector<uint8_t>>>
      metadata_;  // key -> encoded type and value
  std::vector<Tensor> tensors_;
};

}  // namespace selvedge::gguf
