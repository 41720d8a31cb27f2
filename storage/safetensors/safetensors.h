#pragma once
// safetensors files: a strict reader over mapped bytes and a deterministic writer.
//
//   u64 N | N bytes of JSON | data
//
// The JSON is one object: "__metadata__" (text to text) and, per tensor, dtype, shape and the range
// of its bytes in the data. The ranges cover the data without hole, overlap or rest.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <selvedge/status.h>

#include "core/mapped_file.h"

namespace selvedge::safetensors {

// What a file may declare at most; more is kLimit, or kFormat where no sound file comes near.
inline constexpr uint64_t kMaxHeaderBytes = 100'000'000;  // as in the reference implementation
inline constexpr size_t kMaxTensors = 16384;
inline constexpr size_t kMaxNameBytes = 1024;
inline constexpr size_t kMaxDims = 8;
inline constexpr size_t kMaxMetadataBytes = size_t{4} << 20;  // all keys and values together

enum class ElementType {
  kBool,
  kU8,
  kI8,
  kU16,
  kI16,
  kU32,
  kI32,
  kU64,
  kI64,
  kF16,
  kBF16,
  kF32,
  kF64
};

const char* ElementName(ElementType type);  // "F32", "BF16", ...
uint64_t ElementBytes(ElementType type);
// kFormat for a name that nobody defines, kIncompatible for types below one byte and 8-bit floats.
Result<ElementType> FindElementType(std::string_view name);

struct TensorInfo {
  std::string name;
  ElementType type = ElementType::kF32;
  std::vector<uint64_t> shape;    // row-major; empty for a scalar
  std::span<const uint8_t> data;  // in the file; not aligned to anything
  uint64_t values() const;
};

// Immutable after Parse, so safe to share between threads. Keeps the bytes alive.
class File {
 public:
  // kFormat, kLimit or kIncompatible (element type), naming the place. Reads no tensor data.
  static Result<std::shared_ptr<const File>> Open(const std::string& path);
  static Result<std::shared_ptr<const File>> Parse(std::shared_ptr<const core::MappedFile> bytes);

  const core::MappedFile& bytes() const { return *bytes_; }
  const std::vector<TensorInfo>& tensors() const { return tensors_; }  // in the order of their data
  const TensorInfo* FindTensor(std::string_view name) const;
  const std::map<std::string, std::string>& metadata() const { return metadata_; }

 private:
  File() = default;
  std::shared_ptr<const core::MappedFile> bytes_;
  std::map<std::string, std::string> metadata_;
  std::vector<TensorInfo> tensors_;
  std::unordered_map<std::string, size_t> index_;
};

// The tensor's values as f32. kIncompatible unless it is F32, F16 or BF16.
Result<std::vector<float>> ToFloats(const TensorInfo& tensor);

// Builds a file in memory: metadata in key order, tensors in the order of AddTensor, header padded
// with spaces to a multiple of 8. The same calls give the same bytes. The writer trusts its caller:
// a name twice or data of the wrong size is written as it was given.
class Writer {
 public:
  void SetMetadata(std::string key, std::string value);
  void AddTensor(std::string name, ElementType type, std::vector<uint64_t> shape,
                 std::vector<uint8_t> data);
  void AddFloats(std::string name, std::vector<uint64_t> shape, std::span<const float> values);
  std::vector<uint8_t> Serialize() const;

 private:
  struct Tensor {
    std::string name;
    ElementType type;
    std::vector<uint64_t> shape;
    std::vector<uint8_t> data;
  };
  std::map<std::string, std::string> metadata_;
  std::vector<Tensor> tensors_;
};

}  // namespace selvedge::safetensors
