#include "grammar/pattern.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <tuple>
#include <vector>

#include "grammar/code_points.h"
#include "grammar/pattern_syntax.h"

namespace praxis::grammar {
namespace {

using Kind = PatternPart::Kind;

constexpr std::uint32_t kTurnsMax = 500;   // of a counted repetition with an assertion in it
constexpr std::size_t kLookBehindMax = 3;  // different sets that decide about the place behind
constexpr std::uint32_t kNoBound = ~0u;

/// What stands before a place of the text: 0 is its start, i + 1 a character of sides_[i].
using Before = std::uint32_t;

/// What may follow a part. A part that consumed nothing stays where it was, so what follows then
/// is one language; otherwise it depends on the character that the part ended with.
struct After {
  LanguageId unmoved = kNothing;
  std::vector<LanguageId> moved;  // by side
  auto operator<=>(const After&) const = default;
};

/// A pattern is compiled from its end to its start: each part turns the language of what follows
/// it into the language from its own start on. So lookahead is an intersection with what follows,
/// $ is its intersection with the empty text, and \b looks at both sides.
class Compiler {
 public:
  Compiler(Languages& languages, const PatternTree& tree, const std::string& where, Fuel& fuel)
      : languages_(languages), tree_(tree), where_(where), fuel_(fuel) {}

  Result<LanguageId> compile(Match match) {
    if (auto divided = divide(); !divided) return tl::unexpected(divided.error());
    if (match == Match::whole) {
      const After nothing{kEmptyText, std::vector<LanguageId>(sides_.size(), kEmptyText)};
      return from(tree_.root, 0, nothing);
    }
    const After anything{kAnyText, std::vector<LanguageId>(sides_.size(), kAnyText)};
    auto whole = from(tree_.root, 0, anything);
    if (!whole) return whole;
    std::vector<LanguageId> ways{*whole};
    bool same = true;
    for (Before before = 1; before <= sides_.size(); ++before) {
      auto later = from(tree_.root, before, anything);
      if (!later) return later;
      same &= *later == *whole;
      const LanguageId skipped = languages_.sequence(kAnyText, languages_.set(sides_[before - 1]));
      ways.push_back(languages_.sequence(skipped, *later));
    }
    return same ? languages_.sequence(kAnyText, *whole) : languages_.any_of(ways);
  }

 private:
  const PatternPart& part(PartId id) const { return tree_[id]; }

  /// What a lookbehind looks for: the start of the text, or one character.
  struct Behind {
    bool start = false;
    CodePointSet characters;
  };
  std::optional<Behind> behind(PartId id) const {
    const PatternPart& it = part(id);
    if (it.kind == Kind::start) return Behind{true, {}};
    if (it.kind == Kind::set) return Behind{false, it.characters};
    if (it.kind != Kind::choice) return std::nullopt;
    Behind out;
    for (const PartId child : it.children) {
      const auto way = behind(child);
      if (!way) return std::nullopt;
      out.start |= way->start;
      out.characters.insert(out.characters.end(), way->characters.begin(), way->characters.end());
    }
    out.characters = united(std::move(out.characters));
    return out;
  }

  /// Splits all characters by the sets that \b and lookbehind tell apart.
  Result<void> divide() {
    std::vector<CodePointSet> sets;
    for (const PatternPart& each : tree_.parts) {
      std::optional<CodePointSet> set;
      if (each.kind == Kind::boundary) set = word_characters();
      if (each.kind == Kind::behind) {
        const auto looked = behind(each.children[0]);
        if (!looked) {
          return refuse(ErrorCode::unsupported,
                        "pattern looks behind for more than one character or the start; only "
                        "(?<=x) and (?<!x) with one character or class, or ^, are known",
                        where_);
        }
        set = looked->characters;
      }
      if (set && std::find(sets.begin(), sets.end(), *set) == sets.end()) sets.push_back(*set);
    }
    if (sets.size() > kLookBehindMax) {
      return refuse(ErrorCode::limit,
                    "pattern looks behind for more than " + std::to_string(kLookBehindMax) +
                        " different sets of characters, the limit; look for fewer",
                    where_);
    }
    sides_ = {scalar_values()};
    for (const CodePointSet& set : sets) {
      std::vector<CodePointSet> finer;
      for (const CodePointSet& side : sides_) {
        CodePointSet in = common(side, set);
        CodePointSet out = common(side, outside(set, CodePoints{0, kLastCodePoint}));
        if (!in.empty()) finer.push_back(std::move(in));
        if (!out.empty()) finer.push_back(std::move(out));
      }
      sides_ = std::move(finer);
    }
    return {};
  }

