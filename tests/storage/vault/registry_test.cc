#include "storage/vault/registry.h"

#include "tests/storage/vault/home_fixture.h"

namespace selvedge::vault {
namespace {

class RegistryTest : public HomeTest {
 protected:
  void SetUp() override {
    HomeTest::SetUp();
    vault_ = MakeHome();
  }
  void Add(const std::string& id, const std::string& state, const std::string& job = "") {
    AdapterInfo info;
    info.id = id;
    info.created = "2026-03-01T00:00:00Z";
    info.state = state;
    info.rank = 8;
    info.target_modules = {"q_proj", "v_proj"};
    info.privacy.epsilon = 2.5;
    ASSERT_TRUE(vault_->registry().Insert(info, job).ok());
  }
  Status Use(const std::string& id) {
    return vault_->Update([&] { return vault_->registry().Activate(id); });
  }
  std::string Rollback() {
    std::string id;
    const Status s = vault_->Update([&]() -> Status {
      SELVEDGE_ASSIGN_OR_RETURN(id, vault_->registry().Rollback());
      return OkStatus();
    });
    return s.ok() ? id : StatusCodeName(s.code());
  }
  std::string Active() { return *vault_->registry().Active(); }
  int64_t Generation() { return *vault_->settings().Counter(kAdapterGeneration); }
  std::unique_ptr<Vault> vault_;
};

TEST_F(RegistryTest, GivesBackWhatWasWritten) {
  Add("a-1", "available");
  const auto info = vault_->registry().Get("a-1");
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->target_modules, (std::vector<std::string>{"q_proj", "v_proj"}));
  EXPECT_EQ(info->privacy.epsilon, 2.5);
  EXPECT_EQ(info->created, "2026-03-01T00:00:00Z");
  EXPECT_EQ(vault_->registry().Get("a-2").status().code(), StatusCode::kNotFound);
}

TEST_F(RegistryTest, RollsBackToWhatWasActiveBefore) {
  Add("a-1", "available");
  Add("a-2", "available");
  EXPECT_EQ(Rollback(), "NOT_FOUND");
  ASSERT_TRUE(Use("a-1").ok());
  ASSERT_TRUE(Use("a-2").ok());
  EXPECT_EQ(Generation(), 2);
  EXPECT_EQ(vault_->registry().Get("a-2")->state, "active");
  EXPECT_EQ(vault_->registry().Get("a-1")->state, "available");
  EXPECT_EQ(Rollback(), "a-1");
  EXPECT_EQ(Rollback(), "");
  EXPECT_EQ(Generation(), 4);
  EXPECT_EQ(Rollback(), "NOT_FOUND");
}

TEST_F(RegistryTest, RefusesRejectedRetiredAndUnknown) {
  Add("a-1", "rejected");
  EXPECT_EQ(Use("a-1").code(), StatusCode::kPolicy);
  EXPECT_EQ(Use("a-9").code(), StatusCode::kNotFound);
  EXPECT_EQ(Active(), "");
}

TEST_F(RegistryTest, RefusesToForgetTheActiveOne) {
  Add("a-1", "available");
  ASSERT_TRUE(Use("a-1").ok());
  EXPECT_EQ(vault_->registry().Remove("a-1").code(), StatusCode::kPolicy);
  ASSERT_TRUE(Use("").ok());
  EXPECT_TRUE(vault_->registry().Remove("a-1").ok());
}

TEST_F(RegistryTest, RetiresByLineageAndStepsBackToTheBase) {
  ASSERT_TRUE(vault_
                  ->Update([&]() -> Status {
                    SELVEDGE_RETURN_IF_ERROR(vault_->jobs().Insert({.id = "j1", .state = "done"}));
                    return vault_->jobs().SetRecords("j1", {{7, "mail"}, {8, "notes"}});
                  })
                  .ok());
  Add("a-1", "available", "j1");
  Add("a-2", "available");
  ASSERT_TRUE(Use("a-2").ok());
  ASSERT_TRUE(Use("a-1").ok());
  EXPECT_TRUE(vault_->registry().RetireBySource("sms", "x")->empty());
  EXPECT_TRUE(vault_->registry().RetireByRecord(9, "x")->empty());
  EXPECT_EQ(vault_->registry().RetireByRecord(8, "record deleted")->size(), 1u);
  EXPECT_EQ(Active(), "");
  EXPECT_EQ(vault_->registry().Get("a-1")->state, "retired");
  EXPECT_EQ(vault_->registry().Get("a-1")->reason, "record deleted");
  EXPECT_EQ(Use("a-1").code(), StatusCode::kPolicy);
  EXPECT_EQ(Rollback(), "a-2") << "skips the retired one";
}

TEST_F(RegistryTest, AFailedUpdateLeavesTheActiveOne) {
  Add("a-1", "available");
  Add("a-2", "available");
  ASSERT_TRUE(Use("a-1").ok());
  const Status s = vault_->Update([&]() -> Status {
    SELVEDGE_RETURN_IF_ERROR(vault_->registry().Activate("a-2"));
    return IoError("power cut");
  });
  EXPECT_EQ(s.code(), StatusCode::kIo);
  EXPECT_EQ(Active(), "a-1");
  EXPECT_EQ(Generation(), 1);
}

}  // namespace
}  // namespace selvedge::vault
