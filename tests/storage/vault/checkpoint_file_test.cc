#include "storage/vault/checkpoint_file.h"

#include <algorithm>

#include "tests/storage/vault/home_fixture.h"

namespace selvedge::vault {
namespace {

class CheckpointFile : public HomeTest {
 protected:
  std::string path() const { return (root_ / "j.ckpt").string(); }
  SecretKey key_ = SecretKey::Random();
};

TEST_F(CheckpointFile, GivesBackStatesOfEverySize) {
  for (const size_t n : {0u, 1u, 65535u, 65536u, 65537u, 200000u}) {
    std::vector<uint8_t> state(n);
    for (size_t i = 0; i < n; ++i) state[i] = static_cast<uint8_t>(i * 31);
    ASSERT_TRUE(WriteCheckpoint(path(), key_, "j", state).ok());
    auto back = ReadCheckpoint(path(), key_, "j");
    ASSERT_TRUE(back.ok()) << n;
    EXPECT_EQ(*back, state);
  }
}

TEST_F(CheckpointFile, FallsBackToTheOneBefore) {
  ASSERT_TRUE(WriteCheckpoint(path(), key_, "j", {1}).ok());
  ASSERT_TRUE(WriteCheckpoint(path(), key_, "j", {2}).ok());
  EXPECT_EQ(*ReadCheckpoint(path(), key_, "j"), std::vector<uint8_t>{2});
  Spill(path(), {1, 2, 3});
  EXPECT_EQ(*ReadCheckpoint(path(), key_, "j"), std::vector<uint8_t>{1});
  std::filesystem::remove(path());
  EXPECT_EQ(*ReadCheckpoint(path(), key_, "j"), std::vector<uint8_t>{1});
  RemoveCheckpoint(path());
  EXPECT_EQ(ReadCheckpoint(path(), key_, "j").status().code(), StatusCode::kNotFound);
}

TEST_F(CheckpointFile, RefusesEveryOtherFile) {
  const std::vector<uint8_t> state(100000, 9);
  ASSERT_TRUE(WriteCheckpoint(path(), key_, "j", state).ok());
  const std::vector<uint8_t> good = Slurp(path());
  const std::vector<uint8_t> plain(64, 9);
  EXPECT_EQ(std::search(good.begin(), good.end(), plain.begin(), plain.end()), good.end());
  EXPECT_EQ(ReadCheckpoint(path(), SecretKey::Random(), "j").status().code(), StatusCode::kAuth);
  EXPECT_EQ(ReadCheckpoint(path(), key_, "other job").status().code(), StatusCode::kAuth);
  for (const size_t n : {0ul, 7ul, 8ul, 31ul, 32ul, 40ul, 65585ul, good.size() - 1}) {
    Spill(path(), {good.begin(), good.begin() + static_cast<long>(n)});
    EXPECT_EQ(ReadCheckpoint(path(), key_, "j").status().code(), StatusCode::kAuth) << n;
  }
  for (size_t i = 0; i < good.size(); i += 997) {
    std::vector<uint8_t> bytes = good;
    bytes[i] ^= 1;
    Spill(path(), bytes);
    EXPECT_EQ(ReadCheckpoint(path(), key_, "j").status().code(), StatusCode::kAuth) << i;
  }
  std::vector<uint8_t> longer = good;
  longer.push_back(0);
  Spill(path(), longer);
  EXPECT_EQ(ReadCheckpoint(path(), key_, "j").status().code(), StatusCode::kAuth);
}

}  // namespace
}  // namespace selvedge::vault
