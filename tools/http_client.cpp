#include "tools/http_client.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <chrono>
#include <map>
#include <mutex>

#include "tools/text.h"
#include "tools/url.h"

namespace praxis::tools {

namespace asio = boost::asio;
namespace beast = boost::beast;
using tcp = asio::ip::tcp;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view kConnectLimit = "connect_ms";
constexpr std::size_t kReadBytes = 16 * 1024;       // asked of a socket at once
constexpr std::size_t kAddressesMax = 4;            // of one host that are tried
constexpr unsigned kInterimRepliesMax = 8;          // 1xx before the reply
constexpr std::uint32_t kRedirectsDefault = 5;      // GET and HEAD
constexpr std::size_t kMessageBytesMax = 200;       // of a library's words in an error

constexpr auto kToken = asio::as_tuple(asio::use_awaitable);

bool same_name(std::string_view a, std::string_view b) { return beast::iequals(a, b); }

tl::unexpected<HttpError> refuse(HttpErrorCode code, std::string what, std::string where) {
  return tl::unexpected(HttpError{code, std::move(what), std::move(where)});
}

std::string words(const boost::system::error_code& error) { return one_line(error.message(), kMessageBytesMax); }

}  // namespace

const std::string* HttpReply::find(std::string_view name) const {
  const auto it = std::find_if(headers.begin(), headers.end(), [&](const auto& header) { return same_name(header.first, name); });
  return it == headers.end() ? nullptr : &it->second;
}

// --- stop and clock ----------------------------------------------------------------------------------

struct HttpStop::State {
  std::mutex mutex;
  bool requested = false;
  std::function<void()> on_request;  // of the request under way
};

HttpStop::HttpStop() : state_(std::make_shared<State>()) {}

void HttpStop::request() {
  std::lock_guard lock(state_->mutex);
  state_->requested = true;
  if (state_->on_request) state_->on_request();
}

bool HttpStop::requested() const {
  std::lock_guard lock(state_->mutex);
  return state_->requested;
}

namespace {

/// One request's clock and brake: at a deadline or on a stop it breaks off what is being waited for.
class Watch : public std::enable_shared_from_this<Watch> {
 public:
  Watch(const asio::any_io_executor& executor, std::uint32_t whole_ms)
      : timer_(executor), whole_ms_(whole_ms), whole_(Clock::now() + milliseconds(whole_ms)) {}

  /// What to break off from now on.
  void guard(std::function<void()> break_off) {
    break_off_ = std::move(break_off);
    if (reason_ != Reason::none) break_off_();
  }
  /// The next deadline; `limit` names it.
  void within(std::uint32_t ms, std::string_view limit) {
    const auto at = Clock::now() + milliseconds(ms);
    const bool whole = whole_ <= at;
    limit_ = whole ? "whole_ms" : limit;
    limit_ms_ = whole ? whole_ms_ : ms;
    timer_.expires_at(whole ? whole_ : at);
    timer_.async_wait([self = shared_from_this(), serial = ++serial_](boost::system::error_code error) {
      if (!error && serial == self->serial_) self->break_off(Reason::late);
    });
  }
  void stop() { break_off(Reason::stopped); }
  void end() {
    ++serial_;
    timer_.cancel();
    break_off_ = nullptr;
  }
  /// Forgets a deadline that passed, as long as the whole has not.
  bool go_on() {
    if (reason_ == Reason::late && Clock::now() < whole_) reason_ = Reason::none;
    return reason_ == Reason::none;
  }
  std::optional<HttpError> broken(const std::string& where) const {
    if (reason_ == Reason::none) return std::nullopt;
    if (reason_ == Reason::stopped) return HttpError{HttpErrorCode::stopped, "was stopped", where};
    const HttpErrorCode code = limit_ == kConnectLimit ? HttpErrorCode::unreachable : HttpErrorCode::timeout;
    return HttpError{code, "nothing came within " + std::to_string(limit_ms_) + " ms (" + limit_ + ")", where};
  }

