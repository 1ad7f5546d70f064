#pragma once
// The expressions behind `Languages`: nodes that are equal are one id (hash-consing), operations
// simplify before they make a node, derivatives advance one byte. Complement is the one negative
// operation: a without b is `a and not b`.

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "grammar/code_points.h"
#include "grammar/languages.h"

namespace praxis::grammar {

/// Every string of bytes, valid UTF-8 or not: the universe of complements.
inline constexpr LanguageId kEverything = 3;
inline constexpr LanguageId kAnyCharacter = 4;  // one code point

/// What a node is; x, y and words are what it is made of.
enum class Kind : std::uint8_t {
  nothing,
  empty_text,
  characters,  // x: continuation bytes expected, 0 at a first byte; words: ranges of the bits left
  literal,     // x: length in bytes, 1 to kLiteralMax; words: the bytes, four a word
  branch,      // x: 1 if the empty text is in it; words: (byte, language) by rising byte
  sequence,    // x then y; x is no sequence
  repeat,      // x; words: min, max
  any_of,      // words: languages by rising id
  all_of,      // words: languages by rising id
  complement,  // x
  automaton,   // x: which; words: low and high half of its state
  declared     // x: which
};

class Expressions {
 public:
  explicit Expressions(std::uint32_t nodes_max);

  // Names as in Languages.
  LanguageId text(std::string_view utf8);
  LanguageId texts(std::vector<std::string> utf8);
  LanguageId characters(std::uint32_t continuation, std::span<const CodePoints> united);
  LanguageId sequence(LanguageId first, LanguageId then);
  LanguageId repeat(LanguageId of, std::uint32_t min, std::uint32_t max);
  LanguageId any_of(std::vector<LanguageId> members);
  LanguageId all_of(std::vector<LanguageId> members);
  LanguageId complement(LanguageId of);
  LanguageId without(LanguageId from, LanguageId taken);
  LanguageId automaton(std::unique_ptr<Automaton> automaton);
  LanguageId declare(bool accepts_empty);
  void define(LanguageId declared, LanguageId as);

  LanguageId step(LanguageId id, std::uint8_t byte);
  const std::array<LanguageId, 256>* row(LanguageId id);
  bool accepts_empty(LanguageId id) const { return nodes_[id].accepts_empty; }

  std::optional<Languages::Lengths> lengths(LanguageId id) const;
  Languages::Lengths characters(LanguageId id) const {
    return {nodes_[id].characters.least, nodes_[id].characters.most};
  }
  bool all_but_some(LanguageId id) const;
  std::optional<std::vector<CodePointSet>> sets(LanguageId id) const;
  Languages::Run counted_run(LanguageId id) const;
  bool visibly_endless(LanguageId id, std::uint32_t depth = 0) const;
  bool visibly_holds(LanguageId id, LanguageId part, std::uint32_t depth = 0) const;
  std::vector<LanguageId> parts(LanguageId id, std::size_t count_max);
  Languages::Unlimited unlimited(LanguageId id, std::uint32_t characters_min, std::uint32_t depth = 0);

  /// Bytes at which the residual may change: two bytes with no start in (a, b] have one residual.
  using Starts = std::array<bool, 256>;
  void class_starts(LanguageId id, Starts& starts);

  /// Shortest text as far as the structure tells; exact if `exact`, else a lower bound.
  struct Bound {
    std::uint64_t bytes = 0;
    bool exact = false;
  };
  Bound bound(LanguageId id) const { return Bound{nodes_[id].shortest, nodes_[id].exact}; }
  /// Makes the bound as good as those of the parts allow: what is a union or a sequence is known once
  /// they are, and an intersection is where one of its parts has a shortest text that is in all of them.
  Bound refined(LanguageId id, std::uint32_t depth = 0);
  /// Appends one of the shortest texts; false if the structure does not tell.
  bool append_shortest(LanguageId id, std::string& text, std::uint32_t depth = 0) const;
  /// A state of an automaton that has no residuals without a text.
  bool trim(LanguageId id) const {
    return kind(id) == Kind::automaton && automata_[nodes_[id].x]->trim();
  }
  /// What a search found out. Bounds only ever rise.
  void learn(LanguageId id, Bound bound);

