#include "grammar/string_walk.h"

#include <algorithm>
#include <numeric>

#include "grammar/cases.h"

namespace praxis::grammar {
namespace {

constexpr std::uint64_t kSpelledMax = 6;  // bytes that spell a byte
constexpr std::uint64_t kEscapeMax = 8;   // bytes that complete any character begun
constexpr std::uint32_t kPassedMany = 64;  // nodes from which on it pays to look for loops
constexpr std::size_t kPartsMax = 8;      // of a union, asked for loops
constexpr std::size_t kMarginMax = 16;    // residuals of a search for a margin
constexpr std::uint32_t kMarginFew = 2;   // characters that make up for loops that were not found
constexpr std::uint32_t kTailsMany = 16;  // of a node, from which on it pays

void set(std::span<std::uint32_t> bits, TokenId id) {
  bits[static_cast<std::uint32_t>(id) / 32] |= 1u << (static_cast<std::uint32_t>(id) % 32);
}
void clear(std::span<std::uint32_t> bits, TokenId id) {
  bits[static_cast<std::uint32_t>(id) / 32] &= ~(1u << (static_cast<std::uint32_t>(id) % 32));
}

}  // namespace

StringWalk::StringWalk(Languages& languages, const Shapes& trie, std::vector<std::uint8_t> classes,
                       const Alphabet& alphabet, BehindTail behind_tail)
    : languages_(languages),
      trie_(trie),
      classes_(std::move(classes)),
      alphabet_(alphabet),
      behind_tail_(std::move(behind_tail)),
      weights_(alphabet.size(), 1) {
  for (std::uint32_t node = 1; node < trie_.size(); node = trie_.end[node])
    weights_[class_at(node)] += trie_.first[trie_.end[node]] - trie_.first[node];
  total_ = std::accumulate(weights_.begin(), weights_.end(), std::uint64_t{0});
}

StringWalk::Residual& StringWalk::residual_of(LanguageId left) {
  Residual*& at = known_[left];
  if (at != nullptr) return *at;
  at = &residuals_.emplace_back();
  at->left = left;
  at->finish = languages_.shortest(left);
  if (at->finish == kEndless) return *at;
  at->least = languages_.characters(left).min;
  at->next.resize(alphabet_.size());
  languages_.class_starts(left, at->starts);
  return *at;
}

LanguageId StringWalk::step(LanguageId left, std::uint8_t one) {
  for (const char byte : alphabet_.example(one)) left = languages_.step(left, static_cast<std::uint8_t>(byte));
  return left;
}

/// What one character of a class leads to, all of it do.
StringWalk::Residual& StringWalk::step(Residual& from, std::uint8_t one) {
  if (from.next[one] != nullptr) return *from.next[one];
  const std::string& example = alphabet_.example(one);
  Residual& to = residual_of(step(from.left, one));
  if (example.size() == 1) {  // so does every class with a byte of the same residual
    std::uint32_t first = static_cast<std::uint8_t>(example[0]), last = first;
    while (first > 0 && !from.starts[first]) --first;
    while (last < 0x7F && !from.starts[last + 1]) ++last;
    for (std::uint32_t byte = first; byte <= last; ++byte) from.next[alphabet_.class_of(byte)] = &to;
  }
  from.next[one] = &to;
  return to;
}

void StringWalk::find_loops(Residual& at) {
  if (at.loops) return;
  at.loops.emplace();
  if (at.finish == kEndless) return;
  std::vector<bool> loops(alphabet_.size());
  for (std::size_t one = 0; one < loops.size(); ++one) {
    loops[one] = languages_.visibly_holds(step(at, static_cast<std::uint8_t>(one)).left, at.left);
    if (loops[one]) at.weight += weights_[one];
  }
  for (std::size_t symbol = 0; symbol < classes_.size(); ++symbol) {
    if (loops[classes_[symbol]]) (*at.loops)[symbol / 64] |= std::uint64_t{1} << (symbol % 64);
  }
}

/// Of a union one part that loops is enough: the others may end, or change with each character.
const StringWalk::Residual& StringWalk::core_of(Residual& at) {
  if (at.core != nullptr) return *at.core;
  at.core = &at;
  const std::vector<LanguageId> parts = languages_.parts(at.left, kPartsMax);
  for (const LanguageId part : parts) {  // one that others share may be known already
    const auto known = known_.find(part);
    if (known != known_.end() && known->second->weight > total_ / 2) at.core = known->second;
  }
  if (at.core != &at) return *at.core;
  find_loops(at);
  if (has_margin(at, kMarginFew)) return at;  // most subtrees are no higher
  for (const LanguageId part : parts) {
    if (at.core->weight > total_ / 2) break;
    Residual& one = residual_of(part);
    find_loops(one);
    if (one.weight > at.core->weight) at.core = &one;
  }
  return *at.core;
}

/// Breadth first, up to the first residual without a text.
bool StringWalk::has_margin(Residual& at, std::uint32_t characters) {
  if (at.margin >= characters) return true;
  if (at.margin < at.margin_asked) return false;
  at.margin_asked = std::max(characters, 2 * at.margin_asked);
  at.margin = 0;
  at.mark = ++searches_;
  std::vector<Residual*> level{&at}, next;
  for (std::size_t met = 0; at.margin < at.margin_asked && !level.empty(); ++at.margin) {
    next.clear();
    std::uint64_t finish = at.margin_finish;
    for (Residual* const from : level) {
      if (++met > kMarginMax) return at.margin >= characters;
      for (std::size_t one = 0; one < alphabet_.size(); ++one) {
        Residual& to = step(*from, static_cast<std::uint8_t>(one));
        if (to.finish == kEndless) return at.margin >= characters;
        if (to.mark == searches_) continue;
        to.mark = searches_;
        finish = std::max(finish, to.finish);
        next.push_back(&to);
      }
    }
    at.margin_finish = finish;
    level.swap(next);
  }
  if (level.empty()) at.margin = ~0u;  // all were met
  return at.margin >= characters;
}

/// May so many characters, with at most `finish` bytes behind them, be read for sure? Then they are.
bool StringWalk::may_reach(std::uint64_t characters, std::uint64_t finish, std::uint64_t alike) {
  if (characters + finish > alike) return false;
  reach_ = std::max(reach_, characters + finish);
  finish_max_ = std::max(finish_max_, add_bytes(kEscapeMax, times_bytes(kSpelledMax, finish)));
  return true;
}

/// Is whatever stands below the node a text's beginning? Where any character may follow, one begun may.
bool StringWalk::covered(std::uint32_t node, Residual& at, std::uint64_t alike) {
  const std::uint32_t below = trie_.end[node] - node - 1;
  at.passed += below;
  if (below == 0 || at.passed < kPassedMany) return false;
  const Residual& core = core_of(at);
  std::uint64_t finish = core.finish;
  bool looping = !trie_.tails_below[node];
  for (std::size_t i = 0; i < core.loops->size(); ++i)
    looping = looping && (trie_.below[node][i] & ~(*core.loops)[i]) == 0;
  if (!looping) {
    if (&core != &at || !has_margin(at, trie_.height[node])) return false;
    finish = at.margin_finish;
  }
  return may_reach(trie_.depth[node] + trie_.height[node], finish, alike);
}

void StringWalk::take_below(std::uint32_t node) {
  take(trie_.first[node + 1], trie_.first[trie_.end[node]]);
  for (std::uint32_t i = trie_.first_tail[node + 1]; i < trie_.first_tail[trie_.end[node]]; ++i)
    found_alone_.push_back(trie_.tails[i].token);
}

void StringWalk::take(std::uint32_t begin, std::uint32_t end) {
  if (begin == end) return;
  if (!found_.empty() && found_.back().end == begin) found_.back().end = end;
  else found_.push_back(Range{begin, end});
}

void StringWalk::take_tails(std::uint32_t node, Residual& at, std::uint64_t alike) {
  const std::uint32_t begin = trie_.first_tail[node], end = trie_.first_tail[node + 1];
  if (begin == end) return;
  const std::uint64_t characters = trie_.depth[node] + 1;
  const bool any = end - begin >= kTailsMany && has_margin(at, 1) && may_reach(characters, at.margin_finish, alike);
  for (std::uint32_t i = begin; i < end; ++i) {
    const TokenTail& tail = trie_.tails[i];
    std::uint64_t finish = any ? 0 : behind_tail_(at.left, tail.bytes);
    if (finish == kEndless) continue;
    if (!any && !may_reach(characters, finish, alike)) {
      reach_ = kEndless;
      finish = behind_tail_(behind(language_, trie_.depth[node]), tail.bytes);
      if (finish == kEndless) continue;
      finish_max_ = std::max(finish_max_, finish);
    }
    found_alone_.push_back(tail.token);
  }
}

/// What the language leaves behind the last `depth` classes read.
LanguageId StringWalk::behind(LanguageId language, std::uint32_t depth) {
  for (std::uint32_t i = 1; i <= depth; ++i) language = step(language, read_[i]);
  return language;
}

void StringWalk::walk(LanguageId language, const Languages::Unlimited& wide, const Languages::Unlimited& near) {
  language_ = language;
  alike_ = wide.language == language ? kEndless : wide.alike;
  const std::uint64_t near_alike = near.language == language ? kEndless : near.alike;
  const std::uint64_t most = languages_.characters(language).max;  // ~0u: no text has as many
  struct Place {
    Residual* at;
    std::uint64_t alike;
  };
  std::vector<Place> path(trie_.depth_max + 1);
  read_.resize(trie_.depth_max + 1);
  path[0] = Place{&residual_of(wide.language), alike_};
  finish_max_ = times_bytes(kSpelledMax, path[0].at->finish);
  if (covered(0, *path[0].at, alike_)) {
    take_below(0);
    for (std::uint32_t i = 0; i < trie_.first_tail[1]; ++i) found_alone_.push_back(trie_.tails[i].token);
    return;
  }
  take_tails(0, *path[0].at, alike_);
  for (std::uint32_t node = 1; node < trie_.size();) {
    const std::uint32_t depth = trie_.depth[node];
    read_[depth] = class_at(node);
    Place here{&step(*path[depth - 1].at, read_[depth]), path[depth - 1].alike};
    std::uint64_t finish = here.at->finish;
    if (finish != kEndless) {
      reach_ = std::max(reach_, depth + finish);  // of what a longer language would allow as well
      if (depth + here.at->least > most) {
        finish = kEndless;
      } else if (depth + finish > here.alike && here.alike != near_alike) {
        here = Place{&residual_of(behind(near.language, depth)), near_alike};
        finish = depth + here.at->least > most ? kEndless : here.at->finish;
      }
      if (finish != kEndless && depth + finish > here.alike)
        finish = languages_.shortest(behind(language, depth));
    }
    if (finish == kEndless) {
      node = trie_.end[node];
      continue;
    }
    path[depth] = here;
    finish_max_ = std::max(finish_max_, times_bytes(kSpelledMax, finish));
    take(trie_.first[node], trie_.first[node + 1]);
    take_tails(node, *here.at, here.alike);
    if (covered(node, *here.at, here.alike)) {
      take_below(node);
      node = trie_.end[node];
    } else {
      ++node;
    }
  }
}

void StringWalk::put(std::span<std::uint32_t> bits, std::span<const std::uint32_t> all) const {
  std::size_t tokens = 0;
  for (const Range& range : found_) tokens += range.end - range.begin;
  const auto count = static_cast<std::uint32_t>(trie_.tokens.size());
  if (tokens <= count / 2) {
    for (const Range& range : found_) {
      for (std::uint32_t i = range.begin; i < range.end; ++i) set(bits, trie_.tokens[i]);
    }
  } else {  // the others are fewer
    std::vector<std::uint32_t> some(all.begin(), all.end());
    std::uint32_t next = 0;
    for (const Range& range : found_) {
      for (; next < range.begin; ++next) clear(some, trie_.tokens[next]);
      next = range.end;
    }
    for (; next < count; ++next) clear(some, trie_.tokens[next]);
    for (std::size_t i = 0; i < some.size(); ++i) bits[i] |= some[i];
  }
  for (const TokenId token : found_alone_) set(bits, token);
}

}  // namespace praxis::grammar
