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
  auto read = [&]() -> memory::Result<Json> {
    auto reads = service.store().read();
    auto row = reads.conversation(id);
    if (!row) return tl::unexpected(row.error());
    auto messages = reads.messages(id);
    if (!messages) return tl::unexpected(messages.error());
    Json out = to_json(*row);
    out["object"] = "conversation";
    out["messages"] = Json::array();
    for (const memory::Message& message : *messages) out["messages"].push_back(to_json(message));
    return out;
  };
  auto found = co_await elsewhere(service.workers(), service.executor(), read);
  if (!found) co_return co_await reply_error(exchange, to_api(from(found.error())));
  http::Reply reply = json_reply(*found);
  co_await exchange.reply(std::move(reply));
}

asio::awaitable<void> conversations_delete(http::Exchange& exchange, Service& service) {
  const std::string id = segment(exchange.request().path, 0);
  auto remove = [&]() -> memory::Result<void> {
    auto claim = service.store().claim(id);
    if (!claim) return tl::unexpected(claim.error());
    return service.store().write([&](memory::Tx& tx) { return tx.delete_conversation(id); });
  };
  auto removed = co_await elsewhere(service.workers(), service.executor(), remove);
  if (!removed) co_return co_await reply_error(exchange, to_api(from(removed.error())));
  Json out;
  out["id"] = id;
  out["object"] = "conversation.deleted";
  out["deleted"] = true;
  http::Reply reply = json_reply(out);
  co_await exchange.reply(std::move(reply));
}

/// {"through": POSITION}: the last message that the new conversation has.
asio::awaitable<void> conversations_fork(http::Exchange& exchange, Service& service) {
  const std::string id = segment(exchange.request().path, 1);
  auto fork = [&]() -> Parsed<Json> {
    auto body = read_json(exchange.request().body);
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
    auto row = service.store().read().conversation(made);
    if (!row) return tl::unexpected(to_api(from(row.error())));
    Json out = to_json(*row);
    out["object"] = "conversation";
    return out;
  };
  auto forked = co_await elsewhere(service.workers(), service.executor(), fork);
  if (!forked) co_return co_await reply_error(exchange, forked.error());
  http::Reply reply = json_reply(*forked);
  reply.status = 201;
  co_await exchange.reply(std::move(reply));
}

}  // namespace praxis::agent::api
