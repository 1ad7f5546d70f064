#pragma once
// Web addresses: what of one a client needs, and references against it (RFC 3986).

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/error.h"

namespace praxis::tools {

inline constexpr std::size_t kUrlBytesMax = 8 * 1024;

/// An http or https address. Its fragment and its user:password@ are never part of it.
struct Url {
  bool tls = false;
  std::string host;          // a name in lower case or an address; IPv6 without brackets
  std::uint16_t port = 80;
  std::string target = "/";  // path and query, percent-encoded

  /// http://host:port, the port where it is not the scheme's own.
  std::string origin() const;
  std::string text() const { return origin() + target; }
  /// For messages: without the query, which may hold secrets.
  std::string shown() const { return origin() + target.substr(0, target.find('?')); }
  bool operator==(const Url&) const = default;
};

/// Refuses (bad_arguments) other schemes, user:password@, ports of 0 and beyond 65535, and what is no URI.
Result<Url> read_url(std::string_view text);
/// What `reference` (absolute or relative: a Location) means where `base` was asked for.
Result<Url> resolve_url(const Url& base, std::string_view reference);

}  // namespace praxis::tools
