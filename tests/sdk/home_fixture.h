#pragma once
// A home on the embedded model, in a temporary folder of the test's own.

#include <gtest/gtest.h>
#include <selvedge/home.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "sdk/home_impl.h"

namespace selvedge {

class HomeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() /
            ("selvedge-sdk-" + std::to_string(getpid()) + "-" + info->name());
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
    options_.path = (root_ / "home").string();
  }
  void TearDown() override {
    home_.reset();
    std::filesystem::remove_all(root_);
  }

  // Makes the home and grants the source "notes".
  void Make() {
    Result<Home> home = Home::Create(options_);
    ASSERT_TRUE(home.ok()) << home.status().message();
    home_.emplace(std::move(home).value());
    ASSERT_TRUE(home_->Grant("notes", "personalization", 0).ok());
  }
  void Reopen() {
    home_.reset();
    Result<Home> home = Home::Open(options_.path, options_.key);
    ASSERT_TRUE(home.ok()) << home.status().message();
    home_.emplace(std::move(home).value());
  }
  IngestReport Ingest(const std::string& data, RecordFormat format = RecordFormat::kText,
                      const std::string& source = "notes", const std::string& thread = "") {
    Result<IngestReport> report = home_->Ingest(source, format, data, thread);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : IngestReport{};
  }
  vault::Vault& vault() { return *home_->impl()->vault; }

  std::filesystem::path root_;
  HomeOptions options_;
  std::optional<Home> home_;
};

// `n` short lines about one subject, all different.
inline std::string Lines(int n, int first = 0) {
  static constexpr const char* kPlaces[] = {"harbour", "garden", "kitchen", "station", "market"};
  static constexpr const char* kThings[] = {
      "the red boat",        "a basket of pears", "my old lamp", "the late train",
      "two loaves of bread", "the tall ladder",   "a blue kite"};
  std::string out;
  for (int i = first; i < first + n; ++i) {
    out += "On day " + std::to_string(i) + " I saw " + kThings[i % 7] + " near the " +
           kPlaces[i % 5] + " and wrote it down.\n";
  }
  return out;
}

}  // namespace selvedge
