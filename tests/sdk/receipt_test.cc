#include "sdk/receipt.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <selvedge/adapters.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "adapters/signature.h"
#include "core/digest.h"
#include "sdk/budget.h"

namespace selvedge {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

std::string Digest(const std::string& text) {
  return core::Hex(core::Sha256Of({reinterpret_cast<const uint8_t*>(text.data()), text.size()}));
}

class Receipts : public ::testing::Test {
 protected:
  void SetUp() override {
    manifest_.id = "ad-1";
    manifest_.created = "2026-01-02T03:04:05Z";
    manifest_.base_digest = std::string(64, 'a');
    manifest_.weights_sha256 = Digest("weights");
    manifest_.config_sha256 = Digest("config");
    manifest_.target_modules = {"v_proj"};
    manifest_.tensors = 4;
    Use({1, 5, 30});
    facts_.clip_norm = 1;
    facts_.divisor = 200;
    facts_.groups = 200;
    facts_.epsilon_budget = 8;
    facts_.ledger.rows = 31;
  }
  void Use(const MechanismEvent& event) {
    facts_.events = {event};
    manifest_.privacy = *StatementOf("thread", event, 1e-5);
  }
  std::string Write() { return *WriteReceipt(manifest_, facts_, key_); }
  static Status Verify(const std::string& text, const ReceiptChecks& checks = {}) {
    return VerifyReceipt(text, checks).status();
  }
  // The receipt with another body, signed by a key of the forger's own.
  static std::string Forge(const std::string& text, const std::function<void(Json&)>& change) {
    const adapters::SigningKey key = adapters::SigningKey::Generate();
    Json body = Json::parse(text.substr(0, text.find('\n')));
    change(body);
    const std::string line = body.dump();
    const Json seal = {
        {"public_key", core::Hex(key.public_key)},
        {"signature", core::Hex(adapters::SignReceipt(
                          {reinterpret_cast<const uint8_t*>(line.data()), line.size()}, key))}};
    return line + "\n" + seal.dump() + "\n";
  }

  adapters::Manifest manifest_;
  ReceiptFacts facts_;
  adapters::SigningKey key_ = adapters::SigningKey::Generate();
};

TEST_F(Receipts, SayWhatTheRunCostAndStandOnTheirOwn) {
  const auto report = VerifyReceipt(Write(), {});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->adapter_id, "ad-1");
  EXPECT_EQ(report->privacy.unit, "thread");
  EXPECT_EQ(report->privacy.epsilon, *ComputeEpsilon({{1, 5, 30}}, 1e-5));
  EXPECT_EQ(report->epsilon_recomputed, report->privacy.epsilon);
  EXPECT_NEAR(report->epsilon_lower, report->privacy.epsilon, 1e-6) << "full batches are exact";
  EXPECT_LE(report->epsilon_lower, report->privacy.epsilon);
  EXPECT_EQ(report->ledger_rows, 31);
  EXPECT_EQ(report->public_key, core::Hex(key_.public_key));
  EXPECT_FALSE(report->adapter_checked);
}

TEST_F(Receipts, SayWhatTheGateCostTheHeldOutGroups) {
  EXPECT_EQ(VerifyReceipt(Write(), {})->judges, 0) << "an exact answer is named as such";
  facts_.gate = {{1, 2, 1}};
  facts_.judges = 20;
  const std::string good = Write();
  const auto report = VerifyReceipt(good, {});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_EQ(report->judges, 20);
  EXPECT_DOUBLE_EQ(report->gate_epsilon, *ComputeEpsilon({{1, 2, 1}}, 1e-5));
  EXPECT_LT(report->gate_epsilon, report->privacy.epsilon);
  const Status more =
      Verify(Forge(good, [](Json& b) { b["gate"]["events"][0]["noise_multiplier"] = 0.3; }));
  EXPECT_EQ(more.code(), StatusCode::kAuth);
  EXPECT_THAT(more.message(), HasSubstr("gate"));
  EXPECT_EQ(Verify(Forge(good, [](Json& b) { b["gate"]["answer"] = "oracle"; })).code(),
            StatusCode::kIncompatible);
  EXPECT_EQ(Verify(Forge(good, [](Json& b) { b.erase("gate"); })).code(), StatusCode::kFormat);
  // Receipts of version 1 had no gate.
  EXPECT_TRUE(Verify(Forge(good, [](Json& b) { b.erase("gate"), b["version"] = 1; })).ok());
}

TEST_F(Receipts, BracketASampledRun) {
  Use({0.1, 1.2, 100});
  const auto report = VerifyReceipt(Write(), {});
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_LT(report->epsilon_lower, report->privacy.epsilon);
  EXPECT_GT(report->epsilon_lower, 0.6 * report->privacy.epsilon);
}

