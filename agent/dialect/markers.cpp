#include "agent/dialect/markers.h"

#include <string>

namespace praxis::agent {

tl::expected<Markers, DialectError> find_markers(const engine::Tokenizer& tokenizer,
                                                 ToolMarkers tools) {
  std::string missing;
  auto find = [&](std::string_view name, bool required = true) {
    const auto id = tokenizer.control(name);
    if (!id && required) (missing += ' ') += name;
    return id.value_or(-1);
  };
  Markers m;
  find(marker::kBegin);
  m.end = find(marker::kEnd);
  find(marker::kUser);
  find(marker::kAssistant);
  m.think = find(marker::kThink);
  m.think_end = find(marker::kThinkEnd);
  const bool needed = tools == ToolMarkers::required;
  m.calls = find(marker::kCalls, needed);
  m.calls_end = find(marker::kCallsEnd, needed);
  m.call = find(marker::kCall, needed);
  m.call_end = find(marker::kCallEnd, needed);
  m.separator = find(marker::kSeparator, needed);
  for (const auto name :
       {marker::kOutputs, marker::kOutputsEnd, marker::kOutput, marker::kOutputEnd})
    find(name, needed);
  if (!missing.empty())
    return tl::unexpected(
        DialectError{"the tokenizer lacks the control tokens" + missing, "tokenizer"});
  return m;
}

grammar::CallFormat call_format(const Markers& markers) {
  grammar::CallFormat format;
  format.open = {markers.calls};
  format.before_name = {markers.call, std::string("function"), markers.separator};
  format.before_arguments = {std::string("\n```json\n")};
  format.after_arguments = {std::string("\n```"), markers.call_end};
  format.separator = {std::string("\n")};
  format.close = {markers.calls_end};
  return format;
}

grammar::StructureSpec r1_structure(const StructureInput& input, const Markers& markers) {
  grammar::StructureSpec spec;
  if (input.thinking) {
    grammar::ThinkingFormat thinking;
    thinking.open = markers.think;
    thinking.close = markers.think_end;
    thinking.opened_by_prompt = false;
    thinking.force_open = true;
    thinking.after_open = "\n";
    thinking.after_close = "\n\n";
    thinking.close_text = "\n";
    thinking.tokens_max = input.think_tokens_max;
    spec.thinking = thinking;
  }
  spec.format = call_format(markers);
  spec.tools = input.tools;
  spec.choice = input.choice;
  spec.calls_max = input.calls_max;
  spec.answer = input.answer;
  spec.end = markers.end;
  spec.tokens_max = input.tokens_max;
  return spec;
}

}  // namespace praxis::agent
