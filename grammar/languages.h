#pragma once
// Sets of texts as hash-consed extended regular expressions over bytes, advanced by derivatives
// (Brzozowski 1964; Owens, Reppy, Turon 2009): union, intersection and difference cost nothing
// extra, and equal residuals are one id. A scalar of any schema is one language: strings over the
// UTF-8 of their decoded text, numbers over their JSON spelling.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace praxis::grammar {

using LanguageId = std::uint32_t;

/// Ids of the languages that every store begins with.
inline constexpr LanguageId kNothing = 0;    // no text at all
inline constexpr LanguageId kEmptyText = 1;  // only the empty text
inline constexpr LanguageId kAnyText = 2;    // all valid UTF-8 (RFC 3629)

struct CodePoints {
  char32_t first = 0, last = 0;  // both inside
  bool operator==(const CodePoints&) const = default;
};

/// An automaton that no expression spells well (a number's bounds, divisibility). States are its
/// own; 0 is dead. Deterministic, thread-compatible, owned by the store it was added to.
class Automaton {
 public:
  virtual ~Automaton() = default;
  virtual std::uint64_t start() const = 0;
  virtual std::uint64_t step(std::uint64_t state, std::uint8_t byte) const = 0;
  virtual bool accepts(std::uint64_t state) const = 0;
  /// Bytes of the shortest text from a state that is not dead, where that needs no search.
  virtual std::optional<std::uint64_t> shortest(std::uint64_t /*state*/) const {
    return std::nullopt;
  }
  /// Has every state but 0 a text?
  virtual bool trim() const { return false; }
  /// Sets of characters such that it treats characters alike that are in the same of them.
  virtual std::optional<std::vector<std::vector<CodePoints>>> sets() const { return std::nullopt; }
  /// Automata of one key are equal: a store keeps the first of them. Empty: equal to no other.
  virtual std::string key() const { return {}; }
  /// An automaton that starts like `state` but lets go of limits, and how many characters they leave alike.
  struct Unlimited {
    std::unique_ptr<Automaton> automaton;
    std::uint32_t alike = 0;
  };
  virtual Unlimited unlimited(std::uint64_t /*state*/) const { return {}; }
  /// One automaton for what both accept, where that is better than their product.
  virtual std::unique_ptr<Automaton> meet(const Automaton& /*other*/) const { return nullptr; }
};

/// Not thread-safe: one owner at a time. Every language made from code points holds valid UTF-8
/// only. All operations simplify; a store that is full (nodes_max) gives kNothing and says so.
class Languages {
 public:
  static constexpr std::uint64_t kEndless = 1ull << 60;

  explicit Languages(std::uint32_t nodes_max = 1u << 18);
  ~Languages();
  Languages(const Languages&) = delete;
  Languages& operator=(const Languages&) = delete;

  // --- making
  LanguageId text(std::string_view utf8);              // that text alone
  LanguageId texts(std::vector<std::string> utf8);     // any of them; shares prefixes
  LanguageId set(std::span<const CodePoints> ranges);  // one code point out of them
  LanguageId sequence(LanguageId first, LanguageId then);
  LanguageId repeat(LanguageId of, std::uint32_t min, std::uint32_t max);  // max ~0u: no bound
  LanguageId length(std::uint32_t min, std::uint32_t max);  // any text of so many code points
  LanguageId any_of(std::span<const LanguageId> languages);
  LanguageId all_of(std::span<const LanguageId> languages);
  LanguageId without(LanguageId from, LanguageId taken);       // set difference
  LanguageId automaton(std::unique_ptr<Automaton> automaton);  // its start state's language
  /// A language that is defined later, so that it can occur in its own definition (only behind at
  /// least one byte). Valid UTF-8 only; it must be said beforehand if the empty text is in it.
  /// Until define() it is nothing but opaque: make languages with it, do not read them.
  LanguageId declare(bool accepts_empty);
  void define(LanguageId declared, LanguageId as);

