#pragma once
// The whole of a model's output as one constraint: thinking, free text, calls, a response schema.
// A dialect describes its format with control tokens and text; the structure decides at every
// token what may follow, what is forced, and keeps every budget.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "grammar/matcher.h"

namespace praxis::grammar {

/// A control token by id, or text (encoded canonically, joined with neighbouring text).
using Piece = std::variant<TokenId, std::string>;

struct ToolGrammar {
  std::string name;
  std::shared_ptr<const Grammar> arguments;
};

/// How a dialect writes calls: open call (separator call)* close end, where
/// call = before_name NAME before_arguments ARGUMENTS after_arguments. With ToolChoice::automatic,
/// `open` must begin with a control token: it is what tells a call from text.
struct CallFormat {
  std::vector<Piece> open, before_name, before_arguments, after_arguments, separator, close;
};

struct ThinkingFormat {
  TokenId open = 0, close = 0;
  bool opened_by_prompt = false;     // the prompt ends inside the thinking
  bool force_open = true;            // the first token is `open`
  std::string after_open = "\n";     // forced text after a forced opening
  std::string after_close = "\n\n";  // forced text after the close
  std::string close_text = "\n";     // forced text before a close that a budget or a loop forces
  std::uint32_t tokens_max = 0;      // 0: only the output budget bounds it
};

enum class ToolChoice : std::uint8_t { none, automatic, required };

struct StructureSpec {
  std::optional<ThinkingFormat> thinking;  // absent: output starts after the thinking
  CallFormat format;
  std::vector<ToolGrammar> tools;  // a named choice: only that tool, with `required`
  ToolChoice choice = ToolChoice::automatic;
  std::uint32_t calls_max = 8;            // calls in one output
  std::shared_ptr<const Grammar> answer;  // response schema; null: the answer is free text
  std::vector<TokenId> free_controls;  // control ids allowed in free text besides the trigger and
                                       // the end (none by default)
  TokenId end = 0;                     // EOS
  std::uint32_t tokens_max = 4096;     // whole output, the end included
};

enum class Phase : std::uint8_t { thinking, text, calls, answer, finished };

/// Same contract as the engine's mask seam. Not thread-safe.
class Structure {
 public:
  /// Refuses a budget too small for any valid output, naming the least (ErrorCode::budget).
  static Result<Structure> create(StructureSpec spec, std::shared_ptr<const Vocabulary> vocabulary);
  Structure(Structure&&) noexcept;
  Structure& operator=(Structure&&) noexcept;
  ~Structure();

  void mask(std::span<std::uint32_t> bits);
  std::vector<TokenId> forced();  // accepted by this call
  bool accept(TokenId id);        // false, and nothing changes, if mask() does not allow it
  bool finished() const;
  Phase phase() const;
  /// Closes the thinking at the next token, as its budget would (a loop was detected).
  void close_thinking();
  bool cut() const;  // free text was ended by the budget: status `length`
  /// Upper bound on the tokens that complete the output from here, the end included.
  std::uint32_t tokens_to_finish() const;

 private:
  struct State;
  explicit Structure(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace praxis::grammar
