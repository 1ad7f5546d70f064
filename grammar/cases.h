#pragma once
// What one value must satisfy, taken apart far enough to be followed byte by byte.
//
// A requirement is a conjunction of schemas, each plain or negated. For scalars it comes to one
// language. For arrays and objects it comes to cases: alternatives, each a conjunction of simple
// constraints (every member's value satisfies its schema, this key is there, some member breaks
// that schema, ...), with all boolean keywords multiplied out. A case that has taken a member is
// again a case: its residual. A value is admitted exactly when some case of its type is.
//
// Everything is made when first asked for, hash-consed, and kept. Not thread-safe.

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "grammar/error.h"
#include "grammar/escapes.h"
#include "grammar/fuel.h"
#include "grammar/interned.h"
#include "grammar/languages.h"
#include "grammar/schema.h"

namespace praxis::grammar {

using RequirementId = std::uint32_t;
using ObjectCaseId = std::uint32_t;
using ArrayCaseId = std::uint32_t;
using KeyId = std::uint32_t;
using MapId = std::uint32_t;

inline constexpr RequirementId kAnything = 0;
/// Bytes; nothing that an output could hold reaches it.
inline constexpr std::uint64_t kEndless = Languages::kEndless;
inline std::uint64_t add_bytes(std::uint64_t a, std::uint64_t b) {
  return a + b < kEndless ? a + b : kEndless;
}
inline std::uint64_t times_bytes(std::uint64_t n, std::uint64_t bytes) {
  return n != 0 && bytes >= kEndless / n ? kEndless : n * bytes;
}

/// What pretty printing adds to a compact text, whatever the level it begins at: line breaks, the levels
/// that the lines behind them stand deeper than that one, summed, and blanks behind colons.
struct Layout {
  std::uint64_t lines = 0, levels = 0, blanks = 0;
  auto operator<=>(const Layout&) const = default;

  static Layout closing() { return Layout{1, 0, 0}; }  // the line of a closing bracket
  /// `count` items or members, each with a line of its own a level deeper.
  void put(std::uint64_t count, const Layout& value, bool is_member) {
    lines = add_bytes(lines, times_bytes(count, add_bytes(value.lines, 1)));
    levels = add_bytes(levels, times_bytes(count, add_bytes(value.levels, add_bytes(value.lines, 1))));
    blanks = add_bytes(blanks, times_bytes(count, add_bytes(value.blanks, is_member ? 1 : 0)));
  }
};

/// Of a text: its bytes when compact, and what pretty printing adds.
struct Length {
  std::uint64_t bytes = kEndless;
  Layout layout;
  auto operator<=>(const Length&) const = default;
};

/// A schema, plain or negated.
struct Literal {
  SchemaId schema = 0;
  bool negated = false;
  std::uint32_t word() const { return schema << 1 | (negated ? 1u : 0u); }
  static Literal of(std::uint32_t word) { return Literal{word >> 1, (word & 1) != 0}; }
};

/// Which members' values must satisfy which schemas, by key (objects) or index (arrays): what one
/// schema states about its children, or what its unevaluated* adds.
struct ChildMap {
  SchemaId schema = kNoSchema;
  bool unevaluated = false;     // only for children that none of `covered_by` speaks of
  std::vector<MapId> covered_by;
  bool negated = false;         // of the schema's only property: its value breaks it
};

inline constexpr MapId kNoMap = ~0u;

struct ObjectCase {
  /// What keeps a schema from being satisfied: a value still to come does not satisfy the map, or one
  /// of the missing never comes.
  struct Broken {
    MapId map = kNoMap;
    std::vector<KeyId> missing;
    auto operator<=>(const Broken&) const = default;
  };
  std::vector<MapId> maps;     // every member's value satisfies them
  std::vector<Broken> broken;  // each of them
  std::vector<KeyId> required, forbidden;  // keys still to come; keys that may not come (any more)
  struct Implied {
    KeyId key;                  // once it comes,
    std::vector<KeyId> needed;  // these must be there: those that have not come yet
    bool operator==(const Implied&) const = default;
  };
  std::vector<Implied> implied;
  struct Conditional {
    KeyId key = 0;  // once it comes, every member's value satisfies the map; those so far do
    MapId map = kNoMap;
    auto operator<=>(const Conditional&) const = default;
  };
  std::vector<Conditional> conditional;
  LanguageId names = kAnyText;           // every key is in it
  std::vector<LanguageId> broken_names;  // each: some key still to come is not in it
  std::uint32_t min = 0, max = kUnlimited;  // members still to come

