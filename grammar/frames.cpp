// How each kind of frame takes a byte, how far it is from done, and what it looks like to the mask
// cache. The one rule of this file: never make a frame that cannot be completed.

#include <algorithm>

#include "grammar/lexing.h"
#include "grammar/residual.h"

namespace praxis::grammar {
namespace {

bool is_space(std::uint8_t b) { return b == ' ' || b == '\n' || b == '\t' || b == '\r'; }

Frame make(FrameKind kind, std::uint32_t rule) {
  Frame frame;
  frame.kind = kind;
  frame.rule = rule;
  return frame;
}

std::uint32_t less_one(std::uint32_t n) { return n == kUnlimited ? n : n - 1; }

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

}  // namespace

void Residuals::pop(Next& next, StateId rest) const {
  const State& state = states_[rest];
  next.atoms.insert(next.atoms.end(), atoms_.begin() + state.first,
                    atoms_.begin() + state.first + state.count);
  next.complete = next.complete || state.complete;
}

void Residuals::step_frame(const Atom& atom, std::uint8_t byte, Next& next) {
  const Frame& f = atom.frame;
  const StateId rest = atom.rest;
  if (is_space(byte) && f.kind != FrameKind::literal && f.kind != FrameKind::string &&
      f.kind != FrameKind::number && f.kind != FrameKind::key && f.kind != FrameKind::text) {
    if (f.spaces >= spaces_max_) return;
    Frame spaced = f;
    ++spaced.spaces;
    return put(next, spaced, rest);
  }
  switch (f.kind) {
    case FrameKind::value:
      return step_value(atom, byte, next);
    case FrameKind::literal:
      return step_literal(rules_.rules[f.rule], f.rule, f.low, f.high, f.depth, byte, rest, next);
    case FrameKind::string: {
      const auto place = static_cast<Place>(f.lex);
      Frame inner = f;
      if (place == Place::between) {
        if (byte == '"') {
          if (f.low == 0) pop(next, rest);
          return;
        }
        if (f.high == 0) return;
        inner.low = f.low == 0 ? 0 : f.low - 1;  // the character counts from its first byte on
        inner.high = less_one(f.high);
      }
      const Lexed lexed = lex_string(place, byte);
      if (!lexed.ok) return;
      inner.lex = static_cast<std::uint8_t>(lexed.place);
      return put(next, inner, rest);
    }
    case FrameKind::number: {
      const int edge = NumberNode::edge(byte);
      if (edge >= 0)
        step_number(rules_.numbers[f.rule].next[static_cast<std::size_t>(edge)], rest, next);
      return;
    }
    case FrameKind::array_open:
      if (byte == ']') pop(next, rest);
      return;
    case FrameKind::array_next:
      if (byte == ']' && f.low == 0) return pop(next, rest);
      if (byte == ',' && f.high > 0) {
        Frame after = make(FrameKind::array_next, f.rule);
        after.low = f.low == 0 ? 0 : f.low - 1;
        after.high = less_one(f.high);
        return put(next, make(FrameKind::value, rules_.arrays[f.rule].items), single(after, rest));
      }
      return;
    case FrameKind::object_open:
    case FrameKind::object_comma: {
      const ObjectRule& object = rules_.objects[f.rule];
      if (byte == '"' && object.more[f.next]) {
        Frame key = f;
        key.kind = FrameKind::key;
        key.spaces = 0;
        key.high = static_cast<std::uint32_t>(object.sorted.size());
        // Only where undeclared keys may come need its bytes be remembered.
        if (!object.extras(f.next)) key.seen = kForgotten;
        key.text = key.seen == kForgotten ? kForgotten : kEmpty;
        put(next, key, rest);
      }
      const bool may_end = f.kind == FrameKind::object_open &&
                           object.next_required[f.next] == object.properties.size();
      if (byte == '}' && may_end) pop(next, rest);
      return;
    }
    case FrameKind::object_next: {
      const ObjectRule& object = rules_.objects[f.rule];
      if (byte == ',' && object.more[f.next]) {
        Frame comma = f;
        comma.kind = FrameKind::object_comma;
        comma.spaces = 0;
        put(next, comma, rest);
      }
      if (byte == '}' && object.next_required[f.next] == object.properties.size()) pop(next, rest);
      return;
    }
    case FrameKind::key:
      return byte == '"' && f.lex == 0 ? end_key(atom, next) : step_key(atom, byte, next);
    case FrameKind::colon:
      if (byte == ':') put(next, make(FrameKind::value, f.rule), rest);
      return;
    case FrameKind::text:
      if (byte != static_cast<std::uint8_t>(suffix_[f.depth])) return;
      if (f.depth + 1 == suffix_.size()) return pop(next, rest);
      Frame text = f;
      ++text.depth;
      return put(next, text, rest);
  }
}

void Residuals::step_value(const Atom& atom, std::uint8_t byte, Next& next) {
  const Rule& rule = rules_.rules[atom.frame.rule];
  const StateId rest = atom.rest;
  step_literal(rule, atom.frame.rule, 0, static_cast<std::uint32_t>(rule.literals.size()), 0, byte,
               rest, next);
  if (byte == '"') {
    for (const StringRule& string : rule.strings) {
      Frame frame = make(FrameKind::string, 0);
      frame.low = string.min;
      frame.high = string.max;
      put(next, frame, rest);
    }
  } else if (byte == '[') {
    for (const std::uint32_t id : rule.arrays) {
      const ArrayRule& array = rules_.arrays[id];
      if (array.min == 0) put(next, make(FrameKind::array_open, id), rest);
      if (array.max == 0) continue;
      Frame after = make(FrameKind::array_next, id);
      after.low = array.min == 0 ? 0 : array.min - 1;
      after.high = less_one(array.max);
      put(next, make(FrameKind::value, array.items), single(after, rest));
    }
  } else if (byte == '{') {
    for (const std::uint32_t id : rule.objects) {
      Frame frame = make(FrameKind::object_open, id);
      frame.seen = rules_.objects[id].additional == kNoRule ? kForgotten : kEmpty;
      put(next, frame, rest);
    }
  } else if (const int edge = NumberNode::edge(byte); edge >= 0) {
    for (const std::uint32_t start : rule.numbers) {
      step_number(rules_.numbers[start].next[static_cast<std::size_t>(edge)], rest, next);
    }
  }
}

void Residuals::step_literal(const Rule& rule, RuleId id, std::uint32_t low, std::uint32_t high,
                             std::uint32_t depth, std::uint8_t byte, StateId rest,
                             Next& next) const {
  Frame frame = make(FrameKind::literal, id);
  frame.depth = depth + 1;
  std::tie(frame.low, frame.high) =
      narrow(low, high, depth, byte,
             [&](std::uint32_t i) -> const std::string& { return rule.literals[i]; });
  if (frame.low == frame.high) return;
  if (rule.literals[frame.low].size() == frame.depth) {  // the shortest of them ends here
    pop(next, rest);
    ++frame.low;
  }
  if (frame.low < frame.high) put(next, frame, rest);
}

void Residuals::step_number(std::uint32_t node, StateId rest, Next& next) const {
  if (node == NumberNode::kDead) return;
  if (rules_.numbers[node].complete) pop(next, rest);
  put(next, make(FrameKind::number, node), rest);
}

bool Residuals::has_candidate(const ObjectRule& object, const Frame& key) const {
  const std::uint32_t last = object.next_required[key.next];
  for (std::uint32_t i = key.low; i < key.high; ++i) {
    const std::uint32_t p = object.sorted[i];
    if (p >= key.next && p <= last && rules_.rules[object.properties[p].rule].finish != kEndless)
      return true;
  }
  return false;
}

void Residuals::step_key(const Atom& atom, std::uint8_t byte, Next& next) {
  Frame key = atom.frame;
  const ObjectRule& object = rules_.objects[key.rule];
  const Lexed lexed = lex_key(static_cast<Place>(key.lex), byte);
  if (!lexed.ok) return;  // declared keys are spelled canonically, too
  key.lex = static_cast<std::uint8_t>(lexed.place);
  std::tie(key.low, key.high) =
      narrow(key.low, key.high, key.depth, byte, [&](std::uint32_t i) -> const std::string& {
        return object.properties[object.sorted[i]].key;
      });
  const bool extras = object.extras(key.next);
  if (!extras && !has_candidate(object, key)) return;
  ++key.depth;
  if (key.low == key.high) key.low = key.high = key.depth = 0;  // no declared key begins like this
  if (key.text != kForgotten) key.text = text_with(key.text, byte);
  put(next, key, atom.rest);
}

void Residuals::end_key(const Atom& atom, Next& next) {
  const Frame& key = atom.frame;
  const ObjectRule& object = rules_.objects[key.rule];
  const auto n = static_cast<std::uint32_t>(object.properties.size());
  Frame after = make(FrameKind::object_next, key.rule);
  const std::uint32_t declared = key.low < key.high ? object.sorted[key.low] : n;
  if (declared < n && object.properties[declared].key.size() == key.depth) {
    const RuleId value = object.properties[declared].rule;
    if (declared < key.next || declared > object.next_required[key.next] ||
        rules_.rules[value].finish == kEndless)
      return;
    after.next = declared + 1;
    after.seen = object.additional == kNoRule ? kForgotten
                 : object.extras(key.next)    ? key.seen
                                              : kEmpty;
    return put(next, make(FrameKind::colon, value), single(after, atom.rest));
  }
  if (!object.extras(key.next) || (key.text != kForgotten && seen_has(key.seen, key.text))) return;
  after.next = n;
  after.seen = key.text == kForgotten ? kForgotten : seen_with(key.seen, key.text);
  put(next, make(FrameKind::colon, object.additional), single(after, atom.rest));
}

std::uint64_t Residuals::finish_of(const Frame& f) const {
  switch (f.kind) {
    case FrameKind::value:
      return rules_.rules[f.rule].finish;
    case FrameKind::literal: {
      const auto& literals = rules_.rules[f.rule].literals;
      std::size_t least = literals[f.low].size();
      for (std::uint32_t i = f.low; i < f.high; ++i) least = std::min(least, literals[i].size());
      return least - f.depth;
    }
    case FrameKind::string:
      return std::uint64_t{grammar::finish_of(static_cast<Place>(f.lex))} + f.low + 1;
    case FrameKind::number:
      return rules_.numbers[f.rule].finish;
    case FrameKind::array_open:
      return 1;
    case FrameKind::array_next:
      return f.low == 0
                 ? 1
                 : add_bytes(
                       1, times_bytes(f.low, rules_.rules[rules_.arrays[f.rule].items].finish + 1));
    case FrameKind::object_open:
    case FrameKind::object_next: {
      const ObjectRule& object = rules_.objects[f.rule];
      if (object.next_required[f.next] == object.properties.size()) return 1;
      return add_bytes(f.kind == FrameKind::object_next ? 2 : 1, object.finish[f.next]);
    }
    case FrameKind::object_comma: {
      const ObjectRule& object = rules_.objects[f.rule];
      const std::uint64_t declared = add_bytes(1, object.finish[f.next]);
      if (!object.extras(f.next)) return declared;
      Frame key = f;
      key.high = static_cast<std::uint32_t>(object.sorted.size());
      key.text = key.seen == kForgotten ? kForgotten : kEmpty;
      const std::uint64_t extra =
          add_bytes(fresh_key_bytes(object, key) + 4, rules_.rules[object.additional].finish);
      return std::min(declared, extra);
    }
    case FrameKind::key:
      return finish_of_key(f);
    case FrameKind::colon:
      return add_bytes(1, rules_.rules[f.rule].finish);
    case FrameKind::text:
      return suffix_.size() - f.depth;
  }
  return kEndless;
}

std::uint64_t Residuals::finish_of_key(const Frame& key) const {
  const ObjectRule& object = rules_.objects[key.rule];
  const auto n = static_cast<std::uint32_t>(object.properties.size());
  const std::uint32_t last = object.next_required[key.next];
  std::uint64_t least = kEndless;
  for (std::uint32_t i = key.low; i < key.high; ++i) {
    const std::uint32_t p = object.sorted[i];
    if (p < key.next || p > last) continue;
    const ObjectRule::Property& property = object.properties[p];
    // The rest of the key, '"', ':', the value, what is required after it, '}'.
    std::uint64_t bytes =
        add_bytes(property.key.size() - key.depth + 3, rules_.rules[property.rule].finish);
    if (object.next_required[p + 1] < n)
      bytes = add_bytes(bytes, add_bytes(1, object.finish[p + 1]));
    least = std::min(least, bytes);
  }
  if (!object.extras(key.next)) return least;
  const std::uint64_t fresh =
      grammar::finish_of(static_cast<Place>(key.lex)) + fresh_key_bytes(object, key);
  return std::min(least, add_bytes(fresh + 3, rules_.rules[object.additional].finish));
}

/// Bytes after which a key that begins like `key` can be one not written and not declared yet: the
/// least n such that fewer keys are taken at that length than there are plain ASCII texts of n
/// bytes. (Then one byte can be chosen so that the same holds for n - 1.) Inside a character, all
/// taken keys that begin like `key` are counted at once: whatever the character becomes, no more
/// are left.
std::uint32_t Residuals::fresh_key_bytes(const ObjectRule& object, const Frame& key) const {
  constexpr std::uint64_t kPlain = 93;           // 0x20 to 0x7E without '"' and '\\'
  constexpr std::size_t kBytesMax = 8;           // 93^8 keys fit no memory
  std::array<std::uint64_t, kBytesMax> taken{};  // keys that are this many bytes longer than `key`
  std::uint64_t all = 0;
  const auto count = [&](std::size_t longer) {
    ++all;
    if (longer < kBytesMax) ++taken[longer];
  };
  for (std::uint32_t i = key.low; i < key.high; ++i)
    count(object.properties[object.sorted[i]].key.size() - key.depth);
  if (key.text != kForgotten) {
    const std::uint32_t length = texts_[key.text].length;
    for (std::uint32_t seen = key.seen; seen > kEmpty; seen = seen_[seen].parent) {
      std::uint32_t text = seen_[seen].text;
      if (texts_[text].length < length) continue;
      const std::uint32_t longer = texts_[text].length - length;
      for (std::uint32_t i = 0; i < longer; ++i) text = texts_[text].parent;
      if (text == key.text) count(longer);
    }
  }
  std::uint32_t n = 0;
  for (std::uint64_t texts = 1; n < kBytesMax && (key.lex == 0 ? taken[n] : all) >= texts;
       texts *= kPlain)
    ++n;
  return n;
}

int Residuals::only_byte_of(const Frame& f) const {
  const auto is_spaced = [&] { return f.spaces < spaces_max_; };
  switch (f.kind) {
    case FrameKind::value: {
      const Rule& rule = rules_.rules[f.rule];
      if (is_spaced()) return -1;
      int only = -2;  // none yet
      const auto put = [&](int byte) { only = only == -2 || only == byte ? byte : -1; };
      for (const std::uint32_t number : rule.numbers) put(rules_.numbers[number].only_byte());
      if (!rule.literals.empty() && only != -1) {
        put(rule.literals.front()[0]);
        put(rule.literals.back()[0]);
      }
      if (!rule.strings.empty() && only != -1) put('"');
      if (!rule.arrays.empty() && only != -1) put('[');
      if (!rule.objects.empty() && only != -1) put('{');
      return only;
    }
    case FrameKind::literal: {
      const auto& literals = rules_.rules[f.rule].literals;
      const auto first = static_cast<std::uint8_t>(literals[f.low][f.depth]);
      return first == static_cast<std::uint8_t>(literals[f.high - 1][f.depth]) ? first : -1;
    }
    case FrameKind::string:
      return f.high == 0 && f.lex == 0 ? '"' : -1;
    case FrameKind::number:
      return rules_.numbers[f.rule].only_byte();
    case FrameKind::array_open:
      return is_spaced() ? -1 : ']';
    case FrameKind::array_next:
      return is_spaced() ? -1 : f.high == 0 ? ']' : f.low > 0 ? ',' : -1;
    case FrameKind::object_open:
    case FrameKind::object_next: {
      const ObjectRule& object = rules_.objects[f.rule];
      if (is_spaced()) return -1;
      if (!object.more[f.next]) return '}';
      if (object.next_required[f.next] == object.properties.size()) return -1;
      return f.kind == FrameKind::object_next ? ',' : '"';
    }
    case FrameKind::object_comma:
      return is_spaced() ? -1 : '"';
    case FrameKind::key:
      return only_key_byte(f);
    case FrameKind::colon:
      return is_spaced() ? -1 : ':';
    case FrameKind::text:
      return static_cast<std::uint8_t>(suffix_[f.depth]);
  }
  return -1;
}

int Residuals::only_key_byte(const Frame& key) const {
  const ObjectRule& object = rules_.objects[key.rule];
  if (object.extras(key.next)) return -1;
  const std::uint32_t last = object.next_required[key.next];
  int only = -1;
  for (std::uint32_t i = key.low; i < key.high; ++i) {
    const std::uint32_t p = object.sorted[i];
    const ObjectRule::Property& property = object.properties[p];
    if (p < key.next || p > last || rules_.rules[property.rule].finish == kEndless) continue;
    const int byte =
        key.depth < property.key.size() ? static_cast<std::uint8_t>(property.key[key.depth]) : '"';
    if (only >= 0 && byte != only) return -1;
    only = byte;
  }
  return only;
}

Frame Residuals::kin_of(const Frame& frame, bool& shortened) const {
  Frame kin = frame;
  kin.text = kin.seen = kForgotten;
  if (frame.kind == FrameKind::string || frame.kind == FrameKind::array_next) {
    // No token holds more than depth_max characters or items.
    const std::uint32_t reach = vocabulary_.trie().depth_max;
    if (frame.low > reach) {
      kin.low = reach + 1;
      shortened = kin.low != frame.low;
    }
    if (frame.high > reach) kin.high = kUnlimited;
  }
  return kin;
}

}  // namespace praxis::grammar
