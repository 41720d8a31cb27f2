// selvedge-server: what `selvedge serve` starts; docs/cli.md describes it.

#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "apps/cli/input.h"
#include "apps/cli/program.h"
#include "apps/cli/serve.h"
#include "apps/cli/signals.h"
#include "apps/server/server.h"

namespace selvedge::server {
namespace {

constexpr size_t kMostKeyBytes = 4096;
constexpr size_t kLeastKeyLength = 8;
constexpr auto kLookForSignals = std::chrono::milliseconds(50);

// The first line of a file that nobody else may read.
Result<std::string> ReadKey(const std::string& path) {
  if (path.empty()) return std::string();
  struct stat info {};
  if (stat(path.c_str(), &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return PolicyError("serve: key file: others may read or write it, mode must be 0600");
  }
  SELVEDGE_ASSIGN_OR_RETURN(const std::string text, cli::ReadInput(path, kMostKeyBytes));
  const std::string key = text.substr(0, text.find_first_of("\r\n"));
  if (key.size() < kLeastKeyLength) {
    return UsageError("serve: key file: its first line has " + std::to_string(key.size()) +
                      " characters, at least " + std::to_string(kLeastKeyLength) + " are needed");
  }
  return key;
}

Status Serve(cli::Context& context, const cli::ServeFlags& flags) {
  ServerOptions options;
  options.host = flags.host;
  options.port = static_cast<int>(flags.port);
  options.kv_type = flags.model.kv_type;
  options.context_shift = flags.context_shift;
  options.parallel = static_cast<int>(flags.parallel);
  options.cancel = cli::StopFlag();
  SELVEDGE_ASSIGN_OR_RETURN(options.api_key, ReadKey(flags.api_key_file));
  SELVEDGE_ASSIGN_OR_RETURN(const cli::Serving serving, cli::OpenServing(context, flags.model));
  options.adapter = serving.adapter;
  options.lora = serving.lora;
  SELVEDGE_RETURN_IF_ERROR(cli::TakeUpPromptCache(context, flags.model, *serving.engine));
  SELVEDGE_ASSIGN_OR_RETURN(const std::unique_ptr<Server> server,
                            Server::Create(serving.engine.get(), serving.home.get(), options));
  cli::CatchStopSignals();
  if (context.out.json) {
    context.out.JsonLine({{"host", options.host}, {"port", server->port()}});
  } else {
    context.out.Note("listening on " + options.host + " port " + std::to_string(server->port()));
  }
  std::thread answering([&] { server->Run(); });
  while (!cli::StopFlag()->load()) std::this_thread::sleep_for(kLookForSignals);
  server->Stop();
  answering.join();
  cli::KeepPromptCache(context, flags.model, *serving.engine);
  return CancelledError("serve: ended by a signal");
}

}  // namespace
}  // namespace selvedge::server

int main(int argc, char** argv) {
  return selvedge::cli::RunProgram(
      argc, argv, [](auto* line) { selvedge::cli::AddServe(line, selvedge::server::Serve); });
}
