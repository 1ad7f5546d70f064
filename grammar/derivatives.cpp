// How expressions are advanced by a byte (Brzozowski, "Derivatives of regular expressions", 1964)
// and how steps are remembered.
#include <algorithm>
#include <cstring>

#include "grammar/expressions.h"

namespace praxis::grammar {
namespace {

constexpr std::uint32_t kDepthMax = 800;     // of one derivative through its parts
constexpr std::uint64_t kKnownStartsWork = 16;
constexpr std::uint64_t kAutomatonWork = 64;  // of asking an automaton about every byte
constexpr std::size_t kRowsMax = 6 * 1024;  // 1 KiB each
constexpr std::uint8_t kMissesMax = 6;       // steps of a language before it gets a row
constexpr std::size_t kMemoMax = 1u << 20;   // slots of 16 bytes

}  // namespace

std::size_t Expressions::memo_slot(std::uint64_t key) const {
  std::size_t slot = (key * 0x9E3779B97F4A7C15u) >> 20 & (memo_.size() - 1);
  while (memo_[slot].key != key && memo_[slot].key != ~0ull) slot = (slot + 1) & (memo_.size() - 1);
  return slot;
}

LanguageId Expressions::step(LanguageId id, std::uint8_t byte) {
  if (id == kNothing || id == kEmptyText) return kNothing;
  const std::uint64_t key = static_cast<std::uint64_t>(id) << 8 | byte;
  if (nodes_[id].row != 0) {
    const LanguageId known = (*rows_[nodes_[id].row - 1])[byte];
    if (known != Languages::kUnknown) return known;
  } else {
    const Memo& memo = memo_[memo_slot(key)];
    if (memo.key == key) return memo.next;
  }
  const std::uint64_t failures = failures_;
  const LanguageId next = derivative(id, byte);
  if (failures_ != failures) return kNothing;  // not remembered: it is not the answer
  if (nodes_[id].row == 0 && ++nodes_[id].misses >= kMissesMax) row(id);
  if (nodes_[id].row != 0) {
    (*rows_[nodes_[id].row - 1])[byte] = next;
    return next;
  }
  if (nodes_[id].misses >= kMissesMax) nodes_[id].misses = kMissesMax;  // no rows left
  if (memo_used_ * 2 >= memo_.size()) {
    std::vector<Memo> old(std::min(memo_.size() * 2, kMemoMax));
    const bool keep = old.size() > memo_.size();  // a full memo starts anew
    memo_.swap(old);
    if (!keep) old.clear();
    memo_used_ = 0;
    for (const Memo& memo : old) {
      if (memo.key == ~0ull) continue;
      memo_[memo_slot(memo.key)] = memo;
      ++memo_used_;
    }
  }
  memo_[memo_slot(key)] = Memo{key, next};
  ++memo_used_;
  return next;
}

const std::array<LanguageId, 256>* Expressions::row(LanguageId id) {
  if (nodes_[id].row == 0) {
    if (rows_.size() >= kRowsMax) return nullptr;
    rows_.push_back(std::make_unique<std::array<LanguageId, 256>>());
    rows_.back()->fill(Languages::kUnknown);
    nodes_[id].row = static_cast<std::uint32_t>(rows_.size());
  }
  return rows_[nodes_[id].row - 1].get();
}

/// The words of a node are re-read by index throughout: making nodes moves them.
LanguageId Expressions::derivative(LanguageId id, std::uint8_t byte) {
  if (depth_ >= kDepthMax) {
    ++failures_;
    return kNothing;
  }
  if (!spend(1 + nodes_[id].count)) return kNothing;
  ++depth_;
  const Node node = nodes_[id];
  LanguageId out = kNothing;
  switch (node.kind) {
    case Kind::nothing:
    case Kind::empty_text:
      break;
    case Kind::characters:
      out = characters_after(id, byte);
      break;
    case Kind::literal: {
      const std::string all = bytes(id);
      if (static_cast<std::uint8_t>(all[0]) == byte) out = literal(std::string_view(all).substr(1));
      break;
    }
    case Kind::branch:
      for (std::uint32_t low = 0, high = node.count / 2; low < high;) {
        const std::uint32_t middle = (low + high) / 2;
        const std::uint32_t edge = words_[node.offset + 2 * middle];
        if (edge == byte) out = words_[node.offset + 2 * middle + 1];
        edge < byte ? low = middle + 1 : high = edge == byte ? low : middle;
      }
      break;
    case Kind::sequence: {
      std::vector<LanguageId> ways;  // one for each part that may be where the byte falls
      LanguageId part = id;
      for (; kind(part) == Kind::sequence; part = nodes_[part].y) {
        const LanguageId then = nodes_[part].y;
        const LanguageId next = step(nodes_[part].x, byte);
        if (next != kNothing) ways.push_back(sequence(next, then));
        if (!nodes_[nodes_[part].x].accepts_empty) break;
      }
      if (kind(part) != Kind::sequence) ways.push_back(step(part, byte));
      out = ways.size() == 1 ? ways[0] : any_of(std::move(ways));
      break;
    }
    case Kind::repeat: {
      // What is repeated never holds the empty text: see Expressions::repeat.
      const std::uint32_t min = words_[node.offset], max = words_[node.offset + 1];
      const LanguageId next = step(node.x, byte);
      if (next == kNothing) break;
      const std::uint32_t less = max == ~0u ? max : max - 1;
      out = sequence(next, repeat(node.x, min == 0 ? 0 : min - 1, less));
      break;
    }
    case Kind::any_of: {
      std::vector<LanguageId> next;
      for (std::uint32_t i = 0; i < node.count; ++i) {
        const LanguageId member = words_[node.offset + i];
        if (const int first = first_byte(member); first >= 0 && first != byte) continue;
        const LanguageId after = step(member, byte);
        if (after != kNothing) next.push_back(after);
      }
      out = any_of(std::move(next));
      break;
    }
    case Kind::all_of: {
      std::vector<LanguageId> next;
      for (std::uint32_t i = 0; i < node.count; ++i) {
        next.push_back(step(words_[node.offset + i], byte));
        if (next.back() == kNothing) break;
      }
      out = all_of(std::move(next));
      break;
    }
    case Kind::complement:
      out = complement(step(node.x, byte));
      break;
    case Kind::automaton: {
      const std::uint64_t state =
          words_[node.offset] | static_cast<std::uint64_t>(words_[node.offset + 1]) << 32;
      const std::uint64_t next = automata_[node.x]->step(state, byte);
      const std::array<std::uint32_t, 2> halves = {static_cast<std::uint32_t>(next),
                                                   static_cast<std::uint32_t>(next >> 32)};
      if (next != 0) out = make(Kind::automaton, node.x, 0, halves);
      break;
    }
    case Kind::declared:
      out = step(definitions_[node.x], byte);
      break;
  }
  --depth_;
  return out;
}

/// A first byte fixes the high bits of the code point and how many continuation bytes follow
/// (RFC 3629, section 3); each of those fixes six bits more.
LanguageId Expressions::characters_after(LanguageId id, std::uint8_t byte) {
  std::uint32_t left = nodes_[id].x;
  std::uint32_t high = byte & 0x3F;
  if (left == 0) {
    if (byte < 0x80) high = byte;
    else if (byte >= 0xC2 && byte <= 0xDF) left = 1, high = byte & 0x1F;
    else if (byte >= 0xE0 && byte <= 0xEF) left = 2, high = byte & 0x0F;
    else if (byte >= 0xF0 && byte <= 0xF4) left = 3, high = byte & 0x07;
    else return kNothing;
  } else {
    if ((byte & 0xC0) != 0x80) return kNothing;
    --left;
  }
  const bool first = nodes_[id].x == 0;
  // Overlong spellings have the right bits, but not the right first byte.
  const char32_t shortest = !first || left == 0 ? 0
                            : left == 1         ? 0x80
                            : left == 2         ? 0x800
                                                : 0x10000;
  const char32_t low = high << 6 * left, last = low + (1u << 6 * left) - 1;
  CodePointSet rest;
  for (const CodePoints& range : ranges(id)) {
    const char32_t from = std::max({range.first, low, shortest}), to = std::min(range.last, last);
    if (from <= to) rest.push_back(CodePoints{from - low, to - low});
  }
  if (rest.empty()) return kNothing;
  return left == 0 ? kEmptyText : characters(left, rest);
}

/// For an automaton that tells ASCII characters only: where its sets end, and where RFC 3629 does.
std::optional<Expressions::Starts> Expressions::starts_of(const Automaton& automaton) {
  const auto sets = automaton.sets();
  if (!sets) return std::nullopt;
  Starts starts{};
  for (const auto& set : *sets) {
    for (const CodePoints& range : set) {
      if (range.last >= 0x80) return std::nullopt;
      starts[range.first] = starts[range.last + 1] = true;
    }
  }
  for (const std::uint32_t byte : {0x80, 0x90, 0xA0, 0xC0, 0xC2, 0xE0, 0xE1, 0xED, 0xEE, 0xF0, 0xF1, 0xF4, 0xF5})
    starts[byte] = true;
  return starts;
}

void Expressions::class_starts(LanguageId id, Starts& starts) {
  if (depth_ >= kDepthMax || !spend(1 + nodes_[id].count)) {
    starts.fill(true);
    return;
  }
  ++depth_;
  const auto single = [&](std::uint32_t byte) {
    starts[byte] = true;
    if (byte < 0xFF) starts[byte + 1] = true;
  };
  while (kind(id) == Kind::sequence) {
    class_starts(nodes_[id].x, starts);
    if (!nodes_[nodes_[id].x].accepts_empty) break;
    id = nodes_[id].y;
  }
  const Node node = nodes_[id];
  switch (node.kind) {
    case Kind::nothing:
    case Kind::empty_text:
    case Kind::sequence:
      break;
    case Kind::characters:
      if (node.x == 0) {
        for (const CodePoints& range : ranges(id)) {
          if (range.first < 0x80) starts[range.first] = true;
          if (range.last < 0x7F) starts[range.last + 1] = true;
          // Above ASCII a range splits at its ends' first bytes only.
          for (const char32_t end : {range.first, range.last}) {
            if (end < 0x80) continue;
            single(end < 0x800     ? 0xC0 | end >> 6
                   : end < 0x10000 ? 0xE0 | end >> 12
                                   : 0xF0 | end >> 18);
          }
        }
        // First bytes by length, and those whose continuation is bounded by RFC 3629 itself.
        for (const std::uint32_t byte : {0x80, 0xC2, 0xE0, 0xE1, 0xF0, 0xF1, 0xF4, 0xF5})
          starts[byte] = true;
      } else {
        starts[0x80] = starts[0xC0] = true;
        const std::uint32_t shift = 6 * (node.x - 1);
        for (const CodePoints& range : ranges(id)) {
          single(0x80 | range.first >> shift);
          single(0x80 | range.last >> shift);
        }
      }
      break;
    case Kind::literal:
      single(words_[node.offset] & 0xFF);
      break;
    case Kind::branch:
      for (std::uint32_t i = 0; i < node.count; i += 2) single(words_[node.offset + i]);
      break;
    case Kind::repeat:
    case Kind::complement:
      class_starts(node.x, starts);
      break;
    case Kind::any_of:
    case Kind::all_of:
      for (std::uint32_t i = 0; i < node.count; ++i) class_starts(words_[node.offset + i], starts);
      break;
    case Kind::automaton: {
      const std::uint64_t state =
          words_[node.offset] | static_cast<std::uint64_t>(words_[node.offset + 1]) << 32;
      const auto& known = automaton_starts_[node.x];
      if (known && spend(kKnownStartsWork)) {
        for (std::uint32_t byte = 0; byte < 256; ++byte) starts[byte] = starts[byte] || (*known)[byte];
        break;
      }
      if (known || !spend(kAutomatonWork)) {
        starts.fill(true);
        break;
      }
      std::uint64_t before = automata_[node.x]->step(state, 0);
      for (std::uint32_t byte = 1; byte < 256; ++byte) {
        const std::uint64_t after = automata_[node.x]->step(state, static_cast<std::uint8_t>(byte));
        if (after != before) starts[byte] = true;
        before = after;
      }
      break;
    }
    case Kind::declared:
      class_starts(definitions_[node.x], starts);
      break;
  }
  --depth_;
}

}  // namespace praxis::grammar