  bool stands_behind(Before before, const CodePointSet& set) const {
    return before != 0 && !common(sides_[before - 1], set).empty();
  }

  bool single(PartId id) const {
    const CodePointSet& set = part(id).characters;
    return part(id).kind == Kind::set && set.size() == 1 && set[0].first == set[0].last;
  }
  /// Appends the one text that the part is, if it is spelled out.
  bool spelled(PartId id, std::string& text) const {
    if (single(id)) {
      append_utf8(text, part(id).characters[0].first);
      return true;
    }
    const auto& children = part(id).children;
    if (part(id).kind != Kind::sequence) return false;
    return std::all_of(children.begin(), children.end(), [&](PartId child) {
      if (!single(child)) return false;
      append_utf8(text, part(child).characters[0].first);
      return true;
    });
  }

  /// A part without assertions.
  LanguageId plain(PartId id) {
    if (const auto known = plain_.find(id); known != plain_.end()) return known->second;
    const PatternPart& it = part(id);
    LanguageId out = kEmptyText;
    switch (it.kind) {
      case Kind::set:
        out = languages_.set(it.characters);
        break;
      case Kind::choice: {
        std::vector<std::string> words;
        std::vector<LanguageId> ways;
        for (const PartId child : it.children) {
          std::string word;
          if (part(child).kind == Kind::sequence && spelled(child, word)) {
            words.push_back(std::move(word));
          } else {
            ways.push_back(plain(child));
          }
        }
        ways.push_back(languages_.texts(std::move(words)));
        out = languages_.any_of(ways);
        break;
      }
      case Kind::repeat:
        out = languages_.repeat(plain(it.children[0]), it.min, it.max);
        break;
      default:
        for (std::size_t end = it.children.size(); end > 0;) {
          std::size_t begin = end;  // of a run of single characters
          std::string word;
          while (begin > 0 && single(it.children[begin - 1])) --begin;
          for (std::size_t i = begin; i < end; ++i) spelled(it.children[i], word);
          if (begin == end) {
            out = languages_.sequence(plain(it.children[--end]), out);
          } else {
            out = languages_.sequence(languages_.text(word), out);
            end = begin;
          }
        }
        break;
    }
    plain_.emplace(id, out);
    return out;
  }

  /// All texts that begin with the part, read at a place with `before` before it, and go on with
  /// `after`.
  Result<LanguageId> from(PartId id, Before before, const After& after) {
    if (!fuel_.burn(1 + part(id).children.size())) return fuel_.error(where_);
    const PatternPart& it = part(id);
    const bool one_way = std::all_of(after.moved.begin(), after.moved.end(),
                                     [&](LanguageId way) { return way == after.moved[0]; });
    if (it.plain && one_way) return go_on(plain(id), after);
    if (!it.looks_back) before = 0;  // the same at every place
    const auto key = std::tuple(id, before, after);
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    auto out = assemble(it, before, after);
    if (out) known_.emplace(key, *out);
    return out;
  }

  LanguageId go_on(LanguageId language, const After& after) {
    const LanguageId then = after.moved[0];
    if (after.unmoved == then || !languages_.accepts_empty(language)) {
      return languages_.sequence(language, then);
    }
    const LanguageId moved = languages_.without(language, kEmptyText);
    return languages_.any_of(std::array{after.unmoved, languages_.sequence(moved, then)});
  }

  Result<LanguageId> assemble(const PatternPart& it, Before before, const After& after) {
    switch (it.kind) {
      case Kind::set:
        return character(it.characters, after);
      case Kind::sequence:
        return in_sequence(it, before, after);
      case Kind::choice: {
        std::vector<LanguageId> ways;
        for (const PartId child : it.children) {
          auto way = from(child, before, after);
          if (!way) return way;
          ways.push_back(*way);
        }
        return languages_.any_of(ways);
      }
      case Kind::repeat:
        return repeated(it, before, after);
      case Kind::start:
        return before == 0 ? after.unmoved : kNothing;
      case Kind::end:
        return languages_.all_of(std::array{after.unmoved, kEmptyText});
      case Kind::boundary: {
        const LanguageId word_next =
            languages_.sequence(languages_.set(word_characters()), kAnyText);
        const bool word_before = stands_behind(before, word_characters());
        return word_before == it.negative ? languages_.all_of(std::array{after.unmoved, word_next})
                                          : languages_.without(after.unmoved, word_next);
      }
      case Kind::behind: {
        const Behind looked = *behind(it.children[0]);
        const bool stands = before == 0 ? looked.start : stands_behind(before, looked.characters);
        return stands != it.negative ? after.unmoved : kNothing;
      }
      case Kind::ahead:
        break;
    }
    const After anything{kAnyText, std::vector<LanguageId>(sides_.size(), kAnyText)};
    auto seen = from(it.children[0], before, anything);
    if (!seen) return seen;
    return it.negative ? languages_.without(after.unmoved, *seen)
                       : languages_.all_of(std::array{after.unmoved, *seen});
  }

