#pragma once
// Listens, reads requests, and hands each to a handler with an Exchange to answer on. Everything
// happens on the one thread that runs the executor.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "agent/error.h"
#include "agent/http/http_policy.h"
#include "agent/http/message.h"

namespace praxis::agent::http {

class Connection;

/// One request and the way to answer it. Lives until its handler returns.
class Exchange {
 public:
  explicit Exchange(Connection& connection, Request request);
  const Request& request() const { return request_; }

  /// The whole answer, at once.
  boost::asio::awaitable<void> reply(Reply reply);

  /// An answer of unknown length: begin (the head's body is the first piece, perhaps empty), any
  /// number of pieces, end. false: the client is gone, and nothing more needs to be sent.
  boost::asio::awaitable<bool> begin(Reply head);
  boost::asio::awaitable<bool> send(std::string piece);
  boost::asio::awaitable<bool> end();

  /// send() in two, for pieces that come often: what the client's socket takes at once needs no waiting
  /// and no coroutine. false: the socket is full; drained() has to be awaited before anything else is
  /// sent.
  bool offer(std::string_view piece);
  boost::asio::awaitable<bool> drained();
  bool begun() const { return begun_; }

  /// What the log and the counters call this request; few different ones.
  void set_route(std::string route) { route_ = std::move(route); }

  /// The client closed its connection, or its half of it, or broke it.
  bool gone() const;
  /// Called once when the client goes; empty for none.
  void on_gone(std::function<void()> call);
  /// Called when nothing was sent for keep_alive_seconds: send something harmless.
  void on_silence(std::function<void()> call);

 private:
  friend class Connection;

  Connection& connection_;
  Request request_;
  std::vector<Field> cross_origin_;
  std::string route_ = "other";
  unsigned status_ = 0;
  std::uint64_t bytes_ = 0;
  std::string rest_;         // of a piece that was offered, framed; bounded by that piece
  const bool bodiless_;      // an answer to HEAD
  bool begun_ = false, ended_ = false, chunked_ = false;
  std::function<void()> on_gone_, on_silence_;
};

using Handler = std::function<boost::asio::awaitable<void>(Exchange&)>;

/// What became of one request, for the log and the counters.
struct Served {
  std::string method, path, route, client;
  unsigned status = 0;       // 0: the client went before it was answered
  std::uint64_t bytes = 0;   // of the answer's body
  double seconds = 0;
  std::string failure;       // what the handler threw; not for the client's eyes
};

struct ServerOptions {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;    // 0: any free one
  Limits limits;
  Access access;
  /// How a refusal looks on this server: status, fields and body.
  std::function<Reply(const Refusal&)> refuse;
  std::function<void(const Served&)> log;   // empty: none
};

class Server {
 public:
  /// Bound and listening when it returns. Refuses (bad_request) an address that is none or taken.
  static Result<std::unique_ptr<Server>> listen(boost::asio::io_context& context, ServerOptions options, Handler handler);
  /// Connections that are still open are cut off.
  ~Server();

  std::uint16_t port() const;
  /// No new connections; idle ones close; requests in work go on.
  void stop_accepting();
  /// Every client is treated as gone; handlers end as soon as they notice.
  void cut_off();
  std::size_t connections() const;
  /// Requests being read or answered.
  std::size_t in_work() const;

 private:
  explicit Server(std::shared_ptr<struct ServerState> state);
  std::shared_ptr<struct ServerState> state_;
};

}  // namespace praxis::agent::http
