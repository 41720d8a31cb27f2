#include "core/background.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <stdexcept>
#include <thread>

namespace selvedge::core {
namespace {

TEST(RunInBackground, LowersThePriorityOfTheWorkAndItsThreadsAndOfNothingElse) {
  const int before = ::getpriority(PRIO_PROCESS, 0);
  if (before > 9) GTEST_SKIP() << "the tests themselves run at low priority";
  int work = 0, child = 0;
  RunInBackground([&] {
    work = ::getpriority(PRIO_PROCESS, 0);
    std::thread([&] { child = ::getpriority(PRIO_PROCESS, 0); }).join();
  });
  EXPECT_EQ(work, 10);
  EXPECT_EQ(child, 10);
  EXPECT_EQ(::getpriority(PRIO_PROCESS, 0), before);
}

TEST(RunInBackground, PassesOnWhatTheWorkThrows) {
  EXPECT_THROW(RunInBackground([] { throw std::runtime_error("full"); }), std::runtime_error);
}

}  // namespace
}  // namespace selvedge::core
