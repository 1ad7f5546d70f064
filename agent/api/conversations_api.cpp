// /v1/conversations: list, search, show, fork, delete.

#include "agent/api/handlers.h"
#include "agent/api/listing.h"
#include "agent/rows_json.h"

namespace praxis::agent::api {

namespace asio = boost::asio;

asio::awaitable<void> conversations_list(http::Exchange& exchange, Service& service) {
  auto limit = limit_of(exchange.request());
  if (!limit) co_return co_await reply_error(exchange, limit.error());
  const std::string words(exchange.request().parameter("q"));
  if (!words.empty()) {
    auto search = [&] { return service.store().read().search(words, *limit); };
    co_return co_await reply_list(exchange, service, search, [](const memory::SearchHit& hit) { return to_json(hit); });
  }
  auto read = [&] { return service.store().read().conversations(*limit); };
  co_await reply_list(exchange, service, read, [](const memory::Conversation& row) { return to_json(row); });
}

asio::awaitable<void> conversations_get(http::Exchange& exchange, Service& service) {
  const std::string id = segment(exchange.request().path, 0);
  auto show = [&]() -> http::Reply {
    auto reads = service.store().read();
    auto row = reads.conversation(id);
    if (!row) return to_reply(to_api(from(row.error())));
    auto messages = reads.messages(id);
    if (!messages) return to_reply(to_api(from(messages.error())));
    Json out = to_json(*row);
    out["object"] = "conversation";
    out["messages"] = Json::array();
    for (const memory::Message& message : *messages) out["messages"].push_back(to_json(message));
    return json_reply(out);
  };
  co_await reply_from(exchange, service, std::move(show));
}

asio::awaitable<void> conversations_delete(http::Exchange& exchange, Service& service) {
  const std::string id = segment(exchange.request().path, 0);
  auto remove = [&]() -> http::Reply {
    auto claim = service.store().claim(id);
    if (!claim) return to_reply(to_api(from(claim.error())));
    auto removed = service.store().write([&](memory::Tx& tx) { return tx.delete_conversation(id); });
    if (!removed) return to_reply(to_api(from(removed.error())));
    return json_reply({{"id", id}, {"object", "conversation.deleted"}, {"deleted", true}});
  };
  co_await reply_from(exchange, service, std::move(remove));
}

namespace {

/// The new conversation's id.
Parsed<std::string> fork_as_asked(Service& service, const std::string& id, const std::string& text) {
  auto body = read_json(text);
  if (!body) return tl::unexpected(body.error());
  Fields fields(*body, "");
  std::uint32_t through = 0;
  fields.integer("through", 0, UINT32_MAX, through);
  if (!fields.has("through")) fields.refuse("through", "is missing: the position of the last message to keep");
  if (fields.failed()) return fields.error();
  std::string made;
  auto written = service.store().write([&](memory::Tx& tx) -> memory::Result<void> {
    auto forked = tx.fork_conversation(id, through);
    if (!forked) return tl::unexpected(forked.error());
    made = *forked;
    return {};
  });
  if (!written) return tl::unexpected(to_api(from(written.error())));
  return made;
}

}  // namespace

/// {"through": POSITION}: the last message that the new conversation has.
asio::awaitable<void> conversations_fork(http::Exchange& exchange, Service& service) {
  auto fork = [&]() -> http::Reply {
    auto made = fork_as_asked(service, segment(exchange.request().path, 1), exchange.request().body);
    if (!made) return to_reply(made.error());
    auto row = service.store().read().conversation(*made);
    if (!row) return to_reply(to_api(from(row.error())));
    Json out = to_json(*row);
    out["object"] = "conversation";
    http::Reply reply = json_reply(out);
    reply.status = 201;
    return reply;
  };
  co_await reply_from(exchange, service, std::move(fork));
}

}  // namespace praxis::agent::api
