#pragma once
// What DeepSeek's chat formats share when messages become segments.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/dialect/dialect.h"
#include "agent/dialect/markers.h"

namespace praxis::agent {

/// Collects segments. Texts that touch become one segment, so that they are tokenized as one.
class SegmentWriter {
 public:
  void control(std::string_view name);
  void text(std::string_view text);
  void decoded(const std::vector<engine::TokenId>& ids);
  std::vector<Segment> take() { return std::move(segments_); }

 private:
  std::vector<Segment> segments_;
};

/// A message at its place in the prompt.
struct Placed {
  const Message* message = nullptr;
  bool reasoning_visible = false;  // assistant only: the policy keeps what it thought
};

/// The messages but the system's, each run of tool results in the order of the calls they answer
/// (results carry no id in these formats: their order is the only link). Results of unknown calls
/// come last, in the order given. Points into `messages`.
std::vector<Placed> place(const std::vector<Message>& messages, ThinkPolicy policy);

/// The system text and, if there are tools, their list behind it.
void write_system(SegmentWriter& out, std::string_view system, const std::vector<ToolText>& tools);

/// How a call is written, then one JSON block per tool with its description before its name, so
/// that who reads from left to right knows what the name stands for when it comes. This wording is
/// the asset kToolListAsset; new wording gets a new name.
void write_tool_list(SegmentWriter& out, const std::vector<ToolText>& tools);
inline constexpr std::string_view kToolListAsset = "r1_tools.v1";

/// One call from <call> to <call_end>.
void write_call(SegmentWriter& out, const ToolCall& call);
/// All of them, between the outer markers.
void write_calls(SegmentWriter& out, const std::vector<ToolCall>& calls);
/// One tool result; `first`: with the block's opening, else parted from the one before.
void write_result(SegmentWriter& out, std::string_view text, bool first);
/// <think>, reasoning, </think> and what parts them from what follows.
void write_reasoning(SegmentWriter& out, std::string_view reasoning);
/// Thinking switched off: an empty one, closed, that the model finds already written. The
/// convention of the R1-0528 distill and of Qwen 3: <think>\n\n</think>\n\n.
void write_no_thinking(SegmentWriter& out);
/// Ids that the engine decoded, closed by the end token if they were cut before it.
void write_decoded(SegmentWriter& out, const std::vector<engine::TokenId>& ids,
                   const Markers& markers);

/// JSON text without the white space between its tokens: keys in written order, numbers as written,
/// characters beyond ASCII as UTF-8. Text that is not JSON is returned as it is.
std::string compact_json(std::string_view text);

}  // namespace praxis::agent
