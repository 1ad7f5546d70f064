#include "agent/http/server.h"

#include <sys/socket.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <chrono>
#include <list>
#include <optional>

#include "agent/http/request_reader.h"

namespace praxis::agent::http {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::use_awaitable;
using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

struct ServerState {
  ServerState(asio::io_context& context, ServerOptions given, Handler handle)
      : options(std::move(given)), handler(std::move(handle)), acceptor(context), ticker(context) {}

  ServerOptions options;
  Handler handler;
  tcp::acceptor acceptor;
  asio::steady_timer ticker;
  std::list<Connection*> connections;
  std::size_t in_work = 0;
  bool stopping = false;
  std::array<char, 64 * 1024> scratch;  // what is read goes through here: one thread reads for all
};

/// One client. Owned by its session coroutine; listed in the server's state while it lives.
class Connection {
 public:
  Connection(std::shared_ptr<ServerState> state, tcp::socket socket)
      : state_(std::move(state)), socket_(std::move(socket)), reader_(state_->options.limits) {
    self_ = state_->connections.insert(state_->connections.end(), this);
  }
  ~Connection() { state_->connections.erase(self_); }

  asio::awaitable<void> serve();
  asio::awaitable<bool> write(std::string_view bytes);

  /// Once a second: ends what is past its time, and breaks a long silence.
  void tick(Clock::time_point now);
  void close_if_idle() {
    if (!exchange_ && reader_.buffered() == 0) cut_off();
  }
  void cut_off();
  bool gone() const { return gone_; }

 private:
  friend class Exchange;

  asio::awaitable<RequestReader::State> read_request();
  asio::awaitable<bool> read_some();
  asio::awaitable<void> answer(Request request);
  asio::awaitable<void> refuse(Refusal refusal);
  void deadline_in(std::uint32_t limit_seconds) { deadline_ = Clock::now() + seconds(limit_seconds); }
  void watch();
  void unwatch();
  void lost();

  std::shared_ptr<ServerState> state_;
  tcp::socket socket_;
  RequestReader reader_;
  Exchange* exchange_ = nullptr;                                 // of the request in work
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point spoke_;                                      // when something was last sent
  bool gone_ = false, timed_out_ = false, writing_ = false;
  std::uint64_t watch_ = 0;                                      // number of the watch under way; even: none
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);   // for callbacks that may come late
  std::list<Connection*>::iterator self_;
};

namespace {

Clock::duration past(Clock::time_point begun) { return Clock::now() - begun; }

/// `length`: of the body; none: it comes in pieces.
std::string head_text(const Reply& reply, const Request& request, const std::vector<Field>& more,
                      std::optional<std::size_t> length) {
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " " + std::string(reason_phrase(reply.status)) + "\r\n";
  if (!reply.content_type.empty()) head += "content-type: " + reply.content_type + "\r\n";
  if (length && reply.status != 204) head += "content-length: " + std::to_string(*length) + "\r\n";
  if (!length && request.version >= 11) head += "transfer-encoding: chunked\r\n";
  for (const Field& field : reply.fields) head += field.name + ": " + field.value + "\r\n";
  for (const Field& field : more) head += field.name + ": " + field.value + "\r\n";
  head += "x-content-type-options: nosniff\r\n";
  if (!request.keep_alive) head += "connection: close\r\n";
  else if (request.version < 11) head += "connection: keep-alive\r\n";
  head += "\r\n";
  return head;
}

/// One chunk around `piece` (RFC 9112, 7.1), in place.
std::string chunk(std::string piece) {
  char size[20];
  auto [end, error] = std::to_chars(size, size + sizeof size - 2, piece.size(), 16);
  *end++ = '\r';
  *end++ = '\n';
  piece.insert(0, size, static_cast<std::size_t>(end - size));
  piece += "\r\n";
  return piece;
}

}  // namespace

// --- Exchange --------------------------------------------------------------------------------------

Exchange::Exchange(Connection& connection, Request request) : connection_(connection), request_(std::move(request)) {}

bool Exchange::gone() const { return connection_.gone(); }
void Exchange::on_gone(std::function<void()> call) { on_gone_ = std::move(call); }
void Exchange::on_silence(std::function<void()> call) { on_silence_ = std::move(call); }