 private:
  enum class Reason : std::uint8_t { none, late, stopped };
  void break_off(Reason reason) {
    if (reason_ == Reason::none) reason_ = reason;
    if (break_off_) break_off_();
  }
  asio::steady_timer timer_;
  std::uint32_t whole_ms_, limit_ms_ = 0;
  Clock::time_point whole_;
  std::string limit_;
  std::uint64_t serial_ = 0;
  Reason reason_ = Reason::none;
  std::function<void()> break_off_;
};

/// A connection, in the clear or with TLS on it.
struct Connection {
  explicit Connection(const asio::any_io_executor& executor) : socket(executor) {}

  asio::awaitable<std::tuple<boost::system::error_code, std::size_t>> read_some(asio::mutable_buffer into) {
    if (tls) co_return co_await tls->async_read_some(into, kToken);
    co_return co_await socket.async_read_some(into, kToken);
  }
  asio::awaitable<boost::system::error_code> write(std::array<asio::const_buffer, 2> from) {
    if (tls) {
      auto [error, n] = co_await asio::async_write(*tls, from, kToken);
      co_return error;
    }
    auto [error, n] = co_await asio::async_write(socket, from, kToken);
    co_return error;
  }
  void close() {
    boost::system::error_code ignored;
    socket.close(ignored);
  }
  /// Still open, with nothing said on it since the last reply.
  bool quiet() {
    boost::system::error_code error;
    socket.non_blocking(true, error);
    char byte = 0;
    if (!error) socket.receive(asio::buffer(&byte, 1), tcp::socket::message_peek, error);
    return error == asio::error::would_block;
  }

  tcp::socket socket;
  std::unique_ptr<asio::ssl::stream<tcp::socket&>> tls;
  Clock::time_point idle_since;
};
using ConnectionPtr = std::shared_ptr<Connection>;

// --- reading a reply ---------------------------------------------------------------------------------

/// Beast's parser, with the body handed on as it comes. put() is called here and not by Beast's own
/// read operations, so that nothing it throws can leave through the event loop.
class ReplyParser final : public beast::http::basic_parser<false> {
 public:
  using Body = std::function<void(const HttpReply&, std::string_view)>;
  ReplyParser(HttpReply& reply, const HttpLimits& limits, bool no_body, Body body) : reply_(reply), body_(std::move(body)) {
    eager(true);
    header_limit(limits.header_bytes_max);
    body_limit(limits.body_bytes_max);
    if (no_body) skip(true);
  }
  int version() const { return version_; }  // 10 or 11

 private:
  using Code = beast::error_code;
  using View = beast::string_view;
  void on_request_impl(beast::http::verb, View, View, int, Code&) override {}
  void on_response_impl(int code, View, int version, Code&) override {
    reply_.status = static_cast<unsigned>(code);
    version_ = version;
  }
  void on_field_impl(beast::http::field, View name, View value, Code&) override {
    if (!is_header_done()) reply_.headers.emplace_back(std::string(name), std::string(value));  // else a trailer: of no use here
  }
  void on_header_impl(Code&) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(View bytes, Code&) override {
    body_(reply_, {bytes.data(), bytes.size()});
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t, View, Code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, View bytes, Code&) override {
    body_(reply_, {bytes.data(), bytes.size()});
    return bytes.size();
  }
  void on_finish_impl(Code&) override {}

