#include "grammar/expressions.h"

#include <algorithm>
#include <cstring>
#include <tuple>

namespace praxis::grammar {
namespace {

constexpr std::uint32_t kLiteralMax = 32;  // longer texts are sequences, so a step copies little
constexpr std::uint32_t kNoBound = ~0u;
constexpr std::uint32_t kWordsPerNode = 16;  // on average; bounds what unions of many cost
constexpr std::size_t kAbsorbMax = 64;       // members beyond which absorption is not looked for

std::uint32_t added(std::uint32_t a, std::uint32_t b) {
  return a >= kNoBound - b ? kNoBound : a + b;
}

std::uint64_t added(std::uint64_t a, std::uint64_t b) {
  return std::min(a + b, Languages::kEndless);
}

std::uint64_t times(std::uint64_t a, std::uint64_t b) {
  if (a != 0 && b >= Languages::kEndless / a) return Languages::kEndless - 1;
  return a * b;
}

std::uint32_t utf8_bytes(char32_t c) { return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4; }

bool continues(std::uint32_t byte) { return (byte & 0xC0) == 0x80; }  // RFC 3629, section 3

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
  // kAnyText is id 2, before the character set it repeats: its node is closed over id 4.
  const std::array<std::uint32_t, 2> any_number = {0, kNoBound};
  make(Kind::repeat, 4, 0, any_number);
  nodes_[kAnyText].utf8 = true;
  make(Kind::complement, kNothing, 0, {});
  characters(0, scalar_values());
}

// ---- nodes

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
      node.accepts_empty = node.x != 0, node.utf8 = !continues(words[0]);
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
      return Bound{added(out.bytes, 1), out.exact};
    }
    case Kind::sequence: {
      const Bound a = bound(node.x), b = bound(node.y);
      return Bound{added(a.bytes, b.bytes), a.exact && b.exact};
    }
    case Kind::repeat: {
      const Bound of = bound(node.x);
      return Bound{times(of.bytes, words[0]), of.exact};
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

void Expressions::learn(LanguageId id, Bound bound) {
  Node& node = nodes_[id];
  if (node.exact || bound.bytes < node.shortest) return;
  node.shortest = bound.bytes;
  node.exact = bound.exact;
}

/// The one node with these contents.
LanguageId Expressions::make(Kind kind, std::uint32_t x, std::uint32_t y,
                             std::span<const std::uint32_t> words) {
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
  if (nodes_.size() >= nodes_max_ ||
      words_.size() + words.size() > std::uint64_t{kWordsPerNode} * nodes_max_) {
    ++failures_;
    return kNothing;
  }
  const auto id = static_cast<LanguageId>(nodes_.size());
  Node node{kind, false, false, false};
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

// ---- leaves

LanguageId Expressions::characters(std::uint32_t continuation, std::span<const CodePoints> united) {
  if (united.empty()) return kNothing;
  if (continuation == 0 && united.size() == 1 && united[0].first == united[0].last) {
    const char32_t c = united[0].first;
    const std::uint32_t size = utf8_bytes(c);
    std::string utf8(size, '\0');
    for (std::uint32_t i = size; i-- > 1;)
      utf8[i] = static_cast<char>(0x80 | ((c >> 6 * (size - 1 - i)) & 0x3F));
    const std::uint32_t mark = size == 1 ? 0 : 0xF00u >> size & 0xFF;
    utf8[0] = static_cast<char>(mark | c >> 6 * (size - 1));
    return literal(utf8);
  }
  std::vector<std::uint32_t> bounds;
  for (const CodePoints& range : united) {
    bounds.push_back(range.first);
    bounds.push_back(range.last);
  }
  return make(Kind::characters, continuation, 0, bounds);
}

LanguageId Expressions::literal(std::string_view bytes) {
  if (bytes.empty()) return kEmptyText;
  std::array<std::uint32_t, kLiteralMax / 4> packed{};
  std::memcpy(packed.data(), bytes.data(), bytes.size());
  return make(Kind::literal, static_cast<std::uint32_t>(bytes.size()), 0,
              std::span(packed).first((bytes.size() + 3) / 4));
}

LanguageId Expressions::text(std::string_view utf8) {
  std::vector<std::string_view> pieces;  // whole code points each
  while (!utf8.empty()) {
    std::size_t size = std::min<std::size_t>(utf8.size(), kLiteralMax);
    while (size < utf8.size() && size > kLiteralMax - 4 && continues(utf8[size])) --size;
    pieces.push_back(utf8.substr(0, size));
    utf8.remove_prefix(size);
  }
  LanguageId out = kEmptyText;
  for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
    out = out == kEmptyText ? literal(*piece) : make(Kind::sequence, literal(*piece), out, {});
  }
  return out;
}

LanguageId Expressions::texts(std::vector<std::string> utf8) {
  std::sort(utf8.begin(), utf8.end());
  utf8.erase(std::unique(utf8.begin(), utf8.end()), utf8.end());
  return trie(utf8, 0);
}

/// What follows the first `depth` bytes, which all of them share. As deep as texts are prefixes of
/// each other, so at most as the square root of their total size.
LanguageId Expressions::trie(std::span<const std::string> sorted, std::size_t depth) {
  if (sorted.empty()) return kNothing;
  const std::string& first = sorted.front();
  const std::string& last = sorted.back();
  if (sorted.size() == 1) return text(std::string_view(first).substr(depth));
  std::size_t shared = depth;
  while (shared < first.size() && first[shared] == last[shared]) ++shared;
  if (shared > depth)
    return sequence(text(std::string_view(first).substr(depth, shared - depth)),
                    trie(sorted, shared));
  const bool ends = first.size() == depth;
  std::vector<std::uint32_t> edges;
  for (std::size_t i = ends ? 1 : 0; i < sorted.size();) {
    const char byte = sorted[i][depth];
    std::size_t j = i;
    while (j < sorted.size() && sorted[j][depth] == byte) ++j;
    edges.push_back(static_cast<std::uint8_t>(byte));
    edges.push_back(trie(sorted.subspan(i, j - i), depth + 1));
    i = j;
  }
  return make(Kind::branch, ends ? 1 : 0, 0, edges);
}

LanguageId Expressions::automaton(std::unique_ptr<Automaton> automaton) {
  const std::uint64_t state = automaton->start();
  if (state == 0) return kNothing;
  auto which = static_cast<std::uint32_t>(automata_.size());
  const std::string key = automaton->key();
  if (!key.empty()) which = automata_by_key_.try_emplace(key, which).first->second;
  if (which == automata_.size()) automata_.push_back(std::move(automaton));
  const std::array<std::uint32_t, 2> halves = {static_cast<std::uint32_t>(state),
                                               static_cast<std::uint32_t>(state >> 32)};
  return make(Kind::automaton, which, 0, halves);
}

LanguageId Expressions::declare(bool accepts_empty) {
  definitions_.push_back(kNothing);
  return make(Kind::declared, static_cast<std::uint32_t>(definitions_.size() - 1), accepts_empty,
              {});
}

void Expressions::define(LanguageId declared, LanguageId as) {
  if (kind(declared) == Kind::declared) definitions_[nodes_[declared].x] = as;
}

// ---- operations

LanguageId Expressions::sequence(LanguageId first, LanguageId then) {
  if (first == kNothing || then == kNothing) return kNothing;
  if (first == kEmptyText) return then;
  if (then == kEmptyText) return first;
  if (kind(first) == Kind::sequence) {  // to the right: first is never a sequence itself
    std::vector<LanguageId> parts;
    for (; kind(first) == Kind::sequence; first = nodes_[first].y) parts.push_back(nodes_[first].x);
    LanguageId out = sequence(first, then);
    while (!parts.empty()) {
      out = sequence(parts.back(), out);
      parts.pop_back();
    }
    return out;
  }
  const bool more = kind(then) == Kind::sequence;
  const LanguageId next = more ? nodes_[then].x : then;
  const LanguageId rest = more ? nodes_[then].y : kEmptyText;
  const auto optional_text = [&](LanguageId id) {
    return nodes_[id].utf8 && nodes_[id].accepts_empty;
  };
  if (next == kAnyText && optional_text(first)) return then;
  if (first == kAnyText && optional_text(next)) return sequence(first, rest);
  if (kind(first) == Kind::literal && kind(next) == Kind::literal) {
    if (nodes_[first].x + nodes_[next].x <= kLiteralMax)
      return sequence(literal(bytes(first) + bytes(next)), rest);
  } else {
    const Count a = count(first), b = count(next);
    if (a.of == b.of) return sequence(repeat(a.of, added(a.min, b.min), added(a.max, b.max)), rest);
  }
  return make(Kind::sequence, first, then, {});
}

LanguageId Expressions::repeat(LanguageId of, std::uint32_t min, std::uint32_t max) {
  if (max < min) return kNothing;
  if (max == 0 || of == kEmptyText) return kEmptyText;
  if (of == kNothing) return min == 0 ? kEmptyText : kNothing;
  if (nodes_[of].accepts_empty) {  // an empty turn adds nothing: no turn need count as one
    min = 0;
    of = without_empty(of);
    if (of == kNothing) return kEmptyText;
  }
  const Count inner = count(of);
  // r{1,n}{0,m} = r{0,nm}; with an endless side every count is reached.
  if (kind(of) == Kind::repeat && inner.min <= 1 && (min == 0 || inner.min == 1)) {
    const bool endless = inner.max == kNoBound || max == kNoBound;
    const auto most = static_cast<std::uint64_t>(inner.max) * max;
    return repeat(inner.of, min,
                  endless || most >= kNoBound ? kNoBound : static_cast<std::uint32_t>(most));
  }
  if (min == 1 && max == 1) return of;
  const std::array<std::uint32_t, 2> bounds = {min, max};
  return make(Kind::repeat, of, 0, bounds);
}

/// The language less the empty text.
LanguageId Expressions::without_empty(LanguageId id) {
  if (!nodes_[id].accepts_empty) return id;
  if (kind(id) == Kind::empty_text) return kNothing;
  if (kind(id) == Kind::repeat) {  // what repeat() repeats never holds the empty text
    const Count of = count(id);
    return repeat(of.of, 1, of.max);
  }
  if (kind(id) == Kind::branch) {
    const std::vector<std::uint32_t> edges(words(id).begin(), words(id).end());
    return make(Kind::branch, 0, 0, edges);
  }
  if (kind(id) == Kind::any_of) {
    const std::vector<LanguageId> members(words(id).begin(), words(id).end());
    std::vector<LanguageId> left;
    for (const LanguageId member : members)
      left.push_back(kind(member) == Kind::repeat || member == kEmptyText ? without_empty(member)
                                                                          : member);
    const bool done = std::none_of(left.begin(), left.end(),
                                   [&](LanguageId member) { return nodes_[member].accepts_empty; });
    if (done) return any_of(std::move(left));
  }
  return all_of({id, complement(kEmptyText)});
}

void Expressions::flatten(std::vector<LanguageId>& members, Kind inner) const {
  std::vector<LanguageId> flat;
  for (const LanguageId member : members) {
    if (kind(member) == inner) {
      const auto parts = words(member);
      flat.insert(flat.end(), parts.begin(), parts.end());
    } else {
      flat.push_back(member);
    }
  }
  std::sort(flat.begin(), flat.end());
  flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
  members = std::move(flat);
}

/// a | (a & b) = a for inner all_of; a & (a | b) = a for inner any_of.
void Expressions::absorb(std::vector<LanguageId>& members, Kind inner) const {
  if (members.size() > kAbsorbMax) return;
  const std::vector<LanguageId> all = members;
  std::erase_if(members, [&](LanguageId member) {
    if (kind(member) != inner) return false;
    const auto parts = words(member);
    return std::any_of(parts.begin(), parts.end(), [&](LanguageId part) {
      return std::binary_search(all.begin(), all.end(), part);
    });
  });
}

LanguageId Expressions::any_of(std::vector<LanguageId> members) {
  flatten(members, Kind::any_of);
  std::erase(members, kNothing);
  const auto has = [&](LanguageId id) {
    return std::binary_search(members.begin(), members.end(), id);
  };
  if (has(kEverything)) return kEverything;
  const auto widest = [&] {
    if (has(kAnyText))
      std::erase_if(members, [&](LanguageId id) { return id != kAnyText && nodes_[id].utf8; });
  };
  widest();
  std::vector<LanguageId> negated;
  for (const LanguageId member : members)
    if (kind(member) == Kind::complement) negated.push_back(nodes_[member].x);
  if (std::any_of(negated.begin(), negated.end(), has)) return kEverything;
  if (negated.size() > 1) {
    std::erase_if(members, [&](LanguageId id) { return kind(id) == Kind::complement; });
    members.push_back(complement(all_of(std::move(negated))));
    return any_of(std::move(members));
  }
  if (members.size() > 1) {
    join_characters(members);
    join_repeats(members);
    std::sort(members.begin(), members.end());
    absorb(members, Kind::all_of);
    widest();
  }
  const auto empty_too = std::count_if(members.begin(), members.end(),
                                       [&](LanguageId id) { return nodes_[id].accepts_empty; });
  if (empty_too > 1) std::erase(members, kEmptyText);
  if (members.empty()) return kNothing;
  if (members.size() == 1) return members[0];
  if (members.size() == 2 && members[0] == kEmptyText) {
    const Count of = count(members[1]);
    return of.min == 1 ? make(Kind::repeat, of.of, 0, std::array<std::uint32_t, 2>{0, of.max})
                       : make(Kind::any_of, 0, 0, members);
  }
  return make(Kind::any_of, 0, 0, members);
}

/// Single characters of a union become one set.
void Expressions::join_characters(std::vector<LanguageId>& members) {
  std::array<CodePointSet, 4> sets;
  std::array<std::vector<LanguageId>, 4> joined;
  for (const LanguageId member : members) {
    const bool inside = kind(member) == Kind::characters && nodes_[member].x != 0;
    const std::optional<CodePointSet> set = inside ? ranges(member) : one_character(member);
    if (!set) continue;
    const std::uint32_t at = inside ? nodes_[member].x : 0;
    sets[at].insert(sets[at].end(), set->begin(), set->end());
    joined[at].push_back(member);
  }
  for (std::uint32_t at = 0; at < 4; ++at) {
    if (joined[at].size() < 2) continue;
    std::erase_if(members, [&](LanguageId id) {
      return std::binary_search(joined[at].begin(), joined[at].end(), id);
    });
    members.push_back(characters(at, united(std::move(sets[at]))));
  }
}

/// r{a,b}t | r{c,d}t = r{min(a,c),max(b,d)}t where the counts touch. This keeps the residuals of
/// counted repetition few.
void Expressions::join_repeats(std::vector<LanguageId>& members) {
  struct Part {
    LanguageId then;
    Count count;
    LanguageId member;
  };
  std::vector<Part> parts;
  bool repeats = false;
  for (const LanguageId member : members) {
    const bool chain = kind(member) == Kind::sequence;
    const LanguageId head = chain ? nodes_[member].x : member;
    repeats |= kind(head) == Kind::repeat;
    parts.push_back(Part{chain ? nodes_[member].y : kEmptyText, count(head), member});
  }
  if (!repeats) return;
  std::sort(parts.begin(), parts.end(), [](const Part& a, const Part& b) {
    return std::tuple(a.then, a.count.of, a.count.min, a.count.max, a.member) <
           std::tuple(b.then, b.count.of, b.count.min, b.count.max, b.member);
  });
  std::vector<LanguageId> out;
  for (std::size_t i = 0; i < parts.size();) {
    Count whole = parts[i].count;
    std::size_t j = i + 1;
    while (j < parts.size() && parts[j].then == parts[i].then && parts[j].count.of == whole.of &&
           parts[j].count.min <= added(whole.max, 1u)) {
      whole.max = std::max(whole.max, parts[j].count.max);
      ++j;
    }
    out.push_back(j == i + 1 ? parts[i].member
                             : sequence(repeat(whole.of, whole.min, whole.max), parts[i].then));
    i = j;
  }
  members = std::move(out);
}

LanguageId Expressions::complement(LanguageId of) {
  if (kind(of) == Kind::complement) return nodes_[of].x;
  return make(Kind::complement, of, 0, {});
}

LanguageId Expressions::without(LanguageId from, LanguageId taken) {
  if (taken == kNothing) return from;
  if (taken == kEmptyText) return without_empty(from);
  return all_of({from, complement(taken)});
}

/// `not of`, where `positive` members stand beside it: what they imply is dropped inside, so that
/// a & not (a & b) = a & not b.
LanguageId Expressions::complement_beside(std::span<const LanguageId> positive, LanguageId of) {
  const auto implied = [&](LanguageId part) {
    if (part != kAnyText) return std::binary_search(positive.begin(), positive.end(), part);
    return std::any_of(positive.begin(), positive.end(),
                       [&](LanguageId id) { return nodes_[id].utf8; });
  };
  const bool many = kind(of) == Kind::any_of;
  std::vector<LanguageId> members(1, of);
  if (many) members.assign(words(of).begin(), words(of).end());
  if (members.size() > kAbsorbMax) return complement(of);
  for (LanguageId& member : members) {
    if (implied(member)) return kNothing;
    if (kind(member) != Kind::all_of) continue;
    std::vector<LanguageId> parts(words(member).begin(), words(member).end());
    if (std::erase_if(parts, implied) != 0) member = all_of(std::move(parts));
  }
  return complement(any_of(std::move(members)));
}

bool Expressions::holds(LanguageId id, std::string_view text) {
  for (const char byte : text) id = step(id, static_cast<std::uint8_t>(byte));
  return nodes_[id].accepts_empty;
}

/// Sets of characters, and repeats of them, meet in one.
void Expressions::meet_characters(std::vector<LanguageId>& members) {
  std::optional<CodePointSet> set;
  std::uint32_t min = 0, max = kNoBound;
  std::vector<LanguageId> met;
  for (const LanguageId member : members) {
    const Count of = count(member);
    if (kind(of.of) != Kind::characters || nodes_[of.of].x != 0) continue;
    set = set ? common(*set, ranges(of.of)) : ranges(of.of);
    min = std::max(min, of.min);
    max = std::min(max, of.max);
    met.push_back(member);
  }
  if (met.size() < 2) return;
  std::erase_if(members,
                [&](LanguageId id) { return std::binary_search(met.begin(), met.end(), id); });
  members.push_back(repeat(characters(0, *set), min, max));
  std::sort(members.begin(), members.end());
}

/// Pairs of automata, both at their start, that know one automaton for both.
void Expressions::meet_automata(std::vector<LanguageId>& members) {
  const auto at_start = [this](LanguageId id) {
    if (kind(id) != Kind::automaton) return false;
    const auto halves = words(id);
    return (halves[0] | std::uint64_t{halves[1]} << 32) == automata_[nodes_[id].x]->start();
  };
  for (std::size_t i = 0; i < members.size(); ++i) {
    for (std::size_t j = i + 1; j < members.size() && at_start(members[i]); ++j) {
      if (!at_start(members[j])) continue;
      auto met = automata_[nodes_[members[i]].x]->meet(*automata_[nodes_[members[j]].x]);
      if (!met) continue;
      members[i] = automaton(std::move(met));
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(j));
      j = i;
    }
  }
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
}

