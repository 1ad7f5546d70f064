#pragma once
// The vocabulary with alike characters taken as one: most patterns ask for a letter, a digit, a space or
// a certain mark, so 100,000 tokens have a few thousand shapes between them.

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "grammar/code_points.h"
#include "grammar/vocabulary.h"

namespace praxis::grammar {

/// A partition of the code points into classes of alike ones.
class Alphabet {
 public:
  /// The coarsest one in which each of the sets (in united() form) holds every class as a whole or not at
  /// all. Nothing where there are more than kSetsMax sets or kClassesMax classes.
  static std::optional<Alphabet> of(std::span<const CodePointSet> sets);

  /// Each ASCII digit, mark and control alone; a-f, g-z, A-F, G-Z; what \s and `.` tell apart beyond ASCII
  /// (ECMA-262, WhiteSpace and LineTerminator); everything else. Nearly every pattern's is coarser.
  static const Alphabet& common();
  /// The same with each ASCII letter alone.
  static const Alphabet& letters();
  /// Which of this one's classes holds each class of `finer`; nothing where some of those are split.
  std::optional<std::vector<std::uint8_t>> joined_from(const Alphabet& finer) const;

  std::uint8_t class_of(char32_t character) const;
  std::size_t size() const { return examples_.size(); }
  const std::string& example(std::uint8_t one) const { return examples_[one]; }  // UTF-8 of a character of it
  static constexpr std::size_t kSetsMax = 256;
  static constexpr std::size_t kClassesMax = 160;

 private:
  static Alphabet of_classes(std::vector<CodePointSet> classes);
  void name_ascii();

  std::array<std::uint8_t, 0x80> ascii_{};
  std::vector<char32_t> starts_;         // of ranges of one class each, rising, the first 0
  std::vector<std::uint8_t> classes_;    // of these ranges
  std::vector<std::string> examples_;
};

struct TokenTail {
  std::string bytes;  // of the character begun
  TokenId token;
};

/// A trie of tokens without '"' as the inside of a JSON string in canonical spelling, by whole characters:
/// flat and in preorder as Vocabulary::Trie. A token may end inside a character: its tail.
template <class Symbol>
struct CharacterTrie {
  std::vector<Symbol> symbol;        // node 0 is the root
  std::vector<std::uint32_t> depth;  // characters from the root
  std::vector<std::uint32_t> end;    // one past the subtree
  std::vector<std::uint32_t> first;  // tokens that are whole at node i: tokens[first[i] .. first[i + 1])
  std::vector<TokenId> tokens;
  std::vector<std::uint32_t> first_tail;  // tails at node i: tails[first_tail[i] .. first_tail[i + 1])
  std::vector<TokenTail> tails;
  std::uint32_t depth_max = 0;

  // What stands below node i: symbols by bit, characters at most, begun ones too, and whether
  // any tail does.
  using Symbols = std::array<std::uint64_t, 3>;
  std::vector<Symbols> below;
  std::vector<std::uint32_t> height;
  std::vector<bool> tails_below;
  void look_below();

  std::uint32_t size() const { return static_cast<std::uint32_t>(symbol.size()); }
};

using Characters = CharacterTrie<char32_t>;
using Shapes = CharacterTrie<std::uint8_t>;  // classes of an alphabet

Shapes shapes_of(const Characters& characters, const Alphabet& alphabet);

}  // namespace praxis::grammar
