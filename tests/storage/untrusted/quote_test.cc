#include "storage/untrusted/quote.h"

#include <gtest/gtest.h>

namespace selvedge::untrusted {
namespace {

TEST(Quote, EscapesEverythingThatATerminalCouldAct) {
  EXPECT_EQ(Quote("blk.0.attn_q.weight"), "'blk.0.attn_q.weight'");
  EXPECT_EQ(Quote("a\x1B[2J\n'\\"), "'a\\x1b[2J\\x0a\\x27\\x5c'");
}

TEST(Quote, CutsLongText) {
  const std::string quoted = Quote(std::string(10000, 'x'));
  EXPECT_EQ(quoted, "'" + std::string(64, 'x') + "...'");
}

}  // namespace
}  // namespace selvedge::untrusted
