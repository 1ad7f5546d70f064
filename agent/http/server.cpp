#include "agent/http/server.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
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

namespace {

/// Beyond connections_max, so many hear why they are turned away; more are closed without a word.
constexpr std::size_t kTurnedAwayMax = 64;

/// How often times are looked at, and at how many clients' before the loop looks at its sockets again.
/// Clients that came together are late together, and to end one takes as long as to serve another.
constexpr std::chrono::milliseconds kTick(100);
constexpr int kTicksAtOnceMax = 64;

constexpr std::size_t kScratchBytes = 64 * 1024;

using Pieces = std::array<std::string_view, 4>;  // written one after the other, as one

std::string seconds_text(std::string_view what, std::string_view name, std::uint32_t value) {
  return std::string(what) + " took too long" + limit_text(name, value);
}

/// The pieces in one buffer: for short ones a copy costs less than the kernel's way through a list.
/// Of longer ones the beginning, or the first as it is.
std::string_view joined(const Pieces& pieces, std::array<char, kScratchBytes>& scratch) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) {
    if (size == 0 && piece.size() > scratch.size()) return piece;
    const std::size_t part = std::min(piece.size(), scratch.size() - size);
    std::copy_n(piece.data(), part, scratch.data() + size);
    size += part;
  }
  return {scratch.data(), size};
}

}  // namespace

struct ServerState {
  ServerState(asio::io_context& context, ServerOptions given, Handler handle)
      : options(std::move(given)), handler(std::move(handle)), acceptor(context), ticker(context), ticked(connections.end()) {}

  ServerOptions options;
  Handler handler;
  tcp::acceptor acceptor;
  asio::steady_timer ticker;
  std::list<Connection*> connections;
  std::list<Connection*>::iterator ticked;  // the next whose time is looked at
  std::uint64_t bodies_bytes = 0;       // of all requests in work
  bool stopping = false;                // no new requests
  bool over = false;                    // the server is gone; what comes late finds that here
  std::array<char, kScratchBytes> scratch;  // what is read or written goes through here: one thread does both for all
};

/// One client. Owned by its session coroutine; listed in the server's state while it lives.
class Connection {
 public:
  Connection(std::shared_ptr<ServerState> state, tcp::socket socket)
      : state_(std::move(state)), socket_(std::move(socket)), reader_(state_->options.limits, state_->options.access) {
    self_ = state_->connections.insert(state_->connections.end(), this);
    boost::system::error_code ignored;
    client_ = socket_.remote_endpoint(ignored).address().to_string();
  }
  ~Connection() {
    count_body(0);
    if (state_->ticked == self_) ++state_->ticked;
    state_->connections.erase(self_);
  }

  asio::awaitable<void> serve();
  /// Says why, and closes in a way that lets the client read it.
  asio::awaitable<void> refuse(Refusal refusal);
  asio::awaitable<bool> write(Pieces pieces);
  bool write_now(Pieces& pieces);

  /// Now and then: breaks a long silence, and ends what is past its time; true then.
  bool tick(Clock::time_point now);
  bool busy() const {
    const RequestReader::State state = reader_.state();
    return exchange_ || state == RequestReader::State::head || state == RequestReader::State::body;
  }
  void cut_off();
  bool gone() const { return gone_; }

 private:
  friend class Exchange;

  asio::awaitable<std::optional<Request>> read_request();
  asio::awaitable<bool> read_some();
  asio::awaitable<void> answer(Request request);
  asio::awaitable<std::string> handle(Exchange& exchange);
  std::optional<Refusal> too_slow() const;
  /// The exchange in work, for as long as this lives.
  struct InWork {
    InWork(Connection& connection, Exchange& exchange) : connection(connection) { connection.exchange_ = &exchange; }
    ~InWork() {
      connection.exchange_ = nullptr;
      connection.count_body(0);
    }
    Connection& connection;
  };
  void deadline_in(std::uint32_t limit_seconds) { deadline_ = Clock::now() + seconds(limit_seconds); }
  void count_body(std::uint64_t bytes) {
    state_->bodies_bytes += bytes - std::exchange(body_bytes_, bytes);
  }
  void watch();
  void unwatch();
  void lost();

