#pragma once
// Homes in a temporary folder of the test's own, and ways to damage them.

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "storage/vault/vault.h"

namespace selvedge::vault {

inline std::vector<uint8_t> Slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void Spill(const std::string& path, const std::vector<uint8_t>& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
}

class HomeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() /
            ("selvedge-test-" + std::to_string(getpid()) + "-" + info->name());
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    home_ = (root_ / "home").string();
  }
  void TearDown() override { std::filesystem::remove_all(root_); }

  std::unique_ptr<Vault> MakeHome(const KeySource& key = {}) {
    auto vault = Vault::Create(home_, key, [](Vault&) { return OkStatus(); });
    EXPECT_TRUE(vault.ok()) << vault.status().message();
    return vault.ok() ? std::move(vault).value() : nullptr;
  }
  std::unique_ptr<Vault> MustOpen(const KeySource& key = {}) {
    auto vault = Vault::Open(home_, key);
    EXPECT_TRUE(vault.ok()) << vault.status().message();
    return vault.ok() ? std::move(vault).value() : nullptr;
  }
  StatusCode OpenCode(const KeySource& key = {}) { return Vault::Open(home_, key).status().code(); }
  std::string WriteText(const std::string& name, const std::string& text) {
    const std::string path = (root_ / name).string();
    std::ofstream(path, std::ios::binary) << text;
    std::filesystem::permissions(path, std::filesystem::perms(0600));
    return path;
  }

  std::filesystem::path root_;
  std::string home_;
};

// A record with content and group hashes of the vault.
inline NewRecord MakeRecord(const Vault& vault, const std::string& source,
                            const std::string& text) {
  NewRecord r;
  r.source = source;
  r.text = text;
  r.id = "r-" + std::to_string(std::hash<std::string>{}(text));
  r.content_hash = vault.KeyedHash("content", text);
  r.group_key = vault.KeyedHash("group", text);
  return r;
}

}  // namespace selvedge::vault
