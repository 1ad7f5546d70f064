#pragma once
// What may still follow, as hash-consed residual states: the derivative of the grammar by the bytes
// read so far.
//
// A state is a set of atoms. An atom is a frame (what is left of one open value) and the state
// that comes when the frame is done; its language is the frame's, followed by that state's. The
// state's language is the union of its atoms', and the empty text if it is complete. Atoms with
// equal frames are merged by uniting their rests, so a state never holds more atoms than there are
// different frames, however many ways led to it. No frame is ever made that cannot be completed:
// a state that exists leads to a whole text.
//
// The kin of a state is the state with all memory taken out that a single token hardly ever
// notices: which keys were written already, how the one being written began, beyond what the case
// asks about it, and the item being written in an array that compares its items. Masks are cached by
// kin; the few tokens that could notice are asked one by one.

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "grammar/cases.h"
#include "grammar/grammar.h"
#include "grammar/trie.h"

namespace praxis::grammar {

using StateId = std::uint32_t;

enum class FrameKind : std::uint8_t {
  value,         // rule: a requirement; nothing of the value read yet
  bare,          // rule: a language; inside a number, null, true or false
  string,        // rule: a language of what is left of the decoded text; lex
  array_open,    // rule: an array case that may end right after '['
  array_item,    // rule; behind an item whose text, from byte `depth` of the state's history on
                 // (kForgottenItem: not known), must be known: becomes array_next when the item ends
  array_next,    // rule; after an item
  object_open,   // rule: an object case; after '{'
  object_comma,  // rule; after ','
  object_next,   // rule; after a member
  key,    // rule; inside a key: ordered keys [low, high) begin like it, `depth` bytes read; next:
          // the language of what is left of keys outside the order
  colon,  // rule: the requirement of the value to come
  choice_colon,  // rule: a choice; its value is to come
  choice_open,   // the same, behind the colon
  choice,        // the same, inside: texts [low, high) begin like it, `depth` bytes read
  text,   // the suffix from byte `depth` on
};

/// Pretty printed: the whitespace that must come before anything else of a frame between two tokens.
enum class Gap : std::uint8_t {
  none,
  line,     // a line break and the indentation of the frame's level
  blanks,   // `depth` more blanks, at least one
  closing,  // `depth` more blanks, then the closing bracket
};

/// One kind of open value. Which fields mean something depends on the kind, the others are 0.
struct Frame {
  FrameKind kind = FrameKind::value;
  std::uint8_t lex = 0;     // place inside an escape or a UTF-8 character, see lexing.h
  std::uint8_t spaces = 0;  // whitespace bytes just read; pretty printed: a Gap
  std::uint8_t unsure = 0;  // array_next: 1: the item before it was not compared
  std::uint32_t rule = 0;
  std::uint32_t next = 0;
  std::uint32_t low = 0, high = 0;
  std::uint32_t depth = 0;
  std::uint32_t text = 0;  // key: its bytes so far, kForgotten or a text; or what is left of the case's
                           // questions about it (kAsked + their list)
  std::uint32_t seen = 0;  // object frames: keys outside the order written so far, kForgotten or a list
};

inline bool is_choice(FrameKind kind) {
  return kind == FrameKind::choice_colon || kind == FrameKind::choice_open || kind == FrameKind::choice;
}

/// Does the frame stand between two tokens of JSON, where whitespace may come?
inline bool is_between(FrameKind kind) {
  return kind != FrameKind::bare && kind != FrameKind::string && kind != FrameKind::key && kind != FrameKind::choice &&
         kind != FrameKind::text;
}

struct Atom {
  Frame frame;
  StateId rest = 0;
};

/// Hash chains over the entries of some array, newest first, so that the newest can be taken back.
class HashIndex {
 public:
  static constexpr std::uint32_t kNone = ~0u;

  template <class Equal>
  std::uint32_t find(std::uint32_t hash, Equal equal) const {
    std::uint32_t i = heads_.empty() ? kNone : heads_[hash & (heads_.size() - 1)];
    while (i != kNone && !(hashes_[i] == hash && equal(i))) i = chain_[i];
    return i;
  }
  void add(std::uint32_t hash);  // the entry after the last
  void truncate(std::uint32_t size);
  std::uint32_t size() const { return static_cast<std::uint32_t>(hashes_.size()); }