  std::shared_ptr<ServerState> state_;
  tcp::socket socket_;
  RequestReader reader_;
  std::string client_;
  Exchange* exchange_ = nullptr;                                 // of the request in work
  Clock::time_point deadline_ = Clock::time_point::max();
  Clock::time_point spoke_;                                      // when something was last sent
  bool gone_ = false, timed_out_ = false, writing_ = false;
  bool waited_ = false;                                          // for this request's bytes
  bool empty_ = false;                                           // the socket, when it was last read
  std::uint64_t body_bytes_ = 0;                                 // of this client's request, as counted
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

/// A chunk's header (RFC 9112, 7.1): its size and CR LF.
struct ChunkHeader {
  explicit ChunkHeader(std::size_t size) {
    end = std::to_chars(text, text + sizeof text - 2, size, 16).ptr;
    *end++ = '\r';
    *end++ = '\n';
  }
  std::string_view view() const { return {text, static_cast<std::size_t>(end - text)}; }
  char text[20];
  char* end;
};

}  // namespace

// --- Exchange --------------------------------------------------------------------------------------

Exchange::Exchange(Connection& connection, Request request)
    : connection_(connection), request_(std::move(request)), bodiless_(request_.method == "HEAD") {}

bool Exchange::gone() const { return connection_.gone(); }
void Exchange::on_gone(std::function<void()> call) { on_gone_ = std::move(call); }
void Exchange::on_silence(std::function<void()> call) { on_silence_ = std::move(call); }

asio::awaitable<void> Exchange::reply(Reply reply) {
  if (begun_) co_return;
  begun_ = ended_ = true;
  status_ = reply.status;
  bytes_ = reply.body.size();
  if (connection_.state_->stopping) request_.keep_alive = false;
  const std::string head = head_text(reply, request_, cross_origin_, reply.body.size());
  co_await connection_.write({head, bodiless_ ? std::string_view() : std::string_view(reply.body)});
}

asio::awaitable<bool> Exchange::begin(Reply reply) {
  begun_ = true;
  status_ = reply.status;
  chunked_ = request_.version >= 11;
  if (!chunked_ || connection_.state_->stopping) request_.keep_alive = false;
  const std::string head = head_text(reply, request_, cross_origin_, std::nullopt);
  if (reply.body.empty() || bodiless_) co_return co_await connection_.write({head});
  bytes_ += reply.body.size();
  if (!chunked_) co_return co_await connection_.write({head, reply.body});
  const ChunkHeader size(reply.body.size());
  co_return co_await connection_.write({head, size.view(), reply.body, "\r\n"});
}

asio::awaitable<bool> Exchange::send(std::string piece) {
  if (!offer(piece)) co_return co_await drained();
  co_return !gone();
}

bool Exchange::offer(std::string_view piece) {
  if (piece.empty() || bodiless_ || gone()) return true;
  bytes_ += piece.size();
  const ChunkHeader size(piece.size());
  Pieces pieces{piece};
  if (chunked_) pieces = {size.view(), piece, "\r\n"};
  if (connection_.write_now(pieces)) return true;
  for (const std::string_view rest : pieces) rest_ += rest;
  return false;
}

asio::awaitable<bool> Exchange::drained() {
  const std::string rest = std::exchange(rest_, {});
  co_return co_await connection_.write({rest});
}

asio::awaitable<bool> Exchange::end() {
  ended_ = true;
  if (!chunked_ || bodiless_) co_return !gone();
  co_return co_await connection_.write({"0\r\n\r\n"});
}

// --- Connection ------------------------------------------------------------------------------------

/// Takes from the pieces what the socket takes now. true: nothing is left to wait for.
bool Connection::write_now(Pieces& pieces) {
  if (gone_) return true;
  boost::system::error_code error;
  std::size_t sent = socket_.write_some(asio::buffer(joined(pieces, state_->scratch)), error);
  if (error && error != asio::error::would_block) lost();
  for (std::string_view& piece : pieces) {
    const std::size_t part = std::min(sent, piece.size());
    piece.remove_prefix(part);
    sent -= part;
  }
  spoke_ = Clock::now();
  return gone_ || std::all_of(pieces.begin(), pieces.end(), [](std::string_view piece) { return piece.empty(); });
}

