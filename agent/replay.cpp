#include "agent/replay.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "agent/event.h"

namespace praxis::agent {

namespace {

/// Takes `text` off the front of `told`; what told does not have is new.
std::optional<std::string> beyond(std::string& told, const std::string& text) {
  const std::size_t known = std::min(told.size(), text.size());
  if (told.compare(0, known, text, 0, known) != 0) return std::nullopt;
  told.erase(0, known);
  return text.substr(known);
}

}  // namespace

Replay Replay::of(std::span<const memory::JournalEvent> journal, std::uint32_t step) {
  Replay replay;
  std::uint32_t at = 0;  // the step that the rows are about
  for (const memory::JournalEvent& row : journal) {
    if (row.type == "step.finished") at = 0;
    const bool restarted = row.type == to_string(Event::Type::step_restarted);
    const bool started = row.type == to_string(Event::Type::step_started);
    const bool tells = row.type.size() > 6 && row.type.compare(row.type.size() - 6, 6, ".delta") == 0;
    if (!started && !restarted && !(tells && at == step)) continue;
    const auto event = nlohmann::json::parse(row.payload, nullptr, false);
    if (!event.is_object()) continue;
    if (started || restarted) {
      at = event.value("step", 0u);
      if (at == step) replay = Replay();  // a restarted step was told from its beginning once more
      replay.begun_ = at == step;
      continue;
    }
    const std::string text = event.value("text", "");
    if (row.type == to_string(Event::Type::reasoning_delta)) {
      replay.reasoning_ += text;
    } else if (row.type == to_string(Event::Type::text_delta)) {
      replay.text_ += text;
    } else {
      const std::string id = event.value("id", "");
      auto it = std::find_if(replay.calls_.begin(), replay.calls_.end(), [&](const Call& call) { return call.id == id; });
      if (it == replay.calls_.end()) it = replay.calls_.insert(replay.calls_.end(), {id, event.value("name", ""), ""});
      it->arguments += text;
    }
  }
  return replay;
}

std::optional<std::string> Replay::call_id(std::size_t index) const {
  if (index >= calls_.size()) return std::nullopt;
  return calls_[index].id;
}

bool Replay::exhausted() const {
  return reasoning_.empty() && text_.empty() && met_ >= calls_.size() &&
         std::all_of(calls_.begin(), calls_.end(), [](const Call& call) { return call.arguments.empty(); });
}

std::optional<std::string> Replay::fresh(const ParsedDelta& delta) {
  const bool calls_to_come = met_ < calls_.size();
  switch (delta.kind) {
    case ParsedDelta::Kind::reasoning:
      if (reasoning_.empty() && (!text_.empty() || calls_to_come)) break;  // it had gone on to something else
      return beyond(reasoning_, delta.text);
    case ParsedDelta::Kind::text:
      if (!reasoning_.empty() || (text_.empty() && calls_to_come)) break;
      return beyond(text_, delta.text);
    case ParsedDelta::Kind::call_name:
      if (!reasoning_.empty() || !text_.empty()) break;
      if (calls_to_come && calls_[met_++].name != delta.text) break;
      return std::string();
    case ParsedDelta::Kind::call_arguments:
      if (delta.call >= calls_.size()) return delta.text;
      return beyond(calls_[delta.call].arguments, delta.text);
    case ParsedDelta::Kind::call_end:
      if (delta.call < calls_.size() && !calls_[delta.call].arguments.empty()) break;
      return std::string();
  }
  return std::nullopt;
}

}  // namespace praxis::agent
