#include "agent/event.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/json_check.h"

namespace praxis::agent {

using Json = nlohmann::ordered_json;

void Usage::add(const Usage& other) {
  steps += other.steps;
  calls += other.calls;
  prompt_tokens += other.prompt_tokens;
  cached_tokens += other.cached_tokens;
  output_tokens += other.output_tokens;
  forced_tokens += other.forced_tokens;
  reasoning_tokens += other.reasoning_tokens;
  prefill_seconds += other.prefill_seconds;
  decode_seconds += other.decode_seconds;
  wall_seconds += other.wall_seconds;
  cost += other.cost;
}

std::string_view to_string(RunStatus status) {
  switch (status) {
    case RunStatus::completed: return "completed";
    case RunStatus::length: return "length";
    case RunStatus::limit: return "limit";
    case RunStatus::cancelled: return "cancelled";
    case RunStatus::failed: return "failed";
  }
  return "failed";
}

std::optional<RunStatus> run_status_from(std::string_view text) {
  for (auto status : {RunStatus::completed, RunStatus::length, RunStatus::limit, RunStatus::cancelled, RunStatus::failed})
    if (to_string(status) == text) return status;
  return std::nullopt;
}

std::string_view to_string(Event::Type type) {
  switch (type) {
    case Event::Type::run_started: return "run.started";
    case Event::Type::warning: return "warning";
    case Event::Type::step_started: return "step.started";
    case Event::Type::reasoning_delta: return "reasoning.delta";
    case Event::Type::text_delta: return "text.delta";
    case Event::Type::call_arguments: return "call.arguments.delta";
    case Event::Type::call_approval: return "call.approval_required";
    case Event::Type::call_started: return "call.started";
    case Event::Type::call_progress: return "call.progress";
    case Event::Type::call_finished: return "call.finished";
    case Event::Type::step_finished: return "step.finished";
    case Event::Type::step_restarted: return "step.restarted";
    case Event::Type::run_parked: return "run.parked";
    case Event::Type::run_finished: return "run.finished";
  }
  return "warning";
}

bool is_progress(Event::Type type) {
  switch (type) {
    case Event::Type::warning:
    case Event::Type::step_started:
    case Event::Type::step_restarted:
    case Event::Type::reasoning_delta:
    case Event::Type::text_delta:
    case Event::Type::call_arguments:
    case Event::Type::call_progress: return true;
    default: return false;
  }
}

namespace {

/// Writes one JSON object as nlohmann's dump() would, without the tree of values in between: events are
/// made several times in each step.
class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_ += '{'; }
  void end() { out_ += '}'; }

  std::string& key(std::string_view name) {
    if (out_.back() != '{') out_ += ',';
    out_ += '"';
    out_ += name;
    return out_ += "\":";
  }
  void text(std::string_view name, std::string_view value) {
    key(name);
    const auto plain = [](char c) { return c >= ' ' && c <= '~' && c != '"' && c != '\\'; };
    if (std::all_of(value.begin(), value.end(), plain)) {
      out_ += '"';
      out_ += value;
      out_ += '"';
    } else {
      out_ += Json(value).dump(-1, ' ', false, Json::error_handler_t::replace);
    }
  }
  void flag(std::string_view name, bool value) { key(name) += value ? "true" : "false"; }
  void number(std::string_view name, std::uint64_t value) { key(name) += std::to_string(value); }
  void real(std::string_view name, double value) { key(name) += value == 0 ? "0.0" : Json(value).dump(); }

 private:
  std::string& out_;
};

void write(std::string& out, const Usage& usage) {
  Object object(out);
  object.number("steps", usage.steps);
  object.number("calls", usage.calls);
  object.number("prompt_tokens", usage.prompt_tokens);
  object.number("cached_tokens", usage.cached_tokens);
  object.number("output_tokens", usage.output_tokens);
  object.number("forced_tokens", usage.forced_tokens);
  object.number("reasoning_tokens", usage.reasoning_tokens);
  object.real("prefill_seconds", usage.prefill_seconds);
  object.real("decode_seconds", usage.decode_seconds);
  object.real("wall_seconds", usage.wall_seconds);
  if (usage.cost != 0) object.real("cost", usage.cost);
  object.end();
}

