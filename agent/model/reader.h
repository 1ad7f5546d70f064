#pragma once
// A step's tokens as a caller sees them: deltas with their log probabilities, up to a stop text.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/dialect/dialect.h"
#include "agent/model/stop_text.h"
#include "engine/engine.h"

namespace praxis::agent {

/// Counts the tokens between the thinking's markers.
class ReasoningCounter {
 public:
  ReasoningCounter() = default;
  ReasoningCounter(engine::TokenId open, engine::TokenId close, bool inside)
      : open_(open), close_(close), inside_(inside) {}
  void push(engine::TokenId id);
  std::uint64_t count() const { return count_; }

 private:
  engine::TokenId open_ = -1, close_ = -1;
  bool inside_ = false;
  std::uint64_t count_ = 0;
};

/// Not thread-safe: the engine's thread writes, and who is told of the end may read then.
class Reader {
 public:
  /// `tokenizer` must outlive it.
  Reader(const engine::Tokenizer& tokenizer, std::unique_ptr<Parser> parser, std::vector<std::string> stops,
         ReasoningCounter reasoning);

  std::vector<ParsedDelta> push(const engine::Decoded& token);  // nothing more once stopped
  std::vector<ParsedDelta> finish();
  const std::optional<std::string>& stopped_by() const { return stop_.found(); }
  std::uint64_t reasoning_tokens() const { return reasoning_.count(); }

 private:
  std::vector<ParsedDelta> pass(std::vector<ParsedDelta> deltas);
  void attribute(ParsedDelta& delta);

  const engine::Tokenizer& tokenizer_;
  std::unique_ptr<Parser> parser_;
  StopText stop_;
  ReasoningCounter reasoning_;
  std::vector<TokenLogprob> unattributed_;  // of the tokens whose text no delta has brought yet
};

}  // namespace praxis::agent