  HttpReply& reply_;
  Body body_;
  int version_ = 11;
};

/// Why the head of a reply is not believed; empty if it is. Beast 1.81 takes any Transfer-Encoding
/// that is not exactly chunked for none, and the body for the next reply.
std::string doubt(const ReplyParser& parser, const HttpReply& reply) {
  if (reply.status == 101) return "switches protocols, which was not asked for";
  if (const std::string* encoding = reply.find("Transfer-Encoding")) {
    if (!same_name(*encoding, "chunked")) return "has a Transfer-Encoding other than chunked";
    if (parser.version() < 11) return "is chunked in HTTP/1.0";
  }
  const std::string* coding = reply.find("Content-Encoding");
  if (coding && !coding->empty() && !same_name(*coding, "identity"))
    return "is compressed (" + one_line(*coding, 40) + "), which was not asked for";
  return {};
}

HttpError from_parser(const beast::error_code& error, const HttpLimits& limits, const std::string& where) {
  using Kind = beast::http::error;
  if (error == Kind::body_limit)
    return {HttpErrorCode::too_large, "the body is longer than " + std::to_string(limits.body_bytes_max) + " bytes (body_bytes_max)", where};
  if (error == Kind::header_limit)
    return {HttpErrorCode::too_large, "the headers are longer than " + std::to_string(limits.header_bytes_max) + " bytes (header_bytes_max)", where};
  if (error == Kind::partial_message)
    return {HttpErrorCode::cut_off, "the connection ended before the reply did", where};
  return {HttpErrorCode::bad_reply, "is not a reply of HTTP/1.1: " + words(error), where};
}

}  // namespace

struct HttpClient::State {
  asio::any_io_executor executor;
  HttpOptions options;
  std::optional<asio::ssl::context> tls;
  std::string tls_error;                               // why there is none
  std::map<std::string, std::vector<ConnectionPtr>> idle;  // by origin; the newest last

  void prepare_tls() {
    if (tls || !tls_error.empty()) return;
    boost::system::error_code error;
    asio::ssl::context context(asio::ssl::context::tls_client);
    SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
    context.set_verify_mode(asio::ssl::verify_peer, error);
    if (!error && options.ca_file.empty()) context.set_default_verify_paths(error);
    if (!error && !options.ca_file.empty()) context.load_verify_file(options.ca_file, error);
    if (error) tls_error = "the certificate authorities cannot be read: " + words(error);
    else tls.emplace(std::move(context));
  }

  ConnectionPtr take(const std::string& origin) {
    auto it = idle.find(origin);
    if (it == idle.end()) return nullptr;
    const auto oldest = Clock::now() - milliseconds(options.idle_connection_ms);
    ConnectionPtr found;
    while (!found && !it->second.empty()) {
      ConnectionPtr candidate = std::move(it->second.back());
      it->second.pop_back();
      if (candidate->idle_since >= oldest && candidate->quiet()) found = std::move(candidate);
    }
    if (it->second.empty()) idle.erase(it);
    return found;
  }
  void keep(const std::string& origin, ConnectionPtr connection) {
    const auto oldest = Clock::now() - milliseconds(options.idle_connection_ms);
    for (auto& [key, list] : idle)
      std::erase_if(list, [&](const ConnectionPtr& one) { return one->idle_since < oldest; });
    std::erase_if(idle, [](const auto& entry) { return entry.second.empty(); });
    if (!connection->socket.is_open() || options.idle_connections_max == 0) return;
    auto& list = idle[origin];
    if (list.size() >= options.idle_connections_max) list.erase(list.begin());
    connection->idle_since = Clock::now();
    list.push_back(std::move(connection));
  }
};

// --- one request -------------------------------------------------------------------------------------

class HttpFetch {
 public:
  HttpFetch(HttpClient::State& client, HttpRequest request, HttpClient::OnBytes on_bytes, HttpStop stop)
      : client_(client),
        request_(std::move(request)),
        on_bytes_(std::move(on_bytes)),
        stop_(std::move(stop)),
        watch_(std::make_shared<Watch>(client.executor, request_.limits.whole_ms)) {}

