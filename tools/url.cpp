#include "tools/url.h"

#include <boost/url/src.hpp>  // Boost.URL without its library
#include <boost/url/url.hpp>
#include <charconv>

namespace praxis::tools {
namespace {

namespace urls = boost::urls;

tl::unexpected<Error> refuse(std::string what) {
  return tl::unexpected(Error{ErrorCode::bad_arguments, std::move(what), "url"});
}

Result<std::uint16_t> read_port(std::string_view text, bool tls) {
  if (text.empty()) return tls ? 443 : 80;
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0 || port > 65535)
    return refuse("has a port outside 1 to 65535");
  return static_cast<std::uint16_t>(port);
}

Result<Url> checked(const urls::url_view& from) {
  if (from.scheme_id() != urls::scheme::http && from.scheme_id() != urls::scheme::https)
    return refuse("is neither http:// nor https://");
  if (from.has_userinfo()) return refuse("holds a user name or password, which do not belong there");
  Url out;
  out.tls = from.scheme_id() == urls::scheme::https;
  auto port = read_port(from.port(), out.tls);
  if (!port) return tl::unexpected(port.error());
  out.port = *port;
  out.host = from.host_type() == urls::host_type::name ? from.host_name() : from.host_address();
  if (out.host.empty()) return refuse("names no host");
  for (char& c : out.host) {
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) return refuse("has a host with a blank or control character");
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  const std::string_view target = from.encoded_target();
  out.target.clear();
  if (target.empty() || target[0] != '/') out.target += '/';
  out.target += target;
  return out;
}

}  // namespace

std::string Url::origin() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  std::string out = tls ? "https://" : "http://";
  if (ipv6) out += '[';
  out += host;
  if (ipv6) out += ']';
  if (port != (tls ? 443 : 80)) out.append(":").append(std::to_string(port));
  return out;
}

Result<Url> read_url(std::string_view text) {
  if (text.size() > kUrlBytesMax)
    return refuse("is longer than " + std::to_string(kUrlBytesMax) + " bytes (url_bytes_max)");
  const auto parsed = urls::parse_uri(text);
  if (!parsed) return refuse("is no web address such as https://host/path");
  return checked(*parsed);
}

Result<Url> resolve_url(const Url& base, std::string_view reference) {
  if (reference.size() > kUrlBytesMax)
    return refuse("is longer than " + std::to_string(kUrlBytesMax) + " bytes (url_bytes_max)");
  const std::string from = base.text();
  const auto left = urls::parse_uri(from);
  const auto right = urls::parse_uri_reference(reference);
  if (!left || !right) return refuse("is no address and no part of one");
  urls::url joined;
  if (!urls::resolve(*left, *right, joined)) return refuse("cannot be read against " + base.shown());
  return checked(joined);
}

}  // namespace praxis::tools
