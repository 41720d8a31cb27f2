#pragma once
// The commands that the built program has, as its own help lists them.

#include <map>
#include <string>

#include "tests/cli/command.h"

namespace selvedge::cli_test {

// "data list" and its help page, for every command that does something: what groups others is left
// out.
std::map<std::string, std::string> CommandsOf(const Sandbox& sandbox);

}  // namespace selvedge::cli_test
