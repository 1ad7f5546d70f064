#pragma once
// One coroutine per route; routes() finds it.

#include <boost/asio/awaitable.hpp>

#include "agent/api/service.h"
#include "agent/http/server.h"

namespace praxis::agent::api {

/// Every request of the server: the route's handler, or 404 and 405 that say what there is.
http::Handler routes(Service& service);

/// The head of a reply that is a stream of server-sent events.
http::Reply event_stream();
http::Reply json_reply(const Json& json);

boost::asio::awaitable<void> chat_completions(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> responses_create(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> responses_get(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> responses_delete(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> responses_cancel(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> responses_items(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> runs_create(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> runs_list(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> runs_get(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> runs_events(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> runs_cancel(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> runs_continue(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> runs_approve(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> runs_deny(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> conversations_list(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> conversations_get(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> conversations_delete(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> conversations_fork(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> models(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> model(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> tokenize(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> detokenize(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> apply_template(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> health(http::Exchange& exchange, Service& service);
boost::asio::awaitable<void> metrics(http::Exchange& exchange, Service& service);

}  // namespace praxis::agent::api
