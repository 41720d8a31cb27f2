#pragma once
// `serve` as the command line sees it. The server is a program of its own, so that no other command
// loads an HTTP library; both take the same flags.

#include <functional>
#include <string>

#include "apps/cli/command_line.h"
#include "apps/cli/opening.h"

namespace selvedge::cli {

struct ServeFlags {
  ModelOptions model;
  std::string host = "127.0.0.1";
  int64_t port = 8080;
  std::string api_key_file;
  int64_t parallel = 4;
  bool context_shift = false;
};

using ServeBody = std::function<Status(Context&, const ServeFlags&)>;

void AddServe(CommandLine* line, ServeBody body);

// Replaces this process by selvedge-server with the same arguments; returns only on failure.
Status StartServer(char** argv);

}  // namespace selvedge::cli
