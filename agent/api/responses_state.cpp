#include "agent/api/responses_state.h"

#include <algorithm>

#include "agent/api/decoding.h"
#include "agent/api/responses_items.h"
#include "agent/loop.h"

namespace praxis::agent::api {

namespace {

ApiError not_found(std::string code, std::string param, std::string message) {
  ApiError error;
  error.status = 404;
  error.code = std::move(code);
  error.param = std::move(param);
  error.message = std::move(message);
  return error;
}

Message answer_of(memory::Reply&& reply, std::string_view fingerprint) {
  Message message;
  message.role = SenderRole::assistant;
  message.content = std::move(reply.content);
  message.reasoning = std::move(reply.reasoning);
  message.calls = calls_from_json(reply.calls);
  if (reply.ids_fingerprint == fingerprint) message.ids = std::move(reply.ids);
  return message;
}

}  // namespace

Parsed<memory::Reply> find_response(memory::Reads& reads, const std::string& id) {
  auto reply = reads.reply(id);
  if (reply && reply->body != "{}") return std::move(*reply);
  if (!reply && reply.error().code != memory::ErrorCode::not_found) return tl::unexpected(to_api(from(reply.error())));
  return tl::unexpected(not_found("not_found", "", "Response with id '" + id + "' not found."));
}

Parsed<std::vector<Message>> history(memory::Reads& reads, std::string_view fingerprint, const std::string& id) {
  std::vector<memory::Reply> chain;  // newest first
  for (std::string next = id; !next.empty(); next = chain.back().previous_id) {
    if (chain.size() >= kChainMax)
      return refuse("previous_response_id", "more than " + std::to_string(kChainMax) +
                                                " responses go before this one (api.chain_max); start a new conversation");
    auto reply = find_response(reads, next);
    if (!reply && reply.error().status != 404) return tl::unexpected(reply.error());
    if (!reply)
      return tl::unexpected(not_found("previous_response_not_found", "previous_response_id",
                                      "Previous response with id '" + next + "' not found."));
    chain.push_back(std::move(*reply));
  }
  std::vector<Message> messages;
  for (auto reply = chain.rbegin(); reply != chain.rend(); ++reply) {
    for (Message& message : messages_of(Json::parse(reply->input, nullptr, false))) messages.push_back(std::move(message));
    Message answer = answer_of(std::move(*reply), fingerprint);
    if (!answer.content.empty() || !answer.calls.empty()) messages.push_back(std::move(answer));
  }
  return messages;
}

Parsed<Json> resolve_references(memory::Reads& reads, Json items) {
  for (Json& item : items) {
    if (item["type"] != "item_reference") continue;
    const std::string id = item["id"].get<std::string>();
    auto reply = reads.reply_of_call(id);
    const Json body = reply ? Json::parse(reply->body, nullptr, false) : Json::object();
    const Json output = body.value("output", Json::array());
    const auto found = std::find_if(output.begin(), output.end(), [&](const Json& one) { return one["id"] == id; });
    if (found == output.end())
      return tl::unexpected(not_found("not_found", "input", "Item with id '" + id +
                                      "' not found. Items are kept of responses with store: true."));
    item = *found;
  }
  return items;
}

}  // namespace praxis::agent::api
