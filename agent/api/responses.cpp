// /v1/responses: one step of the model; the conversation is kept here, link by link.

#include <algorithm>
#include <charconv>
#include <ctime>
#include <utility>

#include "agent/api/answering.h"
#include "agent/api/handlers.h"
#include "agent/api/listing.h"
#include "agent/api/responses_items.h"
#include "agent/api/responses_reply.h"
#include "agent/api/responses_state.h"
#include "agent/call_id.h"
#include "agent/loop.h"

namespace praxis::agent::api {

namespace asio = boost::asio;

namespace {

/// All that the model sees: instructions, what went before, what is new.
std::optional<ApiError> add_messages(Service& service, ResponsesRequest& request) {
  memory::Snapshot reads = service.store().read();
  const std::string_view fingerprint = service.model().fingerprint();
  auto items = resolve_references(reads, std::move(request.items));
  if (!items) return items.error();
  request.items = std::move(*items);
  std::vector<Message>& messages = request.input.messages;
  if (!request.previous_id.empty()) {
    auto before = history(reads, fingerprint, request.previous_id);
    if (!before) return before.error();
    messages = std::move(*before);
  }
  for (Message& message : messages_of(request.items)) messages.push_back(std::move(message));
  if (messages.empty()) return refuse("input", "input is empty: there is nothing to answer").value();
  if (!request.instructions.empty()) {
    Message instructions;
    instructions.role = SenderRole::system;
    instructions.content = request.instructions;
    messages.insert(messages.begin(), std::move(instructions));
  }
  return std::nullopt;
}

std::optional<ApiError> check_tools(Model& model, const ResponsesRequest& request) {
  for (std::size_t i = 0; i < request.tools.size(); ++i) {
    const std::string why = model.refuse_tool(request.input.tools[i]);
    const std::string where = request.tools[i].where + ".parameters";
    if (!why.empty()) return refuse(where, where + " of " + request.tools[i].name + " cannot be used: " + why).value();
  }
  return std::nullopt;
}

Parsed<Answer> start_response(Service& service, const http::Request& http, const std::shared_ptr<Beats>& beats) {
  auto json = read_json(http.body);
  if (!json) return tl::unexpected(json.error());
  std::string name;
  Fields fields(*json, "");
  fields.text("model", name);
  if (fields.failed()) return fields.error();
  auto model = service.resolve(name);
  if (!model) return tl::unexpected(model.error());

  auto request = read_responses_request(*json, service.defaults(*model));
  if (!request) return tl::unexpected(request.error());
  if (auto error = check_tools(service.model(), *request)) return tl::unexpected(*error);
  if (auto error = add_messages(service, *request)) return tl::unexpected(*error);
  const std::string_view fingerprint = service.model().fingerprint();
  reattach(service.store(), fingerprint, request->input.messages);
  auto steps = start_steps(service, request->input, 1, beats, "text.format");
  if (!steps) return tl::unexpected(steps.error());
  ResponseHead head{unguessable_id("resp_"), name.empty() ? model->id : name, std::string(fingerprint),
                    service.model().recommended(), [] { return static_cast<std::int64_t>(std::time(nullptr)); }};
  return Answer{std::make_unique<ResponsesReply>(std::move(*request), std::move(head)), std::move(*steps)};
}

/// The {id} of /responses/{id}/…
std::string id_in(const http::Request& request) {
  constexpr std::string_view kBefore = "/responses/";
  const std::string_view path = request.path;
  const std::string_view rest = path.substr(path.find(kBefore) + kBefore.size());
  return std::string(rest.substr(0, rest.find('/')));
}

/// Answers with what `work` makes of the kept response.
using Work = std::function<Parsed<Json>(memory::Reply&)>;
asio::awaitable<void> answer_with_kept(http::Exchange& exchange, Service& service, Work work) {
  auto show = [&]() -> http::Reply {
    memory::Snapshot reads = service.store().read();
    auto reply = find_response(reads, id_in(exchange.request()));
    if (!reply) return to_reply(reply.error());
    Parsed<Json> made = work(*reply);
    return made ? json_reply(*made) : to_reply(made.error());
  };
  co_await reply_from(exchange, service, std::move(show));
}

constexpr std::size_t kPageMax = 100, kPage = 20;

Parsed<std::size_t> read_page_size(std::string_view text) {
  if (text.empty()) return kPage;
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error == std::errc() && end == text.data() + text.size() && size >= 1 && size <= kPageMax) return size;
  return refuse("limit", "limit must be an integer from 1 to " + std::to_string(kPageMax));
}

/// One page of the items, the newest first unless order=asc, from behind the item `after` on.
Parsed<Json> page_of(Json items, const http::Request& request) {
  auto size = read_page_size(request.parameter("limit"));
  if (!size) return tl::unexpected(size.error());
  if (request.parameter("order") != "asc") std::reverse(items.begin(), items.end());
  auto first = items.begin();
  if (const std::string_view after = request.parameter("after"); !after.empty()) {
    first = std::find_if(items.begin(), items.end(), [&](const Json& item) { return item["id"] == after; });
    if (first == items.end()) return refuse("after", "after is no item of this response");
    ++first;
  }
  const auto left = static_cast<std::size_t>(items.end() - first);
  Json page;
  page["object"] = "list";
  page["data"] = Json::array();
  for (std::size_t i = 0; i < std::min(left, *size); ++i) page["data"].push_back(first[static_cast<std::ptrdiff_t>(i)]);
  const bool empty = page["data"].empty();
  page["first_id"] = empty ? Json(nullptr) : page["data"].front()["id"];
  page["last_id"] = empty ? Json(nullptr) : page["data"].back()["id"];
  page["has_more"] = left > *size;
  return page;
}

}  // namespace

