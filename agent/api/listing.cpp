#include "agent/api/listing.h"

#include <charconv>

namespace praxis::agent::api {

namespace asio = boost::asio;

std::string segment(const std::string& path, int from_end) {
  std::size_t end = path.size();
  for (; from_end > 0; --from_end) end = path.rfind('/', end - 1);
  const std::size_t begin = path.rfind('/', end - 1) + 1;
  return path.substr(begin, end - begin);
}

Parsed<std::uint32_t> limit_of(const http::Request& request) {
  const std::string_view text = request.parameter("limit");
  std::uint32_t limit = 20;
  if (text.empty()) return limit;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size() || limit < 1 || limit > 1000)
    return refuse("limit", "limit must be from 1 to 1000");
  return limit;
}

asio::awaitable<void> reply_error(http::Exchange& exchange, ApiError error) {
  http::Reply reply = to_reply(error);
  co_await exchange.reply(std::move(reply));
}

}  // namespace praxis::agent::api
