// How each kind of frame takes a byte, how far it is from done, and what it looks like to the mask
// cache. The one rule of this file: never make a frame that cannot be completed.

#include <algorithm>

#include "grammar/lexing.h"
#include "grammar/residual.h"

namespace praxis::grammar {
namespace {

Frame make(FrameKind kind, std::uint32_t rule) {
  Frame frame;
  frame.kind = kind;
  frame.rule = rule;
  return frame;
}

/// Of entries [low, high), sorted and alike in their first `depth` bytes: those with `byte` next.
template <class Spelling>
std::pair<std::uint32_t, std::uint32_t> narrow(std::uint32_t low, std::uint32_t high,
                                               std::uint32_t depth, std::uint8_t byte,
                                               Spelling spelling) {
  // An entry that ends here sorts before all bytes.
  const auto at = [&](std::uint32_t i) {
    const std::string& text = spelling(i);
    return depth < text.size() ? static_cast<std::uint8_t>(text[depth]) : -1;
  };
  const auto first = [&](int bound) {
    std::uint32_t a = low, b = high;
    while (a < b) {
      const std::uint32_t middle = a + (b - a) / 2;
      if (at(middle) < bound) a = middle + 1;
      else b = middle;
    }
    return a;
  };
  return {first(byte), first(byte + 1)};
}

/// Calls visit(language) for the language behind each character that the escape begun at `place`
/// may still become.
template <class Visit>
void behind_escape(Languages& languages, LanguageId language, Place place, Visit visit) {
  for (std::uint8_t character = 0; character < 0x80; ++character) {
    if (spells_by_escape(character, place)) visit(languages.step(language, character));
  }
}

}  // namespace

/// The atoms of `rest`, an item's text now being known.
void Residuals::pop(Next& next, StateId rest) {
  const State state = states_[rest];
  for (std::uint32_t i = 0; i < state.count; ++i) {
    Atom atom = atoms_[state.first + i];
    if (atom.frame.kind == FrameKind::array_item && atom.frame.depth == kForgottenItem) {
      atom.frame = make(FrameKind::array_next, atom.frame.rule);
      atom.frame.unsure = 1;
    } else if (atom.frame.kind == FrameKind::array_item) {
      const std::string item = spelled(next.history).substr(atom.frame.depth);
      const auto ended = cases_->ended_with(atom.frame.rule, item);
      if (!ended) continue;
      atom.frame = make(FrameKind::array_next, *ended);
    }
    next.atoms.push_back(atom);
  }
  next.complete = next.complete || state.complete;
}

void Residuals::step_frame(const Atom& atom, std::uint8_t byte, Next& next) {
  const Frame& f = atom.frame;
  const StateId rest = atom.rest;
  // Behind a value, for the bracket: pretty printed, its own line comes first.
  const bool at_bracket = !pretty_ || static_cast<Gap>(f.spaces) == Gap::closing;
  const bool may_space = is_between(f.kind) && (is_space(byte) || (pretty_ && f.spaces != 0));
  if (may_space && step_space(atom, byte, next)) return;
  const auto set_blank = [&](Frame& behind_colon) {
    if (!pretty_) return;
    behind_colon.spaces = static_cast<std::uint8_t>(Gap::blanks);
    behind_colon.depth = 1;
  };
  switch (f.kind) {
    case FrameKind::value:
      return step_value(atom, byte, next);
    case FrameKind::bare:
      return step_bare(cases_->languages().step(f.rule, byte), rest, next);
    case FrameKind::string:
      return step_string(atom, byte, next);
    case FrameKind::array_open:
      if (byte == ']') pop(next, rest);
      return;
    case FrameKind::array_item:  // never on top
      return;
    case FrameKind::array_next:
      if (byte == ']' && at_bracket && cases_->may_end(f.rule)) pop(next, rest);
      if (byte == ',') step_array(f.rule, rest, next);
      return;
    case FrameKind::object_open:
    case FrameKind::object_comma:
      if (byte == '"' && (!pretty_ || f.kind == FrameKind::object_comma) && cases_->may_go_on(f.rule)) {
        Frame key = f;
        key.kind = FrameKind::key;
        key.spaces = 0;
        key.high = static_cast<std::uint32_t>(cases_->order(f.rule).sorted.size());
        key.next = cases_->extras(f.rule);
        // Only where other keys may come need its bytes be remembered.
        key.text = key.next == kNothing ? kForgotten
                   : key.seen == kForgotten ? kin_text(f.rule, kEmpty)
                                            : kEmpty;
        put(next, key, rest);
      }
      if (byte == '}' && f.kind == FrameKind::object_open && cases_->may_close(f.rule)) pop(next, rest);
      return;
    case FrameKind::object_next:
      if (byte == ',' && cases_->may_go_on(f.rule)) {
        Frame comma = f;
        comma.kind = FrameKind::object_comma;
        comma.spaces = static_cast<std::uint8_t>(pretty_ ? Gap::line : Gap::none);
        put(next, comma, rest);
      }
      if (byte == '}' && at_bracket && cases_->may_close(f.rule)) pop(next, rest);
      return;
    case FrameKind::key:
      return byte == '"' && f.lex == 0 ? end_key(atom, next) : step_key(atom, byte, next);
    case FrameKind::colon:
      if (byte == ':') {
        Frame value = make(FrameKind::value, f.rule);
        set_blank(value);
        put(next, value, rest);
      }
      return;
    case FrameKind::choice_colon:
    case FrameKind::choice_open: {
      if (byte != (f.kind == FrameKind::choice_colon ? ':' : '"')) return;
      Frame inner = f;
      inner.kind = f.kind == FrameKind::choice_colon ? FrameKind::choice_open : FrameKind::choice;
      inner.spaces = 0;
      if (inner.kind == FrameKind::choice_open) set_blank(inner);
      return put(next, inner, rest);
    }
    case FrameKind::choice:
      return step_choice(atom, byte, next);
    case FrameKind::text:
      if (byte != static_cast<std::uint8_t>(suffix_[f.depth])) return;
      if (f.depth + 1 == suffix_.size()) return pop(next, rest);
      Frame text = f;
      ++text.depth;
      return put(next, text, rest);
  }
}

/// Whitespace between tokens. False if the byte is for the frame itself.
bool Residuals::step_space(const Atom& atom, std::uint8_t byte, Next& next) {
  Frame after = atom.frame;
  if (!pretty_) {
    if (after.spaces++ < spaces_max_) put(next, after, atom.rest);
    return true;
  }
  const std::uint32_t level = states_[atom.rest].level;  // of the brackets, or of a value in them
  const auto go_on = [&](Gap gap, std::uint32_t blanks) {
    after.spaces = static_cast<std::uint8_t>(blanks == 0 && gap == Gap::blanks ? Gap::none : gap);
    after.depth = blanks;
    put(next, after, atom.rest);
    return true;
  };
  switch (const auto gap = static_cast<Gap>(after.spaces)) {
    case Gap::none:
      // Behind '{' a line is that of a first member, behind a value that of the closing bracket.
      if (byte != '\n') return true;
      if (after.kind == FrameKind::object_open && cases_->may_go_on(after.rule)) {
        after.kind = FrameKind::object_comma;
        return go_on(Gap::blanks, indent_ * (level + 1));
      }
      if (after.kind == FrameKind::object_next ? cases_->may_close(after.rule)
                                               : after.kind == FrameKind::array_next && cases_->may_end(after.rule))
        return go_on(Gap::closing, indent_ * level);
      return true;
    case Gap::line:
      return byte != '\n' || go_on(Gap::blanks, indent_ * (after.kind == FrameKind::value ? level : level + 1));
    case Gap::blanks:
    case Gap::closing:
      if (after.depth == 0) return byte != (after.kind == FrameKind::array_next ? ']' : '}');
      return byte != ' ' || go_on(gap, after.depth - 1);
  }
  return true;
}

void Residuals::step_value(const Atom& atom, std::uint8_t byte, Next& next) {
  const RequirementId value = atom.frame.rule;
  const StateId rest = atom.rest;
  if (byte == '"') {
    const LanguageId text = cases_->text_of(value);
    if (!cases_->languages().empty(text)) put(next, make(FrameKind::string, text), rest);
  } else if (byte == '[') {
    for (const ArrayCaseId id : cases_->arrays(value)) {
      if (cases_->finish_items(id, false) == kEndless) continue;
      const ArrayCase& array = cases_->array(id);
      if (next.history == kForgotten && (array.unique || array.repeated)) next.history = kEmpty;
      if (cases_->may_end(id)) put(next, make(FrameKind::array_open, id), rest);
      step_array(id, rest, next);
    }
  } else if (byte == '{') {
    for (const ObjectCaseId id : cases_->kinds(value)) {
      Frame frame = make(FrameKind::object_open, id);
      frame.seen = cases_->has_extras(id) ? kEmpty : kForgotten;
      put(next, frame, rest);
    }
  } else {
    step_bare(cases_->languages().step(cases_->bare_of(value), byte), rest, next);
  }
}

void Residuals::step_bare(LanguageId language, StateId rest, Next& next) {
  Languages& languages = cases_->languages();
  if (languages.empty(language)) return;
  if (languages.accepts_empty(language)) pop(next, rest);
  if (language != kEmptyText) put(next, make(FrameKind::bare, language), rest);
}

void Residuals::step_string(const Atom& atom, std::uint8_t byte, Next& next) {
  Languages& languages = cases_->languages();
  Frame inner = atom.frame;
  const auto place = static_cast<Place>(inner.lex);
  if (byte == '"' && place == Place::between) {
    if (languages.accepts_empty(inner.rule)) pop(next, atom.rest);
    return;
  }
  if (languages.lengths(inner.rule)) {  // one character is as good as another, in any spelling
    const Lexed lexed = lex_string(place, byte, escapes_);
    if (!lexed.ok) return;
    inner.lex = static_cast<std::uint8_t>(lexed.place);
    if (place == Place::between) inner.rule = languages.step(inner.rule, 'a');
    if (inner.rule != kNothing) put(next, inner, atom.rest);
    return;
  }
  const Lexed lexed = lex_key(place, byte, escapes_);
  if (!lexed.ok) return;
  inner.lex = static_cast<std::uint8_t>(lexed.place);
  if (const int character = decoded(place, byte); character >= 0) {
    inner.rule = languages.step(inner.rule, static_cast<std::uint8_t>(character));
    if (languages.empty(inner.rule)) return;
    if (lexed.place < Place::escape) return put(next, inner, atom.rest);
  }
  if (escapes_ == Escapes::ascii) {  // what digits tell beyond a whole byte is no part of the language yet
    if (finish_of_text(inner.rule, inner.lex, false) != kEndless) put(next, inner, atom.rest);
    return;
  }
  bool possible = false;
  behind_escape(languages, inner.rule, lexed.place,
                [&](LanguageId behind) { possible = possible || !languages.empty(behind); });
  if (possible) put(next, inner, atom.rest);
}

/// The next item of the array, after '[' or ','.
void Residuals::step_array(ArrayCaseId array, StateId rest, Next& next) {
  for (const Cases::ArrayStep& step : cases_->take(array)) {
    const ArrayCase& after = cases_->array(step.rest);
    Frame frame = make(FrameKind::array_next, step.rest);
    if (after.unique || after.repeated) {
      frame.kind = FrameKind::array_item;
      frame.depth = next.history == kForgotten ? kForgottenItem : texts_[next.history].length;
    }
    Frame value = make(FrameKind::value, step.value);
    if (pretty_) value.spaces = static_cast<std::uint8_t>(Gap::line);
    put(next, value, single(frame, rest));
  }
}

/// What is left, behind `text`, of what the case asks about keys outside its order; `text` itself
/// if that is too much.
std::uint32_t Residuals::asked_about(ObjectCaseId id, std::uint32_t text) {
  const std::vector<LanguageId>& questions = cases_->questions(id);
  if (text == kForgotten || questions.size() > kQuestionsMax) return text;
  if (questions.empty()) return kForgotten;
  std::vector<std::uint32_t> left(questions.begin(), questions.end());
  // A byte of an escape counts once the character is whole; until then the text is kept.
  Place place = Place::between;
  for (const char c : spelled(text)) {
    const auto byte = static_cast<std::uint8_t>(c);
    if (const int character = decoded(place, byte); character >= 0) {
      for (std::uint32_t& one : left) one = cases_->languages().step(one, static_cast<std::uint8_t>(character));
    }
    place = lex_key(place, byte, escapes_).place;
  }
  return kAsked + asked_.add(left).id;
}

/// What the mask cache remembers of a key outside the order: `text` where there are only few keys, for
/// one that comes may not come again, so what is left then hangs on which of them it was.
std::uint32_t Residuals::kin_text(ObjectCaseId id, std::uint32_t text) {
  return cases_->finite(cases_->extras(id)) ? text : asked_about(id, text);
}

/// The key outside the order that has just been spelled, or one like it.
std::optional<KeyId> Residuals::key_of(const Frame& key) {
  if (key.text != kForgotten && key.text < kAsked) return cases_->key(unspelled(spelled(key.text)));
  std::uint64_t answers = 0;
  if (key.text != kForgotten) {
    const auto left = asked_[key.text - kAsked];
    for (std::size_t i = 0; i < left.size(); ++i)
      answers |= std::uint64_t{cases_->languages().accepts_empty(left[i])} << i;
  }
  return cases_->example(key.rule, answers);
}

bool Residuals::has_candidate(const Frame& key) {
  const std::vector<bool>& open = cases_->open(key.rule);
  const Order& order = cases_->order(key.rule);
  for (std::uint32_t i = key.low; i < key.high; ++i) {
    if (open[order.sorted[i]]) return true;
  }
  return false;
}

void Residuals::step_key(const Atom& atom, std::uint8_t byte, Next& next) {
  Frame key = atom.frame;
  const auto place = static_cast<Place>(key.lex);
  const Lexed lexed = lex_key(place, byte, escapes_);
  if (!lexed.ok) return;  // ordered keys are spelled canonically, too
  key.lex = static_cast<std::uint8_t>(lexed.place);
  const Order& order = cases_->order(key.rule);
  std::tie(key.low, key.high) =
      narrow(key.low, key.high, key.depth, byte, [&](std::uint32_t i) -> const std::string& {
        return cases_->key_spelled(order.members[order.sorted[i]].key);
      });
  ++key.depth;
  const int character = decoded(place, byte);
  if (key.text >= kAsked && character >= 0) {
    const auto asked = asked_[key.text - kAsked];
    std::vector<std::uint32_t> left(asked.begin(), asked.end());
    for (std::uint32_t& one : left) one = cases_->languages().step(one, static_cast<std::uint8_t>(character));
    key.text = kAsked + asked_.add(left).id;
  } else if (key.text != kForgotten && key.text < kAsked) {
    key.text = text_with(key.text, byte);
  }
  if (key.next != kNothing) {
    if (character >= 0)
      key.next = cases_->languages().step(key.next, static_cast<std::uint8_t>(character));
    if (key.next != kNothing && !has_fresh(key)) key.next = kNothing;
  }
  if (key.next == kNothing && !has_candidate(key)) return;
  if (key.low == key.high) key.low = key.high = key.depth = 0;  // no ordered key begins like this
  put(next, key, atom.rest);
}

void Residuals::end_key(const Atom& atom, Next& next) {
  const Frame& key = atom.frame;
  const Order& order = cases_->order(key.rule);
  KeyId id = 0;
  bool extra = true;
  if (key.low < key.high) {
    const Order::Member& member = order.members[order.sorted[key.low]];
    if (cases_->key_spelled(member.key).size() == key.depth) {
      id = member.key;
      extra = false;
    }
  }
  std::uint32_t seen = key.seen;
  if (extra) {
    Languages& languages = cases_->languages();
    if (key.next == kNothing || !languages.accepts_empty(key.next)) return;
    const bool spelt = key.text != kForgotten && key.text < kAsked;
    if (spelt && seen_has(key.seen, key.text)) return;
    if (spelt && key.seen != kForgotten && !cases_->finite(cases_->extras(key.rule)))
      seen = seen_with(key.seen, key.text);
    const auto found = key_of(key);
    if (!found) return;
    id = *found;
  }
  const auto go_on = [&](const Cases::ObjectStep& step) {
    Frame after = make(FrameKind::object_next, step.rest);
    after.seen = cases_->has_extras(step.rest) ? seen : kForgotten;
    put(next, make(FrameKind::colon, step.value), single(after, atom.rest));
  };
  if (!cases_->is_joined(key.rule)) {
    for (const Cases::ObjectStep& step : cases_->take(key.rule, id)) go_on(step);
    return;
  }
  const Cases::Ways& ways = cases_->ways(key.rule, id);
  for (const Cases::ObjectStep& step : ways.steps) go_on(step);
  if (!ways.choice) return;
  Frame choice = make(FrameKind::choice_colon, *ways.choice);
  choice.high = static_cast<std::uint32_t>(cases_->choice(*ways.choice).texts.size());
  put(next, choice, atom.rest);
}

void Residuals::step_choice(const Atom& atom, std::uint8_t byte, Next& next) {
  const Frame& f = atom.frame;
  // A text that ends here is the first of those that go on.
  if (byte == '"' && choice_text(f.rule, f.low).size() == f.depth)
    return put(next, make(FrameKind::object_next, cases_->chosen(f.rule, f.low)), atom.rest);
  Frame inner = f;
  std::tie(inner.low, inner.high) =
      narrow(f.low, f.high, f.depth, byte,
             [&](std::uint32_t i) -> const std::string& { return choice_text(f.rule, i); });
  ++inner.depth;
  if (inner.low < inner.high) put(next, inner, atom.rest);
}

}  // namespace praxis::grammar