  LanguageId character(const CodePointSet& characters, const After& after) {
    std::vector<LanguageId> ways;
    for (std::size_t side = 0; side < sides_.size(); ++side) {
      const LanguageId set = languages_.set(common(characters, sides_[side]));
      ways.push_back(languages_.sequence(set, after.moved[side]));
    }
    return languages_.any_of(ways);
  }

  Result<LanguageId> in_sequence(const PatternPart& it, Before before, After after) {
    for (auto child = it.children.rbegin(); child != it.children.rend(); ++child) {
      auto here = behind_part(*child, before, after);
      if (!here) return tl::unexpected(here.error());
      after = std::move(*here);
    }
    return after.unmoved;
  }

  /// What may follow the part that stands before this one.
  Result<After> behind_part(PartId id, Before before, const After& after) {
    After out;
    auto unmoved = from(id, before, after);
    if (!unmoved) return tl::unexpected(unmoved.error());
    out.unmoved = *unmoved;
    for (Before side = 0; side < sides_.size(); ++side) {
      auto moved = from(id, side + 1, After{after.moved[side], after.moved});
      if (!moved) return tl::unexpected(moved.error());
      out.moved.push_back(*moved);
    }
    return out;
  }

  /// A turn that consumes nothing ends a repetition (ECMA-262, RepeatMatcher), so every turn
  /// beyond the minimum moves on: what follows it can be a language that is declared here and
  /// defined by what a further turn makes of it.
  Result<LanguageId> repeated(const PatternPart& it, Before before, const After& after) {
    const PartId turn = it.children[0];
    const std::uint32_t turns = it.max == kNoBound ? it.min : it.max;
    if (turns > kTurnsMax) {
      return refuse(ErrorCode::limit,
                    "pattern repeats an assertion more than " + std::to_string(kTurnsMax) +
                        " times, the limit; move it out of the repetition",
                    where_);
    }
    After then = after;
    if (it.max == kNoBound) {
      After declared;
      for (const LanguageId way : after.moved)
        declared.moved.push_back(languages_.declare(languages_.accepts_empty(way)));
      for (Before side = 0; side < sides_.size(); ++side) {
        auto more = from(turn, side + 1, After{kNothing, declared.moved});
        if (!more) return more;
        languages_.define(declared.moved[side],
                          languages_.any_of(std::array{after.moved[side], *more}));
      }
      auto more = from(turn, before, After{kNothing, declared.moved});
      if (!more) return more;
      then.unmoved = languages_.any_of(std::array{after.unmoved, *more});
      then.moved = declared.moved;
    } else {
      for (std::uint32_t i = it.min; i < it.max; ++i) {
        After more = then;
        more.unmoved = kNothing;
        auto again = behind_part(turn, before, more);
        if (!again) return tl::unexpected(again.error());
        // behind_part gives a turn that moved nothing what follows at its place; here it ends.
        then.unmoved = languages_.any_of(std::array{after.unmoved, again->unmoved});
        for (std::size_t side = 0; side < sides_.size(); ++side)
          then.moved[side] = languages_.any_of(std::array{after.moved[side], again->moved[side]});
      }
    }
    for (std::uint32_t i = 0; i < it.min; ++i) {
      auto again = behind_part(turn, before, then);
      if (!again) return tl::unexpected(again.error());
      then = std::move(*again);
    }
    return then.unmoved;
  }

  Languages& languages_;
  const PatternTree& tree_;
  const std::string& where_;
  Fuel& fuel_;
  std::vector<CodePointSet> sides_;
  std::map<PartId, LanguageId> plain_;
  std::map<std::tuple<PartId, Before, After>, LanguageId> known_;
};

}  // namespace

Result<LanguageId> pattern(Languages& languages, std::string_view pattern, const std::string& where,
                           Fuel& fuel, Match match) {
  auto tree = read_pattern(pattern, where, fuel);
  if (!tree) return tl::unexpected(tree.error());
  return Compiler(languages, *tree, where, fuel).compile(match);
}

}  // namespace praxis::grammar