 private:
  void link(std::uint32_t entry);
  std::vector<std::uint32_t> heads_, chain_, hashes_;
};

/// The states of one grammar with one suffix, and their masks. Thread-safe; states are never
/// changed or removed while the store lives.
class Residuals {
 public:
  static constexpr StateId kDead = 0, kEnd = 1;
  static constexpr std::uint64_t kNoLimit = ~0ull;

  /// `text`: the language of the raw text that comes instead of a JSON value.
  Residuals(const Grammar& grammar, std::unique_ptr<Cases> cases, std::string suffix,
            std::optional<LanguageId> text = std::nullopt);

  StateId start() const { return start_; }
  /// Fails where some value satisfies nothing or a limit was met.
  Result<void> check();
  /// The first limit met since, if any: from then on states may lack ways to go on.
  std::optional<Error> limit() const;
  /// The state after `bytes`, or kDead.
  StateId advance(StateId from, std::string_view bytes);
  bool complete(StateId state) const;   // the text may end here
  bool ended(StateId state) const;      // and nothing else may follow
  std::uint64_t finish(StateId state);  // bytes of a short completion
  /// The tokens after which at most `bytes_max` bytes complete the text, as bits; add_mask: beside
  /// those that are set already.
  void mask(StateId state, std::span<std::uint32_t> bits, std::uint64_t bytes_max);
  void add_mask(StateId state, std::span<std::uint32_t> bits, std::uint64_t bytes_max);
  SharedMask shared_mask(StateId state, std::uint64_t bytes_max);
  /// The byte that must follow, or -1 if there is a choice, ending the text included.
  int only_byte(StateId state);
  /// The bytes that must follow, at most kForcedMax of them, and the state behind them.
  std::string forced(StateId from, StateId& after);
  /// Is there a token that begins with `begun` and goes on with what `state` allows?
  bool token_goes_on(StateId state, std::string_view begun);
  /// True once the states take more than kStateBytesMax; from then on only texts that are being
  /// read add states.
  bool full() const;

 private:
  static constexpr std::size_t kStateBytesMax = 16u << 20;
  static constexpr std::size_t kCaseBytesMax = 32u << 20;
  static constexpr std::size_t kRowBytesMax = 16u << 20;
  static constexpr std::size_t kMaskBytesMax = 16u << 20;
  static constexpr std::size_t kInsideBytesMax = 8u << 20;
  static constexpr std::size_t kEndingBytesMax = 2u << 20;  // of each half
  static constexpr std::size_t kForcedMax = 4096;
  // A text that must differ from those of a list can need this many bytes more (8 bytes: more than
  // 93^7 texts). So can a key that must differ from those written, which its kin forgets.
  // Where characters are spelled as \uxxxx, six times as many.
  static constexpr std::uint64_t kMemoryBytes = 8;
  static constexpr std::uint64_t kScarceBytes = 1024;  // where a pattern leaves few short keys
  static constexpr std::size_t kEscapesMax = 1 << 16;
  static constexpr std::uint32_t kForgotten = 0, kEmpty = 1;  // texts and lists of keys
  static constexpr std::uint64_t kUnknownFinish = ~0ull;
  static constexpr StateId kUnknownState = ~0u;  // a row's entry that was not computed yet
  static constexpr std::uint32_t kAsked = 1u << 31;
  static constexpr std::uint32_t kForgottenItem = ~0u;
  static constexpr std::size_t kExamplesMax = 8;  // of them, so 256 kinds of keys, are told apart by finish
  static constexpr std::size_t kQuestionsMax = 32;  // with more, every key text is a state of its own

  enum class Memory : std::uint8_t { none, of_none_written, of_some };
  struct State {
    std::uint32_t first = 0, count = 0;  // atoms
    std::uint32_t history = kForgotten;  // the bytes since the outermost array of `records` began
    std::uint64_t finish = kUnknownFinish;
    StateId kin = 0;
    std::uint32_t level = 0;  // arrays and objects that are open
    std::uint32_t row = 0;   // rows_[row - 1]; 0: none
    std::uint32_t mask = 0;  // masks_[mask], if that still belongs to this state
    bool complete = false;
    Memory memory = Memory::none;  // of keys outside the order, here or in a rest
    bool records = false;    // an array that compares its items is open
    bool exact = false;      // one that needs two equal items: no token may forget
    bool unsure = false;     // an item was not compared that has just ended
    bool idle = false;       // behind whitespace, of which a token more makes no difference
  };
  struct Text {
    std::uint32_t parent, byte, length;
  };  // a text is its parent and one byte
  struct Seen {
    std::uint32_t parent, text;
  };  // a list is its parent and one text
  struct Mask {
    StateId owner = kDead;
    std::uint64_t finish_max = 0;  // over all states that its tokens lead to
    std::vector<std::uint32_t> bits;
    std::vector<TokenId> unsure;  // go on behind an item that was not compared
    bool lent = false;            // others hold it: it may be left to them, but never changed
  };
  struct Inside {
    std::uint64_t finish_max = 0;  // bytes from behind a token to the end of the text
    std::uint64_t reach = kEndless;  // characters of any token and its shortest end, at most
    std::vector<std::uint32_t> bits;
  };
  /// Tokens that may go on behind the '"' that ends a text.
  struct Behind {
    std::uint64_t finish_max = 0;
    std::vector<std::uint32_t> places;  // in Tries::quoted, as bits
  };
  using Row = std::array<StateId, 256>;
  /// Takes back all states made while it lives.
  class Scratch;

