#pragma once
// The vocabulary as a byte trie, flat and in preorder: a depth-first walk is one loop over an index
// that either steps to i + 1 or jumps over a subtree to end[i].

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "grammar/escapes.h"
#include "grammar/shapes.h"
#include "grammar/vocabulary.h"

namespace praxis::grammar {

class Finder;

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
  Trie all, quoted, unquoted;               // quoted: tokens with a '"' that ends a string
  Shapes common, letters;                   // of the unquoted, under Alphabet::common() and letters()
  // The quoted ones taken apart at the first such '"'. Their tokens are places in quoted.tokens.
  Trie beginnings, ends;                    // what stands before it; what stands behind it
  std::uint32_t spaces_most = 0;            // whitespace bytes in a row, in any token
  std::array<bool, 256> single{};           // single[b]: some token is exactly the byte b
  std::vector<TokenId> quoted_twice;        // tokens with two or more '"', by id
  std::vector<TokenId> quoted_thrice;       // with three or more
  std::vector<TokenId> quoted_often;        // with four or more
  std::vector<std::uint32_t> text_tokens;   // mask of all tokens that have bytes
  std::vector<std::uint32_t> shaped;        // mask of those in `common` and `letters` that are whole

  /// Mask of the unquoted ones that a JSON string may hold, of at most `characters_max` characters;
  /// `canonically`: each spelled in its one canonical way. Made when first asked for, kept; thread-safe.
  const std::vector<std::uint32_t>& text_inside(std::uint32_t characters_max, bool canonically,
                                                Escapes escapes) const;

  /// Places in quoted.tokens, as bits: of those that a string of so many characters more may end with.
  std::vector<std::uint32_t> text_ending(std::uint32_t characters_min, std::uint32_t characters_max,
                                         bool canonically, Escapes escapes) const;
  std::uint32_t ending_words() const { return static_cast<std::uint32_t>(quoted.tokens.size() + 31) / 32; }

  /// What finds the text, which is not empty, in tokens; the latest kFindersMax of them kept, as formats
  /// stay the same from request to request; thread-safe.
  std::shared_ptr<const Finder> finder(const std::string& text) const;

 private:
  friend class Vocabulary;
  static constexpr std::size_t kFindersMax = 16;
  mutable std::list<std::pair<std::string, std::shared_ptr<const Finder>>> finders_;  // latest first
  static std::vector<std::vector<TokenId>> by_characters(const Trie& trie, bool canonically, Escapes escapes,
                                                         bool whole);
  struct Spelling {
    std::vector<std::vector<TokenId>> tokens;        // unquoted ones, by characters
    std::vector<std::vector<TokenId>> endings;       // beginnings, by characters
    std::vector<std::vector<std::uint32_t>> inside;  // masks by characters at most, the last: any
  };
  Spelling& spelling(bool canonically, Escapes escapes) const;

  mutable std::mutex mutex_;
  mutable std::array<Spelling, 4> spellings_;  // canonically, ascii
};

}  // namespace praxis::grammar
