#pragma once
// The vocabulary as a byte trie, flat and in preorder: a depth-first walk is one loop over an index
// that either steps to i + 1 or jumps over a subtree to end[i].

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grammar/shapes.h"
#include "grammar/vocabulary.h"

namespace praxis::grammar {

struct Vocabulary::Trie {
  static constexpr std::uint32_t kNone = ~0u;

  // Node i; node 0 is the root (no byte). All vectors have one entry per node, `first` one more.
  std::vector<std::uint8_t> byte;
  std::vector<std::uint32_t> depth;  // bytes from the root
  std::vector<std::uint32_t> end;    // one past the subtree of node i
  std::vector<std::uint32_t> first;  // tokens that end at node i: tokens[first[i] .. first[i + 1])
  std::vector<TokenId> tokens;

  std::uint32_t depth_max = 0;  // bytes of the longest token

  // What may come below node i: any of the bytes in below[bytes_below[i]], down to depth lowest[i];
  // 0 among them: it is not all valid UTF-8.
  using Bytes = std::array<std::uint64_t, 4>;  // by bit
  std::vector<Bytes> below;
  std::vector<std::uint32_t> bytes_below, lowest;

  std::uint32_t size() const { return static_cast<std::uint32_t>(byte.size()); }

  /// The node reached from `node` by `text`, or kNone.
  std::uint32_t find(std::uint32_t node, std::string_view text) const;

  void look_below();
  static Trie of(const std::vector<std::string>& bytes, std::vector<TokenId> tokens);
};

struct Vocabulary::Tries {
  Trie all, quoted, unquoted;               // quoted: tokens with a '"'
  Shapes common, letters;                   // of those without, under Alphabet::common() and letters()
  std::uint32_t spaces_most = 0;            // whitespace bytes in a row, in any token
  std::array<bool, 256> single{};           // single[b]: some token is exactly the byte b
  std::vector<TokenId> quoted_twice;        // tokens with two or more '"', by id
  std::vector<TokenId> quoted_thrice;       // with three or more
  std::vector<TokenId> quoted_often;        // with four or more
  std::vector<std::uint32_t> text_tokens;   // mask of all tokens that have bytes
  std::vector<std::uint32_t> shaped;        // mask of those in `common` and `letters` that are whole

  /// Mask of the unquoted ones that a JSON string may hold, of at most `characters_max` characters;
  /// `canonically`: each spelled in its one canonical way. Made when first asked for, kept; thread-safe.
  const std::vector<std::uint32_t>& text_inside(std::uint32_t characters_max, bool canonically) const;

 private:
  friend class Vocabulary;
  std::vector<std::vector<TokenId>> by_characters(bool canonically) const;

  std::array<std::vector<std::vector<TokenId>>, 2> by_characters_;
  mutable std::mutex mutex_;
  mutable std::array<std::vector<std::vector<std::uint32_t>>, 2> texts_inside_;  // by characters, the last: any
};

}  // namespace praxis::grammar