/// Arguments as the model wrote them, on one line. What no tool would be given either (no object,
/// nested too deep) is shown as text.
void write_arguments(Object& object, const std::string& arguments) {
  if (!tools::check_json(arguments, tools::JsonShape::object)) return object.text("arguments", arguments);
  std::string& out = object.key("arguments");
  // Strict JSON has line breaks between values only.
  const std::size_t begin = out.size();
  out += arguments;
  std::replace_if(out.begin() + static_cast<std::ptrdiff_t>(begin), out.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
}

Json token_json(const std::string& bytes, float logprob) {
  Json out;
  out["token"] = bytes;
  out["logprob"] = logprob;
  out["bytes"] = Json::array();
  for (const char byte : bytes) out["bytes"].push_back(static_cast<unsigned char>(byte));
  return out;
}

}  // namespace

Json to_json(const std::vector<TokenLogprob>& logprobs) {
  Json out = Json::array();
  for (const TokenLogprob& one : logprobs) {
    Json token = token_json(one.bytes, one.logprob);
    token["top_logprobs"] = Json::array();
    for (const auto& [bytes, logprob] : one.top) token["top_logprobs"].push_back(token_json(bytes, logprob));
    out.push_back(std::move(token));
  }
  return out;
}

std::string to_json(const Usage& usage) {
  std::string out;
  write(out, usage);
  return out;
}

Usage usage_from_json(const std::string& json) {
  Json from = Json::parse(json, nullptr, false);
  Usage usage;
  if (!from.is_object()) return usage;
  auto read = [&](const char* key, auto& into) {
    auto it = from.find(key);
    if (it != from.end() && it->is_number()) it->get_to(into);
  };
  read("steps", usage.steps);
  read("calls", usage.calls);
  read("prompt_tokens", usage.prompt_tokens);
  read("cached_tokens", usage.cached_tokens);
  read("output_tokens", usage.output_tokens);
  read("forced_tokens", usage.forced_tokens);
  read("reasoning_tokens", usage.reasoning_tokens);
  read("prefill_seconds", usage.prefill_seconds);
  read("decode_seconds", usage.decode_seconds);
  read("wall_seconds", usage.wall_seconds);
  read("cost", usage.cost);
  return usage;
}

namespace {

void write_end_of_run(Object& object, const Event& event) {
  object.text("run", event.run_id);
  object.text("conversation", event.conversation_id);
  object.text("status", to_string(event.status));
  object.text("answer", event.text);
  if (!event.citations.empty()) {
    Json citations;
    for (const auto& [passage, written] : event.citations)
      citations.push_back(
          {{"file", passage.file}, {"line", passage.line}, {"text", passage.text}, {"by", written ? "model" : "words"}});
    object.key("citations") += citations.dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  if (!event.error.empty()) object.text("error", event.error);
  write(object.key("usage"), event.usage);
}

void write_result(Object& object, const ToolCall& call, const tools::ToolResult& result) {
  object.text("id", call.id);
  object.text("name", call.name);
  object.text("status", tools::to_string(result.status));
  object.text("result", result.text);
  object.flag("truncated", result.truncated);
  object.number("wall_ms", result.wall_ms);
}

}  // namespace

std::string to_json(const Event& event) {
  std::string out;
  Object object(out);
  object.text("type", to_string(event.type));
  switch (event.type) {
    case Event::Type::run_started:
      object.text("run", event.run_id);
      object.text("conversation", event.conversation_id);
      object.flag("resumed", event.resumed);
      break;
    case Event::Type::warning: object.text("text", event.text); break;
    case Event::Type::reasoning_delta:
    case Event::Type::text_delta:
      object.text("text", event.text);
      if (!event.logprobs.empty())
        object.key("logprobs") += to_json(event.logprobs).dump(-1, ' ', false, Json::error_handler_t::replace);
      break;
    case Event::Type::step_started:
    case Event::Type::step_restarted: object.number("step", event.step); break;
    case Event::Type::call_arguments:
      object.text("name", event.call.name);
      object.text("id", event.call.id);
      object.text("text", event.text);
      break;
    case Event::Type::call_approval:
    case Event::Type::call_started:
      object.text("id", event.call.id);
      object.text("name", event.call.name);
      write_arguments(object, event.call.arguments);
      break;
    case Event::Type::call_progress:
      object.text("id", event.call.id);
      object.text("text", event.text);
      break;
    case Event::Type::call_finished: write_result(object, event.call, event.result); break;
    case Event::Type::step_finished:
      object.number("step", event.step);
      write(object.key("usage"), event.usage);
      break;
    case Event::Type::run_parked:
    case Event::Type::run_finished: write_end_of_run(object, event); break;
  }
  object.end();
  return out;
}

}  // namespace praxis::agent
