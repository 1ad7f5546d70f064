#include "grammar/shapes.h"

#include <algorithm>
#include <unordered_map>

namespace praxis::grammar {
namespace {

bool holds(const CodePointSet& set, char32_t c) {
  const auto behind = std::upper_bound(set.begin(), set.end(), c,
                                       [](char32_t one, const CodePoints& range) { return one < range.first; });
  return behind != set.begin() && c <= std::prev(behind)->last;
}

/// Nodes by parent and symbol, open addressing: one entry a node, made when first asked for.
class Children {
 public:
  /// The child's number; `next` if there was none.
  std::uint32_t find(std::uint32_t parent, std::uint8_t symbol, std::uint32_t next) {
    if (used_ * 2 >= slots_.size()) grow();
    const std::uint64_t key = std::uint64_t{parent} << 8 | symbol;
    Slot& slot = slot_of(key);
    if (slot.key == key) return slot.node;
    slot = Slot{key, next};
    ++used_;
    return next;
  }

 private:
  struct Slot {
    std::uint64_t key = ~0ull;
    std::uint32_t node = 0;
  };
  Slot& slot_of(std::uint64_t key) {
    std::size_t at = (key * 0x9E3779B97F4A7C15ull >> 32) & (slots_.size() - 1);
    while (slots_[at].key != ~0ull && slots_[at].key != key) at = (at + 1) & (slots_.size() - 1);
    return slots_[at];
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.key != ~0ull) slot_of(slot.key) = slot;
    }
  }
  std::vector<Slot> slots_ = std::vector<Slot>(1 << 14);
  std::size_t used_ = 0;
};

/// Each node goes to the shape of its parent's shape and its symbol's class.
template <class Symbol, class ClassOf>
Shapes merged(const CharacterTrie<Symbol>& from, ClassOf class_of) {
  constexpr std::uint32_t kNone = ~0u;
  struct Node {
    std::uint32_t parent, first_child, next_sibling;
    std::uint8_t symbol;
  };
  std::vector<Node> nodes{Node{0, kNone, kNone, 0}};
  std::vector<std::uint32_t> shape(from.size(), 0), path(from.depth_max + 1, 0);
  Children children;
  for (std::uint32_t i = 1; i < from.size(); ++i) {
    const std::uint32_t depth = from.depth[i], parent = path[depth - 1];
    const std::uint8_t symbol = class_of(from.symbol[i]);
    const auto next = static_cast<std::uint32_t>(nodes.size());
    const std::uint32_t at = children.find(parent, symbol, next);
    if (at == next) {
      nodes.push_back(Node{parent, kNone, nodes[parent].first_child, symbol});
      nodes[parent].first_child = next;
    }
    shape[i] = path[depth] = at;
  }

  Shapes made;
  made.depth_max = from.depth_max;
  std::vector<std::uint32_t> number(nodes.size());  // in preorder
  for (std::uint32_t at = 0, depth = 0; at != kNone;) {
    number[at] = made.size();
    made.symbol.push_back(nodes[at].symbol);
    made.depth.push_back(depth);
    made.end.push_back(0);
    if (nodes[at].first_child != kNone) {
      at = nodes[at].first_child;
      ++depth;
      continue;
    }
    while (at != 0 && nodes[at].next_sibling == kNone) {
      made.end[number[at]] = made.size();
      at = nodes[at].parent;
      --depth;
    }
    made.end[number[at]] = made.size();
    at = at == 0 ? kNone : nodes[at].next_sibling;
  }
  const auto spread = [&](const std::vector<std::uint32_t>& begins, auto& items, const auto& source,
                          std::vector<std::uint32_t>& first) {
    first.assign(made.size() + 1, 0);
    for (std::uint32_t i = 0; i < from.size(); ++i) first[number[shape[i]] + 1] += begins[i + 1] - begins[i];
    for (std::size_t i = 1; i < first.size(); ++i) first[i] += first[i - 1];
    items.resize(source.size());
    std::vector<std::uint32_t> next(first.begin(), first.end() - 1);
    for (std::uint32_t i = 0; i < from.size(); ++i) {
      for (std::uint32_t item = begins[i]; item < begins[i + 1]; ++item)
        items[next[number[shape[i]]]++] = source[item];
    }
  };
  spread(from.first, made.tokens, from.tokens, made.first);
  spread(from.first_tail, made.tails, from.tails, made.first_tail);
  return made;
}

}  // namespace

std::optional<Alphabet> Alphabet::of(std::span<const CodePointSet> sets) {
  if (sets.size() > kSetsMax) return std::nullopt;
  Alphabet made;
  made.starts_ = {0};
  for (const CodePointSet& set : sets) {
    for (const CodePoints& range : set) {
      made.starts_.push_back(range.first);
      if (range.last < kLastCodePoint) made.starts_.push_back(range.last + 1);
    }
  }
  std::sort(made.starts_.begin(), made.starts_.end());
  made.starts_.erase(std::unique(made.starts_.begin(), made.starts_.end()), made.starts_.end());
  std::unordered_map<std::string, std::uint8_t> known;  // by the sets that hold the class, a letter each
  for (const char32_t start : made.starts_) {
    std::string held(sets.size(), '-');
    for (std::size_t i = 0; i < sets.size(); ++i) {
      if (holds(sets[i], start)) held[i] = '+';
    }
    const auto [at, added] = known.try_emplace(held, static_cast<std::uint8_t>(known.size()));
    if (known.size() > kClassesMax) return std::nullopt;
    made.classes_.push_back(at->second);
    if (!added) continue;
    // Of a range that begins with surrogates, which no UTF-8 spells, what comes behind them.
    const char32_t some = start >= 0xD800 && start <= 0xDFFF ? 0xE000 : start;
    made.examples_.emplace_back();
    append_utf8(made.examples_.back(), some);
  }
  made.name_ascii();
  return made;
}

