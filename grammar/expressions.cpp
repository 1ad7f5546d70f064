#include "grammar/expressions.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <tuple>

namespace praxis::grammar {
namespace {

constexpr std::uint32_t kLiteralMax = 32;  // longer texts are sequences, so a step copies little
constexpr std::uint32_t kNoBound = ~0u;
constexpr std::size_t kTreeMin = 8;     // texts of a union from which on a tree pays
constexpr std::size_t kTreePiecesMax = 4;  // literals of a text beyond which it stays out of a tree
constexpr std::size_t kAbsorbMax = 64;  // members beyond which absorption is not looked for

std::uint32_t added(std::uint32_t a, std::uint32_t b) {
  return a >= kNoBound - b ? kNoBound : a + b;
}

}  // namespace

// ---- leaves

LanguageId Expressions::characters(std::uint32_t continuation, std::span<const CodePoints> united) {
  if (united.empty()) return kNothing;
  if (continuation == 0 && united.size() == 1 && united[0].first == united[0].last) {
    std::string utf8;
    append_utf8(utf8, united[0].first);
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
  if (which == automata_.size()) {
    automaton_starts_.push_back(starts_of(*automaton));
    automata_.push_back(std::move(automaton));
  }
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
  if (kind(declared) != Kind::declared) return;
  definitions_[nodes_[declared].x] = as;
  // Bounds that hold where nothing is known of `declared` hold where something is.
  learn(declared, bound(as));
  nodes_[declared].characters = nodes_[as].characters;
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
  if (!spend(members.size())) return kNothing;
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
    join_texts(members);
    join_repeats(members);
    std::sort(members.begin(), members.end());
    members.erase(std::unique(members.begin(), members.end()), members.end());
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

/// Many texts of a union become one tree, through which a step takes one edge.
void Expressions::join_texts(std::vector<LanguageId>& members) {
  if (members.size() < kTreeMin) return;
  std::vector<std::string> texts;
  std::vector<LanguageId> others;
  for (const LanguageId member : members) {
    std::string text;
    LanguageId part = member;
    for (std::size_t pieces = 1; pieces < kTreePiecesMax && kind(part) == Kind::sequence &&
                                 kind(nodes_[part].x) == Kind::literal;
         ++pieces) {
      text += bytes(nodes_[part].x);
      part = nodes_[part].y;
    }
    if (kind(part) == Kind::literal) {
      texts.push_back(text + bytes(part));
    } else {
      others.push_back(member);
    }
  }
  if (texts.size() < kTreeMin) return;
  others.push_back(this->texts(std::move(texts)));
  members = std::move(others);
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

/// Beside valid UTF-8, `not a to b characters` is `fewer or more`: lengths can then be compared.
/// Moves such complements from `negated` to `positive`; true if there were any.
bool Expressions::lengths_beside(std::vector<LanguageId>& positive,
                                 std::vector<LanguageId>& negated) {
  if (std::none_of(positive.begin(), positive.end(),
                   [&](LanguageId id) { return nodes_[id].utf8; })) {
    return false;
  }
  flatten(negated, Kind::any_of);
  std::vector<LanguageId> lengths;
  std::erase_if(negated, [&](LanguageId id) {
    const bool is_length = kind(id) == Kind::repeat && nodes_[id].x == kAnyCharacter;
    if (is_length) lengths.push_back(id);
    return is_length;
  });
  for (const LanguageId id : lengths) {
    const Count of = count(id);
    std::vector<LanguageId> others;
    if (of.min > 0) others.push_back(repeat(kAnyCharacter, 0, of.min - 1));
    if (of.max != kNoBound) others.push_back(repeat(kAnyCharacter, added(of.max, 1u), kNoBound));
    positive.push_back(any_of(std::move(others)));
  }
  return !lengths.empty();
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
  if (!spend(members.size())) return kNothing;
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
  if (!negated.empty() && lengths_beside(members, negated)) {
    for (const LanguageId of : negated) members.push_back(complement(of));
    return all_of(std::move(members));
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
  Measure characters;
  for (const LanguageId member : members) {
    characters.least = std::max(characters.least, nodes_[member].characters.least);
    characters.most = std::min(characters.most, nodes_[member].characters.most);
  }
  if (characters.least > characters.most) return kNothing;
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
