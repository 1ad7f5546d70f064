#pragma once
// Finds a text in a stream of tokens, wherever tokens begin and end: inside one, across several,
// after false starts (Knuth, Morris, Pratt 1977).

#include <cstdint>
#include <string>
#include <vector>

#include "grammar/trie.h"

namespace praxis::grammar {

/// Immutable. A state is how many bytes of the text the stream ends with: 0 .. size().
class Finder {
 public:
  /// `text` is not empty; `trie`: of all tokens, asked for only here.
  Finder(std::string text, const Vocabulary::Trie& trie);

  std::uint32_t size() const { return static_cast<std::uint32_t>(text_.size()); }
  /// The state after `byte`; size(): the text is complete. `state` < size().
  std::uint32_t step(std::uint32_t state, std::uint8_t byte) const;

  /// For tokens that begin in `state`: the trie nodes at which the text becomes complete for the
  /// first time, ascending, none below another.
  const std::vector<std::uint32_t>& completions(std::uint32_t state) const {
    return completions_[state];
  }
  /// The same for tokens that begin in any state.
  const std::vector<std::uint32_t>& completions_anywhere() const { return completions_anywhere_; }

 private:
  const std::string text_;
  std::vector<std::uint32_t> fallback_;  // the longest shorter state that state i also ends with
  std::vector<std::vector<std::uint32_t>> completions_;
  std::vector<std::uint32_t> completions_anywhere_;
};

}  // namespace praxis::grammar