  asio::awaitable<HttpResult<HttpReply>> run() {
    auto url = read_url(request_.url);
    if (!url) co_return refuse(HttpErrorCode::bad_request, url.error().what, "url");
    url_ = std::move(*url);
    if (auto bad = bad_header(); !bad.empty()) co_return refuse(HttpErrorCode::bad_request, bad, url_.shown());
    listen();
    const bool safe = request_.method == "GET" || request_.method == "HEAD";
    const std::uint32_t redirects_max = request_.limits.redirects_max.value_or(safe ? kRedirectsDefault : 0);
    for (std::uint32_t redirects = 0;; ++redirects) {
      auto reply = co_await exchange();
      const std::string* location = reply && redirected(*reply) ? reply->find("Location") : nullptr;
      const bool follow = location && redirects_max > 0;
      auto next = follow ? redirect(*reply, *location, redirects == redirects_max) : HttpResult<void>();
      if (!follow || !next) {
        deafen();
        if (!next) co_return tl::unexpected(next.error());
        co_return reply;
      }
    }
  }

 private:
  /// Puts the stop's request through to the watch, on the client's executor.
  void listen() {
    std::lock_guard lock(stop_.state_->mutex);
    stop_.state_->on_request = [executor = client_.executor, watch = std::weak_ptr<Watch>(watch_)] {
      asio::post(executor, [watch] {
        if (auto alive = watch.lock()) alive->stop();
      });
    };
    if (stop_.state_->requested) watch_->stop();
  }
  void deafen() {
    watch_->end();
    std::lock_guard lock(stop_.state_->mutex);
    stop_.state_->on_request = nullptr;
  }

