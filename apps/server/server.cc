#include "apps/server/server.h"

#include <httplib.h>

#include <algorithm>
#include <chrono>
#include <semaphore>
#include <thread>
#include <utility>
#include <vector>

#include "apps/server/openai.h"
#include "apps/server/strict_body.h"

namespace selvedge::server {
namespace {

constexpr int kConnections = 16;  // served at once; further ones wait
constexpr int kSecondsToRead = 10;
constexpr size_t kRequestsPerConnection = 100;

bool IsLoopback(const std::string& host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

// "name:port" without the port.
std::string NameOf(const std::string& host) {
  if (host.starts_with("[")) return host.substr(1, host.find(']') - 1);
  return host.substr(0, host.find(':'));
}

// In a time that does not depend on where the two differ.
bool SameSecret(const std::string& a, const std::string& b) {
  unsigned char difference = a.size() == b.size() ? 0 : 1;
  for (size_t i = 0; i < a.size(); ++i) {
    difference |= static_cast<unsigned char>(a[i] ^ b[b.empty() ? 0 : i % b.size()]);
  }
  return difference == 0;
}

void Send(httplib::Response& response, int http, const Json& body) {
  response.status = http;
  response.set_content(body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n",
                       "application/json");
}

void SendError(httplib::Response& response, const Status& status) {
  Send(response, HttpStatus(status.code()), ErrorBody(status));
}

std::string Event(const Json& body) {
  return "data: " + body.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n\n";
}

int64_t Now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

}  // namespace

class Server::Impl {
 public:
  Impl(const Engine* engine, Home* home, ServerOptions options)
      : engine_(engine),
        home_(home),
        options_(std::move(options)),
        generating_(options_.parallel) {}

  Status Bind();
  void Run() {
    http_.listen_after_bind();
    ended_ = true;
  }
  void Stop() {
    // httplib forgets a stop that comes before it began to answer.
    while (!http_.is_running() && !ended_)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    http_.stop();
  }
  int port() const { return port_; }

 private:
  // Everything that is refused before a body is looked at.
  Status Admit(const httplib::Request& request) const;
  void AddRoutes();
  void Complete(Endpoint endpoint, const httplib::Request& request, httplib::Response& response);
  void Stream(const Request& request, const Answer& answer, httplib::Response& response);
  Result<GenerateResult> Generate(const Request& request);
  void Models(httplib::Response& response) const;
  void ListAdapters(httplib::Response& response) const;
  void UseAdapter(const httplib::Request& request, httplib::Response& response);
  Answer NewAnswer(const Request& request);

