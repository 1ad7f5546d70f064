#pragma once
// The vocabulary with alike characters taken as one: most patterns ask for a letter, a digit, a space or
// a certain mark, so 100,000 tokens have a few thousand shapes between them.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "grammar/code_points.h"
#include "grammar/vocabulary.h"

namespace praxis::grammar {

/// The classes: each ASCII digit, mark and control alone; a-f, g-z, A-F, G-Z; what \s and `.` tell apart
/// beyond ASCII (ECMA-262, WhiteSpace and LineTerminator); everything else beyond ASCII.
struct CharacterClass {
  CodePointSet set;
  std::string example;  // UTF-8 of one of them
};
const std::vector<CharacterClass>& character_classes();
std::uint8_t class_of(char32_t character);
/// Does the set (in united() form) hold every class as a whole or not at all?
bool keeps_classes(std::span<const CodePoints> set);

/// Shapes of tokens without '"', as the inside of a JSON string in canonical spelling: a trie over classes,
/// flat and in preorder as Vocabulary::Trie. A token may end inside a character: its tail.
struct Shapes {
  std::vector<std::uint8_t> character;   // class, by node; node 0 is the root
  std::vector<std::uint32_t> depth;      // characters from the root
  std::vector<std::uint32_t> end;        // one past the subtree
  std::vector<std::uint32_t> first;      // tokens that are whole at node i: tokens[first[i] .. first[i + 1])
  std::vector<TokenId> tokens;
  struct Tail {
    std::string bytes;  // of the character begun
    TokenId token;
  };
  std::vector<std::uint32_t> first_tail;  // tails at node i: tails[first_tail[i] .. first_tail[i + 1])
  std::vector<Tail> tails;
  std::uint32_t depth_max = 0;

  std::uint32_t size() const { return static_cast<std::uint32_t>(character.size()); }
  static Shapes of(const std::vector<std::string>& bytes, std::span<const TokenId> tokens);
};

}  // namespace praxis::grammar
