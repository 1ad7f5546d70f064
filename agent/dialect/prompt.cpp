#include "agent/dialect/prompt.h"

#include <algorithm>

#include "agent/dialect/views.h"

namespace praxis::agent {

void SegmentWriter::control(std::string_view name) {
  Segment segment;
  segment.kind = Segment::Kind::control;
  segment.text = name;
  segments_.push_back(std::move(segment));
}

void SegmentWriter::text(std::string_view text) {
  if (text.empty()) return;
  if (segments_.empty() || segments_.back().kind != Segment::Kind::text) segments_.emplace_back();
  segments_.back().text += text;
}

void SegmentWriter::decoded(const std::vector<engine::TokenId>& ids) {
  Segment segment;
  segment.kind = Segment::Kind::ids;
  segment.ids = ids;
  segment.decoded = true;
  segments_.push_back(std::move(segment));
}

namespace {

/// Sorts each run of tool messages by the calls of the last assistant message before it.
void sort_results(std::vector<Placed>& placed) {
  const std::vector<ToolCall>* calls = nullptr;
  const auto rank = [&](const Placed& p) {
    const auto is_answered = [&](const ToolCall& call) { return call.id == p.message->call_id; };
    return std::find_if(calls->begin(), calls->end(), is_answered) - calls->begin();
  };
  for (auto it = placed.begin(); it != placed.end();) {
    if (it->message->role == SenderRole::assistant && !it->message->calls.empty())
      calls = &it->message->calls;
    const auto is_result = [](const Placed& p) { return p.message->role == SenderRole::tool; };
    const auto end = std::find_if_not(it, placed.end(), is_result);
    if (calls)
      std::stable_sort(it, end,
                       [&](const Placed& a, const Placed& b) { return rank(a) < rank(b); });
    it = end == it ? it + 1 : end;
  }
}

}  // namespace

std::vector<Placed> place(const std::vector<Message>& messages, ThinkPolicy policy) {
  const std::vector<bool> visible = reasoning_visible(messages, policy);
  std::vector<Placed> placed;
  for (std::size_t i = 0; i < messages.size(); ++i)
    if (messages[i].role != SenderRole::system) placed.push_back({&messages[i], visible[i]});
  sort_results(placed);
  return placed;
}

void write_system(SegmentWriter& out, std::string_view system, const std::vector<ToolText>& tools) {
  out.text(system);
  if (tools.empty()) return;
  if (!system.empty()) out.text("\n\n");
  write_tool_list(out, tools);
}

void write_call(SegmentWriter& out, const ToolCall& call) {
  out.control(marker::kCall);
  out.text("function");
  out.control(marker::kSeparator);
  out.text(call.name + "\n```json\n" + call.arguments + "\n```");
  out.control(marker::kCallEnd);
}

void write_calls(SegmentWriter& out, const std::vector<ToolCall>& calls) {
  out.control(marker::kCalls);
  for (const ToolCall& call : calls) {
    if (&call != &calls.front()) out.text("\n");
    write_call(out, call);
  }
  out.control(marker::kCallsEnd);
}

void write_result(SegmentWriter& out, std::string_view text, bool first) {
  if (first) out.control(marker::kOutputs);
  else out.text("\n");
  out.control(marker::kOutput);
  out.text(text);
  out.control(marker::kOutputEnd);
}

void write_reasoning(SegmentWriter& out, std::string_view reasoning) {
  out.control(marker::kThink);
  out.text("\n");
  out.text(reasoning);
  out.text("\n");
  out.control(marker::kThinkEnd);
  out.text("\n\n");
}

void write_no_thinking(SegmentWriter& out) {
  out.control(marker::kThink);
  out.text("\n\n");
  out.control(marker::kThinkEnd);
  out.text("\n\n");
}

void write_decoded(SegmentWriter& out, const std::vector<engine::TokenId>& ids,
                   const Markers& markers) {
  out.decoded(ids);
  if (ids.back() != markers.end) out.control(marker::kEnd);
}

}  // namespace praxis::agent
