#pragma once
// A 256-bit key in memory that is locked against swapping where the system allows, kept out of core
// dumps and wiped when it dies.

#include <sodium.h>

#include <array>
#include <cstdint>
#include <memory>
#include <new>
#include <span>

namespace selvedge::vault {

class SecretKey {
 public:
  static constexpr size_t kBytes = 32;

  // All zero; fill it at once. sodium_malloc guards the page and locks it (MADV_DONTDUMP, mlock).
  SecretKey() : data_(static_cast<uint8_t*>(sodium_init() < 0 ? nullptr : sodium_malloc(kBytes))) {
    if (data_ == nullptr) throw std::bad_alloc();
    sodium_memzero(data_.get(), kBytes);
  }
  SecretKey(SecretKey&&) noexcept = default;
  SecretKey& operator=(SecretKey&&) noexcept = default;
  SecretKey(const SecretKey&) = delete;
  SecretKey& operator=(const SecretKey&) = delete;

  static SecretKey Random() {
    SecretKey key;
    randombytes_buf(key.data_.get(), kBytes);
    return key;
  }

  std::span<uint8_t, kBytes> bytes() { return std::span<uint8_t, kBytes>(data_.get(), kBytes); }
  std::span<const uint8_t, kBytes> bytes() const {
    return std::span<const uint8_t, kBytes>(data_.get(), kBytes);
  }
  const uint8_t* data() const { return data_.get(); }

 private:
  struct Free {
    void operator()(uint8_t* p) const { sodium_free(p); }  // wipes
  };
  std::unique_ptr<uint8_t, Free> data_;
};

}  // namespace selvedge::vault