void Alphabet::name_ascii() {
  for (char32_t c = 0, range = 0; c < ascii_.size(); ++c) {
    while (range + 1 < starts_.size() && starts_[range + 1] <= c) ++range;
    ascii_[c] = classes_[range];
  }
}

std::uint8_t Alphabet::class_of(char32_t character) const {
  if (character < 0x80) return ascii_[character];
  const auto behind = std::upper_bound(starts_.begin(), starts_.end(), character);
  return classes_[static_cast<std::size_t>(behind - starts_.begin()) - 1];
}

namespace {

/// Beyond ASCII: line ends, other whitespace, everything else; and each ASCII character that is no letter.
std::vector<CodePointSet> with_letters(std::vector<CodePointSet> letters) {
  const CodePointSet line_ends{{0x2028, 0x2029}};
  const CodePointSet spaces{{0xA0, 0xA0},     {0x1680, 0x1680}, {0x2000, 0x200A}, {0x202F, 0x202F},
                            {0x205F, 0x205F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};
  std::vector<CodePointSet> classes = std::move(letters);
  for (char32_t c = 0; c < 0x80; ++c) {
    if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z')) classes.push_back({{c, c}});
  }
  classes.push_back(line_ends);
  classes.push_back(spaces);
  CodePointSet named;
  for (const CodePointSet& one : classes) named.insert(named.end(), one.begin(), one.end());
  classes.push_back(outside(united(named), CodePoints{0, kLastCodePoint}));
  return classes;
}

}  // namespace

const Alphabet& Alphabet::common() {
  static const Alphabet kCommon =
      of_classes(with_letters({{{'a', 'f'}}, {{'g', 'z'}}, {{'A', 'F'}}, {{'G', 'Z'}}}));
  return kCommon;
}

const Alphabet& Alphabet::letters() {
  static const Alphabet kLetters = [] {
    std::vector<CodePointSet> letters;
    for (char32_t c = 'A'; c <= 'z'; ++c) {
      if (c <= 'Z' || c >= 'a') letters.push_back({{c, c}});
    }
    return of_classes(with_letters(std::move(letters)));
  }();
  return kLetters;
}

Alphabet Alphabet::of_classes(std::vector<CodePointSet> classes) {
  Alphabet made;
  std::vector<std::pair<char32_t, std::uint8_t>> ranges;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    for (const CodePoints& range : classes[i]) ranges.emplace_back(range.first, static_cast<std::uint8_t>(i));
    made.examples_.emplace_back();
    append_utf8(made.examples_.back(), classes[i][0].first);
  }
  std::sort(ranges.begin(), ranges.end());
  for (const auto& [start, one] : ranges) {
    made.starts_.push_back(start);
    made.classes_.push_back(one);
  }
  made.name_ascii();
  return made;
}

std::optional<std::vector<std::uint8_t>> Alphabet::joined_from(const Alphabet& finer) const {
  std::vector<std::optional<std::uint8_t>> joined(finer.size());
  const auto join = [&](char32_t c) {
    if (c >= 0xD800 && c <= 0xDFFF) return true;  // surrogates, which no UTF-8 spells
    auto& at = joined[finer.class_of(c)];
    if (!at) at = class_of(c);
    return *at == class_of(c);
  };
  // Two classes meet as one exactly where ranges of either begin.
  for (const auto* starts : {&finer.starts_, &starts_}) {
    if (!std::all_of(starts->begin(), starts->end(), join)) return std::nullopt;
  }
  std::vector<std::uint8_t> made;
  for (const auto& one : joined) made.push_back(*one);
  return made;
}

template <>
void Shapes::look_below() {
  below.assign(size(), Symbols{});
  height.assign(size(), 0);
  tails_below.assign(size(), false);
  std::vector<std::uint32_t> parents(depth_max + 1, 0), parent_of(size(), 0);
  for (std::uint32_t node = 1; node < size(); ++node) {
    parents[depth[node]] = node;
    parent_of[node] = parents[depth[node] - 1];
  }
  for (std::uint32_t node = size(); node-- > 1;) {  // children come behind their parents
    if (first_tail[node] != first_tail[node + 1]) height[node] = std::max(height[node], 1u);
    Symbols& above = below[parent_of[node]];
    for (std::size_t i = 0; i < above.size(); ++i) above[i] |= below[node][i];
    above[symbol[node] / 64] |= std::uint64_t{1} << (symbol[node] % 64);
    height[parent_of[node]] = std::max(height[parent_of[node]], height[node] + 1);
    if (tails_below[node] || first_tail[node] != first_tail[node + 1]) tails_below[parent_of[node]] = true;
  }
}

Shapes shapes_of(const Characters& characters, const Alphabet& alphabet) {
  Shapes made = merged(characters, [&](char32_t c) { return alphabet.class_of(c); });
  made.look_below();
  return made;
}

}  // namespace praxis::grammar
