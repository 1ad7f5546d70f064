#include "agent/api/chat_reply.h"

#include "agent/event.h"

namespace praxis::agent::api {

namespace {

Json call_json(const ToolCall& call, std::size_t index) {
  Json out;
  out["index"] = index;
  out["id"] = call.id;
  out["type"] = "function";
  out["function"]["name"] = call.name;
  out["function"]["arguments"] = call.arguments;
  return out;
}

}  // namespace

Json logprobs_json(const std::vector<TokenLogprob>& content, const std::vector<TokenLogprob>& reasoning) {
  if (content.empty() && reasoning.empty()) return nullptr;
  Json out;
  out["content"] = to_json(content);
  if (!reasoning.empty()) out["reasoning_content"] = to_json(reasoning);
  return out;
}

ChatReply::ChatReply(const ChatRequest& request, std::string id, std::string model, std::string_view fingerprint,
                     std::int64_t created)
    : id_(std::move(id)),
      model_(std::move(model)),
      include_usage_(request.include_usage),
      own_chunk_(request.usage_style == UsageStyle::own_chunk),
      logprobs_(request.input.settings.logprobs.has_value()),
      said_(request.choices),
      usage_(request.choices),
      finish_reasons_(request.choices),
      open_(request.choices) {
  const std::string rest = ",\"created\":" + std::to_string(created) + ",\"model\":" + dump(Json(model_)) +
                           ",\"system_fingerprint\":" + dump(Json("fp_" + std::string(fingerprint.substr(0, 16))));
  const std::string begin = "{\"id\":" + dump(Json(id_)) + ",\"object\":\"chat.completion";
  head_ = "data: " + begin + ".chunk\"" + rest + ",\"choices\":[";
  whole_head_ = begin + "\"" + rest + ",\"choices\":[";
}

/// Up to and with `"delta":`.
void ChatReply::chunk_head(std::string& out, std::uint32_t choice) const {
  out += head_;
  out += "{\"index\":";
  out += std::to_string(choice);
  out += ",\"delta\":";
}

namespace {

/// About what a chunk has besides its head and its text: allocated once, not as it grows.
constexpr std::size_t kFrameBytes = 192;

constexpr std::string_view kUnfinished = ",\"logprobs\":null,\"finish_reason\":null}]";

void end_chunk(std::string& out, bool null_usage) {
  if (null_usage) out += ",\"usage\":null";
  out += "}\n\n";
}

}  // namespace

void ChatReply::open(std::string& out) const {
  for (std::uint32_t choice = 0; choice < said_.size(); ++choice) {
    chunk_head(out, choice);
    out += R"({"role":"assistant","content":null,"reasoning_content":null})";
    out += kUnfinished;
    end_chunk(out, include_usage_);
  }
}

void ChatReply::delta(std::string& out, std::uint32_t choice, const ParsedDelta& delta) {
  Said& said = said_[choice];
  said.add(delta);
  if (delta.kind == ParsedDelta::Kind::call_end) return;
  out.reserve(out.size() + head_.size() + delta.text.size() + kFrameBytes);
  chunk_head(out, choice);
  switch (delta.kind) {
    case ParsedDelta::Kind::reasoning:
      out += "{\"content\":null,\"reasoning_content\":";
      append_string(out, delta.text);
      break;
    case ParsedDelta::Kind::text:
      out += "{\"content\":";
      append_string(out, delta.text);
      break;
    case ParsedDelta::Kind::call_name: {
      out += "{\"tool_calls\":[";
      out += dump(call_json(said.calls.at(delta.call), delta.call));
      out += ']';
      break;
    }
    case ParsedDelta::Kind::call_arguments:
      out += "{\"tool_calls\":[{\"index\":";
      out += std::to_string(delta.call);
      out += ",\"function\":{\"arguments\":";
      append_string(out, delta.text);
      out += "}}]";
      break;
    case ParsedDelta::Kind::call_end: break;
  }
  out += '}';
  if (delta.logprobs.empty()) {
    out += kUnfinished;
  } else {
    const bool thinking = delta.kind == ParsedDelta::Kind::reasoning;
    out += ",\"logprobs\":";
    out += dump(thinking ? logprobs_json({}, delta.logprobs) : logprobs_json(delta.logprobs, {}));
    out += ",\"finish_reason\":null}]";
  }
  end_chunk(out, include_usage_);
}

std::string_view ChatReply::finish_reason(std::uint32_t choice, const StepOutput& output) const {
  if (output.cut || output.finish == engine::Finish::length) return "length";
  return said_[choice].calls.empty() ? "stop" : "tool_calls";
}

void ChatReply::add_finish(std::uint32_t choice, const StepOutput& output) {
  usage_[choice] = output.usage;
  finish_reasons_[choice] = finish_reason(choice, output);
  --open_;
}

void ChatReply::finish(std::string& out, std::uint32_t choice, const StepOutput& output) {
  add_finish(choice, output);
  chunk_head(out, choice);
  out += said_[choice].content.empty() ? "{}" : R"({"content":""})";
  out += ",\"logprobs\":null,\"finish_reason\":\"" + finish_reasons_[choice] + "\"}]";
  if (finished() && !own_chunk_) out += ",\"usage\":" + usage_json(usage_);
  end_chunk(out, include_usage_ && (own_chunk_ || !finished()));
}

void ChatReply::close(std::string& out) const {
  if (own_chunk_) out += head_ + "],\"usage\":" + usage_json(usage_) + "}\n\n";
  out += "data: [DONE]\n\n";
}

std::string ChatReply::whole() const {
  std::string out = whole_head_;
  for (std::size_t i = 0; i < said_.size(); ++i) {
    const Said& said = said_[i];
    Json choice;
    choice["index"] = i;
    Json& message = choice["message"];
    message["role"] = "assistant";
    message["content"] = said.content.empty() && !said.calls.empty() ? Json(nullptr) : Json(said.content);
    if (!said.reasoning.empty()) message["reasoning_content"] = said.reasoning;
    for (std::size_t k = 0; k < said.calls.size(); ++k) message["tool_calls"].push_back(call_json(said.calls[k], k));
    choice["logprobs"] = logprobs_ ? logprobs_json(said.content_logprobs, said.reasoning_logprobs) : Json(nullptr);
    choice["finish_reason"] = finish_reasons_[i];
    if (i > 0) out += ',';
    out += dump(choice);
  }
  out += "],\"usage\":" + usage_json(usage_) + "}";
  return out;
}

}  // namespace praxis::agent::api
