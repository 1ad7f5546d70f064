#pragma once
// A client that does exactly what it is told, byte by byte: blocking sockets, every wait bounded.

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace praxis::agent::http {

class Client {
 public:
  static constexpr int kWaitMs = 20'000;  // a server that never answers fails its test, not hangs it

  /// To 127.0.0.1. `receive_bytes`: a small window, so that the server's writes soon find it full.
  explicit Client(std::uint16_t port, int receive_bytes = 0) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_bytes > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  Client(Client&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)), connected_(other.connected_), received_(std::move(other.received_)) {}
  Client& operator=(Client&&) = delete;
  ~Client() { close(); }

  bool connected() const { return connected_; }
  int socket() const { return socket_; }
  void close() {
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }
  /// Gone without a goodbye: the server's next write meets a reset.
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }
  /// false: the server took no more.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  void end_sending() { ::shutdown(socket_, SHUT_WR); }

  /// Everything up to and with `end`; what came without it when the connection ends first.
  std::string read_until(std::string_view end) {
    while (received_.find(end) == std::string::npos && read_more()) {}
    const std::size_t at = received_.find(end);
    return take(at == std::string::npos ? received_.size() : at + end.size());
  }
  std::string read_bytes(std::size_t count) {
    while (received_.size() < count && read_more()) {}
    return take(std::min(count, received_.size()));
  }
  std::string read_to_end() {
    while (read_more()) {}
    return take(received_.size());
  }
  /// A head, and the body that its content-length or its chunks say.
  std::string read_reply() {
    std::string reply = read_until("\r\n\r\n");
    const std::size_t at = reply.find("content-length: ");
    if (at != std::string::npos) return reply + read_bytes(std::stoul(reply.substr(at + 16)));
    if (reply.find("chunked") != std::string::npos) reply += read_until("0\r\n\r\n");
    return reply;
  }
  /// Whether the connection ended by a reset and not in peace.
  bool was_reset() const { return reset_; }

 private:
  bool read_more() {
    pollfd waiting{socket_, POLLIN, 0};
    char bytes[64 * 1024];
    if (::poll(&waiting, 1, kWaitMs) <= 0) return false;
    const ssize_t count = ::recv(socket_, bytes, sizeof bytes, 0);
    reset_ = count < 0;
    if (count > 0) received_.append(bytes, static_cast<std::size_t>(count));
    return count > 0;
  }
  std::string take(std::size_t count) {
    std::string out = received_.substr(0, count);
    received_.erase(0, count);
    return out;
  }

  int socket_;
  bool connected_ = false, reset_ = false;
  std::string received_;
};

}  // namespace praxis::agent::http