  std::string bad_header() const {
    const auto is_token = [](std::string_view text) {
      return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
        return std::isalnum(c) || std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
      });
    };
    if (!is_token(request_.method)) return "the method is not a token";
    for (const auto& [name, value] : request_.headers) {
      if (!is_token(name)) return "a header's name is not a token";
      const bool control = std::any_of(value.begin(), value.end(), [](unsigned char c) { return (c < 0x20 && c != '\t') || c == 0x7f; });
      if (control) return "the header " + name + " holds a control character";
    }
    return {};
  }

  static bool redirected(const HttpReply& reply) {
    return reply.status == 301 || reply.status == 302 || reply.status == 303 || reply.status == 307 || reply.status == 308;
  }

  /// Turns the request to where the reply points.
  HttpResult<void> redirect(const HttpReply& reply, const std::string& location, bool too_many) {
    if (too_many)
      return refuse(HttpErrorCode::bad_reply, "redirects more than " + std::to_string(request_.limits.redirects_max.value_or(kRedirectsDefault)) +
                                                  " times (redirects_max)", url_.shown());
    auto next = resolve_url(url_, location);
    if (!next) return refuse(HttpErrorCode::bad_reply, "redirects to what " + next.error().what, url_.shown());
    if (url_.tls && !next->tls) return refuse(HttpErrorCode::bad_reply, "redirects from https to http", url_.shown());
    if (next->origin() != url_.origin())
      std::erase_if(request_.headers, [](const auto& header) {
        return same_name(header.first, "Authorization") || same_name(header.first, "Cookie");
      });
    const bool keeps_method = reply.status == 307 || reply.status == 308 || request_.method == "HEAD";
    if (!keeps_method) {
      request_.method = "GET";
      request_.body.clear();
      std::erase_if(request_.headers, [](const auto& header) { return same_name(header.first, "Content-Type"); });
    }
    url_ = std::move(*next);
    return {};
  }

  /// One hop. A server may end a connection that was kept just as it is used again, and then it has not
  /// taken the request: what may be asked twice is asked once more, on a new one (RFC 9112, 9.3.1).
  asio::awaitable<HttpResult<HttpReply>> exchange() {
    if (ConnectionPtr kept = client_.take(url_.origin())) {
      auto reply = co_await ask(std::move(kept));
      const bool ended = !reply && reply.error().code == HttpErrorCode::cut_off && !heard_;
      if (!ended || !may_repeat()) co_return reply;
    }
    auto fresh = co_await connect();
    if (!fresh) co_return tl::unexpected(fresh.error());
    auto reply = co_await ask(std::move(*fresh));
    co_return reply;
  }

  /// Whether asking twice does what asking once does (RFC 9110, 9.2.2).
  bool may_repeat() const {
    return request_.method == "GET" || request_.method == "HEAD" || request_.method == "PUT" || request_.method == "DELETE";
  }

  /// A request written, its reply read.
  asio::awaitable<HttpResult<HttpReply>> ask(ConnectionPtr connection) {
    watch_->guard([connection] { connection->close(); });
    watch_->within(request_.limits.idle_ms, "idle_ms");
    heard_ = false;
    const std::string head = this->head();
    // A server that refuses a body may answer and close before it has read it: its reply is worth
    // more than the failed write.
    (void)co_await connection->write({asio::buffer(head), asio::buffer(request_.body)});
    bool reusable = false;
    auto reply = co_await read(*connection, reusable);
    if (reply && reusable) client_.keep(url_.origin(), std::move(connection));
    else connection->close();
    co_return reply;
  }

  std::string head() const {
    std::string out = request_.method + " " + url_.target + " HTTP/1.1\r\nHost: " + url_.origin().substr(url_.tls ? 8 : 7) + "\r\n";
    const auto given = [&](std::string_view name) {
      return std::any_of(request_.headers.begin(), request_.headers.end(), [&](const auto& header) { return same_name(header.first, name); });
    };
    for (const auto& [name, value] : request_.headers)
      if (!same_name(name, "Host") && !same_name(name, "Content-Length") && !same_name(name, "Connection") &&
          !same_name(name, "Transfer-Encoding"))
        out += name + ": " + value + "\r\n";
    if (!given("Accept-Encoding")) out += "Accept-Encoding: identity\r\n";
    if (!given("User-Agent")) out += "User-Agent: praxis\r\n";
    if (!request_.body.empty() || request_.method == "POST" || request_.method == "PUT")
      out += "Content-Length: " + std::to_string(request_.body.size()) + "\r\n";
    return out + "\r\n";
  }

  asio::awaitable<HttpResult<ConnectionPtr>> connect() {
    const std::string where = url_.shown();
    if (url_.tls) {
      client_.prepare_tls();
      if (!client_.tls) co_return refuse(HttpErrorCode::untrusted, client_.tls_error, where);
    }
    auto addresses = co_await look_up();
    if (!addresses) co_return tl::unexpected(addresses.error());
    HttpError last;
    for (const tcp::endpoint& endpoint : *addresses) {
      if (!watch_->go_on()) break;
      auto connection = std::make_shared<Connection>(client_.executor);
      watch_->guard([connection] { connection->close(); });
      watch_->within(request_.limits.connect_ms, kConnectLimit);
      auto [error] = co_await connection->socket.async_connect(endpoint, kToken);
      auto broken = watch_->broken(where);
      if (!error && !broken) co_return co_await secure(std::move(connection));
      last = broken ? *broken : HttpError{HttpErrorCode::unreachable, "cannot connect: " + words(error), where};
    }
    if (auto broken = watch_->broken(where)) co_return tl::unexpected(*broken);
    co_return tl::unexpected(last);
  }

  /// The host's addresses that the policy allows. What is connected to is exactly what was judged.
  asio::awaitable<HttpResult<std::vector<tcp::endpoint>>> look_up() {
    const std::string where = url_.shown();
    auto resolver = std::make_shared<tcp::resolver>(client_.executor);
    watch_->guard([resolver] { resolver->cancel(); });
    watch_->within(request_.limits.connect_ms, kConnectLimit);
    const std::string host = url_.host, port = std::to_string(url_.port);
    auto [error, found] = co_await resolver->async_resolve(host, port, tcp::resolver::numeric_service, kToken);
    if (auto broken = watch_->broken(where)) co_return tl::unexpected(*broken);
    if (error) co_return refuse(HttpErrorCode::unreachable, "the host's name is not known: " + words(error), where);
    std::vector<tcp::endpoint> allowed;
    std::string refused;
    for (const auto& entry : found) {
      const tcp::endpoint endpoint = entry.endpoint();
      if (client_.options.allow && !client_.options.allow(endpoint.address())) refused = endpoint.address().to_string();
      else if (allowed.size() < kAddressesMax) allowed.push_back(endpoint);
    }
    if (allowed.empty() && !refused.empty())
      co_return refuse(HttpErrorCode::refused_address, "the address " + refused + " is not allowed", where);
    if (allowed.empty()) co_return refuse(HttpErrorCode::unreachable, "the host has no address", where);
    co_return allowed;
  }

  asio::awaitable<HttpResult<ConnectionPtr>> secure(ConnectionPtr connection) {
    boost::system::error_code ignored;
    connection->socket.set_option(tcp::no_delay(true), ignored);
    if (!url_.tls) co_return connection;
    const std::string where = url_.shown();
    connection->tls = std::make_unique<asio::ssl::stream<tcp::socket&>>(connection->socket, *client_.tls);
    SSL* session = connection->tls->native_handle();
    boost::system::error_code no_address;
    asio::ip::make_address(url_.host, no_address);
    SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    const bool named = no_address ? SSL_set1_host(session, url_.host.c_str()) == 1 && SSL_set_tlsext_host_name(session, url_.host.c_str()) == 1
                                  : X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), url_.host.c_str()) == 1;
    if (!named) co_return refuse(HttpErrorCode::untrusted, "the host's name cannot be checked", where);
    auto [error] = co_await connection->tls->async_handshake(asio::ssl::stream_base::client, kToken);
    if (auto broken = watch_->broken(where)) co_return tl::unexpected(*broken);
    if (!error) co_return connection;
    const long verdict = SSL_get_verify_result(session);
    std::string why = words(error);
    if (verdict != X509_V_OK) why = one_line(X509_verify_cert_error_string(verdict), kMessageBytesMax);
    co_return refuse(HttpErrorCode::untrusted, "TLS failed: " + why, where);
  }

  asio::awaitable<HttpResult<HttpReply>> read(Connection& connection, bool& reusable) {
    std::string unread;  // what the parser has not taken yet; bounded by header_bytes_max
    std::vector<char> chunk(kReadBytes);
    for (unsigned interim = 0; interim <= kInterimRepliesMax; ++interim) {
      HttpReply reply;
      reply.url = url_.text();
      enough_ = false;
      ReplyParser parser(reply, request_.limits, request_.method == "HEAD",
                         [this](const HttpReply& head, std::string_view bytes) { take(head, bytes); });
      auto done = co_await read_one(connection, parser, reply, unread, chunk);
      if (!done) co_return tl::unexpected(done.error());
      if (reply.status >= 100 && reply.status < 200) continue;
      reusable = parser.is_done() && parser.keep_alive() && unread.empty() && !enough_;
      reply.body = std::move(body_);
      reply.body_cut = enough_;
      co_return reply;
    }
    co_return refuse(HttpErrorCode::bad_reply, "sends more than " + std::to_string(kInterimRepliesMax) + " interim replies", url_.shown());
  }

  asio::awaitable<HttpResult<void>> read_one(Connection& connection, ReplyParser& parser, HttpReply& reply, std::string& unread,
                                             std::vector<char>& chunk) {
    const std::string where = url_.shown();
    body_.clear();
    bool judged = false, ended = false;
    while (true) {
      auto fed = feed(parser, unread, ended);
      if (!fed) co_return fed;
      if (parser.is_header_done() && !std::exchange(judged, true)) {
        if (auto why = doubt(parser, reply); !why.empty()) co_return refuse(HttpErrorCode::bad_reply, why, where);
        continue;  // with what came behind the head
      }
      if (parser.is_done() || enough_ || ended) co_return HttpResult<void>();
      watch_->within(request_.limits.idle_ms, "idle_ms");
      auto [error, n] = co_await connection.read_some(asio::buffer(chunk));
      if (auto broken = watch_->broken(where)) co_return tl::unexpected(*broken);
      heard_ = heard_ || n > 0;
      if (error == asio::error::eof) ended = true;
      else if (error) co_return refuse(HttpErrorCode::cut_off, "the connection broke: " + words(error), where);
      unread.append(chunk.data(), n);
    }
  }

  /// Gives the parser what there is. The body of a reply whose head is in doubt is not handed on: the
  /// parser is fed up to the end of the head first.
  HttpResult<void> feed(ReplyParser& parser, std::string& unread, bool ended) {
    const std::string where = url_.shown();
    beast::error_code error;
    try {
      parser.eager(parser.is_header_done());
      while (!unread.empty() && !parser.is_done() && !enough_) {
        const bool in_head = !parser.is_header_done();
        const std::size_t taken = parser.put(asio::buffer(unread), error);
        unread.erase(0, taken);
        if (error == beast::http::error::need_more) error = {};
        else if (!error && in_head) return {};
        if (error) return tl::unexpected(from_parser(error, request_.limits, where));
        if (taken == 0) break;
      }
      if (ended && !parser.is_done() && !enough_) {
        if (!parser.got_some()) return refuse(HttpErrorCode::cut_off, "the connection ended without a reply", where);
        parser.put_eof(error);
        if (error) return tl::unexpected(from_parser(error, request_.limits, where));
      }
    } catch (const std::exception&) {
      return refuse(HttpErrorCode::bad_reply, "cannot be read", where);  // Beast throws out of put() for some trailers
    }
    if (unread.size() > request_.limits.header_bytes_max && !parser.is_done())
      return refuse(HttpErrorCode::too_large, "a header, chunk header or trailer is longer than " +
                                                  std::to_string(request_.limits.header_bytes_max) + " bytes (header_bytes_max)", where);
    return {};
  }

  void take(const HttpReply& head, std::string_view bytes) {
    if (enough_ || bytes.empty()) return;
    if (head.ok() && on_bytes_) {
      enough_ = !on_bytes_(head, bytes);
      return;
    }
    const std::size_t room = head.ok() ? bytes.size() : request_.limits.error_body_bytes_max - body_.size();
    enough_ = bytes.size() > room;
    body_.append(bytes.substr(0, room));
  }

  HttpClient::State& client_;
  HttpRequest request_;
  HttpClient::OnBytes on_bytes_;
  HttpStop stop_;
  std::shared_ptr<Watch> watch_;
  Url url_;
  std::string body_;
  bool heard_ = false;   // a byte of the reply
  bool enough_ = false;  // the caller has
};