  std::vector<MapId> covers;  // while it is made: whose children count as evaluated
  bool covers_all = false;
};

struct ArrayCase {
  std::vector<MapId> maps, broken;
  struct Contains {
    std::uint32_t literal;  // Literal::word
    std::uint32_t min, max;  // items that satisfy it, still to come
  };
  std::vector<Contains> contains;
  std::uint32_t min = 0, max = kUnlimited;  // items still to come
  std::uint32_t index = 0;  // of the next item; stays at the first where nothing changes any more
  bool unique = false;      // no item equals another
  bool repeated = false;    // some item, still to come, equals another
  std::vector<std::uint32_t> seen;  // unique, repeated: literals for the items so far, sorted

  std::vector<MapId> covers;
  bool covers_all = false;
};

/// The keys that a set of maps names, and in which order the required ones come.
struct Order {
  struct Member {
    KeyId key;
    RequirementId value;
    std::vector<KeyId> behind;  // keys that come first where they are required
  };
  std::vector<Member> members;
  std::vector<std::uint32_t> sorted;  // members by spelled key
  std::unordered_map<KeyId, std::uint32_t> index;
  std::vector<LanguageId> patterns;      // of the maps, each once
  std::optional<LanguageId> others;      // keys that are not in it, with values that can be had
};

/// A value that tells by its text of which kind the object is that it belongs to.
struct Choice {
  struct Text {
    KeyId text;
    ObjectCaseId kind;  // has it; before the value was taken
    std::optional<Length> members;  // still needed behind the value
  };
  KeyId key;                // whose value it is
  std::vector<Text> texts;  // sorted as spelled
  std::size_t longest = 0;  // as spelled
};
using ChoiceId = std::uint32_t;

struct CaseOptions {
  bool any_order = false;          // no key waits for another
  Escapes escapes = Escapes::minimal;
  std::uint32_t cases_max = 512;   // alternatives of one value
  std::uint32_t depth_max = 512;   // nesting of one search for a completion
};

class Cases {
 public:
  /// Fails where a pattern or a number is refused. `schemas` must outlive the store.
  static Result<std::unique_ptr<Cases>> create(const Schemas& schemas, const CaseOptions& options,
                                               Fuel& fuel);

  static constexpr std::size_t kFew = 64;

  RequirementId root() const { return root_; }
  Languages& languages() { return languages_; }

  // --- requirements
  RequirementId with(RequirementId requirement, std::uint32_t literal);
  LanguageId text_of(RequirementId id);  // decoded strings
  LanguageId bare_of(RequirementId id);  // numbers, null, true, false, as spelled
  const std::vector<ObjectCaseId>& objects(RequirementId id);  // only such as can be completed
  const std::vector<ArrayCaseId>& arrays(RequirementId id);
  /// Bytes of some value, a short one; kEndless: there is none.
  std::uint64_t finish(RequirementId id);
  Length length(RequirementId id);  // of that value
  /// The largest finish of any requirement, members or items so far; each number the largest of any.
  const Length& finish_most() const { return finish_most_; }
  /// Has it certainly more than kFew values?
  bool many(RequirementId id);
  /// Schema path of what makes a requirement impossible, as deep as it can be told.
  std::string blame(RequirementId id);
  /// Spelled bytes of a short text of a string language, without quotes.
  std::uint64_t spelled_shortest(LanguageId id);

  // --- objects
  template <class CaseId>
  struct Step {
    RequirementId value = kAnything;
    CaseId rest = 0;
  };
  using ObjectStep = Step<ObjectCaseId>;
  using ArrayStep = Step<ArrayCaseId>;

