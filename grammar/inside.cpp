// Masks inside strings: tokens that stay there, or as far as they do, depend on what the text may go on with
// and on nothing behind it.

#include <algorithm>

#include "grammar/lexing.h"
#include "grammar/residual.h"
#include "grammar/string_walk.h"

namespace praxis::grammar {
namespace {

constexpr std::uint64_t kEscapeMax = 8;       // bytes that complete any character begun
constexpr std::uint64_t kSpelledMax = 6;      // bytes that spell a byte
constexpr std::uint32_t kLongCharacters = 8;  // of a token: few have more

void set(std::span<std::uint32_t> bits, TokenId id) {
  bits[static_cast<std::uint32_t>(id) / 32] |= 1u << (static_cast<std::uint32_t>(id) % 32);
}

/// Itself where its limits are as near as the end of its shortest text.
Languages::Unlimited without_limits(Languages& languages, LanguageId id, std::uint32_t characters_min) {
  const Languages::Unlimited wide = languages.unlimited(id, characters_min);
  return wide.alike < languages.shortest(id) + kLongCharacters ? Languages::Unlimited{id, ~0u} : wide;
}

}  // namespace

/// Inside a string.
struct Residuals::Point {
  LanguageId left;
  Place place;
};

/// The unquoted tokens that a text of the language may go on with.
const Residuals::Inside& Residuals::inside_of(LanguageId language, bool is_key) {
  const auto name = [](LanguageId id, bool canonical) {
    return std::uint64_t{id} << 1 | (canonical ? 1u : 0u);
  };
  if (const auto known = inside_.find(name(language, is_key)); known != inside_.end()) return known->second;
  const auto make_room = [&] {
    if (inside_.size() * vocabulary_.mask_words() * sizeof(std::uint32_t) > kInsideBytesMax) inside_.clear();
  };
  const Vocabulary::Tries& tries = vocabulary_.tries();
  Languages& languages = cases_->languages();
  if (const auto lengths = languages.lengths(language)) {
    make_room();
    Inside& made = inside_[name(language, is_key)];
    made.bits = tries.text_inside(lengths->max, is_key, escapes_);
    made.finish_max = add_bytes(lengths->min, kEscapeMax);
    return made;
  }
  const Languages::Unlimited wide = without_limits(languages, language, kLongCharacters);
  const auto known = inside_.find(name(wide.language, true));
  if (known != inside_.end() && known->second.reach <= wide.alike) return known->second;
  Inside made;
  made.bits.assign(vocabulary_.mask_words(), 0);
  // Shapes are of characters as they are spelled in UTF-8.
  if (escapes_ == Escapes::ascii || !walk_characters(language, wide, made)) walk_bytes(language, made);
  const bool shared = made.reach <= wide.alike;
  make_room();
  return inside_[name(shared ? wide.language : language, true)] = std::move(made);
}

/// By characters instead of bytes, alike ones at once. False if the language tells too many apart, or it
/// cannot be said which.
bool Residuals::walk_characters(LanguageId language, const Languages::Unlimited& wide, Inside& made) {
  Languages& languages = cases_->languages();
  const auto sets = languages.sets(language);
  const auto alphabet = sets ? Alphabet::of(*sets) : std::nullopt;
  if (!alphabet) return false;
  const Vocabulary::Tries& tries = vocabulary_.tries();
  const Shapes* trie = &tries.common;
  auto joined = alphabet->joined_from(Alphabet::common());
  if (!joined) {
    trie = &tries.letters;
    joined = alphabet->joined_from(Alphabet::letters());
  }
  if (!joined) return false;
  const auto behind_tail = [this](LanguageId left, std::string_view tail) {
    Point point{left, Place::between};
    for (const char c : tail) {
      if (!read(point, static_cast<std::uint8_t>(c))) return kEndless;
    }
    return finish_max_of(point);
  };
  StringWalk walk(languages, *trie, std::move(*joined), *alphabet, behind_tail);
  // Of limits on the whole length those on the parts can be left to `near`.
  const std::uint32_t most = languages.characters(language).max;
  walk.walk(language, wide, without_limits(languages, language, std::max(most, kLongCharacters)));
  walk.put(made.bits, tries.shaped);
  made.finish_max = walk.finish_max();
  made.reach = walk.reach();
  return true;
}

/// Reads one byte of a string in canonical spelling; false: no text of the language goes on so.
bool Residuals::read(Point& point, std::uint8_t byte) {
  const Place before = point.place;
  const Lexed lexed = lex_key(before, byte, escapes_);
  if (!lexed.ok) return false;
  point.place = lexed.place;
  Languages& languages = cases_->languages();
  if (const int character = decoded(before, byte); character >= 0) {
    const auto* row = languages.row(point.left);
    const auto at = static_cast<std::uint8_t>(character);
    const LanguageId to = row != nullptr ? (*row)[at] : Languages::kUnknown;
    point.left = to != Languages::kUnknown ? to : languages.step(point.left, at);
    if (languages.empty(point.left)) return false;
    if (point.place < Place::escape) return true;
  }
  return finish_of_text(point.left, static_cast<std::uint8_t>(point.place), false) != kEndless;
}

/// At most so many bytes are needed behind the point.
std::uint64_t Residuals::finish_max_of(const Point& point) {
  if (point.place >= Place::escape)
    return finish_of_text(point.left, static_cast<std::uint8_t>(point.place), false);
  return times_bytes(kSpelledMax, cases_->languages().shortest(point.left));
}

/// Byte by byte, but for subtrees that can be read as a whole.
void Residuals::walk_bytes(LanguageId language, Inside& made) {
  Languages& languages = cases_->languages();
  const Vocabulary::Trie& trie = vocabulary_.tries().unquoted;
  std::vector<Point> path(trie.depth_max + 1, Point{language, Place::between});
  std::unordered_map<LanguageId, Languages::Run> runs;
  /// Whatever stands below the node can be read from there.
  const auto covered = [&](std::uint32_t node, LanguageId from) {
    const auto [at, added] = runs.try_emplace(from);
    if (added) at->second = languages.run(from);
    const Languages::Run& run = at->second;
    if (trie.lowest[node] - trie.depth[node] > run.steps_max) return false;
    const Vocabulary::Trie::Bytes& below = trie.below[trie.bytes_below[node]];
    for (std::size_t i = 0; i < below.size(); ++i) {
      if (below[i] & ~run.bytes[i]) return false;
    }
    return true;
  };
  for (std::uint32_t node = 1; node < trie.size();) {
    Point point = path[trie.depth[node] - 1];
    if (!read(point, trie.byte[node])) {
      node = trie.end[node];
      continue;
    }
    path[trie.depth[node]] = point;
    if (trie.first[node] != trie.first[node + 1]) {
      made.finish_max = std::max(made.finish_max, finish_max_of(point));
      for (std::uint32_t i = trie.first[node]; i < trie.first[node + 1]; ++i) set(made.bits, trie.tokens[i]);
    }
    if (escapes_ == Escapes::minimal && trie.end[node] > node + 1 && point.place == Place::between &&
        covered(node, point.left)) {
      made.finish_max = std::max(made.finish_max, finish_max_of(point));
      const std::uint32_t end = trie.end[node];
      for (std::uint32_t i = trie.first[node + 1]; i < trie.first[end]; ++i) set(made.bits, trie.tokens[i]);
      node = end;
      continue;
    }
    ++node;
  }
}

/// Tokens with what ends a text of the language before their first '"': places in Tries::quoted, as bits.
const std::vector<std::uint32_t>& Residuals::ending_of(LanguageId language, bool is_key) {
  const Vocabulary::Tries& tries = vocabulary_.tries();
  if (endings_.size() * tries.ending_words() * sizeof(std::uint32_t) > kEndingBytesMax) endings_.clear();
  const auto [at, added] = endings_.try_emplace(std::uint64_t{language} << 1 | (is_key ? 1u : 0u));
  std::vector<std::uint32_t>& made = at->second;
  if (!added) return made;
  Languages& languages = cases_->languages();
  if (const auto lengths = languages.lengths(language)) {
    made = tries.text_ending(lengths->min, lengths->max, is_key, escapes_);
    return made;
  }
  made.assign(tries.ending_words(), 0);
  const Vocabulary::Trie& trie = tries.beginnings;
  std::vector<Point> path(trie.depth_max + 1, Point{language, Place::between});
  const auto allow = [&](std::uint32_t node, const Point& point) {
    if (point.place != Place::between || !languages.accepts_empty(point.left)) return;
    for (std::uint32_t i = trie.first[node]; i < trie.first[node + 1]; ++i) set(made, trie.tokens[i]);
  };
  allow(0, path[0]);
  for (std::uint32_t node = 1; node < trie.size();) {
    Point point = path[trie.depth[node] - 1];
    if (!read(point, trie.byte[node])) {
      node = trie.end[node];
      continue;
    }
    path[trie.depth[node]] = point;
    allow(node, point);
    ++node;
  }
  return made;
}

}  // namespace praxis::grammar
