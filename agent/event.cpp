#include "agent/event.h"

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

Json usage_json(const Usage& usage) {
  Json out;
  out["steps"] = usage.steps;
  out["calls"] = usage.calls;
  out["prompt_tokens"] = usage.prompt_tokens;
  out["cached_tokens"] = usage.cached_tokens;
  out["output_tokens"] = usage.output_tokens;
  out["forced_tokens"] = usage.forced_tokens;
  out["reasoning_tokens"] = usage.reasoning_tokens;
  out["prefill_seconds"] = usage.prefill_seconds;
  out["decode_seconds"] = usage.decode_seconds;
  out["wall_seconds"] = usage.wall_seconds;
  if (usage.cost != 0) out["cost"] = usage.cost;
  return out;
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

std::string to_json(const Usage& usage) { return usage_json(usage).dump(); }

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

std::string to_json(const Event& event) {
  Json out;
  out["type"] = to_string(event.type);
  switch (event.type) {
    case Event::Type::run_started:
      out["run"] = event.run_id;
      out["conversation"] = event.conversation_id;
      out["resumed"] = event.resumed;
      break;
    case Event::Type::warning: out["text"] = event.text; break;
    case Event::Type::reasoning_delta:
    case Event::Type::text_delta:
      out["text"] = event.text;
      if (!event.logprobs.empty()) out["logprobs"] = to_json(event.logprobs);
      break;
    case Event::Type::step_started:
    case Event::Type::step_restarted: out["step"] = event.step; break;
    case Event::Type::call_arguments:
      out["name"] = event.call.name;
      out["id"] = event.call.id;
      out["text"] = event.text;
      break;
    case Event::Type::call_approval:
    case Event::Type::call_started:
      out["id"] = event.call.id;
      out["name"] = event.call.name;
      // What no tool would be given either (no object, nested too deep) is shown as text.
      if (tools::check_json(event.call.arguments, tools::JsonShape::object))
        out["arguments"] = Json::parse(event.call.arguments, nullptr, false);
      else
        out["arguments"] = event.call.arguments;
      break;
    case Event::Type::call_progress:
      out["id"] = event.call.id;
      out["text"] = event.text;
      break;
    case Event::Type::call_finished:
      out["id"] = event.call.id;
      out["name"] = event.call.name;
      out["status"] = tools::to_string(event.result.status);
      out["result"] = event.result.text;
      out["truncated"] = event.result.truncated;
      out["wall_ms"] = event.result.wall_ms;
      break;
    case Event::Type::step_finished:
      out["step"] = event.step;
      out["usage"] = usage_json(event.usage);
      break;
    case Event::Type::run_parked:
    case Event::Type::run_finished:
      out["run"] = event.run_id;
      out["conversation"] = event.conversation_id;
      out["status"] = to_string(event.status);
      out["answer"] = event.text;
      for (const auto& [passage, written] : event.citations)
        out["citations"].push_back(
            {{"file", passage.file}, {"line", passage.line}, {"text", passage.text}, {"by", written ? "model" : "words"}});
      if (!event.error.empty()) out["error"] = event.error;
      out["usage"] = usage_json(event.usage);
      break;
  }
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace praxis::agent