  const Order& order(ObjectCaseId id) { return orders_[objects_[id].order]; }
  /// Bytes of the members still needed, joined by commas; at_least_one: of one at least.
  std::uint64_t finish_members(ObjectCaseId id, bool at_least_one);
  Length length_of_members(ObjectCaseId id, bool at_least_one);  // with the line of the closing bracket
  /// The keys of such members where those `written` already, outside the order, may not come again.
  std::vector<KeyId> members_needed(ObjectCaseId id, bool at_least_one,
                                    const std::vector<KeyId>& written, Length& length);
  bool needs_extras(ObjectCaseId id);  // some of these members are outside the order
  bool may_close(ObjectCaseId id) const { return objects_[id].may_close; }
  bool may_go_on(ObjectCaseId id);  // some key may come
  /// For each ordered key (see order): may it come next?
  const std::vector<bool>& open(ObjectCaseId id);
  LanguageId extras(ObjectCaseId id);  // keys that are not in the order and may come next
  bool has_extras(ObjectCaseId id);    // now or later
  bool takes_any_others(ObjectCaseId id);  // extras are all texts but the order's keys
  /// What else than the order's keys decides about a key outside it: each language may hold it or
  /// not, and keys with equal answers are alike to the case.
  const std::vector<LanguageId>& questions(ObjectCaseId id);
  /// A key outside the order with these answers, one bit a question; nothing if there is none.
  std::optional<KeyId> example(ObjectCaseId id, std::uint64_t answers);
  /// Languages::samples, remembered while they are few.
  std::vector<std::string> samples(LanguageId id, std::size_t count);
  bool finite(LanguageId extras);      // at most kFew texts: those taken are forbidden in the case itself
  bool plenty(LanguageId extras);      // however a key begins, it can become any of endlessly many; a cautious no
  bool many_members(ObjectCaseId id);  // certainly more than kFew ways to go on
  /// The case after the member `key`, with what its value must satisfy; none: not allowed.
  std::vector<ObjectStep> take(ObjectCaseId id, KeyId key);

  // --- objects of many kinds
  /// objects() that can be completed; where many are closed, those joined as one that stands for all.
  const std::vector<ObjectCaseId>& kinds(RequirementId id);
  bool is_joined(ObjectCaseId id) const { return !objects_[id].kinds.empty(); }
  /// take() of a joined case, where texts that tell the kinds apart are not taken one by one.
  struct Ways {
    std::vector<ObjectStep> steps;
    std::optional<ChoiceId> choice;
  };
  const Ways& ways(ObjectCaseId joined, KeyId key);
  const Choice& choice(ChoiceId id) const { return choices_[id]; }
  ObjectCaseId chosen(ChoiceId id, std::uint32_t at);  // the case behind that text
  Length length_behind(ChoiceId id, std::uint32_t at);  // of the members still needed there

  // --- arrays
  const ArrayCase& array(ArrayCaseId id) const { return arrays_[id].array; }
  std::uint64_t finish_items(ArrayCaseId id, bool at_least_one);
  Length length_of_items(ArrayCaseId id, bool at_least_one);  // with the line of the closing bracket
  /// `id` is behind an item that is not known yet, in an array that compares its items: enough for
  /// what comes behind whatever it turns out to be.
  Length length_behind_item(ArrayCaseId id);
  /// The same where two items must be equal, by writing that item, of so many bytes, again.
  Length length_repeating(ArrayCaseId id, std::uint64_t bytes);
  bool may_end(ArrayCaseId id) const { return arrays_[id].may_end; }
  const std::vector<ArrayStep>& take(ArrayCaseId id);
  /// `rest` (a residual after an item) once the item's text is known: for unique and repeated.
  std::optional<ArrayCaseId> ended_with(ArrayCaseId rest, std::string_view json);

  KeyId key(std::string_view text);
  const std::string& key_text(KeyId id) const { return key_texts_[id]; }      // decoded
  const std::string& key_spelled(KeyId id) const { return key_spelled_[id]; }  // between the quotes

  /// Gives the next question fresh fuel: what a schema may ask is bounded at compile time and then at
  /// every step, not over the life of a store.
  void refuel() {
    compiling_ = false;
    fuel_ = Fuel(kStepFuel);
    languages_.grant(kStepWork);
  }
  /// About how much memory the store takes.
  std::size_t bytes() const;
  /// The first limit that was ever met, if any: answers since may be cautious ones, and are kept.
  const std::optional<Error>& limit() const { return limit_; }
  /// Asks about each value of its own, and each pattern for keys, that may meet a limit, so that it is
  /// met now and not when a text gets there.
  void ask_ahead();

 private:
  static constexpr std::size_t kPatternsMax = 5;  // for keys: so many may overlap in every way
  static constexpr std::uint64_t kStepFuel = 200'000;
  static constexpr std::size_t kKeyPatternsMax = 256;       // of one object
  static constexpr std::uint64_t kCompileWork = 6'000'000;  // see Languages::grant
  static constexpr std::uint64_t kStepWork = 3'000'000;