TEST_F(Receipts, OfCorrelatedNoiseFollowFromItsMatrix) {
  const privacy::Correlation correlation{
      *privacy::Blt::Create(std::vector<double>{0.9, 0.4}, std::vector<double>{0.1, 0.3}),
      {20, 5, 4}};
  Use({1, privacy::RunNoiseMultiplier(6, correlation), 1});
  manifest_.privacy.sampling = kInTurns;
  facts_.correlation = correlation;
  facts_.steps = 20;
  facts_.source_noise_multiplier = 6;
  const std::string good = Write();
  ASSERT_TRUE(Verify(good).ok()) << Verify(good).message();
  const std::pair<const char*, std::function<void(Json&)>> lies[] = {
      {"correlation", [](Json& b) { b["mechanism"]["source_noise_multiplier"] = 7; }},
      {"correlation", [](Json& b) { b["mechanism"]["correlation"]["omega"][0] = 0.2; }},
      {"participations", [](Json& b) { b["mechanism"]["correlation"]["participations"] = 3; }},
      {"min separation", [](Json& b) { b["mechanism"]["correlation"]["min_separation"] = 0; }},
      {"omega",
       [](Json& b) {
         b["mechanism"]["correlation"]["omega"] = {2.0, 0.1};
       }},
      {"theta", [](Json& b) { b["mechanism"]["correlation"]["theta"][0] = "x"; }},
      {"sampling", [](Json& b) { b["statement"]["sampling"] = "full-batch"; }},
      {"sampling", [](Json& b) { b["mechanism"]["noise"] = "discrete-gaussian"; }}};
  for (const auto& [named, lie] : lies) {
    const Status status = Verify(Forge(good, lie));
    EXPECT_FALSE(status.ok()) << named;
    EXPECT_THAT(status.message(), HasSubstr(named));
  }
}

TEST_F(Receipts, AnyChangedByteIsRefused) {
  const std::string good = Write();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 7)));
    if (i + 1 == good.size()) continue;  // the line end after the seal
    EXPECT_FALSE(Verify(bad).ok()) << "byte " << i;
  }
  for (size_t n = 0; n + 1 < good.size(); n += 7) EXPECT_FALSE(Verify(good.substr(0, n)).ok()) << n;
}

TEST_F(Receipts, AnEpsilonThatItsEventsDoNotGiveIsRefused) {
  const std::string good = Write();
  ASSERT_TRUE(Verify(Forge(good, [](Json&) {})).ok());
  const std::pair<const char*, std::function<void(Json&)>> lies[] = {
      {"epsilon: says", [](Json& b) { b["statement"]["epsilon"] = 1.0; }},
      {"steps", [](Json& b) { b["statement"]["steps"] = 3; }},
      {"bounds", [](Json& b) { b["bounds"]["rdp"] = 1.0; }},
      {"bounds", [](Json& b) { b["events"][0]["steps"] = 300, b["statement"]["steps"] = 300; }},
      {"epsilon_lower", [](Json& b) { b["epsilon_lower"] = 0.0; }},
      {"events", [](Json& b) { b["events"][0]["noise_multiplier"] = 50.0; }},
      {"statement", [](Json& b) { b["statement"]["sampling"] = "poisson"; }},
  };
  for (const auto& [what, lie] : lies) {
    const Status status = Verify(Forge(good, lie));
    EXPECT_EQ(status.code(), StatusCode::kAuth) << what;
    EXPECT_THAT(status.message(), HasSubstr(what));
  }
}

TEST_F(Receipts, AnotherSignerIsNoticedWhenTheKeyIsNamed) {
  ReceiptChecks checks;
  checks.public_key = core::Hex(key_.public_key);
  const std::string good = Write();
  EXPECT_TRUE(Verify(good, checks).ok());
  EXPECT_EQ(Verify(Forge(good, [](Json&) {}), checks).code(), StatusCode::kAuth);
}

TEST_F(Receipts, TheAdapterMustBeTheOneItWasGivenFor) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("selvedge-receipt-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto put = [&](const char* name, const std::string& text) {
    std::ofstream(folder / name, std::ios::binary) << text;
  };
  put("adapter_model.safetensors", "weights");
  put("adapter_config.json", "config");
  ReceiptChecks checks;
  checks.adapter_folder = folder.string();
  const auto report = VerifyReceipt(Write(), checks);
  ASSERT_TRUE(report.ok()) << report.status().message();
  EXPECT_TRUE(report->adapter_checked);
  put("adapter_model.safetensors", "other weights");
  EXPECT_EQ(Verify(Write(), checks).code(), StatusCode::kAuth);
  put("adapter_model.safetensors", "weights");
  put("adapter_config.json", "other");
  EXPECT_EQ(Verify(Write(), checks).code(), StatusCode::kAuth);
  std::filesystem::remove(folder / "adapter_model.safetensors");
  EXPECT_EQ(Verify(Write(), checks).code(), StatusCode::kNotFound);
  std::filesystem::remove_all(folder);
}

TEST_F(Receipts, WhatIsNoReceiptIsMalformed) {
  for (const char* text : {"", "x", "{}\n{}\n", "{}\n", "[]\n[]\n", "\n\n"}) {
    EXPECT_EQ(Verify(text).code(), StatusCode::kFormat) << text;
  }
  EXPECT_EQ(Verify(std::string(1 << 20, 'x')).code(), StatusCode::kLimit);
  EXPECT_EQ(Verify(Forge(Write(), [](Json& b) { b["version"] = 3; })).code(),
            StatusCode::kIncompatible);
  EXPECT_EQ(Verify(Forge(Write(), [](Json& b) { b.erase("ledger"); })).code(), StatusCode::kFormat);
  EXPECT_EQ(Verify(Forge(Write(), [](Json& b) { b["events"] = Json::array(); })).code(),
            StatusCode::kFormat);
  const Status steps = Verify(Forge(Write(), [](Json& b) { b["events"][0]["steps"] = -1; }));
  EXPECT_EQ(steps.code(), StatusCode::kFormat);
  EXPECT_THAT(steps.message(), HasSubstr("receipt: events: field 'steps'"));
  const Status unit = Verify(Forge(Write(), [](Json& b) { b["statement"].erase("unit"); }));
  EXPECT_EQ(unit.code(), StatusCode::kFormat);
  EXPECT_THAT(unit.message(), HasSubstr("receipt: statement: field 'unit'"));
}

}  // namespace
}  // namespace selvedge
