// What the server says of itself and its model: models, tokenize, apply-template, health, metrics.

#include <cstdio>

#include "agent/api/handlers.h"
#include "agent/api/decoding.h"
#include "agent/api/listing.h"

namespace praxis::agent::api {

namespace asio = boost::asio;

namespace {

Json model_json(const Service& service, const ModelName& name) {
  Json out;
  out["id"] = name.id;
  out["object"] = "model";
  out["created"] = service.started();
  out["owned_by"] = "praxis";
  if (const LocalModel* local = service.local()) out["max_model_len"] = local->info().context_tokens_max;
  return out;
}

/// The answer of a request that is read and worked on away from the event loop.
template <class Work>
asio::awaitable<void> answer(http::Exchange& exchange, Service& service, Work work) {
  auto make = [&]() -> http::Reply {
    if (!service.local()) {
      ApiError error;
      error.status = 501;
      error.code = "not_implemented";
      error.message = "the model is elsewhere; its tokenizer is not known here";
      return to_reply(error);
    }
    auto body = read_json(exchange.request().body);
    if (!body) return to_reply(body.error());
    Parsed<Json> result = work(*service.local(), *body);
    return result ? json_reply(*result) : to_reply(result.error());
  };
  co_await reply_from(exchange, service, std::move(make));
}

Parsed<StepInput> read_conversation(Service& service, const Json& body) {
  auto request = read_chat_request(body, {service.defaults(service.options().names.front()), Compat::tolerant});
  if (!request) return tl::unexpected(request.error());
  reattach(service.store(), service.model().fingerprint(), request->input.messages);
  return std::move(request->input);
}

}  // namespace

asio::awaitable<void> models(http::Exchange& exchange, Service& service) {
  Json list;
  list["object"] = "list";
  list["data"] = Json::array();
  for (const ModelName& name : service.options().names) list["data"].push_back(model_json(service, name));
  http::Reply reply = json_reply(list);
  co_await exchange.reply(std::move(reply));
}

asio::awaitable<void> model(http::Exchange& exchange, Service& service) {
  const std::string& path = exchange.request().path;
  auto name = service.resolve(path.substr(path.rfind('/') + 1));
  http::Reply reply = name ? json_reply(model_json(service, *name)) : to_reply(name.error());
  co_await exchange.reply(std::move(reply));
}

/// The shapes of vLLM ({prompt} or {messages} -> count, max_model_len, tokens) and of llama.cpp
/// ({content} -> tokens) in one.
asio::awaitable<void> tokenize(http::Exchange& exchange, Service& service) {
  auto work = [&service](const LocalModel& model, const Json& body) -> Parsed<Json> {
    Json ids = Json::array();
    if (body.contains("messages")) {
      auto input = read_conversation(service, body);
      if (!input) return tl::unexpected(input.error());
      auto prompt = model.prompt(*input);
      if (!prompt) return tl::unexpected(to_api(prompt.error()));
      for (const auto& token : *prompt) ids.push_back(token.id);
    } else {
      std::string text;
      Fields fields(body, "");
      fields.text("content", text);
      fields.text("prompt", text);
      if (!fields.has("content") && !fields.has("prompt")) fields.refuse("prompt", "is missing; so are content and messages");
      if (fields.failed()) return fields.error();
      for (const auto id : model.tokenizer().encode_text(text)) ids.push_back(id);
    }
    Json out;
    out["count"] = ids.size();
    out["max_model_len"] = model.info().context_tokens_max;
    out["tokens"] = std::move(ids);
    return out;
  };
  co_await answer(exchange, service, work);
}

asio::awaitable<void> detokenize(http::Exchange& exchange, Service& service) {
  auto work = [](const LocalModel& model, const Json& body) -> Parsed<Json> {
    const auto tokens = body.find("tokens");
    if (tokens == body.end() || !tokens->is_array()) return refuse("tokens", "tokens must be an array of token ids");
    std::vector<engine::TokenId> ids;
    for (const Json& id : *tokens) {
      if (!id.is_number_integer() || id.get<std::int64_t>() < 0 || id.get<std::int64_t>() >= model.info().vocab_size)
        return refuse("tokens", "tokens must be ids from 0 to " + std::to_string(model.info().vocab_size - 1));
      ids.push_back(id.get<engine::TokenId>());
    }
    Json out;
    out["prompt"] = out["content"] = model.tokenizer().decode(ids);
    return out;
  };
  co_await answer(exchange, service, work);
}

/// llama.cpp's: {messages} -> {prompt}. Text that spells a control token looks like one here, but is
/// none in the model's input: /tokenize tells them apart.
asio::awaitable<void> apply_template(http::Exchange& exchange, Service& service) {
  auto work = [&service](const LocalModel& model, const Json& body) -> Parsed<Json> {
    auto input = read_conversation(service, body);
    if (!input) return tl::unexpected(input.error());
    std::string text;
    for (const Segment& segment : model.segments(*input))
      text += segment.kind == Segment::Kind::ids ? model.tokenizer().decode(segment.ids) : segment.text;
    Json out;
    out["prompt"] = std::move(text);
    return out;
  };
  co_await answer(exchange, service, work);
}

asio::awaitable<void> health(http::Exchange& exchange, Service& service) {
  Json out;
  out["status"] = "ok";
  out["requests"] = service.under_way();
  out["requests_max"] = service.options().requests_max;
  out["runs"] = service.runs_under_way();
  out["runs_max"] = service.options().runs_max;
  http::Reply reply = json_reply(out);
  co_await exchange.reply(std::move(reply));
}

/// Prometheus' text format, version 0.0.4.
asio::awaitable<void> metrics(http::Exchange& exchange, Service& service) {
  const Counters& counters = service.counters();
  std::string out;
  const auto counter = [&out](std::string_view name, std::string_view help, double value, std::string_view type = "counter") {
    char number[32];
    std::snprintf(number, sizeof number, "%.17g", value);
    out.append("# HELP praxis_").append(name).append(" ").append(help).append("\n# TYPE praxis_").append(name).append(" ");
    out.append(type).append("\npraxis_").append(name).append(" ").append(number).append("\n");
  };
  counter("requests_under_way", "Requests that decode or wait for it.", service.under_way(), "gauge");
  counter("runs_under_way", "Runs at work or waiting for somebody's word.", service.runs_under_way(), "gauge");
  counter("requests_refused_total", "Requests answered 429: too many under way.", static_cast<double>(counters.refused_overload));
  counter("clients_lost_total", "Clients that left before their answer was whole.", static_cast<double>(counters.clients_lost));
  counter("prompt_tokens_total", "Tokens of prompts.", static_cast<double>(counters.prompt_tokens));
  counter("cached_tokens_total", "Of these, found in the KV cache.", static_cast<double>(counters.cached_tokens));
  counter("output_tokens_total", "Tokens generated or forced.", static_cast<double>(counters.output_tokens));
  counter("reasoning_tokens_total", "Of these, thinking.", static_cast<double>(counters.reasoning_tokens));
  counter("prefill_seconds_total", "Time spent on prompts.", counters.prefill_seconds);
  counter("decode_seconds_total", "Time spent on output.", counters.decode_seconds);
  out += "# HELP praxis_first_token_seconds From a request to its first token.\n# TYPE praxis_first_token_seconds summary\n";
  out += "praxis_first_token_seconds_sum " + std::to_string(counters.first_token_seconds) + "\n";
  out += "praxis_first_token_seconds_count " + std::to_string(counters.first_tokens) + "\n";
  out += "# HELP praxis_http_requests_total Requests by route and status.\n# TYPE praxis_http_requests_total counter\n";
  for (const auto& [key, count] : counters.requests)
    out += "praxis_http_requests_total{route=\"" + key.first + "\",status=\"" + std::to_string(key.second) + "\"} " +
           std::to_string(count) + "\n";
  http::Reply reply;
  reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
  reply.body = std::move(out);
  co_await exchange.reply(std::move(reply));
}

}  // namespace praxis::agent::api
