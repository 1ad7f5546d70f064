#include "agent/dialect/r1_0528.h"

#include <algorithm>

#include "agent/dialect/markers.h"
#include "agent/dialect/parser.h"
#include "agent/dialect/prompt.h"

namespace praxis::agent {

namespace {

class R1_0528 final : public Dialect {
 public:
  R1_0528(const engine::Tokenizer& tokenizer, const Markers& markers)
      : tokenizer_(tokenizer), markers_(markers) {}

  std::string_view name() const override { return "r1_0528"; }
  std::string_view tools_asset() const override { return kToolListAsset; }
  Recommended recommended() const override { return {}; }
  bool thinks(const RenderInput& input) const override { return input.thinking; }

  /// With strip_always and without tools: token for token what the model's own template gives, for
  /// content without a </think> (the template cuts an answer that quotes it; here content never
  /// holds reasoning, so nothing is cut).
  std::vector<Segment> render(const RenderInput& input) const override {
    SegmentWriter out;
    out.control(marker::kBegin);
    write_system(out, system_text(input.messages), input.tools);
    bool in_results = false;
    auto last = SenderRole::system;
    for (const Placed& placed : place(input.messages, input.policy)) {
      const Message& message = *placed.message;
      if (message.role == SenderRole::tool) {
        write_result(out, message.content, !in_results);
      } else {
        // The template leaves the results open when a user speaks right after them.
        const bool left_open =
            message.role == SenderRole::user && input.policy == ThinkPolicy::strip_always;
        if (in_results && !left_open) out.control(marker::kOutputsEnd);
        if (message.role == SenderRole::user) write_user(out, message);
        else write_assistant(out, placed);
      }
      in_results = message.role == SenderRole::tool;
      last = message.role;
    }
    if (in_results) out.control(marker::kOutputsEnd);
    if (input.generation_prompt) {
      if (last != SenderRole::user && last != SenderRole::tool) out.control(marker::kAssistant);
      if (!input.thinking) write_no_thinking(out);
    }
    return out.take();
  }

  grammar::StructureSpec structure(const StructureInput& input) const override {
    return r1_structure(input, markers_);
  }

  std::unique_ptr<Parser> parser(bool) const override {
    return std::make_unique<R1Parser>(tokenizer_, markers_, R1Parser::Start::text);
  }

 private:
  static std::string system_text(const std::vector<Message>& messages) {
    std::string text;
    bool first = true;
    for (const Message& message : messages) {
      if (message.role != SenderRole::system) continue;
      if (!first) text += "\n\n";
      text += message.content;
      first = false;
    }
    return text;
  }

  static void write_user(SegmentWriter& out, const Message& message) {
    out.control(marker::kUser);
    out.text(message.content);
    out.control(marker::kAssistant);
  }

  void write_assistant(SegmentWriter& out, const Placed& placed) const {
    const Message& message = *placed.message;
    if (placed.reasoning_visible && !message.ids.empty()) {
      // Ids without thinking were decoded behind a closed one that the prompt ended with.
      if (std::find(message.ids.begin(), message.ids.end(), markers_.think) == message.ids.end())
        write_no_thinking(out);
      return write_decoded(out, message.ids, markers_);
    }
    if (placed.reasoning_visible && !message.reasoning.empty())
      write_reasoning(out, message.reasoning);
    out.text(message.content);
    if (!message.calls.empty()) write_calls(out, message.calls);
    out.control(marker::kEnd);
  }

  const engine::Tokenizer& tokenizer_;
  Markers markers_;
};

}  // namespace

tl::expected<std::unique_ptr<Dialect>, DialectError> make_r1_0528(
    const engine::Tokenizer& tokenizer) {
  const auto markers = find_markers(tokenizer, ToolMarkers::required);
  if (!markers) return tl::unexpected(markers.error());
  return std::make_unique<R1_0528>(tokenizer, *markers);
}

}  // namespace praxis::agent
