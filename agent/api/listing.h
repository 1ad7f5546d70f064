#pragma once
// What handlers of stored things share: ids in paths, limits, lists, refusals.

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <utility>

#include "agent/api/handlers.h"
#include "agent/mailbox.h"
#include "agent/run_journal.h"

namespace praxis::agent::api {

/// The n-th segment of a path, counted from its end: 0 is the last.
std::string segment(const std::string& path, int from_end);

/// ?limit=, 20 without it.
Parsed<std::uint32_t> limit_of(const http::Request& request);

boost::asio::awaitable<void> reply_error(http::Exchange& exchange, ApiError error);

/// A list that `read` reads away from the event loop; `show` makes JSON of each row.
template <class Read, class Show>
boost::asio::awaitable<void> reply_list(http::Exchange& exchange, Service& service, Read read, Show show) {
  auto rows = co_await elsewhere(service.workers(), service.executor(), std::move(read));
  if (!rows) co_return co_await reply_error(exchange, to_api(from(rows.error())));
  Json out;
  out["object"] = "list";
  out["data"] = Json::array();
  for (const auto& row : *rows) out["data"].push_back(show(row));
  http::Reply reply = json_reply(out);
  co_await exchange.reply(std::move(reply));
}

}  // namespace praxis::agent::api
