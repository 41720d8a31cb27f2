#pragma once
// `serve` as a process, and requests to it over real sockets.

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/cli/command.h"

namespace selvedge::cli_test {

struct Reply {
  int http = 0;
  std::string head;
  std::string body;
  nlohmann::json Json() const { return nlohmann::json::parse(body, nullptr, false); }
};

inline int Connect(int port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

// Sends bytes as they are and reads until the server closes.
inline Reply Exchange(int port, const std::string& request) {
  const int fd = Connect(port);
  for (size_t sent = 0; sent < request.size();) {
    const ssize_t n = send(fd, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
    if (n <= 0) break;  // the server has seen enough
    sent += static_cast<size_t>(n);
  }
  std::string all;
  char buffer[4096];
  for (ssize_t n; (n = recv(fd, buffer, sizeof buffer, 0)) > 0;) {
    all.append(buffer, static_cast<size_t>(n));
  }
  close(fd);
  Reply reply;
  const size_t end = all.find("\r\n\r\n");
  if (all.size() > 12) reply.http = std::atoi(all.c_str() + 9);
  reply.head = all.substr(0, end);
  if (end != std::string::npos) reply.body = all.substr(end + 4);
  return reply;
}

class Serving {
 public:
  Serving(const Sandbox& sandbox, std::vector<std::string> more)
      : running_(sandbox, Arguments(std::move(more))) {
    const std::string line = running_.ReadLine();
    const auto ready = nlohmann::json::parse(line, nullptr, false);
    EXPECT_TRUE(ready.is_object() && ready.contains("port")) << line;
    if (ready.is_object()) port_ = ready.value("port", 0);
  }
  Reply Get(const std::string& path, const std::string& headers = "") const {
    return Exchange(port_, "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + headers +
                               "Connection: close\r\n\r\n");
  }
  Reply Post(const std::string& path, const std::string& body,
             const std::string& headers = "") const {
    return Exchange(port_, "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1:1\r\n" + headers +
                               "Content-Type: application/json\r\nConnection: close\r\n" +
                               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                               body);
  }
  int port() const { return port_; }
  Running& process() { return running_; }

 private:
  static std::vector<std::string> Arguments(std::vector<std::string> more) {
    std::vector<std::string> all = {"serve", "--port", "0", "--json", "-t", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  Running running_;
  int port_ = 0;
};

}  // namespace selvedge::cli_test