HttpClient::HttpClient(asio::any_io_executor executor, HttpOptions options) : state_(std::make_unique<State>()) {
  state_->executor = std::move(executor);
  state_->options = std::move(options);
}
HttpClient::~HttpClient() = default;

asio::awaitable<HttpResult<HttpReply>> HttpClient::fetch(HttpRequest request, OnBytes on_bytes, HttpStop stop) {
  HttpFetch fetch(*state_, std::move(request), std::move(on_bytes), std::move(stop));
  auto reply = co_await fetch.run();
  co_return reply;
}

HttpResult<HttpReply> fetch_blocking(HttpOptions options, HttpRequest request, std::function<bool()> stop) {
  asio::io_context context(1);
  HttpClient client(context.get_executor(), std::move(options));
  HttpStop brake;
  asio::steady_timer poll(context);
  std::function<void()> again = [&] {
    poll.expires_after(milliseconds(20));
    poll.async_wait([&](boost::system::error_code error) {
      if (error) return;
      if (stop()) brake.request();
      else again();
    });
  };
  if (stop && stop()) brake.request();
  else if (stop) again();
  HttpResult<HttpReply> result = refuse(HttpErrorCode::stopped, "was stopped", "");
  asio::co_spawn(context, client.fetch(std::move(request), {}, brake), [&](std::exception_ptr thrown, HttpResult<HttpReply> reply) {
    if (!thrown) result = std::move(reply);
    poll.cancel();
  });
  context.run();
  return result;
}

}  // namespace praxis::tools
