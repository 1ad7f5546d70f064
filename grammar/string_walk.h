#pragma once
// All tokens that the inside of a string may go on with, by characters instead of bytes: the vocabulary's
// trie of alike characters is walked with the residuals of the string's language, and what a residual
// cannot tell apart is taken at once.

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "grammar/languages.h"
#include "grammar/shapes.h"

namespace praxis::grammar {

class StringWalk {
 public:
  /// Bytes that complete a text of the language, once the first bytes of a character's canonical spelling
  /// were read; kEndless: no text goes on so.
  using BehindTail = std::function<std::uint64_t(LanguageId, std::string_view)>;

  /// `trie` by classes of which `classes` gives those of `alphabet`, which tells apart whatever the language
  /// does.
  StringWalk(Languages& languages, const Shapes& trie, std::vector<std::uint8_t> classes,
             const Alphabet& alphabet, BehindTail behind_tail);

  /// Walks with `wide`, the language without limits; where a text is too long for it, `near`, with fewer of
  /// them gone, is asked, and the language itself last. To be called once.
  void walk(LanguageId language, const Languages::Unlimited& wide, const Languages::Unlimited& near);

  /// ORs the tokens found into `bits`; `all`: those of all tokens that the trie holds as a whole.
  void put(std::span<std::uint32_t> bits, std::span<const std::uint32_t> all) const;
  /// Bytes that any of the tokens found leaves to write at most. Characters that decide: with a language that
  /// is exact for so many the walk would have found the same.
  std::uint64_t finish_max() const { return finish_max_; }
  std::uint64_t reach() const { return reach_; }

 private:
  struct Residual {
    LanguageId left = kNothing;
    std::uint64_t finish = 0;  // bytes of the shortest text
    std::uint32_t least = 0;   // characters of any text, at least
    std::vector<Residual*> next;  // by class; null: not asked yet
    std::array<bool, 256> starts{};
    std::uint32_t passed = 0;  // nodes of the trie below those where it was met
    const Residual* core = nullptr;  // it or the part of it with the heaviest loops, once it was asked for
    // What leads to all of its texts and perhaps more, as then any number of such characters does.
    std::optional<Shapes::Symbols> loops;
    std::uint64_t weight = 0;  // tokens that begin with these
    // No characters, so many or fewer, lead to nothing: as many as were asked for, or as few as there are.
    std::uint32_t margin = 0, margin_asked = 0;
    std::uint64_t margin_finish = 0;  // bytes of the shortest text of what they lead to, at most
    std::uint32_t mark = 0;           // of the last search that met it
  };
  struct Range {
    std::uint32_t begin, end;  // of the trie's tokens
  };

  Residual& residual_of(LanguageId left);
  Residual& step(Residual& from, std::uint8_t one);
  std::uint8_t class_at(std::uint32_t node) const { return classes_[trie_.symbol[node]]; }
  bool covered(std::uint32_t node, Residual& at, std::uint64_t alike);
  const Residual& core_of(Residual& at);
  void find_loops(Residual& at);
  bool may_reach(std::uint64_t characters, std::uint64_t finish, std::uint64_t alike);
  bool has_margin(Residual& at, std::uint32_t characters);
  void take(std::uint32_t begin, std::uint32_t end);
  void take_tails(std::uint32_t node, Residual& at, std::uint64_t alike);
  LanguageId behind(LanguageId language, std::uint32_t depth);
  LanguageId step(LanguageId left, std::uint8_t one);
  void take_below(std::uint32_t node);

  Languages& languages_;
  const Shapes& trie_;
  const std::vector<std::uint8_t> classes_;
  const Alphabet& alphabet_;
  const BehindTail behind_tail_;
  std::vector<std::uint64_t> weights_;  // of each class: tokens that begin with it
  std::uint64_t total_ = 0;             // of all
  std::deque<Residual> residuals_;
  std::unordered_map<LanguageId, Residual*> known_;
  LanguageId language_ = kNothing;
  std::uint64_t alike_ = 0;         // characters of a text on which the widest agrees with it
  std::vector<std::uint8_t> read_;  // classes from the root on
  std::uint32_t searches_ = 0;
  std::vector<Range> found_;  // rising, apart
  std::vector<TokenId> found_alone_;
  std::uint64_t finish_max_ = 0, reach_ = 0;
};

}  // namespace praxis::grammar
