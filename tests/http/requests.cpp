#include "tests/http/requests.h"

#include "agent/http/message.h"

namespace praxis::agent::http {

namespace {

const std::string kHost = "Host: localhost\r\n";

/// A POST with these fields and whatever comes behind the head.
std::string post(const std::string& fields, const std::string& behind) {
  return "POST /p HTTP/1.1\r\n" + kHost + fields + "\r\n" + behind;
}
std::string get(const std::string& target, const std::string& fields = "") {
  return "GET " + target + " HTTP/1.1\r\n" + kHost + fields + "\r\n";
}
const std::string kChunked = "Transfer-Encoding: chunked\r\n";

/// `count` fields beside Host.
std::string fields(unsigned count) {
  std::string out;
  for (unsigned i = 0; i < count; ++i) out += "X-" + std::to_string(i) + ": v\r\n";
  return out;
}

}  // namespace

std::vector<RequestCase> good_requests() {
  const Limits limits;
  const std::string head = get("/", "X: \r\n");
  const std::string longest = get("/", "X: " + std::string(limits.head_bytes_max - head.size(), 'x') + "\r\n");
  std::string bytewise;
  for (int i = 0; i < 20'000; ++i) bytewise += "1\r\nx\r\n";
  return {
      {"no body", get("/"), 0, "", ""},
      {"an empty line before", "\r\n" + get("/"), 0, "", ""},
      {"a body of a length", post("Content-Length: 5\r\n", "hello"), 0, "", "hello"},
      {"a body of no length", post("Content-Length: 0\r\n", ""), 0, "", ""},
      {"a length with zeros", post("Content-Length: 005\r\n", "hello"), 0, "", "hello"},
      {"a body with line ends", post("Content-Length: 6\r\n", "\r\n\r\n\r\n"), 0, "", "\r\n\r\n\r\n"},
      {"chunks", post(kChunked, "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"), 0, "", "hello world"},
      {"no chunks", post(kChunked, "0\r\n\r\n"), 0, "", ""},
      {"chunked, in other letters", post("tRANSFER-eNCODING:CHUNKED\r\n", "1\r\nx\r\n0\r\n\r\n"), 0, "", "x"},
      {"chunk sizes in both cases, with zeros", post(kChunked, "0A\r\n0123456789\r\n000a\r\n0123456789\r\n000\r\n\r\n"), 0, "", "01234567890123456789"},
      {"chunk extensions", post(kChunked, "5;a=b;c=\"d\"\r\nhello\r\n0;e\r\n\r\n"), 0, "", "hello"},
      {"trailers", post(kChunked, "5\r\nhello\r\n0\r\nX: y\r\nContent-MD5: 9\r\n\r\n"), 0, "", "hello"},
      {"chunks of one byte", post(kChunked, bytewise + "0\r\n\r\n"), 0, "", std::string(20'000, 'x')},
      {"two in a row", post("Content-Length: 5\r\n", "hello") + get("/second"), 0, "", "hello", 1},
      {"two in a row, chunked", post(kChunked, "5\r\nhello\r\n0\r\n\r\n") + post("Content-Length: 1\r\n", "x"), 0, "", "hello", 1},
      {"two with an empty line between", get("/") + "\r\n" + get("/second"), 0, "", "", 1},
      {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", 0, "", ""},
      {"HTTP/1.0 with a body", "POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nhi", 0, "", "hi"},
      {"white space around a value", get("/", "X: \t y \t\r\n"), 0, "", ""},
      {"an empty value", get("/", "X:\r\n"), 0, "", ""},
      {"the absolute form", get("http://localhost/a?b=c"), 0, "", ""},
      {"the absolute form without a path", get("HTTP://localhost"), 0, "", ""},
      {"the server as a whole", "OPTIONS * HTTP/1.1\r\n" + kHost + "\r\n", 0, "", ""},
      {"an expectation", post("Expect: 100-Continue\r\nContent-Length: 2\r\n", "hi"), 0, "", "hi"},
      {"an upgrade that nobody needs", get("/", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n"), 0, "", ""},
      {"as many fields as allowed", get("/", fields(limits.head_fields_max - 1)), 0, "", ""},
      {"the longest head", longest, 0, "", ""},
      {"identity, in words", post("Content-Encoding: identity\r\nContent-Length: 1\r\n", "x"), 0, "", "x"},
      {"the longest target", get("/" + std::string(limits.target_bytes_max - 1, 'a')), 0, "", ""},
      {"Host with a port", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 0, "", ""},
  };
}

std::vector<RequestCase> bad_requests() {
  const Limits limits;
  const std::string nul(1, '\0');
  return {
      // the head's text
      {"not HTTP", "hello\r\n\r\n", 400, "not HTTP"},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00", 7), 400, "control character"},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/1.1"},
      {"HTTP/1.2", "GET / HTTP/1.2\r\n" + kHost + "\r\n", 505, "HTTP/1.1"},
      {"HTTP/0.9", "GET /\r\n\r\n", 400, "not HTTP"},
      {"two spaces", "GET  / HTTP/1.1\r\n" + kHost + "\r\n", 400, "not HTTP"},
      {"a bad method", "G(T / HTTP/1.1\r\n" + kHost + "\r\n", 400, "not HTTP"},
      {"bare line feeds", "GET / HTTP/1.1\nHost: localhost\n\n", 400, "CR LF"},
      {"one bare line feed", "GET / HTTP/1.1\r\nHost: localhost\nX: y\r\n\r\n", 400, "CR LF"},
      {"a bare carriage return", "GET / HTTP/1.1\r\nHost: localhost\rX: y\r\n\r\n", 400, "CR LF"},
      {"NUL in a value", get("/", "X: a" + nul + "b\r\n"), 400, "line 3 of the head has a control character"},
      {"NUL in a name", get("/", "X" + nul + ": b\r\n"), 400, "control character"},
      {"NUL in the target", get("/a" + nul), 400, "line 1 of the head has a control character"},
      {"a vertical tab before chunked", post("Transfer-Encoding:\x0b" "chunked\r\n", "0\r\n\r\n"), 400, "control character"},
      {"white space before a colon", get("/", "X : y\r\n"), 400, "NAME: VALUE"},
      {"no colon", get("/", "X\r\n"), 400, "line 3 of the head is not NAME: VALUE"},
      {"no name", get("/", ": y\r\n"), 400, "NAME: VALUE"},
      {"a name with a space", get("/", "a b: y\r\n"), 400, "NAME: VALUE"},
      {"a folded line", get("/", "X: a\r\n b\r\n"), 400, "folded"},
      {"a folded first line", "GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", 400, "folded"},
      {"two empty lines before", "\r\n\r\n" + get("/"), 400, "empty lines"},
      // limits
      {"a long head", get("/", "X: " + std::string(limits.head_bytes_max, 'x') + "\r\n"), 431, "http.head_bytes_max"},
      {"a head without end", "GET / HTTP/1.1\r\nX: " + std::string(limits.head_bytes_max, 'x'), 431, "http.head_bytes_max"},
      {"a long target", get("/" + std::string(limits.target_bytes_max, 'a')), 414, "http.target_bytes_max"},
      {"a field too many", get("/", fields(limits.head_fields_max)), 431, "http.head_fields_max"},
      {"2000 fields", get("/", fields(2000)), 431, "http.head_fields_max"},
      {"a long body", post("Content-Length: 33554433\r\n", "x"), 413, "http.body_bytes_max"},
      {"a long chunk", post(kChunked, "2000001\r\nx"), 413, "http.body_bytes_max"},
      {"a chunk beyond 64 bits", post(kChunked, "10000000000000005\r\nhello\r\n0\r\n\r\n"), 413, "http.body_bytes_max"},
      {"a long chunk extension", post(kChunked, "5;" + std::string(limits.framing_bytes_max, 'x') + "\r\nhello\r\n0\r\n\r\n"), 413, "http.framing_bytes_max"},
      {"a long trailer", post(kChunked, "0\r\nX: " + std::string(limits.framing_bytes_max, 'x') + "\r\n\r\n"), 413, "http.framing_bytes_max"},
      {"a chunk size of zeros", post(kChunked, std::string(limits.framing_bytes_max + 1, '0')), 413, "http.framing_bytes_max"},
      // Host and target
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400, "no Host"},
      {"two Hosts", get("/", "Host: localhost\r\n"), 400, "more than one Host"},
      {"a Host with a path", "GET / HTTP/1.1\r\nHost: localhost/a\r\n\r\n", 400, "NAME:PORT"},
      {"a Host with a user", "GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n", 400, "NAME:PORT"},
      {"a Host with two names", "GET / HTTP/1.1\r\nHost: localhost, evil\r\n\r\n", 400, "NAME:PORT"},
      {"a port that is a word", "GET / HTTP/1.1\r\nHost: localhost:evil\r\n\r\n", 400, "NAME:PORT"},
      {"the absolute form of another host", get("http://evil/"), 400, "another host"},
      {"the absolute form without a host", get("http:///a"), 400, "another host"},
      {"a path without a slash", get("a"), 400, "begin with /"},
      {"a star for one resource", get("*"), 400, "begin with /"},
      {"CONNECT", "CONNECT localhost:80 HTTP/1.1\r\n" + kHost + "\r\n", 400, "begin with /"},
      {"a broken escape", get("/%4"), 400, "well escaped"},
      {"an escape that is none", get("/%zz"), 400, "well escaped"},
      {"an escaped NUL", get("/a%00b"), 400, "well escaped"},
      {"a broken escape in the query", get("/?a=%4"), 400, "query"},
      // what cannot be met
      {"an expectation of miracles", post("Expect: miracles\r\nContent-Length: 1\r\n", "x"), 417, "100-continue"},
      {"a compressed body", post("Content-Encoding: gzip\r\nContent-Length: 1\r\n", "x"), 415, "Content-Encoding"},
      {"a compressed body and an upgrade", post("Upgrade: h2c\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n", "x"), 415, "Content-Encoding"},
      // chunks
      {"a chunk size of letters", post(kChunked, "xyz\r\n"), 400, "hexadecimal"},
      {"a chunk size with 0x", post(kChunked, "0x5\r\nhello\r\n0\r\n\r\n"), 400, "hexadecimal"},
      {"a chunk size with a sign", post(kChunked, "+5\r\nhello\r\n0\r\n\r\n"), 400, "hexadecimal"},
      {"a negative chunk size", post(kChunked, "-5\r\nhello\r\n0\r\n\r\n"), 400, "hexadecimal"},
      {"a chunk size with white space", post(kChunked, "5 \r\nhello\r\n0\r\n\r\n"), 400, "hexadecimal"},
      {"no chunk size", post(kChunked, "\r\nhello\r\n0\r\n\r\n"), 400, "hexadecimal"},
      {"an extension without a size", post(kChunked, ";a=b\r\n0\r\n\r\n"), 400, "hexadecimal"},
      {"NUL in an extension", post(kChunked, "5;" + nul + "\r\nhello\r\n0\r\n\r\n"), 400, "control character"},
      {"a bare line feed behind a chunk size", post(kChunked, "5\nhello\r\n0\r\n\r\n"), 400, "hexadecimal"},
      {"a bare line feed in an extension", post(kChunked, "5;a\nhello\r\n0\r\n\r\n"), 400, "control character"},
      {"a bare carriage return behind a chunk size", post(kChunked, "5\rhello\r\n0\r\n\r\n"), 400, "CR LF"},
      {"a chunk that is longer than its size", post(kChunked, "4\r\nhello\r\n0\r\n\r\n"), 400, "longer than it said"},
      {"a chunk that is shorter than its size", post(kChunked, "6\r\nhello\r\n0\r\n\r\n"), 400, "longer than it said"},
      {"a chunk that ends in a line feed", post(kChunked, "5\r\nhello\n0\r\n\r\n"), 400, "longer than it said"},
      {"a chunk that ends in a carriage return", post(kChunked, "5\r\nhello\r0\r\n\r\n"), 400, "CR LF"},
      {"a trailer without a colon", post(kChunked, "0\r\nX\r\n\r\n"), 400, "a trailer is not NAME: VALUE"},
      {"a quoted extension without end", post(kChunked, "5;a=\"b\r\nhello\r\n0\r\n\r\n"), 400, "quoted"},
      {"an escape in an extension", post(kChunked, "5;a=\"\\\"\"\r\nhello\r\n0\r\n\r\n"), 400, "quoted"},
      {"a length in a trailer", post(kChunked, "0\r\nContent-Length: 9\r\n\r\n"), 400, "belongs into the head"},
      {"an encoding in a trailer", post(kChunked, "0\r\nX: y\r\ntransfer-encoding:chunked\r\n\r\n"), 400, "belongs into the head"},
      {"a folded trailer", post(kChunked, "0\r\nX: y\r\n z\r\n\r\n"), 400, "folded"},
      {"NUL in a trailer", post(kChunked, "0\r\nX: " + nul + "\r\n\r\n"), 400, "control character"},
      {"a bare line feed in a trailer", post(kChunked, "0\r\nX: y\n\r\n"), 400, "control character"},
      {"a last line with more in it", post(kChunked, "0\r\n\rx"), 400, "CR LF"},
      {"the second of two", get("/") + "GET / HTTP/1.1\r\n\r\n", 400, "no Host", "", 1},
  };
}

std::vector<RequestCase> smuggling_requests() {
  const std::string all = std::to_string(kSmuggled.size());
  const std::string chunk = "2b\r\n" + kSmuggled + "\r\n0\r\n\r\n";
  return {
      {"a body that is a request", post("Content-Length: " + all + "\r\n", kSmuggled), 0, "", kSmuggled},
      {"a chunk that is a request", post(kChunked, chunk), 0, "", kSmuggled},
      {"a request in a chunk's extension", post(kChunked, "1;GET /smuggled HTTP/1.1\r\nx\r\n0\r\n\r\n"), 0, "", "x"},
      {"both lengths", post("Content-Length: 4\r\n" + kChunked, chunk), 400, ""},
      {"both lengths, the other way round", post(kChunked + "Content-Length: 4\r\n", "0\r\n\r\n" + kSmuggled), 400, ""},
      {"two lengths", post("Content-Length: 0\r\nContent-Length: " + all + "\r\n", kSmuggled), 400, ""},
      {"the same length twice", post("Content-Length: 0\r\nContent-Length: 0\r\n", kSmuggled), 400, "more than one Content-Length"},
      {"two lengths in one", post("Content-Length: 0, " + all + "\r\n", kSmuggled), 400, ""},
      {"a length with a sign", post("Content-Length: +0\r\n", kSmuggled), 400, ""},
      {"a negative length", post("Content-Length: -1\r\n", kSmuggled), 400, ""},
      {"a hexadecimal length", post("Content-Length: 0x0\r\n", kSmuggled), 400, ""},
      {"an empty length", post("Content-Length:\r\n", kSmuggled), 400, ""},
      {"a length with a blank in it", post("Content-Length: 0 0\r\n", kSmuggled), 400, ""},
      {"a length beyond 64 bits", post("Content-Length: 18446744073709551616\r\n", kSmuggled), 400, ""},
      {"chunked and identity", post("Transfer-Encoding: chunked, identity\r\n", kSmuggled), 400, "chunked"},
      {"gzip", post("Transfer-Encoding: gzip\r\n", kSmuggled), 400, "chunked"},
      {"gzip and chunked", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n" + kSmuggled), 400, "chunked"},
      {"xchunked", post("Transfer-Encoding: xchunked\r\n", kSmuggled), 400, "chunked"},
      {"identity", post("Transfer-Encoding: identity\r\n", kSmuggled), 400, "chunked"},
      {"an empty encoding", post("Transfer-Encoding:\r\n", kSmuggled), 400, "chunked"},
      {"chunked, quoted", post("Transfer-Encoding: \"chunked\"\r\n", kSmuggled), 400, "chunked"},
      {"chunked with a parameter", post("Transfer-Encoding: chunked;q=1\r\n", kSmuggled), 400, "chunked"},
      {"chunked twice", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n" + kSmuggled), 400, "chunked"},
      {"chunked in two fields", post(kChunked + kChunked, "0\r\n\r\n" + kSmuggled), 400, ""},
      {"chunked and gzip in two fields", post(kChunked + "Transfer-Encoding: gzip\r\n", "0\r\n\r\n" + kSmuggled), 400, "Transfer-Encoding"},
      {"chunked with a blank before the colon", post("Transfer-Encoding : chunked\r\n", "0\r\n\r\n" + kSmuggled), 400, ""},
      {"chunked on a folded line", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n" + kSmuggled), 400, "folded"},
      {"chunked in HTTP/1.0", "POST /p HTTP/1.0\r\n" + kHost + kChunked + "\r\n0\r\n\r\n" + kSmuggled, 400, "HTTP/1.0"},
      {"a length behind a bare line feed", post("X: y\nContent-Length: " + all + "\r\n", kSmuggled), 400, ""},
      {"a length behind a bare carriage return", post("X: y\rContent-Length: " + all + "\r\n", kSmuggled), 400, ""},
      {"a head that ends in bare line feeds", "GET /p HTTP/1.1\r\nHost: localhost\r\nX: y\n\n" + kSmuggled, 400, ""},
      {"a chunk size that ends in a bare line feed", post(kChunked, "0\n\r\n" + kSmuggled), 400, ""},
      {"a chunk size beyond 64 bits", post(kChunked, "10000000000000000\r\n\r\n" + kSmuggled), 413, ""},
  };
}

}  // namespace praxis::agent::http
