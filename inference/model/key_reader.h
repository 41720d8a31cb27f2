#pragma once
// Reads the keys of one architecture, with bounds.

#include <string>
#include <vector>

#include <selvedge/status.h>

#include "storage/gguf/gguf_file.h"

namespace selvedge::inference {

// Keys below "<architecture>.". Messages name the whole key, what it holds and what is allowed.
class KeyReader {
 public:
  KeyReader(const gguf::File& file, std::string architecture)
      : file_(file), prefix_(std::move(architecture) + ".") {}

  bool Has(const std::string& key) const { return file_.Has(prefix_ + key); }

  // A count in [low, high]: kFormat below, kLimit above. Per-layer lists of one repeated value
  // count as that value; kIncompatible if layers differ.
  Result<uint32_t> Count(const std::string& key, uint64_t low, uint64_t high) const;
  // The same, at least 1, or `fallback` if the key is absent.
  Result<uint32_t> CountOr(const std::string& key, uint32_t fallback, uint64_t high) const;

  // A finite number in (low, high]; kFormat otherwise.
  Result<float> Number(const std::string& key, float low, float high) const;
  Result<float> NumberOr(const std::string& key, float fallback, float low, float high) const;

  Result<std::string> Text(const std::string& key) const { return file_.GetString(prefix_ + key); }

  // The list of booleans or numbers under `key`, as truth values; empty if it is no list.
  std::vector<bool> Flags(const std::string& key) const;

 private:
  const gguf::Array* FindArray(const std::string& key) const;
  Result<uint64_t> Uniform(const std::string& key) const;

  const gguf::File& file_;
  std::string prefix_;
};

}  // namespace selvedge::inference
