#pragma once
// Whether a grammar takes a whole text, byte by byte.

#include <gtest/gtest.h>

#include <memory>
#include <string_view>
#include <utility>

#include "inference/grammar/automaton.h"

namespace selvedge::inference::testing {

inline bool Accepts(std::string_view grammar, std::string_view text) {
  auto network = GrammarNetwork::FromGbnf(grammar);
  if (!network.ok()) {
    ADD_FAILURE() << network.status().message();
    return false;
  }
  GrammarAutomaton automaton(std::make_shared<const GrammarNetwork>(std::move(*network)));
  GrammarAutomaton::State state = automaton.start();
  for (const char c : text) {
    if (state == GrammarAutomaton::kDead) return false;
    state = automaton.Next(state, static_cast<uint8_t>(c));
  }
  return state != GrammarAutomaton::kDead && automaton.CanEnd(state);
}

}  // namespace selvedge::inference::testing
