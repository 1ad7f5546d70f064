#include "agent/api/responses_reply.h"

#include <charconv>
#include <cstdlib>
#include <utility>

#include "agent/api/chat_reply.h"
#include "agent/api/responses_items.h"
#include "agent/call_id.h"

namespace praxis::agent::api {

namespace {

constexpr std::string_view kPrefixes[] = {"rs_", "msg_", "fc_", "ctc_"};  // by Item::Kind

Json text_logprobs(const std::vector<TokenLogprob>& tokens) {
  return tokens.empty() ? Json::array() : logprobs_json(tokens, {})["content"];
}

/// The double that is written like the float: 0.95, not 0.949999988079071.
double as_written(float value) {
  char text[32] = {};
  std::to_chars(text, text + sizeof text - 1, value);
  return std::strtod(text, nullptr);
}

/// The codes that clients know by name.
std::string error_code(const ApiError& error) {
  return error.status >= 500 ? "server_error" : error.code;
}

}  // namespace

Json responses_usage(const Usage& usage) {
  Json out;
  out["input_tokens"] = usage.prompt_tokens;
  out["input_tokens_details"]["cached_tokens"] = usage.cached_tokens;
  out["input_tokens_details"]["cache_write_tokens"] = usage.prompt_tokens - usage.cached_tokens;
  out["output_tokens"] = usage.output_tokens;
  out["output_tokens_details"]["reasoning_tokens"] = usage.reasoning_tokens;
  out["total_tokens"] = usage.prompt_tokens + usage.output_tokens;
  return out;
}

ResponsesReply::ResponsesReply(ResponsesRequest request, ResponseHead head)
    : request_(std::move(request)), head_(std::move(head)), base_(request_.echo), created_(head_.clock()) {
  const Settings& settings = request_.input.settings;
  base_["temperature"] = as_written(settings.temperature.value_or(head_.recommended.temperature));
  base_["top_p"] = as_written(settings.top_p.value_or(head_.recommended.top_p));
  base_["previous_response_id"] = request_.previous_id.empty() ? Json(nullptr) : Json(request_.previous_id);
  base_["store"] = request_.store;
}

Json ResponsesReply::response() const {
  Json out;
  out["id"] = head_.id;
  out["object"] = "response";
  out["created_at"] = created_;
  out["status"] = status_;
  out["completed_at"] = completed_ > 0 ? Json(completed_) : Json(nullptr);
  out["error"] = nullptr;
  if (error_) out["error"] = {{"code", error_code(*error_)}, {"message", error_->message}};
  out["incomplete_details"] = nullptr;
  if (status_ == "incomplete") out["incomplete_details"] = {{"reason", "max_output_tokens"}};
  out["model"] = head_.model;
  out["output"] = Json::array();
  for (const Item& item : items_) out["output"].push_back(item_json(item));
  out["usage"] = completed_ > 0 ? responses_usage(usage_) : Json(nullptr);
  for (const auto& [key, value] : base_.items()) out[key] = value;
  return out;
}

Json ResponsesReply::part(const Item& item, const std::string& text) const {
  Json out;
  const char* thought = request_.summary ? "summary_text" : "reasoning_text";
  out["type"] = item.kind == Item::Kind::message ? "output_text" : thought;
  if (item.kind == Item::Kind::message) {
    out["annotations"] = Json::array();
    out["logprobs"] = text_logprobs(text.empty() ? std::vector<TokenLogprob>() : item.logprobs);
  }
  out["text"] = text;
  return out;
}

Json ResponsesReply::item_json(const Item& item) const {
  Json out;
  out["id"] = item.id;
  const bool empty = item.text.empty() && item.status == "in_progress";
  switch (item.kind) {
    case Item::Kind::reasoning:
      out["type"] = "reasoning";
      out["summary"] = Json::array();
      if (!request_.summary) out["content"] = Json::array();
      if (!empty) out[request_.summary ? "summary" : "content"].push_back(part(item, item.text));
      break;
    case Item::Kind::message:
      out["type"] = "message";
      out["role"] = "assistant";
      out["content"] = Json::array();
      if (!empty) out["content"].push_back(part(item, item.text));
      break;
    case Item::Kind::function:
      out["type"] = "function_call";
      out["arguments"] = item.text;
      break;
    case Item::Kind::custom:
      out["type"] = "custom_tool_call";
      out["input"] = custom_input(item.text);
      break;
  }
  if (!item.call_id.empty()) {
    out["call_id"] = item.call_id;
    out["name"] = item.tool.name;
    if (!item.tool.space.empty()) out["namespace"] = item.tool.space;
  }
  out["status"] = item.status;
  return out;
}

void ResponsesReply::event(std::string& out, std::string_view type, std::string_view rest) {
  if (!streams()) return;
  out.append("event: ").append(type).append("\ndata: {\"type\":\"").append(type);
  out.append("\",\"sequence_number\":").append(std::to_string(events_++)).append(rest).append("}\n\n");
}

void ResponsesReply::response_event(std::string& out, std::string_view type) {
  if (streams()) event(out, type, ",\"response\":" + dump(response()));
}

void ResponsesReply::item_event(std::string& out, std::string_view type) {
  if (!streams()) return;
  const std::string index = std::to_string(items_.size() - 1);
  event(out, type, ",\"output_index\":" + index + ",\"item\":" + dump(item_json(items_.back())));
}

void ResponsesReply::part_event(std::string& out, std::string_view type, const std::string& text) {
  if (streams()) event(out, type, place_ + ",\"part\":" + dump(part(items_.back(), text)));
}

void ResponsesReply::text_event(std::string& out, std::string_view type, std::string_view key, std::string_view text,
                                const std::vector<TokenLogprob>& logprobs) {
  if (!streams()) return;
  std::string rest = place_;
  rest.append(",\"").append(key).append("\":");
  append_string(rest, text);
  if (items_.back().kind == Item::Kind::message) rest += ",\"logprobs\":" + dump(text_logprobs(logprobs));
  event(out, type, rest);
}

void ResponsesReply::open(std::string& out) {
  response_event(out, "response.created");
  response_event(out, "response.in_progress");
}

void ResponsesReply::delta(std::string& out, std::uint32_t, const ParsedDelta& delta) {
  said_.add(delta);
  switch (delta.kind) {
    case ParsedDelta::Kind::reasoning: return add_text(out, Item::Kind::reasoning, delta);
    case ParsedDelta::Kind::text: return add_text(out, Item::Kind::message, delta);
    case ParsedDelta::Kind::call_name: return add_call(out, said_.calls.back());
    case ParsedDelta::Kind::call_arguments: return add_arguments(out, delta);
    case ParsedDelta::Kind::call_end: return end_item(out);
  }
}

ResponsesReply::Item& ResponsesReply::begin_item(Item::Kind kind) {
  Item& item = items_.emplace_back();
  item.kind = kind;
  item.id = unguessable_id(kPrefixes[static_cast<std::size_t>(kind)]);
  place_ = ",\"item_id\":\"" + item.id + "\",\"output_index\":" + std::to_string(items_.size() - 1);
  if (kind == Item::Kind::message) place_ += ",\"content_index\":0";
  if (kind == Item::Kind::reasoning) place_ += request_.summary ? ",\"summary_index\":0" : ",\"content_index\":0";
  item_open_ = true;
  return item;
}

void ResponsesReply::add_text(std::string& out, Item::Kind kind, const ParsedDelta& delta) {
  const bool summary = kind == Item::Kind::reasoning && request_.summary;
  if (!item_open_ || items_.back().kind != kind) {
    end_item(out);
    begin_item(kind);
    item_event(out, "response.output_item.added");
    part_event(out, summary ? "response.reasoning_summary_part.added" : "response.content_part.added", "");
  }
  Item& item = items_.back();
  item.text += delta.text;
  std::string_view type = "response.output_text.delta";
  if (kind == Item::Kind::message) item.logprobs.insert(item.logprobs.end(), delta.logprobs.begin(), delta.logprobs.end());
  else type = summary ? "response.reasoning_summary_text.delta" : "response.reasoning_text.delta";
  text_event(out, type, "delta", delta.text, delta.logprobs);
}

void ResponsesReply::add_call(std::string& out, const ToolCall& call) {
  end_item(out);
  // A name that was not offered can come from a model that writes without a mask.
  WireTool tool;
  tool.called = tool.name = call.name;
  for (const WireTool& one : request_.tools)
    if (one.called == call.name) tool = one;
  Item& item = begin_item(tool.custom ? Item::Kind::custom : Item::Kind::function);
  item.call_id = call.id;
  item.tool = std::move(tool);
  item_event(out, "response.output_item.added");
}

/// A custom tool's input is known when its JSON is whole.
void ResponsesReply::add_arguments(std::string& out, const ParsedDelta& delta) {
  Item& item = items_.back();
  item.text += delta.text;
  if (item.kind == Item::Kind::function) text_event(out, "response.function_call_arguments.delta", "delta", delta.text);
}

void ResponsesReply::end_item(std::string& out) {
  if (!std::exchange(item_open_, false)) return;
  Item& item = items_.back();
  if (item.status == "in_progress") item.status = "completed";
  if (item.call_id.empty()) end_text(out, item);
  else end_call(out, item);
  item_event(out, "response.output_item.done");
}

void ResponsesReply::end_text(std::string& out, const Item& item) {
  if (item.kind == Item::Kind::message) {
    text_event(out, "response.output_text.done", "text", item.text, item.logprobs);
    part_event(out, "response.content_part.done", item.text);
  } else if (request_.summary) {
    text_event(out, "response.reasoning_summary_text.done", "text", item.text);
    part_event(out, "response.reasoning_summary_part.done", item.text);
  } else {
    text_event(out, "response.reasoning_text.done", "text", item.text);
    part_event(out, "response.content_part.done", item.text);
  }
}

void ResponsesReply::end_call(std::string& out, const Item& item) {
  if (item.kind == Item::Kind::function)
    return text_event(out, "response.function_call_arguments.done", "arguments", item.text);
  const std::string input = custom_input(item.text);
  text_event(out, "response.custom_tool_call_input.delta", "delta", input);
  text_event(out, "response.custom_tool_call_input.done", "input", input);
}

void ResponsesReply::settle(const StepOutput& output) {
  const bool cut = output.cut || output.finish != engine::Finish::stop;
  status_ = cut ? "incomplete" : "completed";
  usage_ = output.usage;
  completed_ = head_.clock();
  if (!item_open_) return;
  // A call that was not closed is not whole, however the step ended.
  Item& last = items_.back();
  last.status = cut || !last.call_id.empty() ? "incomplete" : "completed";
}

std::optional<Kept> ResponsesReply::kept(std::uint32_t, const StepOutput& output) {
  settle(output);
  if (!request_.store && said_.calls.empty()) return std::nullopt;
  Kept kept{reply_row(head_.id, said_, output, head_.fingerprint), call_ids(said_)};
  if (!request_.store) return kept;
  kept.row.previous_id = request_.previous_id;
  kept.row.input = dump(request_.items);
  kept.row.body = dump(response());
  for (const Item& item : items_) kept.ids.push_back(item.id);
  return kept;
}

void ResponsesReply::finish(std::string& out, std::uint32_t, const StepOutput&) { end_item(out); }

void ResponsesReply::close(std::string& out) {
  if (streams()) response_event(out, "response." + status_);
  else out += dump(response()) + "\n";
}

void ResponsesReply::fail(std::string& out, const ApiError& error) {
  status_ = "failed";
  error_ = error;
  if (streams()) response_event(out, "response.failed");
  else out += error_json(error) + "\n";
}

}  // namespace praxis::agent::api
