// How far a frame is from done, which byte it must go on with, and its kin.

#include <algorithm>

#include "grammar/json.h"
#include "grammar/lexing.h"
#include "grammar/residual.h"

namespace praxis::grammar {
namespace {

/// Of a canonical escape, up to a place inside it.
std::size_t escape_bytes_read(Place place) {
  return place == Place::escape   ? 1
         : place == Place::key_u0 ? 2
         : place == Place::key_u1 ? 3
         : place == Place::key_u2 ? 4
                                  : 5;
}

}  // namespace

/// Spelled bytes of a short text, from inside a character on; without the closing quote. `counted`:
/// the language has that character behind it already.
std::uint64_t Residuals::finish_of_text(LanguageId language, std::uint8_t lex, bool counted) {
  const auto place = static_cast<Place>(lex);
  const std::uint64_t inside = grammar::finish_of(place);
  Languages& languages = cases_->languages();
  const auto lengths = counted || lex == 0 ? languages.lengths(language) : std::nullopt;
  if (lengths) return inside + lengths->min;
  if (place < Place::escape) return cases_->spelled_shortest(language);
  if (escapes_ == Escapes::ascii) {
    if (escapes_finish_.size() > kEscapesMax) escapes_finish_.clear();
    return finish_of_escape(language, lex);
  }
  std::uint64_t least = kEndless;
  for (std::uint8_t character = 0; character < 0x80; ++character) {
    if (!spells_by_escape(character, place)) continue;
    // From '\' on, a character without a short escape takes four bytes more.
    const bool is_short = !spells_by_escape(character, Place::key_u2);
    const std::uint64_t more = place != Place::escape ? inside : is_short ? 1 : 5;
    least = std::min(least, add_bytes(more, cases_->spelled_shortest(languages.step(language, character))));
  }
  return least;
}

/// Calls visit(byte, language behind it, place behind it) for each byte that a canonical escape may go on with.
template <class Visit>
void Residuals::along_escape(LanguageId language, std::uint8_t lex, Visit visit) {
  const auto place = static_cast<Place>(lex);
  for (const char c : kEscapeBytes) {
    const auto byte = static_cast<std::uint8_t>(c);
    const Lexed lexed = lex_key(place, byte, escapes_);
    if (!lexed.ok) continue;
    const int character = decoded(place, byte);
    const bool whole = character >= 0;
    visit(byte, whole ? cases_->languages().step(language, static_cast<std::uint8_t>(character)) : language,
          static_cast<std::uint8_t>(lexed.place));
  }
}

/// From inside a canonical escape, whichever it may still become: at most eleven bytes deep.
std::uint64_t Residuals::finish_of_escape(LanguageId language, std::uint8_t lex) {
  if (static_cast<Place>(lex) == Place::between) return cases_->spelled_shortest(language);
  const std::uint64_t name = std::uint64_t{language} << 8 | lex;
  if (const auto known = escapes_finish_.find(name); known != escapes_finish_.end()) return known->second;
  Languages& languages = cases_->languages();
  std::uint64_t least = kEndless;
  along_escape(language, lex, [&](std::uint8_t, LanguageId behind, std::uint8_t at) {
    if (!languages.empty(behind)) least = std::min(least, add_bytes(1, finish_of_escape(behind, at)));
  });
  return escapes_finish_[name] = least;
}

/// A line break and the indentation of what stands at the level.
std::uint64_t Residuals::line_bytes(std::uint32_t level) const {
  return pretty_ ? 1 + std::uint64_t{indent_} * level : 0;
}

/// Of a value that begins at the level, as it is printed; or of what is between a container's brackets.
std::uint64_t Residuals::bytes_of(const Length& length, std::uint32_t level) const {
  if (!pretty_ || length.bytes == kEndless) return length.bytes;
  const Layout& layout = length.layout;
  const std::uint64_t levels = add_bytes(layout.levels, times_bytes(level, layout.lines));
  const std::uint64_t space = add_bytes(add_bytes(layout.lines, layout.blanks), times_bytes(indent_, levels));
  return add_bytes(length.bytes, space);
}

std::uint64_t Residuals::finish_of(const Atom& atom) {
  const Frame& f = atom.frame;
  const std::uint32_t level = states_[atom.rest].level;
  const auto gap = pretty_ ? static_cast<Gap>(f.spaces) : Gap::none;
  // From behind a value in an array or object to its end, if it may end there.
  const std::uint64_t closing = 1 + (gap == Gap::closing ? f.depth : line_bytes(level));
  const auto space = [&](std::uint32_t at) {
    return gap == Gap::line ? line_bytes(at) : gap == Gap::blanks ? std::uint64_t{f.depth} : 0;
  };
  Languages& languages = cases_->languages();
  switch (f.kind) {
    case FrameKind::value:
      return add_bytes(space(level), bytes_of(cases_->length(f.rule), level));
    case FrameKind::bare:
      return languages.shortest(f.rule);
    case FrameKind::string:
      return add_bytes(1, finish_of_text(f.rule, f.lex, languages.lengths(f.rule).has_value()));
    case FrameKind::array_open:
      return 1;
    case FrameKind::array_item:
      if (cases_->may_end(f.rule)) return closing;
      return add_bytes(2, bytes_of(cases_->length_behind_item(f.rule), level));
    case FrameKind::array_next: {
      if (cases_->may_end(f.rule)) return closing;
      return add_bytes(2, bytes_of(cases_->length_of_items(f.rule, false), level));
    }
    case FrameKind::object_open:
      return add_bytes(1, bytes_of(cases_->length_of_members(f.rule, false), level));
    case FrameKind::object_next: {
      if (cases_->may_close(f.rule)) return closing;
      return add_bytes(2, finish_of_members(f.rule, false, written(f.seen), level));
    }
    case FrameKind::object_comma: {
      const std::uint64_t members = finish_of_members(f.rule, true, written(f.seen), level);
      return add_bytes(1 + space(level + 1), members - (members == kEndless ? 0 : line_bytes(level + 1)));
    }
    case FrameKind::key:
      return finish_of_key(f, level);
    case FrameKind::colon:
      return add_bytes(pretty_ ? 2 : 1, bytes_of(cases_->length(f.rule), level));
    case FrameKind::choice_colon:
    case FrameKind::choice_open:
    case FrameKind::choice: {
      const std::uint64_t before = f.kind == FrameKind::choice_colon  ? (pretty_ ? 3 : 2)
                                   : f.kind == FrameKind::choice_open ? 1 + space(level)
                                                                      : 0;
      const std::uint32_t read = f.kind == FrameKind::choice ? f.depth : 0;
      std::uint64_t least = kEndless;
      for (std::uint32_t i = f.low; i < f.high; ++i) {
        const std::uint64_t left = choice_text(f.rule, i).size() - read + 1;
        least = std::min(least, add_bytes(left, finish_behind_value(cases_->length_behind(f.rule, i), level)));
      }
      return add_bytes(before, least);
    }
    case FrameKind::text:
      return suffix_.size() - f.depth;
  }
  return kEndless;
}

/// No less than finish_of, and quicker: a key or a choice is not asked which way on from it is the shortest.
std::uint64_t Residuals::finish_max_of(StateId id) {
  const State& state = states_[id];
  if (state.finish != kUnknownFinish) return state.finish;
  if (state.complete) return 0;
  const Atom atom = atoms_[state.first];
  return atom.frame.kind == FrameKind::key || is_choice(atom.frame.kind) ? finish_max_of(atom) : finish_of(id);
}

std::uint64_t Residuals::finish_max_of(const Atom& atom) {
  const Frame& frame = atom.frame;
  std::uint64_t left = 0;
  if (is_choice(frame.kind)) {
    left = cases_->choice(frame.rule).longest;
  } else {
    const std::vector<bool>& open = cases_->open(frame.rule);
    const Order& order = cases_->order(frame.rule);
    for (std::uint32_t i = frame.low; i < frame.high; ++i) {
      if (open[order.sorted[i]])
        left = std::max<std::uint64_t>(left, cases_->key_spelled(order.members[order.sorted[i]].key).size());
    }
    if (left == 0) left = add_bytes(memory_bytes_most(), finish_of_text(frame.next, frame.lex, false));
  }
  const std::uint32_t level = states_[atom.rest].level + 1;
  const std::uint64_t members = add_bytes(times_bytes(2, bytes_of(cases_->finish_most(), level)), 8);
  return add_bytes(add_bytes(left, members), add_bytes(line_bytes(level), finish_of(atom.rest)));
}

/// Keys outside the order, as the list holds them.
std::vector<KeyId> Residuals::written(std::uint32_t seen) {
  std::vector<KeyId> keys;
  for (; seen > kEmpty; seen = seen_[seen].parent)
    keys.push_back(cases_->key(unspelled(spelled(seen_[seen].text))));
  return keys;
}

std::uint64_t Residuals::finish_of_members(ObjectCaseId id, bool at_least_one,
                                           const std::vector<KeyId>& written, std::uint32_t level) {
  return bytes_of(length_of_members(id, at_least_one, written), level);
}

Length Residuals::length_of_members(ObjectCaseId id, bool at_least_one, const std::vector<KeyId>& written) {
  if (written.empty()) return cases_->length_of_members(id, at_least_one);
  Length length;
  cases_->members_needed(id, at_least_one, written, length);
  return length;
}

/// From behind a member's value to the object's end, if these members are still needed.
std::uint64_t Residuals::finish_behind_value(const Length& members, std::uint32_t level) const {
  return members.bytes == 0 ? 1 + line_bytes(level) : add_bytes(bytes_of(members, level), 2);
}

/// The rest of the key, '"', ':', the value, what is required after it, '}'.
std::uint64_t Residuals::finish_of_key(const Frame& key, std::uint32_t level) {
  const std::vector<bool>& open = cases_->open(key.rule);
  const Order& order = cases_->order(key.rule);
  std::vector<KeyId> taken = written(key.seen);
  std::uint64_t least = kEndless;
  const auto consider = [&](KeyId id, std::uint64_t left) {
    const bool extra = !order.index.contains(id);
    if (extra) taken.push_back(id);
    for (const Cases::ObjectStep& step : cases_->take(key.rule, id)) {
      const std::uint64_t behind = finish_behind_value(length_of_members(step.rest, false, taken), level);
      const std::uint64_t value = bytes_of(cases_->length(step.value), level + 1);
      least = std::min(least, add_bytes(add_bytes(left + (pretty_ ? 3 : 2), value), behind));
    }
    if (extra) taken.pop_back();
  };
  for (std::uint32_t i = key.low; i < key.high; ++i) {
    const std::uint32_t at = order.sorted[i];
    if (!open[at]) continue;
    const KeyId id = order.members[at].key;
    consider(id, cases_->key_spelled(id).size() - key.depth);
  }
  if (key.next == kNothing) return least;
  const bool spelt = key.text != kForgotten && key.text < kAsked;
  if (spelt) {
    // What the object was promised to be finished with.
    const std::string begun = spelled(key.text);
    Length length;
    for (const KeyId id : cases_->members_needed(key.rule, true, taken, length)) {
      const std::string& spelling = cases_->key_spelled(id);
      if (!order.index.contains(id) && spelling.starts_with(begun)) consider(id, spelling.size() - begun.size());
    }
  }
  // What comes behind depends on how the key answers the case's questions: each way has its own rest.
  const std::uint32_t asked = spelt ? asked_about(key.rule, key.text) : key.text;
  const bool known = asked != kForgotten && asked >= kAsked;
  const std::vector<std::uint32_t> questions =
      known ? std::vector<std::uint32_t>(asked_[asked - kAsked].begin(), asked_[asked - kAsked].end())
            : std::vector<std::uint32_t>();
  // Any example will do, unless it was written or what comes behind it may be the same key.
  const auto is_unlike = [&](KeyId example) {
    if (begins_written(key)) return true;
    const std::vector<Cases::ObjectStep> steps = cases_->take(key.rule, example);
    return std::any_of(steps.begin(), steps.end(), [&](const auto& step) { return cases_->needs_extras(step.rest); });
  };
  const auto consider_some = [&](const Frame& kind, auto example) {
    const std::uint64_t left = finish_of_text(kind.next, kind.lex, false);
    if (left == kEndless) return;
    const std::optional<KeyId> one = example();
    if (!one) return;
    if (!spelt || !is_unlike(*one)) return consider(*one, left);
    if (const auto rest = fresh(kind)) consider(cases_->key(unspelled(spelled(key.text) + *rest)), rest->size());
  };
  if (questions.size() > kExamplesMax || (asked != kForgotten && !known)) {
    consider_some(key, [&]() -> std::optional<KeyId> {
      for (const std::string& some : cases_->samples(cases_->extras(key.rule), 1)) return cases_->key(some);
      return std::nullopt;
    });
    return least;
  }
  Languages& languages = cases_->languages();
  for (std::uint64_t answers = 0; answers < std::uint64_t{1} << questions.size(); ++answers) {
    Frame kind = key;
    for (std::size_t i = 0; i < questions.size() && kind.next != kNothing; ++i) {
      const LanguageId parts[] = {kind.next, questions[i]};
      kind.next = answers >> i & 1 ? languages.all_of(parts) : languages.without(kind.next, questions[i]);
    }
    if (kind.next == kNothing) continue;
    consider_some(kind, [&] { return cases_->example(key.rule, answers); });
  }
  return least;
}

/// Is what was read of the key the beginning of one that was written?
bool Residuals::begins_written(const Frame& key) const {
  const std::string begun = spelled(key.text);
  for (std::uint32_t seen = key.seen; seen > kEmpty; seen = seen_[seen].parent) {
    if (texts_[seen_[seen].text].length >= begun.size() && spelled(seen_[seen].text).starts_with(begun)) return true;
  }
  return false;
}

/// The rest of a short key outside the order that was not written yet, as spelled.
std::optional<std::string> Residuals::fresh(const Frame& key) {
  Languages& languages = cases_->languages();
  const std::string begun = spelled(key.text);
  std::vector<std::string> written;  // their rests
  for (std::uint32_t seen = key.seen; seen > kEmpty; seen = seen_[seen].parent) {
    std::string text = spelled(seen_[seen].text);
    if (text.starts_with(begun)) written.push_back(text.substr(begun.size()));
  }
  constexpr std::size_t kLonger = 34;  // characters that are spelled longer than a byte
  std::optional<std::string> least;
  const auto look = [&](const std::string& before, LanguageId language) {
    const bool any = written.empty() && languages.accepts_empty(language);
    for (const std::string& rest : cases_->samples(language, any ? 1 : written.size() + 1 + kLonger)) {
      std::string spelling = before + spell_string(rest, escapes_);
      if ((!least || spelling.size() < least->size()) &&
          std::find(written.begin(), written.end(), spelling) == written.end())
        least = std::move(spelling);
    }
  };
  const auto place = static_cast<Place>(key.lex);
  if (place < Place::escape) {
    look("", key.next);
    return least;
  }
  if (escapes_ == Escapes::ascii) {
    // One more way out of the escape than keys that were written: one of them leads to no other.
    std::size_t ways = written.size() + 1;
    const auto visit = [&](auto& self, const std::string& before, LanguageId language, std::uint8_t at) -> void {
      if (static_cast<Place>(at) == Place::between) {
        look(before, language);
        --ways;
        return;
      }
      along_escape(language, at, [&](std::uint8_t byte, LanguageId behind, std::uint8_t next) {
        if (ways > 0 && finish_of_escape(behind, next) != kEndless) self(self, before + static_cast<char>(byte), behind, next);
      });
    };
    visit(visit, "", key.next, key.lex);
    return least;
  }
  for (std::uint8_t character = 0; character < 0x80; ++character) {
    if (!spells_by_escape(character, place)) continue;
    const std::string escape = spell_string(std::string(1, static_cast<char>(character)));
    look(escape.substr(escape_bytes_read(place)), languages.step(key.next, character));
  }
  return least;
}

/// Can the key become one outside the order that was not written yet?
bool Residuals::has_fresh(const Frame& key) {
  if (finish_of_text(key.next, key.lex, false) == kEndless) return false;
  std::size_t written = 0;
  for (std::uint32_t seen = key.seen; seen > kEmpty; seen = seen_[seen].parent) ++written;
  const bool spelt = key.text != kForgotten && key.text < kAsked;
  if (!spelt || (written < Cases::kFew && !cases_->finite(key.next)) || !begins_written(key)) return true;
  if (cases_->languages().visibly_endless(key.next)) return true;
  return fresh(key).has_value();
}

/// The byte that every spelling of what is left goes on with, or -1.
int Residuals::only_text_byte(LanguageId language, std::uint8_t lex) {
  Languages& languages = cases_->languages();
  const auto place = static_cast<Place>(lex);
  if (languages.lengths(language)) return language == kEmptyText && lex == 0 ? '"' : -1;
  if (escapes_ == Escapes::ascii && lex != 0) return only_escape_byte(language, lex);
  int only = -2;  // none yet
  const auto put = [&](int byte) { only = only == -2 || only == byte ? byte : -1; };
  for (std::uint8_t character = 0; character < 0x80; ++character) {
    if (!spells_by_escape(character, place) || languages.empty(languages.step(language, character)))
      continue;
    const std::string escape = spell_string(std::string(1, static_cast<char>(character)));
    put(static_cast<std::uint8_t>(escape[escape_bytes_read(place)]));
  }
  if (only != -2) return only;
  if (languages.accepts_empty(language)) return -1;
  const int byte = languages.only_byte(language);
  if (byte < 0 || lex != 0) return byte;
  return static_cast<std::uint8_t>(spell_string(std::string(1, static_cast<char>(byte)), escapes_)[0]);
}

int Residuals::only_escape_byte(LanguageId language, std::uint8_t lex) {
  int only = -2;  // none yet
  along_escape(language, lex, [&](std::uint8_t byte, LanguageId behind, std::uint8_t at) {
    if (finish_of_escape(behind, at) != kEndless) only = only == -2 ? byte : -1;
  });
  return std::max(only, -1);
}

void Residuals::add_starts(StateId id, Bytes& bytes) {
  for (std::uint32_t i = 0; i < states_[id].count; ++i) add_starts(atoms_[states_[id].first + i], bytes);
}

void Residuals::add_starts(const Atom& atom, Bytes& bytes) {
  const Frame& f = atom.frame;
  const auto add = [&](std::string_view some) {
    for (const char c : some) bytes[static_cast<std::uint8_t>(c) / 64] |= std::uint64_t{1} << (static_cast<std::uint8_t>(c) % 64);
  };
  const auto add_next = [&](const std::string& text) {
    add(f.depth < text.size() ? std::string_view(text).substr(f.depth, 1) : "\"");
  };
  const auto add_all = [&] { bytes.fill(~std::uint64_t{0}); };
  constexpr std::string_view kBare = "0123456789+-.eEtrufalsn";
  switch (f.kind) {
    case FrameKind::value:
      add(kBare);
      return add("\"[{ \t\n\r");
    case FrameKind::bare:
      if (is_text_) return add_all();
      if (cases_->languages().accepts_empty(f.rule)) add_starts(atom.rest, bytes);
      return add(kBare);
    case FrameKind::string:
      return add_all();
    case FrameKind::array_open:
    case FrameKind::array_item:
    case FrameKind::array_next:
      return add(",] \t\n\r");
    case FrameKind::object_open:
    case FrameKind::object_comma:
    case FrameKind::object_next:
      return add(",}\" \t\n\r");
    case FrameKind::colon:
    case FrameKind::choice_colon:
      return add(": \t\n\r");
    case FrameKind::choice_open:
      return add("\" \t\n\r");
    case FrameKind::choice:
      for (std::uint32_t i = f.low; i < f.high; ++i) add_next(choice_text(f.rule, i));
      return;
    case FrameKind::key: {
      if (f.next != kNothing) return add_all();
      const Order& order = cases_->order(f.rule);
      for (std::uint32_t i = f.low; i < f.high; ++i) add_next(cases_->key_spelled(order.members[order.sorted[i]].key));
      return;
    }
    case FrameKind::text:
      return add(std::string_view(suffix_).substr(f.depth, 1));
  }
}

int Residuals::only_byte_of(const Frame& f) {
  const bool spaced = f.spaces < spaces_max_;  // whitespace may come; never so if pretty printed
  if (pretty_ && is_between(f.kind) && f.spaces != 0) {
    if (static_cast<Gap>(f.spaces) == Gap::line) return '\n';
    if (f.depth > 0) return ' ';
    return f.kind == FrameKind::array_next ? ']' : '}';
  }
  Languages& languages = cases_->languages();
  switch (f.kind) {
    case FrameKind::value: {
      if (spaced) return -1;
      int only = -2;  // none yet
      const auto put = [&](int byte) { only = only == -2 || only == byte ? byte : -1; };
      const LanguageId bare = cases_->bare_of(f.rule);
      if (!languages.empty(bare)) put(languages.only_byte(bare));
      if (only != -1 && !languages.empty(cases_->text_of(f.rule))) put('"');
      if (only != -1 && !cases_->arrays(f.rule).empty()) put('[');
      if (only != -1 && !cases_->objects(f.rule).empty()) put('{');
      return only;
    }
    case FrameKind::bare:
      return languages.only_byte(f.rule);
    case FrameKind::string:
      return only_text_byte(f.rule, f.lex);
    case FrameKind::array_open:
      return spaced ? -1 : ']';
    case FrameKind::array_item:
      return -1;
    case FrameKind::array_next: {
      if (spaced) return -1;
      const bool more = !cases_->take(f.rule).empty();
      return !more ? (pretty_ ? '\n' : ']') : cases_->may_end(f.rule) ? -1 : ',';
    }
    case FrameKind::object_open:
    case FrameKind::object_next: {
      if (spaced) return -1;
      const bool next = f.kind == FrameKind::object_next;
      if (!cases_->may_go_on(f.rule)) return pretty_ && next ? '\n' : '}';
      if (cases_->may_close(f.rule)) return -1;
      return next ? ',' : pretty_ ? '\n' : '"';
    }
    case FrameKind::object_comma:
      return spaced ? -1 : '"';
    case FrameKind::key:
      return only_key_byte(f);
    case FrameKind::colon:
    case FrameKind::choice_colon:
      return spaced ? -1 : ':';
    case FrameKind::choice_open:
      return spaced ? -1 : '"';
    case FrameKind::choice: {
      const auto next = [&](std::uint32_t at) {
        const std::string& text = choice_text(f.rule, at);
        return f.depth < text.size() ? static_cast<std::uint8_t>(text[f.depth]) : '"';
      };
      return next(f.low) == next(f.high - 1) ? next(f.low) : -1;
    }
    case FrameKind::text:
      return static_cast<std::uint8_t>(suffix_[f.depth]);
  }
  return -1;
}

int Residuals::only_key_byte(const Frame& key) {
  const std::vector<bool>& open = cases_->open(key.rule);
  const Order& order = cases_->order(key.rule);
  int only = -1;
  for (std::uint32_t i = key.low; i < key.high; ++i) {
    if (!open[order.sorted[i]]) continue;
    const std::string& spelling = cases_->key_spelled(order.members[order.sorted[i]].key);
    const int byte = key.depth < spelling.size() ? static_cast<std::uint8_t>(spelling[key.depth]) : '"';
    if (only >= 0 && byte != only) return -1;
    only = byte;
  }
  if (key.next == kNothing) return only;
  const int extra = only_text_byte(key.next, key.lex);
  return only < 0 || only == extra ? extra : -1;
}

const ArrayCase* Residuals::comparing(const Frame& frame) const {
  if (frame.kind != FrameKind::array_item && frame.kind != FrameKind::array_next &&
      frame.kind != FrameKind::array_open)
    return nullptr;
  const ArrayCase& array = cases_->array(frame.rule);
  return array.unique || array.repeated ? &array : nullptr;
}

/// The frame without the memory that a single token hardly ever notices.
Frame Residuals::kin_of(const Frame& frame) {
  Frame kin = frame;
  kin.seen = kForgotten;
  if (is_idle(frame)) kin.spaces = 1;
  if (frame.kind == FrameKind::array_item) kin.depth = kForgottenItem;
  if (frame.kind == FrameKind::key && frame.text < kAsked)
    kin.text = frame.next == kNothing ? kForgotten : kin_text(frame.rule, frame.text);
  return kin;
}

}  // namespace praxis::grammar
