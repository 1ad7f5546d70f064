// What the structure of an expression tells about others: which it holds, of which it is the union, and
// which are the same but for limits that few texts meet.
#include <algorithm>
#include <array>

#include "grammar/expressions.h"

namespace praxis::grammar {
namespace {

constexpr std::uint32_t kNoBound = ~0u;
constexpr std::size_t kMembersMax = 64;  // of what is compared member by member

}  // namespace

/// Something repeats for ever, with texts on both sides of it. What only a finite number of texts are taken
/// from stays endless.
bool Expressions::visibly_endless(LanguageId id, std::uint32_t depth) const {
  constexpr std::uint32_t kNestingMax = 16;
  if (depth > kNestingMax || nodes_[id].count > kMembersMax) return false;
  const auto endless = [&](LanguageId part) { return visibly_endless(part, depth + 1); };
  const auto has_texts = [&](LanguageId part) {
    return nodes_[part].exact && nodes_[part].shortest < Languages::kEndless;
  };
  switch (kind(id)) {
    case Kind::repeat:
      return has_texts(nodes_[id].x) && (count(id).max == kNoBound || endless(nodes_[id].x));
    case Kind::sequence: {
      const LanguageId first = nodes_[id].x, then = nodes_[id].y;
      return has_texts(first) && has_texts(then) && (endless(first) || endless(then));
    }
    case Kind::any_of:
      return std::ranges::any_of(words(id), endless);
    case Kind::all_of: {
      LanguageId whole = kNothing;  // the one that others are taken from
      for (const LanguageId part : words(id)) {
        if (kind(part) == Kind::complement && finite(nodes_[part].x, 0)) continue;
        if (whole != kNothing) return false;
        whole = part;
      }
      return endless(whole);
    }
    default:
      return false;
  }
}

/// Unions that lack nothing of the other, intersections that ask for nothing more.
bool Expressions::visibly_holds(LanguageId id, LanguageId part, std::uint32_t depth) const {
  constexpr std::uint32_t kNestingMax = 4;
  if (id == part || part == kNothing) return true;
  if (depth > kNestingMax || nodes_[id].count > kMembersMax || nodes_[part].count > kMembersMax) return false;
  const auto holds = [&](LanguageId a, LanguageId b) { return visibly_holds(a, b, depth + 1); };
  const auto all = words(id), others = words(part);
  const auto holds_part = [&](LanguageId one) { return holds(one, part); };
  const auto is_held = [&](LanguageId other) { return holds(id, other); };
  if (kind(part) == Kind::any_of) return std::ranges::all_of(others, is_held);
  if (kind(id) == Kind::all_of) return std::ranges::all_of(all, holds_part);
  if (kind(id) == Kind::any_of && std::ranges::any_of(all, holds_part)) return true;
  if (kind(part) == Kind::all_of) return std::ranges::any_of(others, is_held);
  if (kind(id) == Kind::sequence && nodes_[nodes_[id].x].accepts_empty && holds(nodes_[id].y, part)) return true;
  if (kind(id) != kind(part)) return false;
  if (kind(id) == Kind::complement) return holds(nodes_[part].x, nodes_[id].x);
  if (kind(id) == Kind::sequence)
    return holds(nodes_[id].x, nodes_[part].x) && holds(nodes_[id].y, nodes_[part].y);
  const Count one = count(id), other = count(part);
  return kind(id) == Kind::repeat && one.of == other.of && one.min <= other.min && one.max >= other.max;
}

/// A sequence that begins with a union, or an intersection with one, is the union of sequences, or
/// intersections; what may be left out is a union with the empty text.
std::vector<LanguageId> Expressions::parts(LanguageId id, std::size_t count_max) {
  if (kind(id) == Kind::any_of && nodes_[id].count <= count_max) return {words(id).begin(), words(id).end()};
  std::vector<LanguageId> made{id};
  if (kind(id) == Kind::repeat && count(id).min == 0 && count(id).max == 1) return {kEmptyText, count(id).of};
  if (kind(id) == Kind::sequence) {
    const LanguageId first = nodes_[id].x, then = nodes_[id].y;
    made = parts(first, count_max);
    for (LanguageId& one : made) one = sequence(one, then);
  } else if (kind(id) == Kind::all_of && nodes_[id].count <= count_max) {
    const std::vector<LanguageId> members(words(id).begin(), words(id).end());
    for (std::size_t i = 0; i < members.size() && made.size() == 1; ++i) {
      if (kind(members[i]) == Kind::all_of) continue;
      std::vector<LanguageId> choices = parts(members[i], count_max);
      if (choices.size() == 1) continue;
      for (LanguageId& one : choices) {
        std::vector<LanguageId> met = members;
        met[i] = one;
        one = all_of(std::move(met));
      }
      made = std::move(choices);
    }
  }
  return made;
}

/// Texts of so few characters are put together from parts of no more, so parts that are alike that far make
/// wholes that are.
Languages::Unlimited Expressions::unlimited(LanguageId id, std::uint32_t characters_min, std::uint32_t depth) {
  constexpr std::uint32_t kNestingMax = 16;
  constexpr std::uint32_t kPartsMax = 16;
  Languages::Unlimited wide{id, kNoBound};
  if (depth > kNestingMax || !spend(1)) return wide;
  const auto part = [&](LanguageId of) {
    const Languages::Unlimited one = unlimited(of, characters_min, depth + 1);
    wide.alike = std::min(wide.alike, one.alike);
    return one.language;
  };
  switch (kind(id)) {
    case Kind::repeat: {
      const Count counted = count(id);
      const std::uint64_t each = nodes_[counted.of].characters.least;
      if (counted.max == kNoBound || counted.max == counted.min || each == 0) break;
      const std::uint64_t met = (counted.max + std::uint64_t{1}) * each;  // characters that meet the limit
      const std::uint64_t alike = std::min<std::uint64_t>(met - 1, kNoBound - 1);
      if (alike < characters_min) break;
      return {repeat(counted.of, counted.min, kNoBound), static_cast<std::uint32_t>(alike)};
    }
    case Kind::sequence: {
      const LanguageId first = part(nodes_[id].x), then = part(nodes_[id].y);
      if (wide.alike != kNoBound) wide.language = sequence(first, then);
      break;
    }
    case Kind::any_of:
    case Kind::all_of: {
      if (nodes_[id].count > kPartsMax) break;
      std::vector<LanguageId> members(words(id).begin(), words(id).end());
      for (LanguageId& member : members) member = part(member);
      if (wide.alike == kNoBound) break;
      wide.language = kind(id) == Kind::any_of ? any_of(std::move(members)) : all_of(std::move(members));
      break;
    }
    case Kind::automaton: {
      const auto halves = words(id);
      auto one = automata_[nodes_[id].x]->unlimited(halves[0] | std::uint64_t{halves[1]} << 32);
      if (!one.automaton || one.alike < characters_min) break;
      return {automaton(std::move(one.automaton)), one.alike};
    }
    default:
      break;
  }
  return wide;
}

}  // namespace praxis::grammar
