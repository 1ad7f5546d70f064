// Which request goes to which handler.

#include <algorithm>
#include <array>
#include <string_view>

#include "agent/api/handlers.h"

namespace praxis::agent::api {

namespace asio = boost::asio;

namespace {

using Function = asio::awaitable<void> (*)(http::Exchange&, Service&);

/// `path` may have a {…} for one segment, which its handler reads again. /v1 is optional: DeepSeek's
/// base URL has none.
struct Route {
  std::string_view method, path;
  Function function;
};

constexpr std::array kRoutes = {
    Route{"POST", "/v1/chat/completions", chat_completions},
    Route{"POST", "/v1/responses", responses_create},
    Route{"GET", "/v1/responses/{id}", responses_get},
    Route{"DELETE", "/v1/responses/{id}", responses_delete},
    Route{"POST", "/v1/responses/{id}/cancel", responses_cancel},
    Route{"GET", "/v1/responses/{id}/input_items", responses_items},
    Route{"POST", "/v1/runs", runs_create},
    Route{"GET", "/v1/runs", runs_list},
    Route{"GET", "/v1/runs/{id}", runs_get},
    Route{"GET", "/v1/runs/{id}/events", runs_events},
    Route{"POST", "/v1/runs/{id}/cancel", runs_cancel},
    Route{"POST", "/v1/runs/{id}/continue", runs_continue},
    Route{"POST", "/v1/runs/{id}/calls/{call}/approve", runs_approve},
    Route{"POST", "/v1/runs/{id}/calls/{call}/deny", runs_deny},
    Route{"GET", "/v1/conversations", conversations_list},
    Route{"GET", "/v1/conversations/{id}", conversations_get},
    Route{"DELETE", "/v1/conversations/{id}", conversations_delete},
    Route{"POST", "/v1/conversations/{id}/fork", conversations_fork},
    Route{"GET", "/v1/models", models},
    Route{"GET", "/v1/models/{id}", model},
    Route{"POST", "/tokenize", tokenize},
    Route{"POST", "/detokenize", detokenize},
    Route{"POST", "/apply-template", apply_template},
    Route{"GET", "/health", health},
    Route{"GET", "/metrics", metrics},
};

std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);
  const std::string_view segment = path.substr(0, path.find('/'));
  path.remove_prefix(segment.size());
  return segment;
}

bool matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty() && !path.empty() && path[0] == '/') {
    const std::string_view wanted = next_segment(pattern), given = next_segment(path);
    if (wanted != given && (wanted.empty() || wanted[0] != '{' || given.empty())) return false;
  }
  return pattern.empty() && path.empty();
}

bool is_route(const Route& route, std::string_view path) {
  constexpr std::string_view kVersion = "/v1";
  return matches(route.path, path) ||
         (route.path.substr(0, kVersion.size()) == kVersion && matches(route.path.substr(kVersion.size()), path));
}

/// A server without tools and store of its own has no runs.
bool needs_runs(const Route& route) {
  return route.path.substr(0, 8) == "/v1/runs" || route.path.substr(0, 17) == "/v1/conversations";
}

asio::awaitable<void> refuse_route(http::Exchange& exchange, bool known) {
  ApiError error;
  error.status = known ? 405 : 404;
  error.code = known ? "method_not_allowed" : "not_found";
  error.message = exchange.request().method + " " + exchange.request().path +
                  (known ? ": this path takes another method" : ": there is no such route; README.md lists them");
  http::Reply reply = to_reply(error);
  co_await exchange.reply(std::move(reply));
}

asio::awaitable<void> route(http::Exchange& exchange, Service& service) {
  const http::Request& request = exchange.request();
  const std::string_view method = request.method == "HEAD" ? std::string_view("GET") : std::string_view(request.method);
  bool known = false;
  for (const Route& one : kRoutes) {
    if (!is_route(one, request.path)) continue;
    known = true;
    if (one.method != method) continue;
    exchange.set_route(std::string(one.path));
    if (!service.runs() && needs_runs(one)) continue;
    co_await one.function(exchange, service);
    co_return;
  }
  co_await refuse_route(exchange, known);
}

}  // namespace

http::Handler routes(Service& service) {
  return [&service](http::Exchange& exchange) { return route(exchange, service); };
}

http::Reply event_stream() {
  http::Reply head;
  head.content_type = "text/event-stream; charset=utf-8";
  head.fields = {{"cache-control", "no-cache"}, {"x-accel-buffering", "no"}};
  return head;
}

http::Reply json_reply(const Json& json) {
  http::Reply reply;
  reply.body = dump(json) + "\n";
  return reply;
}

}  // namespace praxis::agent::api