  std::uint32_t size() const { return static_cast<std::uint32_t>(nodes_.size()); }
  /// Counts nodes that were refused (nodes_max), derivatives that nested too deep and operations for
  /// which no work was left. If it moved during an operation, the result is not to be trusted.
  std::uint64_t failures() const { return failures_; }
  /// How much may be done from now on, in parts of expressions looked at.
  void grant(std::uint64_t work) { work_left_ = work; }
  /// False, and a failure, if less is left; then nothing is.
  bool spend(std::uint64_t work);
  bool spent() const { return work_left_ == 0; }

 private:
  struct Measure {  // bounds of a text's characters
    std::uint32_t least = 0, most = ~0u;
  };
  struct Node {
    Kind kind = Kind::nothing;
    bool accepts_empty : 1 = false;
    bool utf8 : 1 = false;    // every text is valid UTF-8
    bool exact : 1 = false;   // `shortest` is
    std::uint8_t misses = 0;  // steps asked that no row remembered
    std::uint32_t x = 0, y = 0;
    std::uint32_t offset = 0, count = 0;  // in words_
    std::uint32_t row = 0;                // in rows_, from 1
    std::uint64_t shortest = 0;
    Measure characters;
  };
  struct Count {
    LanguageId of;
    std::uint32_t min, max;
  };

  static std::optional<Starts> starts_of(const Automaton& automaton);
  bool finite(LanguageId id, std::uint32_t depth) const;
  Kind kind(LanguageId id) const { return nodes_[id].kind; }
  LanguageId make(Kind kind, std::uint32_t x, std::uint32_t y,
                  std::span<const std::uint32_t> words);
  void describe(Node& node) const;
  Bound structural(const Node& node) const;
  Measure measured(const Node& node) const;
  std::span<const std::uint32_t> words(LanguageId id) const {
    return {words_.data() + nodes_[id].offset, nodes_[id].count};
  }
  /// The byte that every text visibly begins with, or -1.
  int first_byte(LanguageId id) const {
    if (kind(id) == Kind::sequence) id = nodes_[id].x;
    return kind(id) == Kind::literal ? static_cast<int>(words_[nodes_[id].offset] & 0xFF) : -1;
  }
  std::string bytes(LanguageId literal) const;
  CodePointSet ranges(LanguageId characters) const;
  std::optional<CodePointSet> one_character(LanguageId id) const;
  Count count(LanguageId id) const;
  LanguageId literal(std::string_view bytes);
  LanguageId trie(std::span<const std::string> sorted, std::size_t depth);
  LanguageId without_empty(LanguageId id);
  void join_characters(std::vector<LanguageId>& members);
  void join_texts(std::vector<LanguageId>& members);
  void join_repeats(std::vector<LanguageId>& members);
  void absorb(std::vector<LanguageId>& members, Kind inner) const;
  void flatten(std::vector<LanguageId>& members, Kind kind) const;
  LanguageId complement_beside(std::span<const LanguageId> positive, LanguageId of);
  bool lengths_beside(std::vector<LanguageId>& positive, std::vector<LanguageId>& negated);
  void meet_characters(std::vector<LanguageId>& members);
  void meet_automata(std::vector<LanguageId>& members);
  bool holds(LanguageId id, std::string_view text);
  std::optional<std::uint64_t> witnessed(LanguageId intersection);

  LanguageId derivative(LanguageId id, std::uint8_t byte);
  LanguageId characters_after(LanguageId id, std::uint8_t byte);
  std::size_t memo_slot(std::uint64_t key) const;

  struct Memo {
    std::uint64_t key = ~0ull;  // id, byte
    LanguageId next = 0;
  };

  std::uint32_t nodes_max_;
  std::uint64_t failures_ = 0;
  std::uint64_t work_left_ = ~0ull;
  std::uint32_t depth_ = 0;  // of derivative() and the simplifications it calls
  std::vector<Node> nodes_;
  std::vector<std::uint32_t> hashes_;  // of each node
  std::vector<std::uint32_t> words_;
  std::vector<LanguageId> table_;  // open addressing over hashes_, 0 is free
  std::vector<Memo> memo_;         // steps of languages without a row, open addressing
  std::size_t memo_used_ = 0;
  std::vector<std::unique_ptr<std::array<LanguageId, 256>>> rows_;
  std::vector<std::unique_ptr<Automaton>> automata_;
  std::vector<std::optional<Starts>> automaton_starts_;  // of all its states, where it tells them
  std::unordered_map<std::string, std::uint32_t> automata_by_key_;
  std::vector<LanguageId> definitions_;
};

}  // namespace praxis::grammar
