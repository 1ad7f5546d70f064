#pragma once
// An HTTP server for tests that says byte for byte what it is told to: over a real socket, in the
// clear or with TLS, each connection on a thread of its own.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace praxis::tools {

struct ScriptRequest {
  std::string method, target, head, body;
  /// A header's value, by its name in any case; empty if there is none.
  std::string header(std::string_view name) const;
};

/// The client's end of a connection, as a script sees it.
class ScriptPeer {
 public:
  virtual ~ScriptPeer() = default;
  /// False: the client went away.
  virtual bool send(std::string_view bytes) = 0;
  /// Ends the connection when the script returns; else the next request is read from it.
  virtual void close() = 0;
  /// Says nothing until the client goes away.
  virtual void hang() = 0;
};

/// A head with Content-Length, and the body.
std::string http_reply(unsigned status, std::string_view body, std::string_view headers = "Content-Type: application/json\r\n");

/// A key and a certificate that it signed itself, for `names` (DNS:localhost, IP:127.0.0.1).
class ScriptTls {
 public:
  explicit ScriptTls(const std::string& names);
  ~ScriptTls();
  std::string pem() const;  // the certificate, for who shall trust it
  struct Context;
  Context& context() { return *context_; }

 private:
  std::unique_ptr<Context> context_;
};

class ScriptServer {
 public:
  using Script = std::function<void(const ScriptRequest&, ScriptPeer&)>;
  /// `address`: an IPv4 loopback address. The script runs on the connections' threads.
  explicit ScriptServer(Script script, ScriptTls* tls = nullptr, const std::string& address = "127.0.0.1");
  ~ScriptServer();

  std::string url(const std::string& target = "") const;
  std::uint16_t port() const { return port_; }
  std::vector<ScriptRequest> requests() const;
  std::size_t connections() const;

 private:
  class Connection;
  void accept();

  Script script_;
  ScriptTls* tls_;
  std::string address_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<ScriptRequest> requests_;
  std::list<std::unique_ptr<Connection>> connections_;
  bool closing_ = false;
  std::thread acceptor_;
};

}  // namespace praxis::tools