  struct Expansion {
    std::optional<std::vector<std::uint32_t>> cases;
    std::uint32_t open = 0;  // see Question
  };
  struct Requirement {
    std::vector<std::uint32_t> literals;  // Literal::word, sorted
    std::optional<LanguageId> text, bare;
    Expansion objects, arrays;
    std::optional<std::uint64_t> finish;
    Layout layout;  // of a value of that many bytes
    std::optional<bool> many;
    std::uint32_t open = 0;  // finish() is asked, see Question
  };
  struct Completion {
    std::uint64_t bytes = kEndless;  // members or items joined by commas
    std::uint32_t count = 0;
    std::vector<std::pair<KeyId, RequirementId>> members;  // of an array: the first item, key 0
    ArrayCaseId rest = 0;  // behind that item; the array itself: all items are like it
    Layout layout;         // the line of the closing bracket, too
    Length length() const { return Length{bytes, layout}; }
  };
  struct KnownCompletion {
    std::optional<Completion> answer;
    std::uint32_t open = 0;  // see Question
  };
  struct KnownObject {
    ObjectCase object;
    std::uint32_t order = 0;
    bool may_close = false;
    KnownCompletion none_needed, one_needed;
    std::optional<std::vector<bool>> open;
    std::optional<LanguageId> extras;
    std::optional<bool> has_extras;
    std::optional<std::vector<LanguageId>> questions;
    std::unordered_map<std::uint64_t, std::optional<KeyId>> examples;
    std::vector<ObjectCaseId> kinds;  // that it stands for; `object` means nothing then
  };
  struct KnownArray {
    ArrayCase array;
    bool may_end = false;
    KnownCompletion none_needed, one_needed;
    std::optional<std::vector<ArrayStep>> steps;
    std::optional<Length> behind_item;
  };
  /// What a schema says about scalars, made when first asked for.
  struct SchemaTexts {
    std::array<std::optional<LanguageId>, 4> scalars;  // by Scalar
    LanguageId pattern = kAnyText;
    std::vector<LanguageId> key_patterns;
    std::unordered_map<std::string_view, SchemaId> properties;
    bool busy = false;
  };

  Cases(const Schemas& schemas, const CaseOptions& options, Fuel fuel)
      : schemas_(schemas), options_(options), fuel_(fuel) {}

  const Schema& schema(SchemaId id) const {
    return id < schemas_.schemas.size() ? schemas_[id] : extra_[id - schemas_.schemas.size()];
  }
  SchemaTexts& texts(SchemaId id);
  std::string blame(RequirementId id, std::vector<RequirementId>& asked);
  SchemaId add_schema(Schema schema);
  SchemaId never();  // a schema for no value
  SchemaId exact(JsonId value);  // a schema for that value alone
  bool burn(std::uint64_t steps = 1);
  void give_up(std::string what, std::string where);
  static std::string too_many_patterns();
  void met(Error limit);
  /// Moves whenever an answer is a cautious one. What is then taken away from something else, or is to
  /// be broken, would allow too much: whoever does that checks.
  std::uint64_t doubts() const { return doubts_ + languages_.doubts(); }
  void note_work(const std::string& where);  // a limit, if one of languages_ was met
  void end_search(bool found);               // a limit, if the outermost one found nothing for its depth

  /// A question while it is answered, by its place among the open ones, each asked by the one before.
  /// Who asks it again meanwhile is told "none", for now: that, and what rests on it, is for good once
  /// the question is answered.
  struct Question {
    std::uint32_t& open;     // its place from 1 on; 0: it is not open
    std::uint32_t outside;   // what `rests_on_` was
  };
  static constexpr std::uint32_t kNoQuestion = ~0u;
  Question ask(std::uint32_t& open);
  /// The question is answered; false: by a "none" that is only for now.
  bool answered(const Question& question, bool found);
  void rest_on(std::uint32_t open) { rests_on_ = std::min(rests_on_, open); }
  std::string where(RequirementId id) const;

