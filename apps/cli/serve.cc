#include "apps/cli/serve.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include <cstring>
#include <memory>

namespace selvedge::cli {

void AddServe(CommandLine* line, ServeBody body) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* app = line->Add(
      nullptr, "serve", "Answer OpenAI-style requests on this machine until a signal comes.",
      "selvedge serve --port 8080 --api-key-file key.txt",
      [flags, body = std::move(body)](Context& context) { return body(context, *flags); });
  AddModelOption(app, &flags->model);
  AddAdapterOptions(app, &flags->model);
  AddMemoryLimit(app, &flags->model);
  AddPower(app, &flags->model);
  AddHugePages(app, &flags->model, "auto");
  AddKvType(app, &flags->model);
  AddPromptCache(app, &flags->model);
  app->add_flag("--context-shift", flags->context_shift,
                "When a context is full, forget its older half and go on");
  AddText(app, "--host", &flags->host, "ADDRESS",
          "Address to listen on (default 127.0.0.1); others need a key");
  AddInt(app, "--port", &flags->port, 0, 65535, "Port (default 8080); 0 takes a free one");
  AddInt(app, "--parallel", &flags->parallel, 1, 16,
         "Requests answered at once, sharing passes over the weights (default 4)");
  AddText(app, "--api-key-file", &flags->api_key_file, "FILE",
          "Requests must carry this bearer key: the file's first line");
}

Status StartServer(char** argv) {
  char path[PATH_MAX];
  const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
  if (n <= 0 || n >= static_cast<ssize_t>(sizeof path)) {
    return IoError("serve: where this program lies cannot be found out");
  }
  const std::string self(path, static_cast<size_t>(n));
  const std::string folder = self.substr(0, self.rfind('/'));
  for (const char* place : {"/selvedge-server", "/../lib/selvedge/selvedge-server"}) {
    const std::string server = folder + place;
    if (access(server.c_str(), X_OK) != 0) continue;
    execv(server.c_str(), argv);
    return IoError(std::string("serve: selvedge-server: ") + std::strerror(errno));
  }
  return NotFoundError("serve: selvedge-server: neither beside the program nor in ../lib/selvedge");
}

}  // namespace selvedge::cli
