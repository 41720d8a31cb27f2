#include "inference/grammar/constraint.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/seeded_random.h"
#include "inference/grammar/json_schema.h"
#include "tests/inference/fixtures.h"

namespace selvedge::inference {
namespace {

class GrammarConstraintTest : public ::testing::Test {
 protected:
  static std::shared_ptr<const GrammarNetwork> Network(const std::string& grammar) {
    auto network = GrammarNetwork::FromGbnf(grammar);
    EXPECT_TRUE(network.ok()) << network.status().message();
    return std::make_shared<const GrammarNetwork>(std::move(*network));
  }

  GrammarConstraint Constraint(const std::string& grammar, bool drop_space = false) const {
    return GrammarConstraint(Network(grammar), table_, drop_space);
  }

  // Ids that may come now.
  std::vector<int32_t> Allowed(GrammarConstraint& constraint) const {
    std::vector<float> logits(table_->vocab_size(), 1.0f);
    const Status status = constraint.Exclude(logits);
    EXPECT_TRUE(status.ok()) << status.message();
    std::vector<int32_t> ids;
    for (size_t id = 0; id < logits.size(); ++id) {
      if (std::isfinite(logits[id])) ids.push_back(static_cast<int32_t>(id));
    }
    return ids;
  }

  // The byte token of a byte.
  int32_t Byte(uint8_t byte) const {
    for (int32_t id = 0; id < tokenizer_->vocab_size(); ++id) {
      if (tokenizer_->vocabulary().types[static_cast<size_t>(id)] == TokenType::kByte &&
          tokenizer_->PieceBytes(id) == std::string(1, static_cast<char>(byte))) {
        return id;
      }
    }
    ADD_FAILURE() << "no byte token";
    return -1;
  }

  const std::unique_ptr<Tokenizer> tokenizer_ = testing::GoldenTokenizer();
  const std::shared_ptr<const TokenTable> table_ = std::make_shared<const TokenTable>(*tokenizer_);
};

TEST_F(GrammarConstraintTest, AllowsExactlyTheTokensWhoseBytesFit) {
  const char* grammar = R"(root ::= ([a-z]+ " "? | [0-9]{2} | "The" | [^\x00-\x7F] "x")*)";
  const auto network = Network(grammar);
  core::SeededRandom random(5);
  for (const bool drop_space : {false, true}) {
    GrammarConstraint constraint(network, table_, drop_space);
    GrammarAutomaton automaton(network);
    GrammarAutomaton::State state = automaton.start();
    for (int step = 0; step < 40; ++step) {
      std::vector<int32_t> expected;
      for (int32_t id = 0; id < tokenizer_->vocab_size(); ++id) {
        std::string bytes = tokenizer_->PieceBytes(id);
        if (step == 0 && drop_space && bytes.starts_with(' ')) bytes.erase(0, 1);
        GrammarAutomaton::State at = state;
        for (const char byte : bytes) {
          if (at != GrammarAutomaton::kDead) at = automaton.Next(at, static_cast<uint8_t>(byte));
        }
        const bool ends = tokenizer_->IsEndOfGeneration(id);
        if (ends ? automaton.CanEnd(state) : !bytes.empty() && at != GrammarAutomaton::kDead) {
          expected.push_back(id);
        }
      }
      ASSERT_EQ(Allowed(constraint), expected) << "step " << step;
      std::erase_if(expected, [&](int32_t id) { return tokenizer_->IsEndOfGeneration(id); });
      ASSERT_FALSE(expected.empty());
      const int32_t id = expected[random.NextU64() % expected.size()];
      ASSERT_TRUE(constraint.Accept(id).ok());
      std::string bytes = tokenizer_->PieceBytes(id);
      if (step == 0 && drop_space && bytes.starts_with(' ')) bytes.erase(0, 1);
      for (const char byte : bytes) state = automaton.Next(state, static_cast<uint8_t>(byte));
    }
  }
}

TEST_F(GrammarConstraintTest, ACharacterMayComeInSeveralTokens) {
  GrammarConstraint constraint = Constraint("root ::= \"\\u2603\" | \"\\u2604\"");  // E2 98 83, 84
  ASSERT_TRUE(constraint.Accept(Byte(0xE2)).ok());
  EXPECT_EQ(Allowed(constraint), std::vector<int32_t>{Byte(0x98)});
  ASSERT_TRUE(constraint.Accept(Byte(0x98)).ok());
  EXPECT_EQ(Allowed(constraint), (std::vector<int32_t>{Byte(0x83), Byte(0x84)}));
  EXPECT_FALSE(constraint.finished());
  ASSERT_TRUE(constraint.Accept(Byte(0x84)).ok());
  EXPECT_TRUE(constraint.finished());
}

TEST_F(GrammarConstraintTest, EndsOnlyWhereTheGrammarMay) {
  GrammarConstraint constraint = Constraint("root ::= [a-z] [0-9]*");
  const auto may_end = [&] {
    for (const int32_t id : Allowed(constraint)) {
      if (tokenizer_->IsEndOfGeneration(id)) return true;
    }
    return false;
  };
  EXPECT_FALSE(may_end());
  ASSERT_TRUE(constraint.Accept(Byte('q')).ok());
  EXPECT_TRUE(may_end());
  EXPECT_FALSE(constraint.finished());
  ASSERT_TRUE(constraint.Accept(Byte('7')).ok());
  EXPECT_TRUE(may_end());
  std::vector<float> logits(table_->vocab_size(), 0.5f);
  ASSERT_TRUE(constraint.Exclude(logits).ok());
  EXPECT_EQ(logits[static_cast<size_t>(tokenizer_->eos())], 0.5f);
}

TEST_F(GrammarConstraintTest, AnExcludedTokenIsNotAccepted) {
  GrammarConstraint constraint = Constraint("root ::= \"a\"");
  EXPECT_EQ(constraint.Accept(Byte('b')).code(), StatusCode::kInternal);
}

TEST_F(GrammarConstraintTest, SaysWhenNoTokenSpellsTheGrammar) {
  testing::ModelParts parts = testing::ModelParts::Small();  // words only, no bytes
  auto tokenizer = Tokenizer::FromGguf(*parts.Build());
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  GrammarConstraint constraint(Network("root ::= \"\\u2603\""),
                               std::make_shared<const TokenTable>(**tokenizer), false);
  std::vector<float> logits(300, 1.0f);
  EXPECT_EQ(constraint.Exclude(logits).code(), StatusCode::kIncompatible);
}

TEST_F(GrammarConstraintTest, TooManyWaysAreAnError) {
  GrammarConstraint constraint = Constraint("root ::= \"a\" root \"b\" | \"a\" root \"c\" | \"d\"");
  std::vector<float> logits(table_->vocab_size());
  Status status;
  for (int i = 0; i < 60 && status.ok(); ++i) {
    status = constraint.Exclude(logits);
    if (status.ok()) status = constraint.Accept(Byte('a'));
  }
  EXPECT_EQ(status.code(), StatusCode::kLimit);
}

}  // namespace
}  // namespace selvedge::inference