  RequirementId intern(std::vector<std::uint32_t> literals);
  /// number: as it is generated; value: in every spelling, for what is taken away from others.
  enum class Scalar : std::uint8_t { text, number, name, value };
  LanguageId scalar_of(RequirementId id, Scalar kind);
  LanguageId scalar_of_schema(SchemaId id, Scalar kind);
  LanguageId all_of_kind(Scalar kind);
  LanguageId own_text(SchemaId id);
  LanguageId own_numbers(SchemaId id, bool every_spelling);
  LanguageId own_names(SchemaId id);
  template <class Of, class Taken>
  LanguageId combine(const Schema& schema, LanguageId own, LanguageId all, Of of, Taken taken);

  // expand.cpp: schemas -> cases
  template <class Case>
  std::vector<Case> expand(Literal literal, std::uint32_t depth);
  template <class Case>
  std::vector<Case> plain(SchemaId id, std::uint32_t depth);
  template <class Case>
  std::vector<Case> negated(SchemaId id, std::uint32_t depth);
  template <class Case>
  std::vector<Case> both(const std::vector<Case>& a, const std::vector<Case>& b, const std::string& where);
  template <class Case>
  void either(std::vector<Case>& a, std::vector<Case> b, const std::string& where);
  template <class Case>
  std::vector<Case> expand_all(const std::vector<std::uint32_t>& literals);
  template <class Case>
  const std::vector<std::uint32_t>& cases_of(RequirementId id, Expansion& known);
  bool merge(ObjectCase& into, const ObjectCase& other);
  bool merge(ArrayCase& into, const ArrayCase& other);
  bool settle(ObjectCase& object);
  bool settle_broken(ObjectCase& object);
  bool settle(ArrayCase& /*array*/) { return true; }
  bool own(SchemaId id, ObjectCase& into);
  bool own_beside(KeyId key, SchemaId dependent, ObjectCase& into, std::uint32_t depth);
  bool own(SchemaId id, ArrayCase& into);
  void own_negated(SchemaId id, std::vector<ObjectCase>& out);
  void own_negated(SchemaId id, std::vector<ArrayCase>& out);
  SchemaId own_part(SchemaId id);
  template <class Case>
  using Way = std::pair<RequirementId, Case>;  // a member's value, and what is left behind it
  template <class Case, class StatedBy>
  void break_some(std::vector<Way<Case>>& ways, StatedBy stated_by);
  template <class Case>
  void bound(std::vector<Way<Case>>& ways, const std::string& advice, const std::string& where);
  /// No object, or no array, satisfies them all, certainly.
  template <class Case>
  bool apart(SchemaId a, SchemaId b, SchemaId beside);
  bool impossible(RequirementId id);                    // no value satisfies it, certainly

  // objects.cpp
  MapId map(ChildMap map);
  RequirementId value_of(const std::vector<MapId>& maps, KeyId key);
  void literals_of(MapId map, std::string_view key, std::vector<std::uint32_t>& out);
  bool covers(MapId map, std::string_view key);
  bool breaks(RequirementId value, MapId map, KeyId key);
  std::uint32_t order_of(const std::vector<MapId>& maps);
  void put_in_line(const Schema& schema, Order& order);
  ObjectCaseId intern(ObjectCase object);
  bool waits(const ObjectCase& object, const Order::Member& member) const;
  using ObjectWay = Way<ObjectCase>;
  void decide(const ObjectCase::Conditional& conditional, KeyId key, std::vector<ObjectWay>& ways);
  LanguageId extras_of(const ObjectCase& object, Order& order);
  LanguageId others_of(const std::vector<MapId>& maps, Order& order);
  LanguageId completable(ObjectCaseId id, LanguageId keys);
  std::vector<ObjectStep> taken(const ObjectCase& object, const Order& order, KeyId key,
                                LanguageId others);

  bool is_simple(const ObjectCase& object) const;
  void sort_by_spelling(Order& order) const;

  // kinds.cpp
  ObjectCaseId join(std::vector<ObjectCaseId> kinds);
  std::uint32_t joined_order(const std::vector<std::uint32_t>& words, const std::vector<ObjectCaseId>& kinds);
  std::vector<bool> open_to_some(ObjectCaseId joined);
  Completion complete_some(ObjectCaseId joined, bool at_least_one);
  std::vector<ObjectStep> take_some(ObjectCaseId joined, KeyId key);
  std::vector<ObjectStep> joined_steps(std::vector<ObjectStep> steps);
  const std::vector<KeyId>* few_texts(RequirementId id);

