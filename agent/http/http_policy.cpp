#include "agent/http/http_policy.h"

#include <algorithm>

namespace praxis::agent::http {

namespace {

Refusal bad(std::string message) { return {400, "bad_request", std::move(message)}; }

/// RFC 9110, 5.6.2: what names are made of.
bool is_token(char c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
  return std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

std::size_t count(const Request& head, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(head.fields.begin(), head.fields.end(), [&](const Field& f) { return f.name == name; }));
}

/// "localhost:8080" -> "localhost", "[::1]:80" -> "[::1]".
std::string_view without_port(std::string_view host) {
  const std::size_t bracket = host.rfind(']');
  const std::size_t colon = host.rfind(':');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) return host;
  return host.substr(0, colon);
}

/// What can stand in Host (RFC 9110, 7.2): a name or an address in brackets, then perhaps a port.
/// Empty is allowed, and is known by nobody's list.
bool is_host(std::string_view host) {
  const std::string_view name = without_port(host);
  const std::string_view port = host.substr(name.size());
  const bool digits = std::all_of(port.begin() + (port.empty() ? 0 : 1), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits && name.find_first_of(" \t\"/\\@,?#<>^`{|}") == std::string_view::npos;
}

/// "http://localhost:3000" -> "localhost:3000"; empty where it is no origin of the web.
std::string_view authority_of(std::string_view origin) {
  for (std::string_view scheme : {"http://", "https://"})
    if (origin.substr(0, scheme.size()) == scheme) return origin.substr(scheme.size());
  return {};
}

bool is_listed(const std::vector<std::string>& list, std::string_view value) {
  return std::any_of(list.begin(), list.end(), [&](const std::string& one) { return equal_ignoring_case(one, value); });
}

}  // namespace

bool is_head_byte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte >= 0x20 && byte != 0x7f) || c == '\t';
}

std::optional<Refusal> check_field_line(std::string_view line, std::string_view place) {
  const std::string where(place);
  if (line.empty() || line[0] == ' ' || line[0] == '\t')
    return bad(where + " continues the one before; folded lines are obsolete");
  const std::size_t colon = line.find(':');
  const bool named = colon != std::string_view::npos && colon > 0 &&
                     std::all_of(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(colon), is_token);
  if (!named) return bad(where + " is not NAME: VALUE");
  return std::nullopt;
}

std::optional<Refusal> check_framing(const Request& head) {
  const std::size_t hosts = count(head, "host");
  if (hosts > 1) return bad("the request has more than one Host");
  if (hosts == 0 && head.version >= 11) return bad("the request has no Host");
  if (!is_host(head.field("host"))) return bad("the request's Host is not NAME or NAME:PORT");
  const std::size_t lengths = count(head, "content-length");
  const std::size_t encodings = count(head, "transfer-encoding");
  if (lengths > 1) return bad("the request has more than one Content-Length");
  if (lengths > 0 && encodings > 0) return bad("the request has both Content-Length and Transfer-Encoding");
  if (encodings > 0) {
    if (head.version < 11) return bad("Transfer-Encoding does not belong to HTTP/1.0");
    if (encodings > 1 || !equal_ignoring_case(head.field("transfer-encoding"), "chunked"))
      return bad("the only Transfer-Encoding here is chunked");
  }
  const std::string_view expect = head.field("expect");
  if (!expect.empty() && !equal_ignoring_case(expect, "100-continue"))
    return Refusal{417, "bad_request", "the only expectation that can be met is 100-continue"};
  const std::string_view encoding = head.field("content-encoding");
  if (!encoding.empty() && !equal_ignoring_case(encoding, "identity"))
    return Refusal{415, "bad_request", "bodies are taken without Content-Encoding"};
  return std::nullopt;
}

std::optional<Refusal> check_access(const Request& request, const Access& access) {
  const std::string_view host = request.field("host");
  if (!access.hosts.empty() && !is_listed(access.hosts, without_port(host)))
    return Refusal{403, "forbidden_host",
                   "this server is not known by that Host; --allow-host NAME admits it"};
  const std::string_view origin = request.field("origin");
  const bool own = !host.empty() && equal_ignoring_case(authority_of(origin), host);
  if (!origin.empty() && !own && !is_listed(access.origins, "*") && !is_listed(access.origins, origin))
    return Refusal{403, "forbidden_origin", "pages of that origin may not use this server; --allow-origin ORIGIN admits them"};
  const bool preflight = request.method == "OPTIONS" && !origin.empty();
  if (access.keys.empty() || preflight) return std::nullopt;
  const std::string_view authorization = request.field("authorization");
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size() ||
      !equal_ignoring_case(authorization.substr(0, kScheme.size()), kScheme))
    return Refusal{401, "invalid_api_key", "the request has no bearer token: Authorization: Bearer KEY"};
  bool known = false;
  for (const std::string& key : access.keys)  // all of them, whichever matches
    known = equal_constant_time(key, authorization.substr(kScheme.size())) || known;
  if (!known) return Refusal{401, "invalid_api_key", "the bearer token is not one of this server's keys"};
  return std::nullopt;
}

std::vector<Field> cross_origin_fields(const Request& request) {
  const std::string_view origin = request.field("origin");
  if (origin.empty()) return {};
  std::vector<Field> fields{{"access-control-allow-origin", std::string(origin)}, {"vary", "Origin"}};
  if (request.method == "OPTIONS") {
    fields.push_back({"access-control-allow-methods", "GET, POST, DELETE, OPTIONS"});
    fields.push_back({"access-control-allow-headers",
                      request.field("access-control-request-headers").empty()
                          ? "authorization, content-type"
                          : std::string(request.field("access-control-request-headers"))});
    fields.push_back({"access-control-max-age", "600"});
  }
  return fields;
}

bool equal_constant_time(std::string_view secret, std::string_view given) {
  unsigned difference = secret.size() == given.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const char against = secret.empty() ? '\0' : secret[i % secret.size()];
    difference |= static_cast<unsigned char>(given[i] ^ against);
  }
  return difference == 0;
}

}  // namespace praxis::agent::http
