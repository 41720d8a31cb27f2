// `serve` over real sockets; H numbers as in the list of faults.

#include <arpa/inet.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "tests/cli/command.h"
#include "tests/cli/http.h"

namespace selvedge::cli_test {
namespace {

const char kGreedy[] = R"({"prompt": "The sea", "max_tokens": 6, "temperature": 0})";

TEST(Serve, AnswersAsTheCommandDoesAndEndsOnASignal) {
  const Sandbox sandbox;
  const auto expected =
      sandbox.Run({"generate", "-p", "The sea", "-n", "6", "--temp", "0", "--json"}).Json();
  Serving server(sandbox, {});
  const Reply reply = server.Post("/v1/completions", kGreedy);
  ASSERT_EQ(reply.http, 200) << reply.body;
  const auto body = reply.Json();
  EXPECT_EQ(body["object"], "text_completion");
  EXPECT_EQ(body["choices"][0]["text"], expected["text"]);
  EXPECT_EQ(body["choices"][0]["finish_reason"], "length");
  EXPECT_EQ(body["usage"]["completion_tokens"], 6);
  EXPECT_EQ(server.Get("/health").Json()["status"], "ok");
  EXPECT_EQ(server.Get("/v1/models").Json()["data"][0]["object"], "model");
  EXPECT_EQ(server.Get("/v1/adapters").http, 404) << "there is no home";
  EXPECT_EQ(server.Get("/nothing").http, 404);
  EXPECT_TRUE(server.Get("/nothing").Json().contains("error"));
  server.process().Signal(SIGTERM);
  EXPECT_EQ(server.process().Wait(), 143);
}

TEST(Serve, StreamsTheSameTextInPieces) {
  const Sandbox sandbox;
  Serving server(sandbox, {});
  const std::string whole = server.Post("/v1/completions", kGreedy).Json()["choices"][0]["text"];
  const Reply reply =
      server.Post("/v1/completions",
                  R"({"prompt": "The sea", "max_tokens": 6, "temperature": 0, "stream": true})");
  EXPECT_EQ(reply.http, 200);
  EXPECT_NE(reply.head.find("text/event-stream"), std::string::npos);
  std::string text;
  int pieces = 0;
  for (size_t at = 0; (at = reply.body.find("data: {", at)) != std::string::npos; ++at) {
    const size_t end = reply.body.find("\n\n", at);
    const auto event = nlohmann::json::parse(reply.body.substr(at + 6, end - at - 6));
    text += event["choices"][0]["text"].get<std::string>();
    ++pieces;
  }
  EXPECT_EQ(text, whole);
  EXPECT_GT(pieces, 2);
  EXPECT_NE(reply.body.find("data: [DONE]"), std::string::npos);
}

TEST(Serve, RequestsAtTheSameTimeGetTheTextsThatTheyGetAlone) {
  const Sandbox sandbox;
  Serving server(sandbox, {"--parallel", "3"});
  const auto body = [](int i) {
    return nlohmann::json{
        {"prompt", "The sea " + std::to_string(i)}, {"max_tokens", 40}, {"temperature", 0}}
        .dump();
  };
  std::vector<std::string> alone(6), together(6);
  const auto ask = [&](int i) {
    return server.Post("/v1/completions", body(i)).Json()["choices"][0]["text"].get<std::string>();
  };
  for (int i = 0; i < 6; ++i) alone[i] = ask(i);
  std::vector<std::thread> clients;
  for (int i = 0; i < 6; ++i) clients.emplace_back([&, i] { together[i] = ask(i); });
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(together, alone);
  EXPECT_NE(alone[0], alone[1]);
}

TEST(Serve, HostileRequestsAreRefused) {
  const Sandbox sandbox;
  Serving server(sandbox, {});
  const std::string complete = "/v1/completions";
  EXPECT_EQ(server.Post(complete, std::string(2 << 20, 'x')).http, 413);  // H10
  EXPECT_EQ(server.Post(complete, "{").http, 400);
  EXPECT_EQ(server.Post(complete, "[]").http, 400);
  EXPECT_EQ(server.Post(complete, std::string(100000, '[')).http, 400);             // H11
  EXPECT_EQ(server.Post(complete, R"({"prompt": "a", "prompt": "b"})").http, 400);  // H11
  EXPECT_EQ(server.Post(complete, R"({"prompt": "a", "temperature": 1e999})").http, 400);
  EXPECT_EQ(server.Post(complete, R"({"prompt": "a", "temperature": -1})").http, 400);  // H03
  EXPECT_EQ(server.Post(complete, R"({"prompt": "a", "top_k": -1})").http, 400);
  EXPECT_EQ(server.Post(complete, R"({"prompt": "a", "max_tokens": -5})").http, 400);
  EXPECT_EQ(server.Post(complete, R"({"prompt": "a", "max_tokens": 1e20})").http, 400);
  EXPECT_EQ(server.Post(complete, R"({"prompt": ["a"]})").http, 400);
  EXPECT_EQ(server.Post(complete, R"({"prompt": "a", "n": 2})").http, 400);
  EXPECT_EQ(server.Post(complete, R"({"max_tokens": 1})").http, 400);
  EXPECT_EQ(server.Post("/v1/chat/completions", R"({"messages": []})").http, 400);
  EXPECT_EQ(server.Get("/v1/models", "Origin: http://evil.example\r\n").http, 403);  // H12
  EXPECT_EQ(Exchange(server.port(),
                     "GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
                .http,
            403);  // H12
  EXPECT_EQ(server.Get("/../../etc/passwd").http, 404);
  EXPECT_NE(server.Get("/health", "X: " + std::string(1 << 20, 'x') + "\r\n").http, 200);
  EXPECT_EQ(server.Get("/health").http, 200) << "it is still there";
}

TEST(Serve, AKeyIsAskedForWhereThereIsOne) {  // H12
  const Sandbox sandbox;
  const std::string key = sandbox.Write("key", "a-long-secret\n");
  chmod(key.c_str(), 0644);
  EXPECT_TRUE(FailsWith(sandbox.Run({"serve", "--port", "0", "--api-key-file", key}), 6));
  chmod(key.c_str(), 0600);
  const std::string brief = sandbox.Write("brief", "abc\n");
  chmod(brief.c_str(), 0600);
  EXPECT_TRUE(FailsWith(sandbox.Run({"serve", "--port", "0", "--api-key-file", brief}), 2));
  EXPECT_TRUE(FailsWith(sandbox.Run({"serve", "--port", "0", "--host", "0.0.0.0"}), 6));
  Serving server(sandbox, {"--api-key-file", key});
  EXPECT_EQ(server.Get("/health").http, 200);
  EXPECT_EQ(server.Get("/v1/models").http, 401);
  EXPECT_EQ(server.Get("/v1/models", "Authorization: Bearer a-long-secre\r\n").http, 401);
  EXPECT_EQ(server.Get("/v1/models", "Authorization: Bearer a-long-secret\r\n").http, 200);
}

TEST(Serve, ServesTheHomesRegistryByIdsOnly) {  // H13
  Sandbox sandbox;
  sandbox.environment["SELVEDGE_HOME"] = sandbox.path("home");
  ASSERT_EQ(sandbox.Run({"init"}).exit_code, 0);
  Serving server(sandbox, {});
  EXPECT_TRUE(server.Get("/v1/adapters").Json()["adapters"].empty());
  EXPECT_EQ(server.Post("/v1/adapters/use", R"({"id": "none"})").http, 200);
  EXPECT_EQ(server.Post("/v1/adapters/use", R"({"id": "/etc/passwd"})").http, 404);
  EXPECT_EQ(server.Post("/v1/adapters/use", R"({"path": "x"})").http, 400);
  EXPECT_EQ(server.Post("/v1/completions", R"({"prompt": "a", "adapter": "a-9"})").http, 404);
}

TEST(Serve, AClientThatGoesAwayAndASignalEndGenerations) {  // H06
  const Sandbox sandbox;
  Serving server(sandbox, {});
  const std::string body = R"({"prompt": "The", "max_tokens": 400, "stream": true})";
  const std::string request =
      "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: " +
      std::to_string(body.size()) + "\r\n\r\n" + body;
  for (int i = 0; i < 3; ++i) {
    const int fd = Connect(server.port());
    ASSERT_GT(send(fd, request.data(), request.size(), MSG_NOSIGNAL), 0);
    char first[16];
    EXPECT_GT(recv(fd, first, sizeof first, 0), 0);
    close(fd);
  }
  EXPECT_EQ(server.Post("/v1/completions", kGreedy).http, 200) << "their turns are over";
  const int fd = Connect(server.port());
  ASSERT_GT(send(fd, request.data(), request.size(), MSG_NOSIGNAL), 0);
  char first[16];
  EXPECT_GT(recv(fd, first, sizeof first, 0), 0);
  server.process().Signal(SIGINT);
  EXPECT_EQ(server.process().Wait(), 130);
  close(fd);
}

}  // namespace
}  // namespace selvedge::cli_test
