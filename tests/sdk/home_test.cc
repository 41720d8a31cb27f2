#include <algorithm>

#include "tests/sdk/home_fixture.h"

namespace selvedge {
namespace {

using Homes = HomeTest;

TEST_F(Homes, CreateWritesWhatInfoSays) {
  options_.epsilon_budget = 3.5;
  options_.delta = 1e-6;
  options_.unit = "thread";
  Make();
  const std::string digest = home_->info().base_digest;
  EXPECT_EQ(digest.size(), 64u);
  Reopen();
  const HomeInfo info = home_->info();
  EXPECT_EQ(info.path, options_.path);
  EXPECT_EQ(info.base_digest, digest);
  EXPECT_EQ(info.unit, "thread");
  EXPECT_EQ(info.epsilon_budget, 3.5);
  EXPECT_EQ(info.delta, 1e-6);
  EXPECT_EQ(info.key_provider, "home-key-file");
  EXPECT_EQ(info.cipher.substr(0, 11), "sqlcipher 4");
  EXPECT_EQ(home_->model_path(), "");
}

TEST_F(Homes, CreateRefusesBadOptions) {
  const auto code = [&](auto change) {
    HomeOptions o = options_;
    change(o);
    return Home::Create(o).status().code();
  };
  EXPECT_EQ(code([](HomeOptions& o) { o.unit = "week"; }), StatusCode::kUsage);
  EXPECT_EQ(code([](HomeOptions& o) { o.epsilon_budget = 0; }), StatusCode::kUsage);
  EXPECT_EQ(code([](HomeOptions& o) { o.epsilon_budget = 0.0 / 0.0; }), StatusCode::kUsage);
  EXPECT_EQ(code([](HomeOptions& o) { o.delta = 1; }), StatusCode::kUsage);
  EXPECT_EQ(code([](HomeOptions& o) { o.delta = 0; }), StatusCode::kUsage);
  EXPECT_EQ(code([](HomeOptions& o) { o.path = ""; }), StatusCode::kUsage);
  EXPECT_EQ(code([](HomeOptions& o) { o.model_path = "/nonexistent.gguf"; }),
            StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(options_.path));
}

TEST_F(Homes, ConsentsAreListedWithTheirTimes) {
  Make();
  ASSERT_TRUE(home_->Grant("mail", "personalization", 90).ok());
  ASSERT_TRUE(home_->Revoke("mail", "personalization").ok());
  EXPECT_EQ(home_->Revoke("sms", "personalization").code(), StatusCode::kNotFound);
  EXPECT_EQ(home_->Grant("", "personalization", 0).code(), StatusCode::kUsage);
  EXPECT_EQ(home_->Grant("a\nb", "personalization", 0).code(), StatusCode::kUsage);
  EXPECT_EQ(home_->Grant("mail", "personalization", -1).code(), StatusCode::kUsage);
  const auto consents = home_->Consents();
  ASSERT_EQ(consents->size(), 2u);
  EXPECT_EQ(consents->at(0).source, "mail");
  EXPECT_FALSE(consents->at(0).granted);
  EXPECT_EQ(consents->at(0).retention_days, 90);
  EXPECT_FALSE(consents->at(0).revoked_at.empty());
  EXPECT_TRUE(consents->at(1).granted);
  EXPECT_TRUE(consents->at(1).revoked_at.empty());
}

TEST_F(Homes, ExpiredRecordsGoAtOpen) {
  Make();
  ASSERT_TRUE(home_->Grant("sms", "personalization", 30).ok());
  Ingest("short-lived\n", RecordFormat::kText, "sms");
  Ingest("long-lived\n");
  // Thirty-one days pass.
  ASSERT_TRUE(vault().database().Execute("UPDATE records SET arrived = arrived - 2678400000").ok());
  Reopen();
  const auto records = home_->Records({});
  ASSERT_EQ(records->size(), 1u);
  EXPECT_EQ(records->front().source, "notes");
}

TEST_F(Homes, DeleteTakesWhatTheFilterNames) {
  Make();
  Ingest("{\"text\":\"a\",\"id\":\"1\"}\n{\"text\":\"b\",\"id\":\"2\"}\n", RecordFormat::kJsonl);
  RecordFilter filter;
  filter.id = "1";
  EXPECT_EQ(*home_->DeleteRecords(filter), 1);
  EXPECT_EQ(*home_->DeleteRecords(filter), 0);
  EXPECT_EQ(home_->Records({})->front().id, "2");
}

TEST_F(Homes, RevokeRetiresWhatSawTheSource) {
  Make();
  vault::Vault& v = vault();
  AdapterInfo info;
  info.id = "a-1";
  info.created = "2026-03-01T00:00:00Z";
  info.state = "available";
  ASSERT_TRUE(v.Update([&]() -> Status {
                 SELVEDGE_RETURN_IF_ERROR(v.jobs().Insert({.id = "j1", .state = "done"}));
                 SELVEDGE_RETURN_IF_ERROR(v.jobs().SetRecords("j1", {{1, "notes"}}));
                 SELVEDGE_RETURN_IF_ERROR(v.jobs().Insert({.id = "j2", .state = "stopped"}));
                 SELVEDGE_RETURN_IF_ERROR(v.jobs().SetRecords("j2", {{1, "notes"}}));
                 SELVEDGE_RETURN_IF_ERROR(v.registry().Insert(info, "j1"));
                 return v.registry().Activate("a-1");
               }).ok());
  std::filesystem::create_directories(options_.path + "/adapters/a-1");
  std::ofstream(options_.path + "/checkpoints/j2.ckpt") << "x";
  const int64_t before = *home_->impl()->RegistryGeneration();
  ASSERT_TRUE(home_->Revoke("notes", "personalization").ok());
  EXPECT_GT(*home_->impl()->RegistryGeneration(), before);
  EXPECT_EQ(*home_->impl()->ActiveAdapterId(), "");
  EXPECT_EQ(home_->Adapter("a-1")->state, "retired");
  EXPECT_FALSE(std::filesystem::exists(options_.path + "/adapters/a-1"));
  EXPECT_FALSE(std::filesystem::exists(options_.path + "/checkpoints/j2.ckpt"));
  EXPECT_EQ(v.jobs().Get("j2")->state, "cancelled");
  EXPECT_EQ(home_->UseAdapter("a-1").code(), StatusCode::kPolicy);
}

TEST_F(Homes, AnInterruptedJobIsShownAsStopped) {
  Make();
  ASSERT_TRUE(vault().jobs().Insert({.id = "j1", .state = "running"}).ok());
  EXPECT_EQ(home_->Jobs()->front().state, "stopped");
  {
    const auto lock = vault::FileLock::TryAcquire(options_.path + "/train.lock", "train");
    ASSERT_TRUE(lock.ok());
    EXPECT_EQ(home_->Jobs()->front().state, "running");
  }
  ASSERT_TRUE(home_->CancelJob("j1").ok());
  EXPECT_EQ(home_->Jobs()->front().state, "cancelled");
  EXPECT_EQ(home_->CancelJob("j1").code(), StatusCode::kPolicy);
  EXPECT_EQ(home_->CancelJob("j9").code(), StatusCode::kNotFound);
}

TEST_F(Homes, TrainingConditionsAndDataAreCheckedFirst) {
  Make();
  Ingest(Lines(39));
  TrainOptions now;
  now.now = true;
  const Status few = home_->Train(now, nullptr, nullptr).status();
  EXPECT_EQ(few.code(), StatusCode::kDeferred);
  EXPECT_NE(few.message().find("39 groups"), std::string::npos) << few.message();
  {
    const auto lock = vault::FileLock::TryAcquire(options_.path + "/train.lock", "train");
    EXPECT_EQ(home_->Train(now, nullptr, nullptr).status().code(), StatusCode::kBusy);
  }
  now.target_modules = {"embed_tokens"};
  EXPECT_EQ(home_->Train(now, nullptr, nullptr).status().code(), StatusCode::kUsage);
  EXPECT_TRUE(home_->Jobs()->empty());
  EXPECT_EQ(home_->Privacy()->epsilon_spent, 0);
}

TEST_F(Homes, DoctorNamesWhatIsWrong) {
  Make();
  const auto find = [&](const std::string& name) {
    const auto checks = Doctor(options_.path, {}, "");
    const auto it = std::find_if(checks.begin(), checks.end(),
                                 [&](const DoctorCheck& c) { return c.name == name; });
    return it == checks.end() ? DoctorCheck{} : *it;
  };
  home_.reset();
  EXPECT_TRUE(find("home").ok);
  EXPECT_TRUE(find("database").ok);
  EXPECT_TRUE(find("ledger").ok);
  EXPECT_TRUE(find("model").ok);
  std::filesystem::copy_file(options_.path + "/vault.db", root_ / "old.db");
  Reopen();
  ASSERT_TRUE(home_->Grant("mail", "personalization", 0).ok());
  home_.reset();
  std::filesystem::copy_file(root_ / "old.db", options_.path + "/vault.db",
                             std::filesystem::copy_options::overwrite_existing);
  EXPECT_FALSE(find("ledger").ok) << "an older database was put back";
  std::filesystem::remove(options_.path + "/key");
  EXPECT_FALSE(find("home").ok);
}

}  // namespace
}  // namespace selvedge