  // residual.cpp: states
  StateId intern(std::vector<Atom>& atoms, bool complete, std::uint32_t history = kForgotten);
  StateId single(const Frame& frame, StateId rest);
  StateId unite(std::span<const Atom> alike);
  StateId step(StateId from, std::uint8_t byte);
  StateId step_cached(StateId from, std::uint8_t byte);
  Row& row_of(StateId id);  // stays where it is until rows are dropped
  std::uint32_t text_with(std::uint32_t text, std::uint8_t byte);
  std::uint32_t seen_with(std::uint32_t seen, std::uint32_t text);
  bool seen_has(std::uint32_t seen, std::uint32_t text) const;
  std::string spelled(std::uint32_t text) const;
  bool is_full() const;
  bool is_idle(const Frame& frame) const;

  // frames.cpp: one frame at a time
  struct Next {
    std::vector<Atom> atoms;
    bool complete = false;
    std::uint32_t history = kForgotten;  // with the byte just read
  };
  void put(Next& next, const Frame& frame, StateId rest) const {
    next.atoms.push_back(Atom{frame, rest});
  }
  void pop(Next& next, StateId rest);
  const std::string& choice_text(std::uint32_t rule, std::uint32_t at) const {  // as spelled
    return cases_->key_spelled(cases_->choice(rule).texts[at].text);
  }
  void step_frame(const Atom& atom, std::uint8_t byte, Next& next);
  bool step_space(const Atom& atom, std::uint8_t byte, Next& next);
  void step_value(const Atom& atom, std::uint8_t byte, Next& next);
  void step_bare(LanguageId language, StateId rest, Next& next);
  void step_string(const Atom& atom, std::uint8_t byte, Next& next);
  void step_array(ArrayCaseId array, StateId rest, Next& next);
  void step_key(const Atom& atom, std::uint8_t byte, Next& next);
  void end_key(const Atom& atom, Next& next);
  bool has_candidate(const Frame& key);
  bool has_fresh(const Frame& key);
  std::uint32_t asked_about(ObjectCaseId id, std::uint32_t text);
  std::uint32_t kin_text(ObjectCaseId id, std::uint32_t text);
  void step_choice(const Atom& atom, std::uint8_t byte, Next& next);
  std::optional<KeyId> key_of(const Frame& key);
  std::uint64_t finish_of(StateId state);
  std::uint64_t finish_of(const Atom& atom);
  std::uint64_t finish_by_repeating(StateId at, std::uint64_t own, StateId rest);
  std::uint64_t finish_of_key(const Frame& key, std::uint32_t level);
  std::uint64_t memory_bytes_most() const { return escapes_ == Escapes::ascii ? 6 * kMemoryBytes : kMemoryBytes; }
  std::uint64_t finish_behind_value(const Length& members, std::uint32_t level) const;
  std::uint64_t line_bytes(std::uint32_t level) const;
  std::uint64_t bytes_of(const Length& length, std::uint32_t level) const;
  std::uint64_t finish_max_of(StateId state);
  std::uint64_t finish_max_of(const Atom& atom);
  std::uint64_t finish_of_text(LanguageId language, std::uint8_t lex, bool counted);
  template <class Visit>
  void along_escape(LanguageId language, std::uint8_t lex, Visit visit);
  std::uint64_t finish_of_escape(LanguageId language, std::uint8_t lex);
  std::vector<KeyId> written(std::uint32_t seen);
  std::uint64_t finish_of_members(ObjectCaseId id, bool at_least_one, const std::vector<KeyId>& written,
                                  std::uint32_t level);
  Length length_of_members(ObjectCaseId id, bool at_least_one, const std::vector<KeyId>& written);
  bool begins_written(const Frame& key) const;
  std::optional<std::string> fresh(const Frame& key);
  /// Bytes that may come next, by bit; some of them in vain.
  using Bytes = std::array<std::uint64_t, 4>;
  void add_starts(StateId state, Bytes& bytes);
  void add_starts(const Atom& atom, Bytes& bytes);
  int only_byte_of(const Frame& frame);  // -1: several
  int only_byte_of(const State& state);
  int only_key_byte(const Frame& key);
  int only_text_byte(LanguageId language, std::uint8_t lex);
  int only_escape_byte(LanguageId language, std::uint8_t lex);
  Frame kin_of(const Frame& frame);
  const ArrayCase* comparing(const Frame& frame) const;  // an array that compares its items, or null