  // --- reading
  LanguageId step(LanguageId id, std::uint8_t byte);  // what may follow the byte; remembered
  /// What step() remembers of `id`, for loops that cannot afford a call: next ids by byte, or
  /// kUnknown where step() was not asked yet (ask it; the row fills in place). The row lives as
  /// long as the store. Null once the rows' memory (rows_max of 1 KiB) is spent: use step().
  static constexpr LanguageId kUnknown = ~0u;
  const std::array<LanguageId, 256>* row(LanguageId id);
  bool accepts_empty(LanguageId id) const;
  bool matches(LanguageId id, std::string_view text);
  /// Bytes of the shortest text, kEndless if there is none. Exact emptiness: searches the residuals
  /// where intersections and differences hide it, at most search_max of them at a time; past that
  /// the language counts as empty and exhausted() turns true.
  std::uint64_t shortest(LanguageId id);
  /// One of the shortest texts, where the structure of the language tells one.
  std::optional<std::string> shortest_text(LanguageId id) const;
  bool knows_shortest(LanguageId id) const;   // without a search
  bool empty(LanguageId id);                  // shortest(id) == kEndless, but quicker
  bool subset(LanguageId a, LanguageId b);    // every text of a is in b
  bool disjoint(LanguageId a, LanguageId b);  // no text is in both
  /// The byte every non-empty text begins with, or -1; -1 as well if the empty text is in it.
  int only_byte(LanguageId id);
  /// Bytes a < b with no start in (a, b] have one residual.
  void class_starts(LanguageId id, std::array<bool, 256>& starts);
  /// If the language is all texts of so many code points and nothing else: from how many to how many.
  struct Lengths {
    std::uint32_t min, max;  // max ~0u: no bound
  };
  std::optional<Lengths> lengths(LanguageId id) const;
  /// No text has fewer characters, or more.
  Lengths characters(LanguageId id) const;
  /// Bytes of which any `steps_max` in any order that is valid UTF-8 can be read from here, the rest
  /// staying possible and its shortest text getting no longer. A cautious answer: it looks for loops and counted sets.
  struct Run {
    std::array<std::uint64_t, 4> bytes{};  // by bit
    std::uint32_t steps_max = 0;
  };
  Run run(LanguageId id);
  /// Sets of characters such that the language, and every residual of it behind whole characters, treats
  /// characters alike that are in the same of them. Nothing where its structure does not tell.
  std::optional<std::vector<std::vector<CodePoints>>> sets(LanguageId id);
  /// Does it hold more texts than any number, as far as its structure tells?
  bool visibly_endless(LanguageId id) const;
  /// Is every text of `part` in `id`, as far as their structures tell?
  bool visibly_holds(LanguageId id, LanguageId part) const;
  /// Languages of which it is the union, each less deep in unions; itself alone where there are more than
  /// `count_max` or none.
  std::vector<LanguageId> parts(LanguageId id, std::size_t count_max);
  /// The language without limits on repetition that no text of `characters_min` characters or fewer meets,
  /// as far as its structure tells: it holds every text of `id` and, of those of at most `alike`
  /// characters, no other. What differs in its limits alone, as the residuals of a counted text, is one.
  struct Unlimited {
    LanguageId language;
    std::uint32_t alike;  // ~0u: the language itself
  };
  Unlimited unlimited(LanguageId id, std::uint32_t characters_min);
  /// Is it all texts but for a finite number, as far as its structure tells?
  bool all_but_some(LanguageId id) const;
  /// Up to `count` different texts of the language, short ones first.
  std::vector<std::string> samples(LanguageId id, std::size_t count);

  /// How much may be done from now on, in parts of expressions looked at (no limit until it is first
  /// called). What needs more gets the cautious answer, and a later question starts it anew.
  void grant(std::uint64_t work);
  /// A limit was met and some answer above was the cautious one: a language lacks texts, or is
  /// nothing; subset() and disjoint() said false. Caution ends where such a language is taken away
  /// from another or where empty() stands for disjoint(): who has done that must refuse.
  bool exhausted() const;
  /// Moves whenever an answer was a cautious one.
  std::uint64_t doubts() const;
  std::uint32_t size() const;  // nodes made so far

 private:
  struct Store;
  std::unique_ptr<Store> store_;
};

}  // namespace praxis::grammar
