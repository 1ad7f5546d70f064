// How expressions are stored: one node for equal contents, with what follows from them.
#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_set>

#include "grammar/expressions.h"
#include "grammar/shapes.h"

namespace praxis::grammar {
namespace {

constexpr std::uint64_t kNodeWork = 16;  // of making one, where none was known
constexpr std::uint32_t kNoBound = ~0u;
constexpr std::size_t kPartsMax = 1024;  // of an expression whose sets of characters are asked for
constexpr std::uint32_t kWordsPerNode = 16;  // on average; bounds what unions of many cost

std::uint32_t added(std::uint32_t a, std::uint32_t b) {
  return a >= kNoBound - b ? kNoBound : a + b;
}

/// kNoBound is without end, unless nothing is repeated.
std::uint32_t times(std::uint32_t a, std::uint32_t b) {
  const auto product = static_cast<std::uint64_t>(a) * b;
  return product == 0 ? 0 : static_cast<std::uint32_t>(std::min<std::uint64_t>(product, kNoBound));
}

std::uint64_t sum(std::uint64_t a, std::uint64_t b) { return std::min(a + b, Languages::kEndless); }

std::uint64_t product(std::uint64_t a, std::uint64_t b) {
  if (a != 0 && b >= Languages::kEndless / a) return Languages::kEndless - 1;
  return a * b;
}

std::uint32_t hash_of(Kind kind, std::uint32_t x, std::uint32_t y,
                      std::span<const std::uint32_t> words) {
  std::uint64_t hash = static_cast<std::uint64_t>(kind) * 0x9E3779B97F4A7C15u + x;
  hash = (hash ^ (hash >> 29)) * 0xBF58476D1CE4E5B9u + y;
  for (const std::uint32_t word : words) hash = (hash ^ (hash >> 31)) * 0x94D049BB133111EBu + word;
  hash = (hash ^ (hash >> 32)) * 0xD6E8FEB86659FD93u;
  return static_cast<std::uint32_t>(hash >> 32);
}

}  // namespace

Expressions::Expressions(std::uint32_t nodes_max) : nodes_max_(std::max(nodes_max, 64u)) {
  table_.assign(256, 0);
  memo_.assign(256, Memo{});
  make(Kind::nothing, 0, 0, {});
  make(Kind::empty_text, 0, 0, {});
  // kAnyText comes before the set of characters that it repeats.
  const std::array<std::uint32_t, 2> any_number = {0, kNoBound};
  make(Kind::repeat, kAnyCharacter, 0, any_number);
  nodes_[kAnyText].utf8 = true;
  make(Kind::complement, kNothing, 0, {});
  characters(0, scalar_values());
}

bool Expressions::spend(std::uint64_t work) {
  if (work < work_left_) {
    work_left_ -= work;
    return true;
  }
  work_left_ = 0;
  ++failures_;
  return false;
}

std::string Expressions::bytes(LanguageId literal) const {
  std::string out(nodes_[literal].x, '\0');
  std::memcpy(out.data(), words_.data() + nodes_[literal].offset, out.size());
  return out;
}

CodePointSet Expressions::ranges(LanguageId characters) const {
  CodePointSet out;
  const auto bounds = words(characters);
  for (std::size_t i = 0; i < bounds.size(); i += 2)
    out.push_back(CodePoints{bounds[i], bounds[i + 1]});
  return out;
}

/// The set of a language whose texts are single code points, if it is spelled as one.
std::optional<CodePointSet> Expressions::one_character(LanguageId id) const {
  if (kind(id) == Kind::characters && nodes_[id].x == 0) return ranges(id);
  if (kind(id) != Kind::literal || nodes_[id].x > 4) return std::nullopt;
  const std::string utf8 = bytes(id);
  const auto lead = static_cast<std::uint8_t>(utf8[0]);
  if (continues(lead)) return std::nullopt;
  const std::uint32_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (utf8.size() != size) return std::nullopt;
  char32_t c = size == 1 ? lead : lead & (0x7Fu >> size);
  for (std::uint32_t i = 1; i < size; ++i)
    c = c << 6 | (static_cast<std::uint8_t>(utf8[i]) & 0x3Fu);
  return CodePointSet{CodePoints{c, c}};
}

Expressions::Count Expressions::count(LanguageId id) const {
  if (kind(id) != Kind::repeat) return Count{id, 1, 1};
  const auto bounds = words(id);
  return Count{nodes_[id].x, bounds[0], bounds[1]};
}

/// Fills in what follows from the parts.
void Expressions::describe(Node& node) const {
  const std::span<const std::uint32_t> words{words_.data() + node.offset, node.count};
  const auto of = [&](LanguageId id) -> const Node& { return nodes_[id]; };
  const auto all = [&](auto&& holds) { return std::all_of(words.begin(), words.end(), holds); };
  const auto any = [&](auto&& holds) { return std::any_of(words.begin(), words.end(), holds); };
  const auto accepts = [&](LanguageId id) { return of(id).accepts_empty; };
  const auto utf8 = [&](LanguageId id) { return of(id).utf8; };
  switch (node.kind) {
    case Kind::nothing:
      node.accepts_empty = false, node.utf8 = true;
      break;
    case Kind::empty_text:
      node.accepts_empty = true, node.utf8 = true;
      break;
    case Kind::characters:
      node.accepts_empty = false, node.utf8 = node.x == 0;
      break;
    case Kind::literal:
      // Literals are pieces of valid text: they begin a code point or are inside one.
      node.accepts_empty = false, node.utf8 = !continues(words[0] & 0xFF);
      break;
    case Kind::branch:
      node.accepts_empty = node.x != 0, node.utf8 = true;
      for (std::size_t i = 0; i < words.size(); i += 2) node.utf8 &= !continues(words[i]);
      break;
    case Kind::sequence:
      node.accepts_empty = accepts(node.x) && accepts(node.y);
      node.utf8 = utf8(node.x) && utf8(node.y);
      break;
    case Kind::repeat:
      node.accepts_empty = words[0] == 0;
      node.utf8 = node.x < nodes_.size() && utf8(node.x);
      break;
    case Kind::any_of:
      node.accepts_empty = any(accepts), node.utf8 = all(utf8);
      break;
    case Kind::all_of:
      node.accepts_empty = all(accepts), node.utf8 = any(utf8);
      break;
    case Kind::complement:
      node.accepts_empty = !accepts(node.x), node.utf8 = false;
      break;
    case Kind::automaton:
      node.accepts_empty =
          automata_[node.x]->accepts(words[0] | static_cast<std::uint64_t>(words[1]) << 32);
      node.utf8 = false;
      break;
    case Kind::declared:
      node.accepts_empty = node.y != 0, node.utf8 = true;
      break;
  }
  const Bound bound = structural(node);
  node.shortest = bound.bytes;
  node.exact = bound.exact;
  node.characters = measured(node);
}

Expressions::Bound Expressions::structural(const Node& node) const {
  if (node.accepts_empty) return Bound{0, true};
  const std::span<const std::uint32_t> words{words_.data() + node.offset, node.count};
  const auto least = [](Bound a, Bound b) {
    if (a.bytes != b.bytes) return a.bytes < b.bytes ? a : b;
    return Bound{a.bytes, a.exact || b.exact};
  };
  switch (node.kind) {
    case Kind::nothing:
      return Bound{Languages::kEndless, true};
    case Kind::characters:
      return Bound{node.x == 0 ? utf8_bytes(words[0]) : node.x, true};
    case Kind::literal:
      return Bound{node.x, true};
    case Kind::branch: {
      Bound out{Languages::kEndless, true};
      for (std::size_t i = 1; i < words.size(); i += 2) out = least(out, bound(words[i]));
      return Bound{sum(out.bytes, 1), out.exact};
    }
    case Kind::sequence: {
      const Bound a = bound(node.x), b = bound(node.y);
      return Bound{sum(a.bytes, b.bytes), a.exact && b.exact};
    }
    case Kind::repeat: {
      const Bound of = bound(node.x);
      return Bound{product(of.bytes, words[0]), of.exact};
    }
    case Kind::any_of: {
      Bound out{Languages::kEndless, true};
      for (const LanguageId member : words) out = least(out, bound(member));
      return out;
    }
    case Kind::all_of: {
      Bound out{1, false};
      for (const LanguageId member : words) out.bytes = std::max(out.bytes, bound(member).bytes);
      return out;
    }
    case Kind::automaton: {
      const auto known = automata_[node.x]->shortest(words[0] | std::uint64_t{words[1]} << 32);
      return known ? Bound{*known, true} : Bound{1, false};
    }
    default:
      return Bound{1, false};
  }
}

/// Bytes that begin a code point are counted, so that the measure adds up at every byte.
Expressions::Measure Expressions::measured(const Node& node) const {
  const std::span<const std::uint32_t> words{words_.data() + node.offset, node.count};
  const auto of = [&](LanguageId id) {
    return id < nodes_.size() ? nodes_[id].characters : Measure{0, kNoBound};
  };
  const auto begins = [](std::uint32_t byte) { return continues(byte) ? 0u : 1u; };
  switch (node.kind) {
    case Kind::nothing:
      return Measure{kNoBound, 0};
    case Kind::empty_text:
      return Measure{0, 0};
    case Kind::characters:
      return node.x == 0 ? Measure{1, 1} : Measure{0, 0};
    case Kind::literal: {
      std::uint32_t count = 0;
      for (std::uint32_t i = 0; i < node.x; ++i) count += begins(words[i / 4] >> i % 4 * 8);
      return Measure{count, count};
    }
    case Kind::branch: {
      Measure out{node.x != 0 ? 0 : kNoBound, 0};
      for (std::size_t i = 0; i < words.size(); i += 2) {
        const Measure rest = of(words[i + 1]);
        out.least = std::min(out.least, added(rest.least, begins(words[i])));
        out.most = std::max(out.most, added(rest.most, begins(words[i])));
      }
      return out;
    }
    case Kind::sequence:
      return Measure{added(of(node.x).least, of(node.y).least),
                     added(of(node.x).most, of(node.y).most)};
    case Kind::repeat:
      return Measure{times(of(node.x).least, words[0]), times(of(node.x).most, words[1])};
    case Kind::any_of: {
      Measure out{kNoBound, 0};
      for (const LanguageId member : words) {
        out.least = std::min(out.least, of(member).least);
        out.most = std::max(out.most, of(member).most);
      }
      return out;
    }
    case Kind::all_of: {
      Measure out{0, kNoBound};
      for (const LanguageId member : words) {
        out.least = std::max(out.least, of(member).least);
        out.most = std::min(out.most, of(member).most);
      }
      return out;
    }
    default:
      return Measure{0, kNoBound};
  }
}

bool Expressions::append_shortest(LanguageId id, std::string& text, std::uint32_t depth) const {
  constexpr std::uint32_t kNestingMax = 64;
  constexpr std::uint64_t kBytesMax = 1u << 21;
  for (;; id = nodes_[id].y) {
    const Node& node = nodes_[id];
    if (!node.exact || node.shortest > kBytesMax || depth > kNestingMax) return false;
    if (node.shortest == 0) return true;
    if (node.kind != Kind::sequence) break;
    if (!append_shortest(node.x, text, depth + 1)) return false;
  }
  const Node& node = nodes_[id];
  const auto is_least = [&](LanguageId part, std::uint64_t bytes) {
    return nodes_[part].exact && nodes_[part].shortest == bytes;
  };
  switch (node.kind) {
    case Kind::characters: {
      if (node.x != 0) return false;
      for (const CodePoints& range : ranges(id)) {
        char32_t readable = std::max<char32_t>(range.first, '#');  // behind what JSON escapes
        if (readable == '\\') ++readable;
        if (readable > std::min<char32_t>(range.last, 0x7E)) continue;
        append_utf8(text, readable);
        return true;
      }
      append_utf8(text, words(id)[0]);
      return true;
    }
    case Kind::literal:
      text += bytes(id);
      return true;
    case Kind::branch: {
      const auto edges = words(id);
      for (std::size_t i = 0; i < edges.size(); i += 2) {
        if (!is_least(edges[i + 1], node.shortest - 1)) continue;
        text += static_cast<char>(edges[i]);
        return append_shortest(edges[i + 1], text, depth + 1);
      }
      return false;
    }
    case Kind::any_of:
      for (const LanguageId member : words(id)) {
        if (is_least(member, node.shortest)) return append_shortest(member, text, depth + 1);
      }
      return false;
    case Kind::repeat: {
      const Count counted = count(id);
      std::string turn;
      if (!append_shortest(counted.of, turn, depth + 1)) return false;
      for (std::uint32_t i = 0; i < counted.min; ++i) text += turn;
      return true;
    }
    default:
      return false;
  }
}

Expressions::Bound Expressions::refined(LanguageId id, std::uint32_t depth) {
  constexpr std::uint32_t kNestingMax = 16;
  constexpr std::uint32_t kPartsMax = 64;
  if (nodes_[id].exact || depth > kNestingMax || !spend(1 + nodes_[id].count)) return bound(id);
  const std::uint32_t parts = nodes_[id].count;
  switch (kind(id)) {
    case Kind::sequence:
      refined(nodes_[id].x, depth + 1);
      refined(nodes_[id].y, depth + 1);
      break;
    case Kind::repeat:
      refined(nodes_[id].x, depth + 1);
      break;
    case Kind::any_of:
      if (parts > kPartsMax) return bound(id);
      for (std::uint32_t i = 0; i < parts; ++i) refined(words(id)[i], depth + 1);
      break;
    case Kind::all_of:
      if (parts > kPartsMax) return bound(id);
      for (std::uint32_t i = 0; i < parts; ++i) refined(words(id)[i], depth + 1);
      if (const auto bytes = witnessed(id)) learn(id, {*bytes, true});
      return bound(id);
    default:
      return bound(id);
  }
  learn(id, structural(nodes_[id]));
  return bound(id);
}

/// Bytes of a shortest text of a part that no other part's is shorter than, if the other parts hold it.
std::optional<std::uint64_t> Expressions::witnessed(LanguageId intersection) {
  constexpr std::uint64_t kBytesMax = 256;
  const std::vector<LanguageId> parts(words(intersection).begin(), words(intersection).end());
  std::uint64_t least = 1;  // the empty text would have been seen
  for (const LanguageId part : parts) least = std::max(least, nodes_[part].shortest);
  if (least > kBytesMax) return std::nullopt;
  for (const LanguageId part : parts) {
    std::string text;
    if (nodes_[part].shortest != least || !append_shortest(part, text)) continue;
    const bool in_all = std::all_of(parts.begin(), parts.end(), [&](LanguageId other) {
      return other == part || (spend(text.size()) && holds(other, text));
    });
    if (in_all) return least;
  }
  return std::nullopt;
}

void Expressions::learn(LanguageId id, Bound bound) {
  Node& node = nodes_[id];
  if (node.exact || bound.bytes < node.shortest) return;
  node.shortest = bound.bytes;
  node.exact = bound.exact;
}

/// The one node with these contents.
LanguageId Expressions::make(Kind kind, std::uint32_t x, std::uint32_t y,
                             std::span<const std::uint32_t> words) {
  if (!spend(1 + words.size())) return kNothing;
  const std::uint32_t hash = hash_of(kind, x, y, words);
  std::size_t slot = hash & (table_.size() - 1);
  for (; table_[slot] != 0; slot = (slot + 1) & (table_.size() - 1)) {
    const LanguageId id = table_[slot];
    const Node& node = nodes_[id];
    if (hashes_[id] == hash && node.kind == kind && node.x == x && node.y == y &&
        std::equal(words.begin(), words.end(), this->words(id).begin(), this->words(id).end())) {
      return id;
    }
  }
  if (!spend(kNodeWork)) return kNothing;
  if (nodes_.size() >= nodes_max_ ||
      words_.size() + words.size() > std::uint64_t{kWordsPerNode} * nodes_max_) {
    ++failures_;
    return kNothing;
  }
  const auto id = static_cast<LanguageId>(nodes_.size());
  Node node;
  node.kind = kind;
  node.x = x;
  node.y = y;
  node.offset = static_cast<std::uint32_t>(words_.size());
  node.count = static_cast<std::uint32_t>(words.size());
  words_.insert(words_.end(), words.begin(), words.end());
  describe(node);
  nodes_.push_back(node);
  hashes_.push_back(hash);
  // Id 0 is not found through the table: nobody makes it a second time.
  if (id != kNothing) table_[slot] = id;
  if (nodes_.size() * 2 > table_.size()) {
    table_.assign(table_.size() * 2, 0);
    for (LanguageId each = 1; each < nodes_.size(); ++each) {
      std::size_t at = hashes_[each] & (table_.size() - 1);
      while (table_[at] != 0) at = (at + 1) & (table_.size() - 1);
      table_[at] = each;
    }
  }
  return id;
}

std::optional<Languages::Lengths> Expressions::lengths(LanguageId id) const {
  if (id == kEmptyText) return Languages::Lengths{0, 0};
  if (id == kAnyText) return Languages::Lengths{0, ~0u};
  if (id == kAnyCharacter) return Languages::Lengths{1, 1};
  if (kind(id) != Kind::repeat || count(id).of != kAnyCharacter) return std::nullopt;
  return Languages::Lengths{count(id).min, count(id).max};
}

/// Holds a finite number of texts; a structure nested deeper than any list of texts is not followed.
bool Expressions::finite(LanguageId id, std::uint32_t depth) const {
  constexpr std::uint32_t kDepthMax = 64;
  if (depth > kDepthMax) return false;
  const auto also = [&](LanguageId part) { return finite(part, depth + 1); };
  switch (kind(id)) {
    case Kind::nothing:
    case Kind::empty_text:
    case Kind::characters:
    case Kind::literal:
      return true;
    case Kind::branch: {
      const auto branches = words(id);
      for (std::size_t i = 1; i < branches.size(); i += 2) {
        if (!also(branches[i])) return false;
      }
      return true;
    }
    case Kind::sequence:
      return also(nodes_[id].x) && also(nodes_[id].y);
    case Kind::any_of:
      return std::ranges::all_of(words(id), also);
    default:
      return false;
  }
}

bool Expressions::all_but_some(LanguageId id) const {
  if (id == kAnyText) return true;
  if (kind(id) != Kind::all_of) return false;
  return std::ranges::all_of(words(id), [&](LanguageId part) {
    return part == kAnyText || (kind(part) == Kind::complement && finite(nodes_[part].x, 0));
  });
}

/// A residual is made of the same sets of characters as what it is left of.
std::optional<std::vector<CodePointSet>> Expressions::sets(LanguageId id) const {
  std::vector<CodePointSet> made;
  std::vector<LanguageId> open{id};
  std::unordered_set<LanguageId> met{id, kEverything};
  const auto meet = [&](LanguageId part) {
    if (met.insert(part).second) open.push_back(part);
  };
  const auto put = [&](CodePointSet set) {
    if (std::find(made.begin(), made.end(), set) == made.end()) made.push_back(std::move(set));
  };
  while (!open.empty()) {
    if (met.size() > kPartsMax || made.size() > Alphabet::kSetsMax) return std::nullopt;
    const LanguageId at = open.back();
    open.pop_back();
    switch (kind(at)) {
      case Kind::nothing:
      case Kind::empty_text:
        break;
      case Kind::characters:
        if (nodes_[at].x != 0) return std::nullopt;
        put(ranges(at));
        break;
      case Kind::literal:
        for (const char c : bytes(at)) {
          const auto byte = static_cast<std::uint8_t>(c);
          if (byte >= 0x80) return std::nullopt;
          put(CodePointSet{CodePoints{byte, byte}});
        }
        break;
      case Kind::branch: {
        const auto choices = words(at);
        for (std::size_t i = 0; i < choices.size(); i += 2) {
          if (choices[i] >= 0x80) return std::nullopt;
          put(CodePointSet{CodePoints{choices[i], choices[i]}});
          meet(choices[i + 1]);
        }
        break;
      }
      case Kind::sequence:
        meet(nodes_[at].x);
        meet(nodes_[at].y);
        break;
      case Kind::repeat:
      case Kind::complement:
        meet(nodes_[at].x);
        break;
      case Kind::any_of:
      case Kind::all_of:
        for (const LanguageId part : words(at)) meet(part);
        break;
      case Kind::declared:
        meet(definitions_[nodes_[at].x]);
        break;
      case Kind::automaton: {
        const auto asked = automata_[nodes_[at].x]->sets();
        if (!asked) return std::nullopt;
        for (const CodePointSet& set : *asked) put(set);
        break;
      }
    }
  }
  return made;
}

/// Of a counted set of characters, alone or followed by more.
Languages::Run Expressions::counted_run(LanguageId id) const {
  Languages::Run run;
  if (kind(id) == Kind::sequence) id = nodes_[id].x;
  if (kind(id) != Kind::repeat) return run;
  const Count counted = count(id);
  const auto set = one_character(counted.of);
  if (!set) return run;
  for (const CodePoints& range : *set) {
    for (char32_t c = std::max<char32_t>(range.first, 0x20); c <= range.last && c < 0x80; ++c)
      run.bytes[c / 64] |= std::uint64_t{1} << (c % 64);
    if (range.first <= 0x80 && range.last == 0x10FFFF) run.bytes[2] = run.bytes[3] = ~std::uint64_t{0};
  }
  run.steps_max = counted.max;
  return run;
}

}  // namespace praxis::grammar