  // mask_pool.cpp: masks that are kept
  const Mask& mask_of_kin(StateId kin);
  bool is_kins(StateId state, const Mask& kin, std::uint64_t bytes_max);
  void fill_mask(StateId state, const Mask& kin, std::span<std::uint32_t> bits, std::uint64_t bytes_max);

  // masks.cpp and, for the inside of strings, inside.cpp: all tokens at once
  void drop_rows_if_many();
  /// ORs into `bits`; returns the largest finish among the states that set tokens lead to.
  std::uint64_t walk(const Vocabulary::Trie& trie, StateId from, bool cached, std::uint64_t bytes_max,
                     std::span<std::uint32_t> bits, std::vector<TokenId>* unsure = nullptr);
  void fill(StateId id, bool cached, Mask& mask);
  StateId others_of(StateId id);
  std::optional<StateId> behind_text(const Atom& atom);
  const Behind& behind_of(StateId id);
  const std::vector<std::uint32_t>& ending_of(LanguageId language, bool is_key);
  void allow_ending(const Frame& text, StateId rest, Mask& mask);
  void fill_beside(StateId id, const Mask& others, Mask& mask);
  template <class Spelling>
  void allow_texts(std::uint32_t low, std::uint32_t high, std::uint32_t depth, Spelling spelling,
                   std::span<std::uint32_t> bits);
  const Inside& inside_of(LanguageId language, bool is_key);
  struct Point;
  bool read(Point& point, std::uint8_t byte);
  std::uint64_t finish_max_of(const Point& point);
  bool walk_characters(LanguageId language, const Languages::Unlimited& wide, Inside& made);
  void walk_bytes(LanguageId language, Inside& made);
  std::uint64_t longest_value(const Frame& key, std::uint32_t level);
  std::uint64_t memory_bytes(StateId state);
  std::vector<std::string> scarce_keys(StateId state, bool& scarce);
  std::vector<Frame> remembering(StateId state) const;
  bool may_repeat(std::string_view token, const std::vector<Frame>& frames) const;
  void forget_repeats(StateId state, std::span<std::uint32_t> bits);
  void compare_items(StateId state, const Mask& kin, std::uint64_t bytes_max, std::span<std::uint32_t> bits);
  bool roomy(StateId state);
  bool admits(StateId state, std::string_view token, std::uint64_t bytes_max = kNoLimit);

  const std::unique_ptr<Cases> cases_;
  const Vocabulary& vocabulary_;
  const std::uint8_t spaces_max_;
  const bool pretty_;
  const std::uint8_t indent_;  // blanks a level
  const Escapes escapes_;
  const std::string suffix_;
  const bool is_text_;  // raw text instead of a JSON value

  mutable std::mutex mutex_;
  std::vector<State> states_;
  std::vector<Atom> atoms_;
  std::vector<Text> texts_;
  std::vector<Seen> seen_;
  HashIndex state_index_, text_index_, seen_index_;
  Interned asked_;  // languages left of a case's questions about a key
  std::vector<std::unique_ptr<Row>> rows_;
  std::unordered_map<std::uint64_t, std::uint64_t> escapes_finish_;  // by language and place
  std::vector<std::shared_ptr<Mask>> masks_;
  std::unordered_map<std::uint64_t, Inside> inside_;
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> endings_;
  std::unordered_map<StateId, Behind> behind_;
  std::size_t mask_hand_ = 0;  // the mask to be replaced next, once there are enough
  StateId start_ = kDead;
};

}  // namespace praxis::grammar