asio::awaitable<void> responses_create(http::Exchange& exchange, Service& service) {
  Start start = [&exchange, &service](const std::shared_ptr<Beats>& beats) {
    return start_response(service, exchange.request(), beats);
  };
  co_await answer_with_steps(exchange, service, std::move(start));
}

asio::awaitable<void> responses_get(http::Exchange& exchange, Service& service) {
  Work work = [&exchange](memory::Reply& reply) -> Parsed<Json> {
    if (exchange.request().parameter("stream") == "true")
      return refuse("stream", "stream is not supported here: a stream cannot be read twice; the response is kept whole");
    return Json::parse(reply.body, nullptr, false);
  };
  co_await answer_with_kept(exchange, service, std::move(work));
}

asio::awaitable<void> responses_items(http::Exchange& exchange, Service& service) {
  Work work = [&exchange](memory::Reply& reply) {
    return page_of(Json::parse(reply.input, nullptr, false), exchange.request());
  };
  co_await answer_with_kept(exchange, service, std::move(work));
}

asio::awaitable<void> responses_cancel(http::Exchange& exchange, Service& service) {
  Work work = [](memory::Reply& reply) -> Parsed<Json> {
    return refuse("", "Response '" + reply.id + "' cannot be cancelled: only responses made with background: true can, " +
                          "and this server makes none");
  };
  co_await answer_with_kept(exchange, service, std::move(work));
}

asio::awaitable<void> responses_delete(http::Exchange& exchange, Service& service) {
  const std::string id = id_in(exchange.request());
  auto failure = std::make_shared<std::optional<ApiError>>();
  auto work = [id, failure](memory::Tx& tx) -> memory::Result<void> {
    auto reply = find_response(tx, id);
    if (reply) return tx.delete_reply(id);
    *failure = reply.error();
    return {};
  };
  auto outcome = co_await written(service.store(), service.executor(), std::move(work));
  if (!outcome) *failure = to_api(from(outcome.error()));
  http::Reply reply = *failure ? to_reply(**failure) : json_reply({{"id", id}, {"object", "response"}, {"deleted", true}});
  co_await exchange.reply(std::move(reply));
}

}  // namespace praxis::agent::api
