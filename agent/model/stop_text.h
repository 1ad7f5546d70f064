#pragma once
// Text that ends an answer, found as the answer comes.

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "agent/dialect/dialect.h"

namespace praxis::agent {

/// Passes deltas on until the text of an answer says one of `stops`; that one and all behind it are
/// not passed on. Text that may be the beginning of a stop is held back until that is decided, so the
/// result does not depend on how the text is cut into deltas. The first stop that is whole counts, and
/// of those that end with the same byte the longest. Reasoning and calls pass untouched, and a stop
/// cannot reach across them.
///
/// Held back: less than the longest stop, with the log probabilities of its tokens.
class StopText {
 public:
  /// Empty texts are never found.
  explicit StopText(std::vector<std::string> stops);

  std::vector<ParsedDelta> push(ParsedDelta delta);
  std::vector<ParsedDelta> finish();  // what was held back
  /// The stop that ended the answer.
  const std::optional<std::string>& found() const { return found_; }

 private:
  /// Knuth, Morris and Pratt: how much of a stop the text ends with.
  struct Search {
    std::string stop;
    std::vector<std::uint32_t> fallback;  // of stop[0, i]: its longest proper prefix that ends it
    std::uint32_t matched = 0;
    bool push(char byte);  // whether it is whole now
  };

  std::size_t search(const std::string& text);
  void release(std::size_t bytes, std::vector<ParsedDelta>& out);

  std::vector<Search> searches_;
  std::deque<ParsedDelta> held_;  // text in pieces as they came, each with its log probabilities
  std::size_t held_bytes_ = 0;
  std::optional<std::string> found_;
};

}  // namespace praxis::agent
