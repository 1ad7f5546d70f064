#include "agent/model/remote_delivery.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace praxis::agent {
namespace {

ParsedDelta delta_of(ParsedDelta::Kind kind, std::string text, std::uint32_t call = 0) {
  ParsedDelta delta;
  delta.kind = kind;
  delta.text = std::move(text);
  delta.call = call;
  return delta;
}

Message message_of(SenderRole role, std::string content) {
  Message message;
  message.role = role;
  message.content = std::move(content);
  return message;
}

}  // namespace

RemoteDelivery::RemoteDelivery(const RemoteCheck& check, const Settings& settings, Model::OnDelta on_delta)
    : check_(check),
      calls_max_(settings.parallel_calls ? settings.budgets.calls_max : std::min(1u, settings.budgets.calls_max)),
      on_delta_(std::move(on_delta)) {}

void RemoteDelivery::take(ParsedDelta delta) {
  switch (delta.kind) {
    case ParsedDelta::Kind::reasoning: return take_reasoning(std::move(delta));
    case ParsedDelta::Kind::text: return take_text(std::move(delta));
    case ParsedDelta::Kind::call_name:
      if (attempt_.refused.empty()) attempt_.call = ToolCall{{}, std::move(delta.text), {}};
      return;
    case ParsedDelta::Kind::call_arguments:
      if (attempt_.refused.empty()) attempt_.call.arguments += delta.text;
      return;
    case ParsedDelta::Kind::call_end:
      if (attempt_.refused.empty()) take_call();
      return;
  }
}

void RemoteDelivery::take_reasoning(ParsedDelta delta) {
  if (attempt_.reasoning.empty() && thought_before_) report(delta_of(ParsedDelta::Kind::reasoning, "\n\n"));
  attempt_.reasoning += delta.text;
  report(std::move(delta));
}

void RemoteDelivery::take_text(ParsedDelta delta) {
  attempt_.text += delta.text;
  if (!holds_text()) report(std::move(delta));
}

void RemoteDelivery::take_call() {
  std::string why = check_.refuse_call(attempt_.call.name, attempt_.call.arguments);
  if (why.empty() && attempt_.calls >= calls_max_) why = "only " + std::to_string(calls_max_) + " calls may be made in one step";
  if (!why.empty()) {
    // What was reported runs already. What the model wants beyond it, it will ask for in the next step.
    if (attempt_.calls > 0) warnings.push_back("a call of " + attempt_.call.name + " was left out: " + why);
    attempt_.refused = std::move(why);
    return;
  }
  flush_text();
  const std::uint32_t index = attempt_.calls++;
  report(delta_of(ParsedDelta::Kind::call_name, attempt_.call.name, index));
  report(delta_of(ParsedDelta::Kind::call_arguments, attempt_.call.arguments, index));
  report(delta_of(ParsedDelta::Kind::call_end, {}, index));
}

void RemoteDelivery::flush_text() {
  if (!holds_text() || std::exchange(flushed_, true)) return;
  std::string text = attempt_.text;
  if (!said_.empty() && !text.empty()) {
    if (text.rfind(said_, 0) == 0) text.erase(0, said_.size());
    else text = "\n\n" + text;
  }
  if (!text.empty()) report(delta_of(ParsedDelta::Kind::text, std::move(text)));
}

void RemoteDelivery::report(ParsedDelta delta) {
  reported_ = true;
  on_delta_(std::move(delta));
}

void RemoteDelivery::restart() {
  attempt_ = Attempt();
  flushed_ = false;
}

std::string RemoteDelivery::conclude(bool cut, bool stopped) {
  refused_answer_ = false;
  if (attempt_.calls > 0) return {};
  if (!attempt_.refused.empty()) return attempt_.refused;
  if (check_.call_required() && !cut && !stopped) return "a call of a tool is required, and none was made";
  std::string why = stopped ? std::string() : check_.refuse_answer(attempt_.text);
  refused_answer_ = !why.empty();
  if (why.empty()) flush_text();
  return why;
}

std::vector<Message> RemoteDelivery::ask_again(const std::string& why) {
  std::vector<Message> out;
  out.push_back(message_of(SenderRole::assistant, attempt_.text));
  out[0].reasoning = attempt_.reasoning;
  const bool called = !attempt_.refused.empty();
  if (called && nlohmann::json::accept(attempt_.call.arguments)) {
    attempt_.call.id = "call_refused_" + std::to_string(attempts_);
    out[0].calls.push_back(attempt_.call);
    out.push_back(message_of(SenderRole::tool, "Error: " + why + ". The call was not made; correct it."));
    out[1].call_id = attempt_.call.id;
  } else {
    // Servers refuse a history whose arguments are no JSON, and a message that says nothing.
    if (called) out[0].content += (out[0].content.empty() ? "" : "\n\n") + attempt_.call.name + " " + attempt_.call.arguments;
    if (out[0].content.empty()) out[0].content = "(no answer)";
    out.push_back(message_of(SenderRole::user, "That was refused: " + why + ". Try again."));
  }
  if (!holds_text()) said_ += attempt_.text;
  thought_before_ = thought_before_ || !attempt_.reasoning.empty();
  ++attempts_;
  reported_ = false;
  restart();
  return out;
}

}  // namespace praxis::agent
