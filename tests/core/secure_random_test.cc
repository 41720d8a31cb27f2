#include "core/secure_random.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <csignal>
#include <cstring>
#include <set>
#include <vector>

namespace selvedge::core {
namespace {

TEST(SecureRandom, TwoObjectsAndTwoKeysDiffer) {
  SecureRandom a = SecureRandom::Create().value();
  SecureRandom b = SecureRandom::Create().value();
  std::set<uint64_t> seen;
  for (int i = 0; i < 5000; ++i) {
    seen.insert(a.NextU64());
    seen.insert(b.NextU64());
    if (i % 1000 == 0) {
      ASSERT_TRUE(a.Rekey().ok());
    }
  }
  EXPECT_EQ(seen.size(), 10000u);
}

TEST(SecureRandom, FillsEveryLengthAcrossItsBuffers) {
  SecureRandom random = SecureRandom::Create().value();
  for (const size_t n : {0u, 1u, 31u, 3999u, 4000u, 4001u, 9000u}) {
    std::vector<uint8_t> bytes(n + 8, 0xAB);
    random.Fill(std::span(bytes).first(n));
    for (size_t i = n; i < bytes.size(); ++i) EXPECT_EQ(bytes[i], 0xAB);
    if (n >= 3999) {
      // 8n fair bits: their count of ones has deviation sqrt(2n); 6 of them never happen.
      double ones = 0;
      for (size_t i = 0; i < n; ++i) ones += std::popcount(bytes[i]);
      EXPECT_NEAR(ones, 4.0 * n, 6 * std::sqrt(2.0 * n));
    }
  }
}

TEST(SecureRandom, MovesItsStream) {
  SecureRandom a = SecureRandom::Create().value();
  const uint64_t first = a.NextU64();
  SecureRandom b = std::move(a);
  EXPECT_NE(b.NextU64(), first);
}

// How a forked child ends that calls `use` on an object of its parent.
template <typename Use>
int StatusOfChild(Use use) {
  SecureRandom random = SecureRandom::Create().value();
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGABRT, SIG_DFL);
    use(random);
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

TEST(SecureRandom, RefusesToRepeatTheParentsStreamAfterAFork) {
  const int status = StatusOfChild([](SecureRandom& random) { (void)random.NextU64(); });
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(WTERMSIG(status), SIGABRT);
}

TEST(SecureRandom, WorksInAForkedChildAfterANewKey) {
  const int status = StatusOfChild([](SecureRandom& random) {
    if (!random.Rekey().ok()) ::_exit(1);
    (void)random.NextU64();
  });
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

}  // namespace
}  // namespace selvedge::core