  // completions.cpp
  struct Search;
  struct Plan;
  Completion complete_members(ObjectCaseId id, bool at_least_one);
  Completion complete_beside(ObjectCaseId id, bool at_least_one, const std::vector<KeyId>& written);
  bool satisfy(Search& search, Plan& plan, std::size_t broken, Completion& best);
  Completion carry_out(Search& search, Plan plan);
  bool follow(Search& search, Plan& plan);
  bool fill_up(Search& search, Plan& plan, std::size_t least);
  RequirementId owing(const Plan& plan, KeyId key, RequirementId value);
  std::uint64_t finish_member(KeyId key, RequirementId value);
  bool available(const ObjectCase& object, const Order& order, KeyId key, LanguageId extras);
  LanguageId extras(Search& search);
  std::vector<KeyId> unwritten(const Search& search, LanguageId keys, std::size_t count);
  std::vector<KeyId> one_of_each_kind(Search& search, std::vector<LanguageId> patterns);
  std::vector<KeyId> candidates(Search& search, std::size_t more);

  // arrays.cpp
  void literals_at(MapId map, std::uint32_t index, std::vector<std::uint32_t>& out);
  bool covers_item(MapId map, std::uint32_t index);
  std::uint32_t horizon(const ArrayCase& array);  // the index from which on nothing changes
  ArrayCaseId intern(ArrayCase array);
  std::vector<ArrayStep> steps_of(ArrayCaseId id);
  std::vector<ArrayStep> ways_on(ArrayCaseId id);
  bool even(const ArrayCase& array);  // are all items alike?
  ArrayCaseId with_one_more(ArrayCaseId id);
  RequirementId goes_on(ArrayCaseId before, RequirementId item, ArrayCaseId rest);
  std::string shortest_text(RequirementId id);
  std::optional<std::uint32_t> literal_of(std::string_view json);
  std::uint32_t exactly(const JsonDocument& document, JsonId at);
  Completion complete_items(ArrayCaseId id, bool at_least_one);

  const Schemas& schemas_;
  const CaseOptions options_;
  Fuel fuel_;
  std::deque<Schema> extra_;
  std::unordered_map<JsonId, SchemaId> exact_;
  std::optional<SchemaId> never_;
  std::unordered_map<SchemaId, SchemaId> own_parts_;
  Languages languages_;
  std::deque<SchemaTexts> texts_;
  std::uint64_t doubts_ = 0;
  bool compiling_ = true;   // a limit met now is the end
  bool annotates_ = false;  // some schema has unevaluated*
  std::uint32_t depth_ = 0;  // of the search for a completion
  bool too_deep_ = false;    // some way of it was not followed to its end
  RequirementId asked_ = kAnything;  // the innermost question
  void note_finish(const Length& length);
  Length finish_most_{0, {}};
  std::uint32_t open_ = 0;  // questions that are open
  std::uint32_t rests_on_ = kNoQuestion;  // the outermost one that an answer rests on; 0: it rests on a limit

  RequirementId root_ = kAnything;
  std::deque<Requirement> requirements_;
  Interned requirement_index_;
  std::deque<KnownObject> objects_;
  Interned object_index_;
  std::deque<KnownArray> arrays_;
  Interned array_index_;
  std::deque<ChildMap> maps_;
  Interned map_index_;
  std::deque<Order> orders_;
  Interned order_index_;
  std::deque<std::string> key_texts_, key_spelled_;
  std::unordered_map<std::string_view, KeyId> key_index_;
  static constexpr std::size_t kSamplesMax = 4096;  // lists of samples that are kept
  std::unordered_map<std::uint64_t, std::vector<std::string>> samples_;  // by language and count
  std::unordered_map<LanguageId, bool> finite_, plenty_;
  std::unordered_map<RequirementId, std::optional<std::vector<KeyId>>> few_texts_;
  std::unordered_map<RequirementId, std::vector<ObjectCaseId>> kinds_;
  std::unordered_map<std::uint64_t, Ways> ways_;  // by joined case and key
  std::deque<Choice> choices_;
  std::size_t joined_bytes_ = 0;  // of joined cases, their orders and choices, beside what others take
  std::unordered_map<LanguageId, std::uint64_t> spelled_;
  std::optional<LanguageId> plain_;  // texts without characters that JSON escapes
  std::unordered_map<std::string, std::uint32_t> values_;  // canonical text -> literal for that value
  std::optional<Error> limit_;
};

}  // namespace praxis::grammar
