#pragma once
// What the grammar knows of a model's tokens: their bytes, and how text is tokenized canonically.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace praxis::grammar {

using TokenId = std::int32_t;

/// Vocabulary::mask_words() words that never change: bit i = token i may follow.
using SharedMask = std::shared_ptr<const std::vector<std::uint32_t>>;

/// Immutable once built; shared by all compiled grammars of a model.
class Vocabulary {
 public:
  using Encode = std::function<std::vector<TokenId>(std::string_view)>;

  /// `bytes[i]`: what token i stands for; empty for control tokens and unused ids, which no text
  /// grammar ever allows. `encode`: canonical tokenization of text, thread-safe.
  Vocabulary(std::vector<std::string> bytes, Encode encode);
  ~Vocabulary();

  std::uint32_t size() const { return static_cast<std::uint32_t>(bytes_.size()); }
  std::uint32_t mask_words() const { return (size() + 31) / 32; }
  std::string_view bytes(TokenId id) const { return bytes_[static_cast<std::size_t>(id)]; }
  std::vector<TokenId> encode(std::string_view text) const { return encode_(text); }

  struct Trie;   // byte trie of tokens, flat, in preorder
  struct Tries;  // of all tokens, and of those with and without '"'
  const Tries& tries() const { return *tries_; }

 private:
  std::vector<std::string> bytes_;
  Encode encode_;
  std::unique_ptr<Tries> tries_;
};

}  // namespace praxis::grammar
