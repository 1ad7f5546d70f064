#pragma once
// Outgoing HTTP/1.1 (RFC 9110, 9112), plain and over TLS, for servers that are trusted with nothing:
// every wait, size and hop has a bound, certificates and host names are checked, and an address may
// be refused after the name was looked up.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace praxis::tools {

enum class HttpErrorCode : std::uint8_t {
  bad_request,      // the URL or a header cannot be sent
  refused_address,  // the policy does not allow any address of the host
  unreachable,      // no such name, nobody listens, no connection within connect_ms
  untrusted,        // TLS: the certificate or the host name does not hold
  timeout,
  too_large,
  bad_reply,        // not HTTP as it should be
  cut_off,          // the connection ended before the reply did
  stopped,          // by the caller
};

struct HttpError {
  HttpErrorCode code = HttpErrorCode::bad_reply;
  std::string what, where;  // where: the address without its query
};
template <class T>
using HttpResult = tl::expected<T, HttpError>;

struct HttpLimits {
  std::uint32_t connect_ms = 10'000;                  // connect and TLS; looking a name up has the system's own bounds
  std::uint32_t idle_ms = 60'000;                     // from one byte received to the next, the first one included
  std::uint32_t whole_ms = 600'000;                   // all of it, redirects included
  std::uint32_t header_bytes_max = 64 * 1024;
  std::uint64_t body_bytes_max = 64 * 1024 * 1024;
  std::uint32_t error_body_bytes_max = 64 * 1024;     // of replies other than 2xx; the rest is not read
  std::optional<std::uint32_t> redirects_max;         // unset: 5 for GET and HEAD, else 0
};

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  HttpHeaders headers;  // Host, Content-Length and Connection are the client's own
  std::string body;
  HttpLimits limits;
};

struct HttpReply {
  unsigned status = 0;
  HttpHeaders headers;
  std::string body;          // empty where it was streamed
  bool body_cut = false;     // there was more than error_body_bytes_max, or on_bytes had enough
  std::string url;           // where the reply came from, after redirects

  /// A header's value, whatever the case of its name; the first, where there are several.
  const std::string* find(std::string_view name) const;
  bool ok() const { return status >= 200 && status < 300; }
};

/// Stops a request from any thread, before it starts or while it waits.
class HttpStop {
 public:
  HttpStop();
  void request();
  bool requested() const;

 private:
  friend class HttpFetch;
  struct State;
  std::shared_ptr<State> state_;
};

using AddressPolicy = std::function<bool(const boost::asio::ip::address&)>;

/// False for loopback, private, link-local, shared, multicast, documentation and reserved addresses,
/// and for IPv6 forms that carry such an IPv4 address (IANA special-purpose registries).
bool is_public(const boost::asio::ip::address& address);

struct HttpOptions {
  AddressPolicy allow;                        // empty: every address
  std::string ca_file;                        // PEM; empty: the system's authorities
  std::uint32_t idle_connections_max = 8;     // kept open, per host
  std::uint32_t idle_connection_ms = 30'000;  // for so long
};

/// Keeps connections open between requests to one host. All its work happens on one executor that
/// runs one handler at a time; only HttpStop may be used from elsewhere. Outlives its requests.
class HttpClient {
 public:
  HttpClient(boost::asio::any_io_executor executor, HttpOptions options = {});
  ~HttpClient();

  /// The body of a 2xx reply as it comes; false: enough, the rest is not read.
  using OnBytes = std::function<bool(const HttpReply& head, std::string_view bytes)>;

  /// A reply of any status is a reply. Bodies are not decompressed: a compressed one, which was not
  /// asked for, is an error. A redirect to another origin loses Authorization and Cookie headers; one
  /// from https to http is refused. GET, HEAD, PUT and DELETE are sent once more where a connection that
  /// was kept ends without a byte of the reply; other methods report that as cut_off.
  boost::asio::awaitable<HttpResult<HttpReply>> fetch(HttpRequest request, OnBytes on_bytes = {}, HttpStop stop = {});

 private:
  friend class HttpFetch;
  struct State;
  std::unique_ptr<State> state_;
};

/// One request in this thread. `stop` is asked every 20 ms.
HttpResult<HttpReply> fetch_blocking(HttpOptions options, HttpRequest request, std::function<bool()> stop = {});

}  // namespace praxis::tools