asio::awaitable<void> Exchange::reply(Reply reply) {
  if (begun_) co_return;
  begun_ = ended_ = true;
  status_ = reply.status;
  bytes_ = reply.body.size();
  if (connection_.state_->stopping) request_.keep_alive = false;
  std::string text = head_text(reply, request_, cross_origin_, reply.body.size());
  if (request_.method != "HEAD") text += reply.body;
  co_await connection_.write(text);
}

asio::awaitable<bool> Exchange::begin(Reply head) {
  begun_ = true;
  status_ = head.status;
  chunked_ = request_.version >= 11;
  if (!chunked_ || connection_.state_->stopping) request_.keep_alive = false;
  std::string text = head_text(head, request_, cross_origin_, std::nullopt);
  co_return co_await connection_.write(text);
}

asio::awaitable<bool> Exchange::send(std::string piece) {
  if (piece.empty()) co_return !gone();
  bytes_ += piece.size();
  if (chunked_) piece = chunk(std::move(piece));
  co_return co_await connection_.write(piece);
}

asio::awaitable<bool> Exchange::end() {
  ended_ = true;
  if (!chunked_) co_return !gone();
  co_return co_await connection_.write("0\r\n\r\n");
}

// --- Connection ------------------------------------------------------------------------------------

/// Most pieces fit into the socket's buffer: those cost one system call and no trip through the loop.
asio::awaitable<bool> Connection::write(std::string_view bytes) {
  if (gone_) co_return false;
  boost::system::error_code error;
  std::size_t sent = socket_.write_some(asio::buffer(bytes.data(), bytes.size()), error);
  if (error == asio::error::would_block) error.clear();
  if (!error && sent < bytes.size()) {
    writing_ = true;
    deadline_in(state_->options.limits.write_seconds_max);
    auto rest = asio::buffer(bytes.data() + sent, bytes.size() - sent);
    co_await asio::async_write(socket_, rest, asio::redirect_error(use_awaitable, error));
    writing_ = false;
    deadline_ = Clock::time_point::max();
  }
  spoke_ = Clock::now();
  if (error) lost();
  co_return !gone_;
}

void Connection::cut_off() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  lost();
}

void Connection::lost() {
  if (std::exchange(gone_, true)) return;
  if (exchange_ && exchange_->on_gone_) exchange_->on_gone_();
}

/// While a handler works nobody reads, so somebody must notice a client that goes away.
void Connection::watch() {
  if (gone_) return;
  watch_ |= 1;
  auto noticed = [this, number = watch_, alive = std::weak_ptr<bool>(alive_)](boost::system::error_code error) {
    if (alive.expired() || error || number != watch_) return;
    char byte = 0;
    const ssize_t count = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    // More of the client's bytes are its next request, and for later: they end the watch.
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) lost();
    else if (count < 0) watch();
  };
  socket_.async_wait(tcp::socket::wait_read, std::move(noticed));
}

