// What the HTTP client promises, against a server that says what it is told to.

#include "tools/http_client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>

#include "tests/tools/script_server.h"

namespace praxis::tools {

inline std::ostream& operator<<(std::ostream& out, const HttpError& error) { return out << error.where << ": " << error.what; }

namespace {

namespace asio = boost::asio;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

/// Says the same to everybody.
ScriptServer::Script says(std::string bytes, bool close = false) {
  return [bytes, close](const ScriptRequest&, ScriptPeer& peer) {
    peer.send(bytes);
    if (close) peer.close();
  };
}

HttpResult<HttpReply> get(const std::string& url, HttpLimits limits = {}, HttpOptions options = {}) {
  HttpRequest request;
  request.url = url;
  request.limits = limits;
  return fetch_blocking(std::move(options), std::move(request));
}

HttpErrorCode code(const HttpResult<HttpReply>& reply) {
  EXPECT_FALSE(reply) << "a reply of status " << reply->status;
  return reply ? HttpErrorCode() : reply.error().code;
}

/// Requests one after the other through one client.
std::vector<HttpResult<HttpReply>> one_by_one(std::vector<HttpRequest> requests, HttpOptions options = {}) {
  asio::io_context context(1);
  HttpClient client(context.get_executor(), std::move(options));
  std::vector<HttpResult<HttpReply>> replies;
  for (auto& request : requests) {
    asio::co_spawn(context, client.fetch(std::move(request)),
                   [&](std::exception_ptr, HttpResult<HttpReply> reply) { replies.push_back(std::move(reply)); });
    context.run();
    context.restart();
  }
  return replies;
}

TEST(HttpClient, SendsARequestAndReadsTheReply) {
  ScriptServer server(says("HTTP/1.1 201 Created\r\nX-Kind: a\r\ncontent-length: 2\r\n\r\nhi"));
  HttpRequest request;
  request.method = "POST";
  request.url = server.url("/a?b=c");
  request.headers = {{"Content-Type", "text/plain"}};
  request.body = "hello";
  const auto reply = fetch_blocking({}, request);
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_EQ(reply->status, 201u);
  EXPECT_EQ(reply->body, "hi");
  ASSERT_TRUE(reply->find("x-kind"));
  EXPECT_EQ(*reply->find("x-kind"), "a");
  const auto seen = server.requests().at(0);
  EXPECT_EQ(seen.method + " " + seen.target + " " + seen.body, "POST /a?b=c hello");
  EXPECT_EQ(seen.header("host"), "127.0.0.1:" + std::to_string(server.port()));
  EXPECT_EQ(seen.header("content-type"), "text/plain");
}

TEST(HttpClient, ReadsEveryFramingOfABody) {
  for (const char* bytes : {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: t\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", "HTTP/1.0 200 OK\r\n\r\nhello",
                            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}) {
    ScriptServer server(says(bytes, true));
    const auto reply = get(server.url());
    ASSERT_TRUE(reply) << reply.error() << "\n" << bytes;
    EXPECT_EQ(reply->status, 200u);
    EXPECT_EQ(reply->body, "hello") << bytes;
    EXPECT_FALSE(reply->find("Link")) << bytes;
  }
}

TEST(HttpClient, TheSplitOfTheBytesDoesNotMatter) {
  const std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
  ScriptServer server([&](const ScriptRequest&, ScriptPeer& peer) {
    for (const char& byte : bytes) peer.send({&byte, 1});
  });
  const auto reply = get(server.url());
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_EQ(reply->body, "hello");
}

TEST(HttpClient, ABodyIsStreamedAsItComes) {
  std::promise<void> seen;
  ScriptServer server([&](const ScriptRequest&, ScriptPeer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    seen.get_future().wait();  // the second piece waits until the first was handed on
    peer.send("3\r\ntwo\r\n0\r\n\r\n");
  });
  asio::io_context context(1);
  HttpClient client(context.get_executor());
  HttpRequest request;
  request.url = server.url();
  std::vector<std::string> pieces;
  HttpResult<HttpReply> result;
  const auto on_bytes = [&](const HttpReply& head, std::string_view bytes) {
    EXPECT_EQ(head.status, 200u);
    if (pieces.empty()) seen.set_value();
    pieces.emplace_back(bytes);
    return true;
  };
  asio::co_spawn(context, client.fetch(request, on_bytes), [&](std::exception_ptr, HttpResult<HttpReply> reply) { result = std::move(reply); });
  context.run();
  ASSERT_TRUE(result) << result.error();
  EXPECT_THAT(pieces, ElementsAre("one", "two"));
  EXPECT_EQ(result->body, "");
}

TEST(HttpClient, WhoHasEnoughReadsNoMore) {
  ScriptServer server([](const ScriptRequest&, ScriptPeer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfirst");
    peer.hang();
  });
  asio::io_context context(1);
  HttpClient client(context.get_executor());
  HttpRequest request;
  request.url = server.url();
  HttpResult<HttpReply> result;
  asio::co_spawn(context, client.fetch(request, [](const HttpReply&, std::string_view) { return false; }),
                 [&](std::exception_ptr, HttpResult<HttpReply> reply) { result = std::move(reply); });
  context.run();
  ASSERT_TRUE(result) << result.error();
  EXPECT_TRUE(result->body_cut);
}

// --- connections -------------------------------------------------------------------------------------

TEST(HttpClient, AConnectionServesOneRequestAfterTheOther) {
  ScriptServer server(says(http_reply(200, "{}")));
  HttpRequest request;
  request.url = server.url();
  for (const auto& reply : one_by_one({request, request, request})) EXPECT_TRUE(reply) << reply.error();
  EXPECT_EQ(server.connections(), 1u);
  EXPECT_EQ(server.requests().size(), 3u);
}

TEST(HttpClient, AConnectionThatTheServerClosedOrSpokeOnIsNotUsedAgain) {
  for (const bool closes : {true, false}) {
    ScriptServer server(says(http_reply(200, "{}") + (closes ? "" : "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"), closes));
    HttpRequest request;
    request.url = server.url();
    for (const auto& reply : one_by_one({request, request})) {
      ASSERT_TRUE(reply) << reply.error();
      EXPECT_EQ(reply->body, "{}");
    }
    EXPECT_EQ(server.connections(), 2u);
  }
}

TEST(HttpClient, WhatMayBeAskedTwiceOutlivesAConnectionThatEndsAsItIsUsedAgain) {
  for (const char* method : {"GET", "POST"}) {
    std::atomic<int> asked = 0;
    ScriptServer server([&](const ScriptRequest&, ScriptPeer& peer) {
      if (++asked == 2) peer.close();  // without a word, on the connection that was kept
      else peer.send(http_reply(200, "{}"));
    });
    HttpRequest request;
    request.url = server.url();
    request.method = method;
    const auto replies = one_by_one({request, request});
    ASSERT_TRUE(replies[0]) << replies[0].error();
    if (request.method == "GET") EXPECT_TRUE(replies[1]) << replies[1].error();
    else EXPECT_EQ(code(replies[1]), HttpErrorCode::cut_off);
    EXPECT_EQ(asked, request.method == "GET" ? 3 : 2);
  }
}

TEST(HttpClient, AReplyThatBrokeOffIsNotAskedForAgain) {
  std::atomic<int> asked = 0;
  ScriptServer server([&](const ScriptRequest&, ScriptPeer& peer) {
    if (++asked == 1) return void(peer.send(http_reply(200, "{}")));
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    peer.close();
  });
  HttpRequest request;
  request.url = server.url();
  const auto replies = one_by_one({request, request});
  EXPECT_EQ(code(replies[1]), HttpErrorCode::cut_off);
  EXPECT_EQ(asked, 2);
}

TEST(HttpClient, NobodyListening) {
  std::string url;
  {
    ScriptServer gone(says(""));
    url = gone.url();
  }
  EXPECT_EQ(code(get(url)), HttpErrorCode::unreachable);
  EXPECT_EQ(code(get("http://no-such-host.invalid/")), HttpErrorCode::unreachable);
}

// --- bounds ------------------------------------------------------------------------------------------

TEST(HttpClient, ASilentServerMeetsItsDeadline) {
  ScriptServer server([](const ScriptRequest& request, ScriptPeer& peer) {
    if (request.target == "/half") peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    peer.hang();
  });
  HttpLimits limits;
  limits.idle_ms = 30;
  for (const char* target : {"/", "/half"}) {
    const auto reply = get(server.url(target), limits);
    EXPECT_EQ(code(reply), HttpErrorCode::timeout);
    EXPECT_THAT(reply.error().what, HasSubstr("30 ms (idle_ms)"));
  }
  limits.idle_ms = 60'000;
  limits.whole_ms = 30;
  EXPECT_THAT(get(server.url(), limits).error().what, HasSubstr("30 ms (whole_ms)"));
}

TEST(HttpClient, BytesThatTrickleInMeetTheWholeDeadline) {
  ScriptServer server([](const ScriptRequest&, ScriptPeer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    while (peer.send(".")) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  });
  HttpLimits limits;
  limits.whole_ms = 50;
  limits.idle_ms = 40;
  EXPECT_EQ(code(get(server.url(), limits)), HttpErrorCode::timeout);
}

TEST(HttpClient, SizesAreBoundedByName) {
  HttpLimits limits;
  limits.body_bytes_max = 4;
  limits.header_bytes_max = 200;
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "body_bytes_max"},
      {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", "body_bytes_max"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n", "body_bytes_max"},
      {"HTTP/1.1 200 OK\r\nX: " + std::string(1000, 'x') + "\r\n\r\n", "header_bytes_max"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(5000, 'x'), "header_bytes_max"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: " + std::string(5000, 't'), "header_bytes_max"},
  };
  for (const auto& [bytes, limit] : cases) {
    ScriptServer server(says(bytes, true));
    const auto reply = get(server.url(), limits);
    EXPECT_EQ(code(reply), HttpErrorCode::too_large) << bytes.substr(0, 60);
    EXPECT_THAT(reply.error().what, HasSubstr(limit));
  }
}

TEST(HttpClient, TheBodyOfARefusalIsCutNotRefused) {
  ScriptServer server(says(http_reply(500, std::string(100'000, 'x'))));
  HttpLimits limits;
  limits.error_body_bytes_max = 10;
  const auto reply = get(server.url(), limits);
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_EQ(reply->status, 500u);
  EXPECT_EQ(reply->body, std::string(10, 'x'));
  EXPECT_TRUE(reply->body_cut);
}

TEST(HttpClient, RepliesThatCannotBeBelievedAreRefused) {
  for (const char* bytes :
       {"SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    ScriptServer server(says(bytes, true));
    EXPECT_EQ(code(get(server.url())), HttpErrorCode::bad_reply) << bytes;
  }
}

TEST(HttpClient, AnEndBeforeItsTimeIsNoReply) {
  for (const char* bytes : {"", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n"}) {
    ScriptServer server(says(bytes, true));
    EXPECT_EQ(code(get(server.url())), HttpErrorCode::cut_off) << bytes;
  }
}

TEST(HttpClient, GarbageNeverCrashesIt) {
  std::uint32_t seed = 7;
  const auto random = [&seed] { return seed = seed * 1664525 + 1013904223, seed >> 8; };
  const std::string good = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n3\r\nabc\r\n0\r\nT: t\r\n\r\n";
  ScriptServer server([&](const ScriptRequest&, ScriptPeer& peer) {
    std::string bytes = good;
    for (int i = 0; i < 3; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    peer.send(bytes);
    peer.close();
  });
  for (int i = 0; i < 200; ++i) (void)get(server.url());
}

// --- stop --------------------------------------------------------------------------------------------

TEST(HttpClient, AnotherThreadStopsARequestThatWaits) {
  std::promise<void> asked;
  ScriptServer server([&](const ScriptRequest&, ScriptPeer& peer) {
    asked.set_value();
    peer.hang();
  });
  asio::io_context context(1);
  HttpClient client(context.get_executor());
  HttpRequest request;
  request.url = server.url();
  HttpStop stop;
  HttpResult<HttpReply> result;
  asio::co_spawn(context, client.fetch(request, {}, stop), [&](std::exception_ptr, HttpResult<HttpReply> reply) { result = std::move(reply); });
  std::thread other([&] {
    asked.get_future().wait();
    stop.request();
  });
  context.run();
  other.join();
  EXPECT_EQ(code(result), HttpErrorCode::stopped);
}

TEST(HttpClient, AStopBeforeTheStartCountsToo) {
  ScriptServer server(says(http_reply(200, "{}")));
  HttpRequest request;
  request.url = server.url();
  EXPECT_EQ(code(fetch_blocking({}, request, [] { return true; })), HttpErrorCode::stopped);
}

// --- redirects and addresses -------------------------------------------------------------------------

std::string redirect(unsigned status, const std::string& location) {
  return http_reply(status, "", "Location: " + location + "\r\n");
}

TEST(HttpClient, FollowsABoundedNumberOfRedirects) {
  ScriptServer server([](const ScriptRequest& request, ScriptPeer& peer) {
    const int n = std::stoi(request.target.substr(1));
    peer.send(n == 0 ? http_reply(200, "there") : redirect(302, std::to_string(n - 1)));
  });
  const auto reply = get(server.url("/5"));
  ASSERT_TRUE(reply) << reply.error();
  EXPECT_EQ(reply->body, "there");
  EXPECT_EQ(reply->url, server.url("/0"));
  const auto many = get(server.url("/6"));
  EXPECT_EQ(code(many), HttpErrorCode::bad_reply);
  EXPECT_THAT(many.error().what, HasSubstr("5 times (redirects_max)"));
}

TEST(HttpClient, APostIsNotRedirectedUnlessToldTo) {
  ScriptServer server([](const ScriptRequest& request, ScriptPeer& peer) {
    peer.send(request.target == "/new" ? http_reply(200, request.method + request.body) : redirect(request.target == "/308" ? 308 : 303, "/new"));
  });
  HttpRequest post;
  post.method = "POST";
  post.body = "x";
  post.url = server.url("/303");
  EXPECT_EQ(fetch_blocking({}, post)->status, 303u);
  post.limits.redirects_max = 1;
  EXPECT_EQ(fetch_blocking({}, post)->body, "GET");
  post.url = server.url("/308");
  EXPECT_EQ(fetch_blocking({}, post)->body, "POSTx");
}

TEST(HttpClient, SecretsStayWithTheOriginTheyWereMeantFor) {
  ScriptServer other(says(http_reply(200, "{}")));
  ScriptServer server([&](const ScriptRequest&, ScriptPeer& peer) { peer.send(redirect(302, other.url("/"))); });
  HttpRequest request;
  request.url = server.url();
  request.headers = {{"Authorization", "Bearer secret"}, {"Cookie", "a=b"}, {"X-Other", "stays"}};
  ASSERT_TRUE(fetch_blocking({}, request));
  EXPECT_EQ(server.requests().at(0).header("Authorization"), "Bearer secret");
  EXPECT_EQ(other.requests().at(0).header("Authorization"), "");
  EXPECT_EQ(other.requests().at(0).header("Cookie"), "");
  EXPECT_EQ(other.requests().at(0).header("X-Other"), "stays");
}

TEST(HttpClient, ThePolicyJudgesAddressesAfterTheNameWasLookedUp) {
  ScriptServer server(says(http_reply(200, "{}")));
  HttpOptions options;
  options.allow = is_public;
  for (const std::string host : {"localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "0x7f.1"}) {
    const auto reply = get("http://" + host + ":" + std::to_string(server.port()), {}, options);
    EXPECT_EQ(code(reply), HttpErrorCode::refused_address) << host;
  }
  EXPECT_EQ(server.connections(), 0u);
}

TEST(HttpClient, ThePolicyJudgesEveryHop) {
  ScriptServer inner(says(http_reply(200, "secret")), nullptr, "127.0.0.2");
  ScriptServer server([&](const ScriptRequest&, ScriptPeer& peer) { peer.send(redirect(302, inner.url("/"))); });
  HttpOptions options;
  options.allow = [](const asio::ip::address& address) { return address.to_string() == "127.0.0.1"; };
  EXPECT_EQ(code(get(server.url(), {}, options)), HttpErrorCode::refused_address);
  EXPECT_EQ(inner.connections(), 0u);
}

TEST(HttpClient, KnowsThePublicInternet) {
  for (const char* yes : {"8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"})
    EXPECT_TRUE(is_public(asio::ip::make_address(yes))) << yes;
  for (const char* no :
       {"0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.2.1",
        "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1",
        "fe80::1", "fc00::1", "fd12::1", "ff02::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:7f00:1::", "2001::1",
        "2001:db8::1", "fec0::1", "::7f00:1", "3fff::1"})
    EXPECT_FALSE(is_public(asio::ip::make_address(no))) << no;
}

TEST(HttpClient, WhatCannotBeSentIsRefusedBeforeAnythingIs) {
  ScriptServer server(says(http_reply(200, "{}")));
  for (const std::string url : {"", "file:///etc/passwd", "http://", "http://a b/", "http://user:pw@host/", "http://host:0/", "http://host:70000/", "//host/"})
    EXPECT_EQ(code(get(url)), HttpErrorCode::bad_request) << url;
  HttpRequest request;
  request.url = server.url();
  request.headers = {{"X", "a\r\nInjected: yes"}};
  EXPECT_EQ(code(fetch_blocking({}, request)), HttpErrorCode::bad_request);
  request.headers = {{"X\r\n", "a"}};
  EXPECT_EQ(code(fetch_blocking({}, request)), HttpErrorCode::bad_request);
  EXPECT_EQ(server.connections(), 0u);
}

// --- TLS ---------------------------------------------------------------------------------------------

/// The file that makes a client trust a server of the tests.
class CaFile {
 public:
  explicit CaFile(const ScriptTls& tls) {
    path_ = std::filesystem::temp_directory_path() / ("praxis_ca_" + std::to_string(reinterpret_cast<std::uintptr_t>(this)) + "_" +
                                                      std::to_string(::getpid()) + ".pem");
    std::ofstream(path_) << tls.pem();
  }
  ~CaFile() { std::filesystem::remove(path_); }
  HttpOptions options() const {
    HttpOptions options;
    options.ca_file = path_;
    return options;
  }

 private:
  std::filesystem::path path_;
};

TEST(HttpClient, SpeaksTlsWithWhomItTrusts) {
  ScriptTls tls("DNS:localhost,IP:127.0.0.1");
  CaFile ca(tls);
  ScriptServer server(says(http_reply(200, "secure")), &tls);
  for (const std::string host : {"127.0.0.1", "localhost"}) {
    const auto reply = get("https://" + host + ":" + std::to_string(server.port()) + "/", {}, ca.options());
    ASSERT_TRUE(reply) << reply.error();
    EXPECT_EQ(reply->body, "secure");
  }
}

TEST(HttpClient, DoesNotTalkToWhomItDoesNotTrust) {
  ScriptTls tls("DNS:elsewhere.example");
  CaFile ca(tls);
  ScriptServer server(says(http_reply(200, "secure")), &tls);
  const auto wrong_name = get(server.url(), {}, ca.options());
  EXPECT_EQ(code(wrong_name), HttpErrorCode::untrusted);
  EXPECT_THAT(wrong_name.error().what, HasSubstr("mismatch"));
  const auto unknown = get(server.url());
  EXPECT_EQ(code(unknown), HttpErrorCode::untrusted);
  EXPECT_THAT(unknown.error().what, HasSubstr("self"));
  EXPECT_TRUE(server.requests().empty());
}

TEST(HttpClient, TlsNeverFallsBackToClearText) {
  ScriptServer clear(says(http_reply(200, "{}")));
  HttpLimits limits;
  limits.connect_ms = 30;  // it waits for a request that it can read
  EXPECT_EQ(code(get("https://127.0.0.1:" + std::to_string(clear.port()) + "/", limits)), HttpErrorCode::unreachable);
  ScriptTls tls("IP:127.0.0.1");
  CaFile ca(tls);
  ScriptServer server([&](const ScriptRequest&, ScriptPeer& peer) { peer.send(redirect(302, clear.url("/"))); }, &tls);
  const auto reply = get(server.url(), {}, ca.options());
  EXPECT_EQ(code(reply), HttpErrorCode::bad_reply);
  EXPECT_THAT(reply.error().what, EndsWith("from https to http"));
  EXPECT_TRUE(clear.requests().empty());
}

}  // namespace
}  // namespace praxis::tools
