#pragma once
// Reasoning that a server left in the answer's text: <think> … </think> at its beginning, at any
// split. Marks that come later, or in the reasoning of a server that sends it apart, are just text.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/dialect/dialect.h"

namespace praxis::agent {

class ThinkSplitter {
 public:
  /// `opened`: the server's template ends in <think>, so that the text begins inside.
  explicit ThinkSplitter(bool opened) : opened_(opened) {}

  /// Both append what became certain to `out`. Reasoning is trimmed of its outer newlines, as is the
  /// text's beginning behind it.
  void text(std::string_view text, std::vector<ParsedDelta>& out);
  void reasoning(std::string_view text, std::vector<ParsedDelta>& out);
  void finish(std::vector<ParsedDelta>& out);

 private:
  enum class State : std::uint8_t { start, reasoning, text };
  void open(std::vector<ParsedDelta>& out, bool all);
  void close(std::vector<ParsedDelta>& out, bool all);
  void emit_reasoning(std::string_view text, std::vector<ParsedDelta>& out);
  void emit_text(std::string_view text, std::vector<ParsedDelta>& out);

  bool opened_;
  State state_ = State::start;
  std::string held_;             // may be a mark; at most white space and 8 bytes
  std::string newlines_;         // of the reasoning, trailing so far
  bool thought_ = false;         // some reasoning was emitted
  bool trim_text_ = false;       // drop newlines until text begins
};

}  // namespace praxis::agent
