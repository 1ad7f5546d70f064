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

/// How a dialect writes calls, where
///   call = before_name NAME before_arguments ARGUMENTS after_arguments:
/// one block of them, open call (separator call)* close; or, with block_per_call, blocks of one:
/// open call close (separator open call close)*.
///
/// With ToolChoice::automatic the first piece of `open` tells calls from text: a control token, or
/// text, which is then found in free text wherever its bytes are, across tokens or inside one. From
/// its last byte on the format binds. Where no call may come (ToolChoice::none, calls_max reached)
/// free text cannot spell it to the end.
struct CallFormat {
  std::vector<Piece> open, before_name, before_arguments, after_arguments, separator, close;
  bool block_per_call = false;
  bool text_after = false;  // automatic: behind `close` free text goes on, and may open more blocks
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
  std::vector<ToolGrammar> tools;  // those that may be called: all, a named one, or some
  ToolChoice choice = ToolChoice::automatic;
  std::uint32_t calls_max = 8;            // calls in one output
  std::shared_ptr<const Grammar> answer;  // schema, pattern or choice; null: free text
  std::vector<TokenId> free_controls;  // control ids allowed in free text besides the trigger and
                                       // the end (none by default)
  TokenId end = 0;                     // EOS
  std::uint32_t tokens_max = 4096;     // whole output, the end included
};

enum class Phase : std::uint8_t { thinking, text, calls, answer, finished };

/// Same contract as the engine's mask seam. Not thread-safe; forks may live on different threads.
class Structure {
 public:
  /// Refuses a budget too small for any valid output, naming the least (ErrorCode::budget).
  static Result<Structure> create(StructureSpec spec, std::shared_ptr<const Vocabulary> vocabulary);
  Structure(Structure&&) noexcept;
  Structure& operator=(Structure&&) noexcept;
  ~Structure();
  Structure fork() const;  // at the same point, with the same past

  void mask(std::span<std::uint32_t> bits) const;
  std::vector<TokenId> forced();  // accepted by this call
  bool accept(TokenId id);        // false, and nothing changes, if mask() does not allow it
  /// How many of the draft's tokens accept() would take one after the other, from the first; what
  /// stands behind the end does not hold. Changes nothing, whatever the ids are.
  std::size_t validate(std::span<const TokenId> draft) const;
  /// Undoes the last `tokens` accepted, forced ones included, at most all: masks, budgets and
  /// everything else are as they were right before. A close_thinking() since then is undone too.
  void rollback(std::size_t tokens);

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
