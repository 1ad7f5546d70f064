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

/// The reply that `work` makes away from the event loop: what may be big is read, dumped and freed there.
template <class Work>
boost::asio::awaitable<void> reply_from(http::Exchange& exchange, Service& service, Work work) {
  http::Reply reply = co_await elsewhere(service.workers(), service.executor(), std::move(work));
  co_await exchange.reply(std::move(reply));
}

/// A list of the rows that `read` reads; `show` makes JSON of each. Both run away from the event loop.
template <class Read, class Show>
boost::asio::awaitable<void> reply_list(http::Exchange& exchange, Service& service, Read read, Show show) {
  auto list = [&]() -> http::Reply {
    auto rows = read();
    if (!rows) return to_reply(to_api(from(rows.error())));
    Json out;
    out["object"] = "list";
    out["data"] = Json::array();
    for (const auto& row : *rows) out["data"].push_back(show(row));
    return json_reply(out);
  };
  co_await reply_from(exchange, service, std::move(list));
}

}  // namespace praxis::agent::api
