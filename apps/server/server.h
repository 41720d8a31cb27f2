#pragma once
// HTTP on one address: who may ask, how much, and what answers.
//
//   GET  /health                 no key needed
//   GET  /v1/models
//   POST /v1/completions         "stream": true answers as server-sent events
//   POST /v1/chat/completions
//   GET  /v1/adapters            the home's
//   POST /v1/adapters/use        {"id": "a-1"}, or "none"; ids only, never a path

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include <selvedge/engine.h>
#include <selvedge/home.h>
#include <selvedge/status.h>

namespace selvedge::server {

struct ServerOptions {
  std::string host = "127.0.0.1";
  int port = 0;                               // 0 = a free one
  std::string api_key;                        // empty: none is asked for
  std::string adapter = "active";             // of requests that name none
  std::vector<LoraFile> lora;                 // applied to every request
  std::string kv_type = "f16";                // how keys and values are kept
  bool context_shift = false;                 // whether a full context goes on
  int parallel = 4;                           // generations at once, 1 or more; further ones wait
  const std::atomic<bool>* cancel = nullptr;  // ends generations under way
};

class Server {
 public:
  // Binds the address. `home` may be null; both must outlive the server. kPolicy for an address
  // that other machines reach and no key, kIo if the address cannot be had.
  static Result<std::unique_ptr<Server>> Create(const Engine* engine, Home* home,
                                                const ServerOptions& options);
  ~Server();

  int port() const;
  // Answers until Stop; requests under way are finished.
  void Run();
  void Stop();  // from another thread

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace selvedge::server
