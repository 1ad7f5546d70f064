#pragma once
// Events for people: colours and marks on a terminal, plain text elsewhere, JSON lines with --json.

#include <cstdint>
#include <string>

#include "agent/event.h"

namespace praxis::agent::cli {

class Printer {
 public:
  enum class Style : std::uint8_t { json, plain, terminal };
  /// json if asked for; terminal if standard output is one and $NO_COLOR is unset; else plain.
  static Style choose(bool json);

  explicit Printer(Style style) : style_(style) {}
  /// Writes and flushes; text from models and tools has its control characters made visible, so
  /// that it cannot drive the terminal.
  void operator()(const Event& event);
  Style style() const { return style_; }

 private:
  enum class Block : std::uint8_t { none, reasoning, text, arguments };
  void open(Block block);
  void text(const std::string& text);

  Style style_;
  Block block_ = Block::none;
  bool line_start_ = true;
};

/// Text without control characters other than newline and tab: ESC becomes ␛ and so on.
std::string printable(std::string_view text);

/// A bar on standard error, shown when the work has taken over a second and only on a terminal.
class ProgressBar {
 public:
  explicit ProgressBar(std::string doing = "loading") : doing_(std::move(doing)) {}
  void operator()(double fraction, const std::string& note = "");
  void clear();
  ~ProgressBar() { clear(); }

 private:
  std::string doing_;
  double begun_ = 0, drawn_ = 0;
  bool shown_ = false;
};

}  // namespace praxis::agent::cli