void Connection::unwatch() {
  watch_ = (watch_ | 1) + 1;
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void Connection::tick(Clock::time_point now) {
  if (now >= deadline_) {
    timed_out_ = true;
    deadline_ = Clock::time_point::max();
    if (writing_) lost();
    boost::system::error_code ignored;
    socket_.cancel(ignored);
    return;
  }
  const auto silence = seconds(state_->options.limits.keep_alive_seconds);
  if (!exchange_ || writing_ || now < spoke_ + silence) return;
  spoke_ = now;
  if (exchange_->on_silence_) exchange_->on_silence_();
}

asio::awaitable<bool> Connection::read_some() {
  boost::system::error_code error;
  while (true) {
    const std::size_t count = socket_.read_some(asio::buffer(state_->scratch), error);
    if (!error) {
      reader_.append({state_->scratch.data(), count});
      co_return true;
    }
    if (error != asio::error::would_block) co_return false;
    co_await socket_.async_wait(tcp::socket::wait_read, asio::redirect_error(use_awaitable, error));
    if (error) co_return false;
  }
}

/// Reads until a request is whole or refused; idle when the client is done or too slow.
asio::awaitable<RequestReader::State> Connection::read_request() {
  using State = RequestReader::State;
  const Limits& limits = state_->options.limits;
  State before = State::idle;
  deadline_in(limits.idle_seconds_max);
  while (true) {
    const State state = reader_.advance();
    if (state == State::complete || state == State::refused) break;
    if (state != before) deadline_in(state == State::body ? limits.body_seconds_max : limits.head_seconds_max);
    before = state;
    if (reader_.wants_continue()) {
      const std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
      if (!co_await write(go_on)) co_return State::idle;
    }
    if (state == State::idle && state_->stopping) co_return State::idle;
    if (co_await read_some()) continue;
    if (timed_out_ && state != State::idle) {
      const bool head = state == State::head;
      std::string limit = std::to_string(head ? limits.head_seconds_max : limits.body_seconds_max);
      Refusal slow{408, "timeout", std::string("the request's ") + (head ? "head" : "body") + " took too long; the limit is " +
                                       limit + " s (http." + (head ? "head" : "body") + "_seconds_max)"};
      co_await refuse(std::move(slow));
    }
    co_return State::idle;
  }
  deadline_ = Clock::time_point::max();
  co_return reader_.advance();
}

asio::awaitable<void> Connection::refuse(Refusal refusal) {
  Request nobody;
  nobody.keep_alive = false;
  const auto begun = Clock::now();
  Reply reply = state_->options.refuse(refusal);
  std::string text = head_text(reply, nobody, {}, reply.body.size()) + reply.body;
  co_await write(text);
  if (state_->options.log) state_->options.log({"", "", "refused", "", reply.status, reply.body.size(), std::chrono::duration<double>(past(begun)).count()});
  // Closed with the client's bytes unread, the connection would be reset and the answer lost.
  boost::system::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  deadline_in(1);
  for (std::uint64_t budget = 1 << 20; budget > 0;) {
    boost::system::error_code error;
    const std::size_t count = socket_.read_some(asio::buffer(state_->scratch), error);
    if (error == asio::error::would_block) {
      co_await socket_.async_wait(tcp::socket::wait_read, asio::redirect_error(use_awaitable, error));
      if (error) break;
      continue;
    }
    if (error || count > budget) break;
    budget -= count;
  }
}

asio::awaitable<void> Connection::answer(Request request) {
  const auto begun = Clock::now();
  Exchange exchange(*this, std::move(request));
  if (auto refusal = check_access(exchange.request(), state_->options.access)) {
    Reply reply = state_->options.refuse(*refusal);
    if (refusal->status != 403) exchange.cross_origin_ = cross_origin_fields(exchange.request());
    co_await exchange.reply(std::move(reply));
  } else if (exchange.cross_origin_ = cross_origin_fields(exchange.request()); exchange.request().method == "OPTIONS") {
    Reply allowed;
    allowed.status = 204;
    allowed.content_type.clear();
    allowed.fields.push_back({"allow", "GET, POST, DELETE, OPTIONS"});
    co_await exchange.reply(std::move(allowed));
  } else {
    exchange_ = &exchange;
    ++state_->in_work;
    spoke_ = Clock::now();
    watch();
    std::string failure;
    try {
      co_await state_->handler(exchange);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    exchange_ = nullptr;
    --state_->in_work;
    unwatch();
    if (!exchange.begun_ && !gone_) {
      Refusal internal{500, "internal", failure.empty() ? "nothing was answered" : failure};
      Reply reply = state_->options.refuse(internal);
      co_await exchange.reply(std::move(reply));
    } else if (!exchange.ended_) {
      lost();  // half an answer must not look whole
    }
  }
  if (!exchange.request().keep_alive) gone_ = true;
  if (state_->options.log) {
    const Request& asked = exchange.request();
    boost::system::error_code ignored;
    state_->options.log({asked.method, asked.path, exchange.route_, socket_.remote_endpoint(ignored).address().to_string(), exchange.status_,
                         exchange.bytes_, std::chrono::duration<double>(past(begun)).count()});
  }
}

asio::awaitable<void> Connection::serve() {
  while (!gone_) {
    const auto state = co_await read_request();
    if (state == RequestReader::State::refused) {
      Refusal refusal = reader_.refusal();
      co_await refuse(std::move(refusal));
      co_return;
    }
    if (state != RequestReader::State::complete) co_return;
    Request request = reader_.take();
    co_await answer(std::move(request));
  }
}

namespace {

/// The session of one client, from its first byte to its last. The one place where what a handler,
/// a parser or a socket throws ends: the connection closes, the server goes on.
asio::awaitable<void> session(std::shared_ptr<ServerState> state, tcp::socket socket) {
  Connection connection(state, std::move(socket));
  try {
    co_await connection.serve();
  } catch (const std::exception&) {
    connection.cut_off();
  }
}

asio::awaitable<void> accept(std::shared_ptr<ServerState> state) {
  asio::steady_timer pause(state->acceptor.get_executor());
  while (state->acceptor.is_open()) {
    boost::system::error_code error;
    tcp::socket socket = co_await state->acceptor.async_accept(asio::redirect_error(use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {  // no descriptors left, or the client was gone already
      pause.expires_after(std::chrono::milliseconds(100));
      co_await pause.async_wait(asio::redirect_error(use_awaitable, error));
      continue;
    }
    socket.non_blocking(true, error);
    socket.set_option(tcp::no_delay(true), error);
    if (state->connections.size() >= state->options.limits.connections_max) {
      Reply reply = state->options.refuse({503, "overloaded", "too many connections; the limit is " +
                                                                  std::to_string(state->options.limits.connections_max) +
                                                                  " (http.connections_max)"});
      Request nobody;
      nobody.keep_alive = false;
      const std::string text = head_text(reply, nobody, {}, reply.body.size()) + reply.body;
      socket.write_some(asio::buffer(text), error);
      continue;
    }
    asio::co_spawn(state->acceptor.get_executor(), session(state, std::move(socket)), asio::detached);
  }
}

void tick(std::shared_ptr<ServerState> state) {
  state->ticker.expires_after(seconds(1));
  state->ticker.async_wait([state](boost::system::error_code error) {
    if (error) return;
    const auto now = Clock::now();
    for (auto it = state->connections.begin(); it != state->connections.end();) (*it++)->tick(now);
    tick(state);
  });
}

}  // namespace

Result<std::unique_ptr<Server>> Server::listen(asio::io_context& context, ServerOptions options, Handler handler) {
  const std::string where = options.address + ":" + std::to_string(options.port);
  boost::system::error_code error;
  const auto address = asio::ip::make_address(options.address, error);
  if (error) return tl::unexpected(Error{ErrorCode::bad_request, "is no IP address; 127.0.0.1 is this machine alone", options.address});
  auto state = std::make_shared<ServerState>(context, std::move(options), std::move(handler));
  const tcp::endpoint endpoint(address, state->options.port);
  state->acceptor.open(endpoint.protocol(), error);
  if (!error) state->acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) state->acceptor.bind(endpoint, error);
  if (!error) state->acceptor.listen(tcp::acceptor::max_listen_connections, error);
  if (error) return tl::unexpected(Error{ErrorCode::bad_request, "cannot listen: " + error.message(), where});
  asio::co_spawn(context, accept(state), asio::detached);
  tick(state);
  return std::unique_ptr<Server>(new Server(std::move(state)));
}

Server::Server(std::shared_ptr<ServerState> state) : state_(std::move(state)) {}

Server::~Server() {
  stop_accepting();
  cut_off();
  state_->ticker.cancel();
}

void Server::cut_off() {
  for (auto it = state_->connections.begin(); it != state_->connections.end();) (*it++)->cut_off();
}

std::uint16_t Server::port() const {
  boost::system::error_code ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

void Server::stop_accepting() {
  if (std::exchange(state_->stopping, true)) return;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for (auto it = state_->connections.begin(); it != state_->connections.end();) (*it++)->close_if_idle();
}

std::size_t Server::connections() const { return state_->connections.size(); }
std::size_t Server::in_work() const { return state_->in_work; }

}  // namespace praxis::agent::http