  const Engine* engine_;
  Home* home_;
  const ServerOptions options_;
  httplib::Server http_;
  int port_ = 0;
  std::counting_semaphore<kConnections> generating_;
  std::atomic<int64_t> answers_{0};
  std::atomic<bool> ended_{false};
};

Status Server::Impl::Bind() {
  if (!IsLoopback(options_.host) && options_.api_key.empty()) {
    return PolicyError(
        "serve: --host: other machines reach this address, --api-key-file is needed");
  }
  http_.new_task_queue = [] { return new httplib::ThreadPool(kConnections); };
  http_.set_payload_max_length(kMaxBodyBytes);
  http_.set_read_timeout(kSecondsToRead);
  http_.set_keep_alive_max_count(kRequestsPerConnection);
  http_.set_pre_routing_handler([this](const auto& request, auto& response) {
    const Status admitted = Admit(request);
    if (admitted.ok()) return httplib::Server::HandlerResponse::Unhandled;
    SendError(response, admitted);
    return httplib::Server::HandlerResponse::Handled;
  });
  http_.set_error_handler([](const auto&, httplib::Response& response) {
    if (!response.body.empty()) return;  // ours
    Json error = ErrorBody(UsageError("request: HTTP status " + std::to_string(response.status)));
    error["error"]["code"] = response.status == 404 ? "NOT_FOUND" : "USAGE";
    response.set_content(error.dump() + "\n", "application/json");
  });
  http_.set_exception_handler([](const auto&, httplib::Response& response, std::exception_ptr) {
    SendError(response, InternalError("request: failed"));
  });
  AddRoutes();
  if (options_.port == 0) {
    port_ = http_.bind_to_any_port(options_.host);
  } else {
    port_ = http_.bind_to_port(options_.host, options_.port) ? options_.port : -1;
  }
  if (port_ <= 0) return IoError("serve: the address and port cannot be had");
  return OkStatus();
}

Status Server::Impl::Admit(const httplib::Request& request) const {
  // A web page that a browser has open may send requests here: under a name of its own that leads
  // to this machine (then Host is not ours), or from its own origin.
  const std::string host = NameOf(request.get_header_value("Host"));
  if (!IsLoopback(host) && host != options_.host) {
    return PolicyError("Host: is not this server's");
  }
  if (request.has_header("Origin")) return PolicyError("Origin: requests of web pages are refused");
  if (options_.api_key.empty() || request.path == "/health") return OkStatus();
  const std::string given = request.get_header_value("Authorization");
  if (SameSecret(given, "Bearer " + options_.api_key)) return OkStatus();
  return AuthError("Authorization: the bearer key is missing or wrong");
}

void Server::Impl::AddRoutes() {
  http_.Get("/health", [](const auto&, auto& response) {
    Send(response, 200, {{"status", "ok"}});
  });
  http_.Get("/v1/models", [this](const auto&, auto& response) { Models(response); });
  http_.Get("/v1/adapters", [this](const auto&, auto& response) { ListAdapters(response); });
  http_.Post("/v1/adapters/use",
             [this](const auto& request, auto& response) { UseAdapter(request, response); });
  http_.Post("/v1/completions", [this](const auto& request, auto& response) {
    Complete(Endpoint::kCompletions, request, response);
  });
  http_.Post("/v1/chat/completions", [this](const auto& request, auto& response) {
    Complete(Endpoint::kChat, request, response);
  });
}

Answer Server::Impl::NewAnswer(const Request& request) {
  const bool chat = request.endpoint == Endpoint::kChat;
  return {request.endpoint, (chat ? "chatcmpl-" : "cmpl-") + std::to_string(++answers_),
          request.model.empty() ? "selvedge" : request.model, Now()};
}

Result<GenerateResult> Server::Impl::Generate(const Request& request) {
  generating_.acquire();
  Result<GenerateResult> result = request.endpoint == Endpoint::kChat
                                      ? engine_->Chat(request.messages, request.options)
                                      : engine_->Generate(request.options);
  generating_.release();
  return result;
}

void Server::Impl::Complete(Endpoint endpoint, const httplib::Request& request,
                            httplib::Response& response) {
  const Result<Json> body = ParseBody(request.body);
  if (!body.ok()) return SendError(response, body.status());
  Result<Request> read = ReadRequest(endpoint, *body, options_.adapter);
  if (!read.ok()) return SendError(response, read.status());
  read->options.cancel = options_.cancel;
  read->options.lora = options_.lora;
  read->options.kv_type = options_.kv_type;
  read->options.context_shift = options_.context_shift;
  const Answer answer = NewAnswer(*read);
  if (read->stream) return Stream(*read, answer, response);
  const Result<GenerateResult> result = Generate(*read);
  if (!result.ok()) return SendError(response, result.status());
  Send(response, 200, WholeBody(answer, *result));
}

// The status line is sent before the first token is known, so a failure comes as an event.
void Server::Impl::Stream(const Request& request, const Answer& answer,
                          httplib::Response& response) {
  response.set_header("Cache-Control", "no-cache");
  response.set_chunked_content_provider("text/event-stream", [this, request, answer](
                                                                 size_t, httplib::DataSink& sink) {
    const auto send = [&sink](const std::string& event) {
      return sink.is_writable() && sink.write(event.data(), event.size());
    };
    Request streamed = request;
    streamed.options.on_text = [&](std::string_view text) {
      return send(Event(PieceBody(answer, text)));
    };
    const Result<GenerateResult> result = Generate(streamed);
    if (!send(Event(result.ok() ? LastPieceBody(answer, *result) : ErrorBody(result.status())))) {
      return false;
    }
    send("data: [DONE]\n\n");
    sink.done();
    return true;
  });
}

void Server::Impl::Models(httplib::Response& response) const {
  const ModelInfo info = engine_->info();
  const std::string name = info.name.empty() ? info.arch : info.name;
  const Json model = {{"id", name}, {"object", "model"}, {"owned_by", "selvedge"}};
  Send(response, 200, {{"object", "list"}, {"data", Json::array({model})}});
}

void Server::Impl::ListAdapters(httplib::Response& response) const {
  if (home_ == nullptr) return SendError(response, NotFoundError("adapters: there is no home"));
  const Result<std::vector<AdapterInfo>> adapters = home_->Adapters();
  if (!adapters.ok()) return SendError(response, adapters.status());
  Json list = Json::array();
  for (const AdapterInfo& adapter : *adapters) {
    list.push_back({{"id", adapter.id}, {"state", adapter.state}, {"created", adapter.created}});
  }
  Send(response, 200, {{"adapters", list}});
}

void Server::Impl::UseAdapter(const httplib::Request& request, httplib::Response& response) {
  if (home_ == nullptr) return SendError(response, NotFoundError("adapters: there is no home"));
  const Result<Json> body = ParseBody(request.body);
  if (!body.ok()) return SendError(response, body.status());
  std::string id;
  Status status = ReadText(*body, "id", &id);
  if (status.ok() && id.empty()) status = UsageError("id: an adapter's id, or none, is needed");
  if (status.ok()) status = home_->UseAdapter(id);
  if (!status.ok()) return SendError(response, status);
  ListAdapters(response);
}

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::Create(const Engine* engine, Home* home,
                                               const ServerOptions& options) {
  auto impl = std::make_unique<Impl>(engine, home, options);
  SELVEDGE_RETURN_IF_ERROR(impl->Bind());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

int Server::port() const { return impl_->port(); }
void Server::Run() { impl_->Run(); }
void Server::Stop() { impl_->Stop(); }

}  // namespace selvedge::server