/// Most pieces fit into the socket's buffer: those cost one system call and no trip through the loop.
asio::awaitable<bool> Connection::write(Pieces pieces) {
  const auto before = deadline_;
  while (!write_now(pieces)) {
    boost::system::error_code error;
    writing_ = true;
    deadline_in(state_->options.limits.write_seconds_max);  // anew whenever the client took something
    co_await socket_.async_wait(tcp::socket::wait_write, asio::redirect_error(use_awaitable, error));
    writing_ = false;
    deadline_ = before;
    if (error) lost();
  }
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

bool Connection::tick(Clock::time_point now) {
  if (now >= deadline_) {
    timed_out_ = true;
    deadline_ = Clock::time_point::max();
    if (writing_) lost();
    boost::system::error_code ignored;
    socket_.cancel(ignored);
    return true;
  }
  const auto silence = seconds(state_->options.limits.keep_alive_seconds);
  if (!exchange_ || writing_ || now < spoke_ + silence) return false;
  spoke_ = now;
  if (exchange_->on_silence_) exchange_->on_silence_();
  return false;
}

/// Whoever sends a byte at a time costs a wake-up and one read for each.
asio::awaitable<bool> Connection::read_some() {
  while (!timed_out_) {
    boost::system::error_code error;
    if (std::exchange(empty_, false)) {
      waited_ = true;
      co_await socket_.async_wait(tcp::socket::wait_read, asio::redirect_error(use_awaitable, error));
      if (error) co_return false;
    }
    const std::size_t count = socket_.read_some(asio::buffer(state_->scratch), error);
    empty_ = error ? error == asio::error::would_block : count < state_->scratch.size();
    if (empty_ && error) continue;
    if (error) co_return false;
    reader_.append({state_->scratch.data(), count});
    // A client that sends faster than this reads must not keep the loop to itself.
    if (!empty_) co_await asio::post(socket_.get_executor(), use_awaitable);
    co_return true;
  }
  co_return false;
}

std::optional<Refusal> Connection::too_slow() const {
  const Limits& limits = state_->options.limits;
  if (timed_out_ && reader_.state() == RequestReader::State::head)
    return Refusal{408, "timeout", seconds_text("the request's head", "head_seconds_max", limits.head_seconds_max)};
  if (timed_out_ && reader_.state() == RequestReader::State::body)
    return Refusal{408, "timeout", seconds_text("the request's body", "body_seconds_max", limits.body_seconds_max)};
  return std::nullopt;
}

/// Reads until a request is whole; none when the client is done, or was refused.
asio::awaitable<std::optional<Request>> Connection::read_request() {
  using State = RequestReader::State;
  const Limits& limits = state_->options.limits;
  State before = State::idle;
  std::optional<Refusal> refusal;
  deadline_in(limits.idle_seconds_max);
  waited_ = false;
  while (!refusal) {
    const State state = reader_.advance();
    if (state == State::complete) {
      deadline_ = Clock::time_point::max();
      co_return reader_.take();
    }
    if (state == State::refused) refusal = reader_.refusal();
    if (refusal || (state == State::idle && state_->stopping)) break;
    if (state != before) deadline_in(state == State::body ? limits.body_seconds_max : limits.head_seconds_max);
    before = state;
    count_body(reader_.body_bytes());
    if (state_->bodies_bytes > limits.bodies_bytes_max)
      refusal = Refusal{503, "overloaded", "the bodies of all requests are too long together" +
                                               limit_text("bodies_bytes_max", limits.bodies_bytes_max)};
    else if (reader_.wants_continue() && !co_await write({"HTTP/1.1 100 Continue\r\n\r\n"})) break;
    else if (!co_await read_some()) {
      refusal = too_slow();
      break;
    }
  }
  if (refusal) co_await refuse(std::move(*refusal));
  co_return std::nullopt;
}

asio::awaitable<void> Connection::refuse(Refusal refusal) {
  Request head = reader_.head();
  head.keep_alive = false;
  const auto begun = Clock::now();
  const Reply reply = state_->options.refuse(refusal);
  // A page of a foreign origin is not to read anything; others may read what is wrong with their key.
  const auto cross_origin = refusal.status == 403 ? std::vector<Field>() : cross_origin_fields(head);
  const std::string text = head_text(reply, head, cross_origin, reply.body.size());
  co_await write({text, head.method == "HEAD" ? std::string_view() : std::string_view(reply.body)});
  if (state_->options.log)
    state_->options.log({head.method, head.path, "refused", client_, reply.status, reply.body.size(),
                         std::chrono::duration<double>(past(begun)).count(), ""});
  // Closed with the client's bytes unread, the connection would be reset and the answer lost.
  boost::system::error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  timed_out_ = false;
  deadline_in(state_->options.limits.linger_seconds_max);
  std::uint64_t thrown_away = 0;
  while (thrown_away < state_->options.limits.linger_bytes_max && !timed_out_) {
    co_await socket_.async_wait(tcp::socket::wait_read, asio::redirect_error(use_awaitable, error));
    if (!error) thrown_away += socket_.read_some(asio::buffer(state_->scratch), error);
    if (error && error != asio::error::would_block) break;
  }
}

/// What the handler threw, or "".
asio::awaitable<std::string> Connection::handle(Exchange& exchange) {
  std::string failure;
  watch();
  try {
    co_await state_->handler(exchange);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  unwatch();
  exchange.on_gone_ = exchange.on_silence_ = {};
  if (exchange.begun_) co_return failure;
  if (failure.empty()) failure = "nothing was answered";
  if (gone_) co_return failure;
  Reply reply = state_->options.refuse({500, "internal", "the server failed at this request; its log says why"});
  co_await exchange.reply(std::move(reply));
  co_return failure;
}

asio::awaitable<void> Connection::answer(Request request) {
  const auto begun = spoke_ = Clock::now();
  count_body(request.body.size());
  Exchange exchange(*this, std::move(request));
  exchange.cross_origin_ = cross_origin_fields(exchange.request());
  const InWork in_work(*this, exchange);
  std::string failure;
  if (exchange.request().method == "OPTIONS") {
    Reply allowed;
    allowed.status = 204;
    allowed.content_type.clear();
    allowed.fields.push_back({"allow", "GET, POST, DELETE, OPTIONS"});
    co_await exchange.reply(std::move(allowed));
  } else {
    failure = co_await handle(exchange);
  }
  const bool broken = !exchange.ended_ && !gone_;
  if (state_->options.log) {
    const Request& asked = exchange.request();
    state_->options.log({asked.method, asked.path, exchange.route_, client_, exchange.status_, exchange.bytes_,
                         std::chrono::duration<double>(past(begun)).count(), std::move(failure)});
  }
  if (broken) {  // half an answer must not look whole: not ended, but reset
    boost::system::error_code ignored;
    socket_.set_option(tcp::socket::linger(true, 0), ignored);
    cut_off();
  }
  if (!exchange.request().keep_alive) gone_ = true;
}

asio::awaitable<void> Connection::serve() {
  while (!gone_) {
    std::optional<Request> request = co_await read_request();
    if (!request) co_return;
    co_await answer(std::move(*request));
    // A client whose next request is always there already must let others have their turn.
    if (!waited_) co_await asio::post(socket_.get_executor(), use_awaitable);
  }
}

namespace {

/// The session of one client, from its first byte to its last. The one place where what a handler,
/// a parser or a socket throws ends: the connection closes, the server goes on.
asio::awaitable<void> session(std::shared_ptr<ServerState> state, tcp::socket socket, std::optional<Refusal> turned_away) {
  Connection connection(state, std::move(socket));
  try {
    if (turned_away) co_await connection.refuse(std::move(*turned_away));
    else co_await connection.serve();
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
    const std::size_t connections_max = state->options.limits.connections_max;
    if (state->connections.size() >= connections_max + kTurnedAwayMax) continue;
    std::optional<Refusal> full;
    if (state->connections.size() >= connections_max)
      full = Refusal{503, "overloaded", "too many connections" + limit_text("connections_max", connections_max)};
    asio::co_spawn(state->acceptor.get_executor(), session(state, std::move(socket), std::move(full)), asio::detached);
  }
}

/// Goes through all connections, with pauses in which the loop looks at its sockets; then again.
void tick(std::shared_ptr<ServerState> state) {
  if (state->over) return;
  const auto now = Clock::now();
  for (int count = 0; state->ticked != state->connections.end() && count < kTicksAtOnceMax; ++count) {
    Connection* connection = *state->ticked++;
    if (connection->tick(now)) break;
  }
  if (state->ticked != state->connections.end()) {
    asio::post(state->acceptor.get_executor(), [state] { tick(state); });
    return;
  }
  state->ticker.expires_after(kTick);
  state->ticker.async_wait([state](boost::system::error_code error) {
    if (error) return;
    state->ticked = state->connections.begin();
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
  state_->over = true;
  state_->ticker.cancel();
}

void Server::cut_off() {
  for (Connection* connection : state_->connections) connection->cut_off();
}

std::uint16_t Server::port() const {
  boost::system::error_code ignored;
  return state_->acceptor.local_endpoint(ignored).port();
}

void Server::stop_accepting() {
  if (std::exchange(state_->stopping, true)) return;
  boost::system::error_code ignored;
  state_->acceptor.close(ignored);
  for (Connection* connection : state_->connections)
    if (!connection->busy()) connection->cut_off();
}

std::size_t Server::connections() const { return state_->connections.size(); }
std::size_t Server::in_work() const {
  return static_cast<std::size_t>(std::count_if(state_->connections.begin(), state_->connections.end(),
                                                [](const Connection* connection) { return connection->busy(); }));
}

}  // namespace praxis::agent::http
