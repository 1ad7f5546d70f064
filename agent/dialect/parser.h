#pragma once
// The token stream of an R1 or R1-0528 output back to reasoning, text and calls.
//
//   [<think>] reasoning </think> text <calls> (<call>function<separator>NAME fence ARGUMENTS fence
//   <call_end>)* <calls_end> end
//
// Only control ids are markers: text that spells one is text. Nothing but a name and what precedes
// it is ever held back for long: arguments flow as they come, less a tail that may be their closing
// fence; reasoning less its trailing newlines. What is held is bounded by these constants or, for
// runs of white space, by the output's own length.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/dialect/dialect.h"
#include "agent/dialect/markers.h"
#include "engine/tokenizer.h"

namespace praxis::agent {

class R1Parser final : public Parser {
 public:
  /// Where the output begins: in the thinking that the prompt opened, or before any.
  enum class Start : std::uint8_t { text, reasoning };

  static constexpr std::size_t kTypeBytesMax = 64;   // "function"
  static constexpr std::size_t kNameBytesMax = 256;  // longer: not a call

  /// `tokenizer` must outlive the parser.
  R1Parser(const engine::Tokenizer& tokenizer, const Markers& markers, Start start);

  std::vector<ParsedDelta> push(engine::TokenId id) override;
  std::vector<ParsedDelta> finish() override;

 private:
  enum class State : std::uint8_t {
    reasoning,
    text,
    between,  // in a block of calls, before, after or between them
    type,     // of a call: "function", up to the separator
    name,     // up to the first newline, backtick or brace
    fence,    // white space, then perhaps ```
    label,    // perhaps json
    body,     // white space
    arguments,
  };

  void on_marker(engine::TokenId id);
  void on_text(std::string_view text);

  void open_reasoning(std::string_view spelling);
  void close_reasoning(std::string_view spelling);
  void open_calls(std::string_view spelling);
  void close_calls(std::string_view spelling);
  void open_call(std::string_view spelling);
  void close_call(std::string_view spelling);
  void separate(std::string_view spelling);
  void other(std::string_view spelling);
  void end();

  void read_reasoning(std::string_view text);
  void read_text(std::string_view text);
  void read_between(std::string_view text);
  void read_type(std::string_view text);
  void read_name(std::string_view text);
  void read_fence(std::string_view text);
  void read_label(std::string_view text);
  void read_body(std::string_view text);
  void read_arguments(std::string_view text);

  bool in_head() const { return state_ == State::type || state_ == State::name; }
  bool in_call() const { return state_ >= State::fence; }
  void leave_block();  // of calls, if in one
  void give_up();      // what is held as the beginning of a call is text after all
  void end_call();     // the closing marker came
  void break_off();    // it did not: the call is whole only if its arguments are
  void flush_arguments();
  void emit(ParsedDelta::Kind kind, std::string_view text);

  const engine::Tokenizer& tokenizer_;
  Markers markers_;
  engine::Utf8Stream utf8_;
  std::vector<ParsedDelta> out_;

  State state_;
  State resume_ = State::text;  // where a block of calls began
  bool fresh_ = true;           // reasoning: nothing but newlines so far
  bool trim_text_ = false;      // drop newlines until text begins: it follows the thinking
  bool unclosed_ = false;       // a call ended the reasoning; a </think> may still come
  std::string newlines_;        // reasoning: trailing ones, held back
  std::string head_;            // all since the block or the call began, while it may still be text
  std::string piece_;           // of head_: the type or the name; later: of the fence or its label
  std::string gap_;             // white space between calls
  std::string tail_;            // end of the arguments that may be their fence
  std::string arguments_;       // emitted so far
  std::uint32_t calls_ = 0;     // begun so far
};

}  // namespace praxis::agent