LanguageId Expressions::all_of(std::vector<LanguageId> members) {
  flatten(members, Kind::all_of);
  std::erase(members, kEverything);
  const auto has = [&](LanguageId id) {
    return std::binary_search(members.begin(), members.end(), id);
  };
  if (has(kNothing)) return kNothing;
  if (has(kEmptyText)) {
    return std::all_of(members.begin(), members.end(),
                       [&](LanguageId id) { return nodes_[id].accepts_empty; })
               ? kEmptyText
               : kNothing;
  }
  std::vector<LanguageId> negated;
  for (const LanguageId member : members)
    if (kind(member) == Kind::complement) negated.push_back(nodes_[member].x);
  if (std::any_of(negated.begin(), negated.end(), has)) return kNothing;
  std::erase_if(members, [&](LanguageId id) { return kind(id) == Kind::complement; });
  if (has(kAnyText) && members.size() > 1 &&
      std::any_of(members.begin(), members.end(),
                  [&](LanguageId id) { return id != kAnyText && nodes_[id].utf8; })) {
    std::erase(members, kAnyText);
  }
  if (members.size() > 1) {
    meet_characters(members);
    meet_automata(members);
    absorb(members, Kind::any_of);
    if (members.size() == 1 && negated.empty()) return members[0];
    if (has(kNothing)) return kNothing;
  }
  if (!negated.empty()) {
    const LanguageId negative = complement_beside(members, any_of(std::move(negated)));
    if (negative == kNothing) return kNothing;
    // The complement may have turned into something positive, or into nothing to say.
    if (negative != kEverything) {
      if (kind(negative) != Kind::complement) {
        members.push_back(negative);
        return all_of(std::move(members));
      }
      const LanguageId taken = nodes_[negative].x;
      if (members.size() == 1 && kind(members[0]) == Kind::characters) {
        const std::uint32_t at = nodes_[members[0]].x;
        const auto gone = at == 0 ? one_character(taken)
                          : kind(taken) == Kind::characters && nodes_[taken].x == at
                              ? std::optional(ranges(taken))
                              : std::nullopt;
        if (gone)
          return characters(
              at, common(ranges(members[0]), outside(*gone, CodePoints{0, kLastCodePoint})));
      }
      members.push_back(negative);
      std::sort(members.begin(), members.end());
    }
  }
  if (members.empty()) return kEverything;
  if (members.size() == 1) return members[0];
  for (const LanguageId member : members) {
    if (kind(member) != Kind::literal) continue;
    const std::string only = bytes(member);
    const bool inside = std::all_of(members.begin(), members.end(), [&](LanguageId other) {
      return other == member || holds(other, only);
    });
    return inside ? member : kNothing;
  }
  return make(Kind::all_of, 0, 0, members);
}

}  // namespace praxis::grammar
