#pragma once
// What this server takes for a request, decided before any handler sees it. Stricter than the
// parser below it: Boost.Beast 1.81 takes a Transfer-Encoding that it does not know for an empty
// body (so that the body becomes the next request), chunks in HTTP/1.0, folded lines, and a missing
// or repeated Host. Rules and section numbers: RFC 9112 (HTTP/1.1), RFC 9110 (semantics).
//
// Pure and synchronous, so that it can be fuzzed.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/http/message.h"

namespace praxis::agent::http {

/// Whether a head may hold this byte besides CR LF: control characters are refused (RFC 9110, 5.5).
bool is_head_byte(char c);

/// A field's line, without its CR LF: no folded line, no white space before the colon (RFC 9112, 5).
/// `place` begins the message: "line 3 of the head".
std::optional<Refusal> check_field_line(std::string_view line, std::string_view place);

/// The head's fields: exactly one Host, and at most one length that both ends read alike (RFC 9112,
/// 3.2 and 6.3); an Expect that can be met.
std::optional<Refusal> check_framing(const Request& head);

/// Who may talk to this server.
struct Access {
  std::vector<std::string> hosts;    // names that Host may have, without port; empty: any
  std::vector<std::string> origins;  // besides the server's own: of pages that may use it; "*": any
  std::vector<std::string> keys;     // bearer tokens; empty: none is asked for
};

/// Host against DNS rebinding, Origin against foreign pages, then the bearer token, compared in
/// constant time. A request of a browser's preflight carries no token and is not asked for one.
std::optional<Refusal> check_access(const Request& request, const Access& access);

/// The fields that let a page of an allowed origin read the reply; none without an Origin.
std::vector<Field> cross_origin_fields(const Request& request);

/// Whether the texts are equal, in a time that depends on `given` alone.
bool equal_constant_time(std::string_view secret, std::string_view given);

}  // namespace praxis::agent::http
