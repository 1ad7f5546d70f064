#include "agent/dialect/r1.h"

#include <algorithm>

#include "agent/dialect/markers.h"
#include "agent/dialect/parser.h"
#include "agent/dialect/prompt.h"

namespace praxis::agent {

namespace {

/// The template's slips, in the order in which a conversation meets them:
///  1. only the first call of a conversation opens a block of calls, and nothing closes it;
///  2. every later call, of whichever message, is closed as if it were the last one of its block;
///  3. calls of a message that also has text are lost;
///  4. only the first result of a conversation opens a block of results;
///  5. a user message and calls that follow results leave their block open.
/// Reasoning that a policy keeps is ours, not the template's: a message that shows it is written
/// without slips, and so are the results of its calls.
struct Slips {
  bool called = false;    // 1, 2
  bool answered = false;  // 4
};

class R1 final : public Dialect {
 public:
  R1(R1Variant variant, const engine::Tokenizer& tokenizer, const Markers& markers)
      : exact_(variant == R1Variant::exact), tokenizer_(tokenizer), markers_(markers) {}

  std::string_view name() const override { return exact_ ? "r1" : "r1_fixed"; }
  std::string_view tools_asset() const override { return kToolListAsset; }
  Recommended recommended() const override {
    Recommended r;
    r.system_as_user = true;
    return r;
  }

  /// The template adds nothing behind tool results, so what follows them is the answer.
  bool thinks(const RenderInput& input) const override {
    return input.thinking && !(exact_ && ends_in_results(input));
  }

  std::vector<Segment> render(const RenderInput& input) const override {
    SegmentWriter out;
    out.control(marker::kBegin);
    write_system(out, last_system_text(input.messages), input.tools);
    bool in_results = false;
    bool exact = exact_;  // the results to come answer calls that were written with the slips
    Slips slips;
    for (const Placed& placed : place(input.messages, input.policy)) {
      const Message& message = *placed.message;
      switch (message.role) {
        case SenderRole::user:
          if (in_results && !exact) out.control(marker::kOutputsEnd);
          out.control(marker::kUser);
          out.text(message.content);
          break;
        case SenderRole::tool:
          write_result(out, message.content, exact ? !slips.answered : !in_results);
          slips.answered = true;
          break;
        default:
          if (!message.calls.empty()) exact = exact_ && !is_kept(placed);
          if (exact_ && !is_kept(placed)) write_assistant_exactly(out, message, in_results, slips);
          else write_assistant(out, placed, in_results);
      }
      in_results = message.role == SenderRole::tool;
    }
    if (in_results) out.control(marker::kOutputsEnd);
    if (input.generation_prompt) write_generation_prompt(out, input, in_results);
    return out.take();
  }

  grammar::StructureSpec structure(const StructureInput& input) const override {
    grammar::StructureSpec spec = r1_structure(input, markers_);
    if (spec.thinking) {
      spec.thinking->opened_by_prompt = true;
      spec.thinking->force_open = false;
    }
    return spec;
  }

  std::unique_ptr<Parser> parser(bool thinking) const override {
    return std::make_unique<R1Parser>(
        tokenizer_, markers_, thinking ? R1Parser::Start::reasoning : R1Parser::Start::text);
  }

 private:
  static std::string_view last_system_text(const std::vector<Message>& messages) {
    std::string_view text;
    for (const Message& message : messages)
      if (message.role == SenderRole::system) text = message.content;
    return text;
  }

  static bool ends_in_results(const RenderInput& input) {
    const auto is_said = [](const Message& message) { return message.role != SenderRole::system; };
    const auto last = std::find_if(input.messages.rbegin(), input.messages.rend(), is_said);
    return last != input.messages.rend() && last->role == SenderRole::tool;
  }

  /// Written as the model produced it, thinking included.
  static bool is_kept(const Placed& placed) {
    return placed.reasoning_visible &&
           !(placed.message->ids.empty() && placed.message->reasoning.empty());
  }

  void write_assistant(SegmentWriter& out, const Placed& placed, bool in_results) const {
    const Message& message = *placed.message;
    out.control(in_results ? marker::kOutputsEnd : marker::kAssistant);
    if (placed.reasoning_visible && !message.ids.empty()) {
      write_opening(out, message, in_results);
      return write_decoded(out, message.ids, markers_);
    }
    if (placed.reasoning_visible && !message.reasoning.empty())
      write_reasoning(out, message.reasoning);
    out.text(message.content);
    if (!message.calls.empty()) write_calls(out, message.calls);
    out.control(marker::kEnd);
  }

  /// What the prompt ended with when these ids were decoded.
  void write_opening(SegmentWriter& out, const Message& message, bool in_results) const {
    const auto has = [&](engine::TokenId id) {
      return std::find(message.ids.begin(), message.ids.end(), id) != message.ids.end();
    };
    if (has(markers_.think) || (exact_ && in_results)) return;
    if (has(markers_.think_end) || !message.reasoning.empty()) {
      out.control(marker::kThink);
      out.text("\n");
    } else {
      write_no_thinking(out);
    }
  }

  static void write_assistant_exactly(SegmentWriter& out, const Message& message, bool in_results,
                                      Slips& slips) {
    if (message.calls.empty() || !message.content.empty()) {
      out.control(in_results ? marker::kOutputsEnd : marker::kAssistant);
      out.text(message.content);
      out.control(marker::kEnd);
      return;
    }
    for (const ToolCall& call : message.calls) {
      if (!slips.called) {
        out.control(marker::kAssistant);
        out.control(marker::kCalls);
        write_call(out, call);
      } else {
        out.text("\n");
        write_call(out, call);
        out.control(marker::kCallsEnd);
        out.control(marker::kEnd);
      }
      slips.called = true;
    }
  }

  void write_generation_prompt(SegmentWriter& out, const RenderInput& input,
                               bool in_results) const {
    if (in_results && exact_) return;
    if (!in_results) out.control(marker::kAssistant);
    if (!input.thinking) return write_no_thinking(out);
    out.control(marker::kThink);
    out.text("\n");
  }

  bool exact_;
  const engine::Tokenizer& tokenizer_;
  Markers markers_;
};

}  // namespace

tl::expected<std::unique_ptr<Dialect>, DialectError> make_r1(R1Variant variant,
                                                             const engine::Tokenizer& tokenizer) {
  const auto markers = find_markers(tokenizer, ToolMarkers::optional);
  if (!markers) return tl::unexpected(markers.error());
  return std::make_unique<R1>(variant, tokenizer, *markers);
}

}  // namespace praxis::agent
