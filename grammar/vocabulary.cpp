#include "grammar/vocabulary.h"

#include <algorithm>
#include <map>

#include "grammar/lexing.h"
#include "grammar/trie.h"

namespace praxis::grammar {
namespace {

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t n = std::min(a.size(), b.size());
  std::size_t i = 0;
  while (i < n && a[i] == b[i]) ++i;
  return i;
}

}  // namespace

Vocabulary::Trie Vocabulary::Trie::of(const std::vector<std::string>& bytes,
                                      std::vector<TokenId> tokens) {
  Trie trie;
  const auto text_of = [&](TokenId id) -> std::string_view {
    return bytes[static_cast<std::size_t>(id)];
  };
  std::stable_sort(tokens.begin(), tokens.end(),
                   [&](TokenId a, TokenId b) { return text_of(a) < text_of(b); });
  const auto add = [&](std::uint8_t byte, std::uint32_t depth) {
    trie.byte.push_back(byte);
    trie.depth.push_back(depth);
    trie.end.push_back(0);
    trie.first.push_back(static_cast<std::uint32_t>(trie.tokens.size()));
  };
  add(0, 0);
  std::vector<std::uint32_t> path{0};  // nodes from the root to the last one added
  std::string_view last;
  for (const TokenId id : tokens) {
    const std::string_view text = text_of(id);
    const std::size_t shared = common_prefix(last, text);
    while (path.size() > shared + 1) {
      trie.end[path.back()] = trie.size();
      path.pop_back();
    }
    for (std::size_t i = shared; i < text.size(); ++i) {
      path.push_back(trie.size());
      add(static_cast<std::uint8_t>(text[i]), static_cast<std::uint32_t>(i + 1));
    }
    trie.tokens.push_back(id);
    trie.depth_max = std::max(trie.depth_max, static_cast<std::uint32_t>(text.size()));
    last = text;
  }
  for (const std::uint32_t node : path) trie.end[node] = trie.size();
  trie.first.push_back(static_cast<std::uint32_t>(trie.tokens.size()));
  return trie;
}

void Vocabulary::Trie::look_below() {
  std::vector<Bytes> sets(size());
  lowest.assign(depth.begin(), depth.end());
  bytes_below.assign(size(), 0);
  std::vector<std::uint32_t> parents(depth_max + 1, 0);
  std::vector<std::uint32_t> parent_of(size(), 0);
  std::vector<Place> places(depth_max + 1, Place::between);
  for (std::uint32_t node = 1; node < size(); ++node) {
    parents[depth[node]] = node;
    parent_of[node] = parents[depth[node] - 1];
    const Lexed lexed = lex_string(places[depth[node] - 1], byte[node]);
    places[depth[node]] = lexed.place;
    if (!lexed.ok) sets[parent_of[node]][0] |= 1;
  }
  for (std::uint32_t node = size(); node-- > 1;) {  // children come behind their parents
    const std::uint32_t parent = parent_of[node];
    for (std::size_t i = 0; i < 4; ++i) sets[parent][i] |= sets[node][i];
    sets[parent][byte[node] / 64] |= std::uint64_t{1} << (byte[node] % 64);
    lowest[parent] = std::max(lowest[parent], lowest[node]);
  }
  std::map<Bytes, std::uint32_t> known;
  for (std::uint32_t node = 0; node < size(); ++node) {
    const auto [at, added] = known.try_emplace(sets[node], static_cast<std::uint32_t>(below.size()));
    if (added) below.push_back(sets[node]);
    bytes_below[node] = at->second;
  }
}

Vocabulary::Vocabulary(std::vector<std::string> bytes, Encode encode)
    : bytes_(std::move(bytes)), encode_(std::move(encode)), tries_(std::make_unique<Tries>()) {
  std::vector<TokenId> all, quoted, unquoted;
  tries_->text_tokens.assign(mask_words(), 0);
  for (std::uint32_t id = 0; id < size(); ++id) {
    const std::string& text = bytes_[id];
    if (text.empty()) continue;
    const auto token = static_cast<TokenId>(id);
    all.push_back(token);
    tries_->text_tokens[id / 32] |= 1u << (id % 32);
    if (text.size() == 1) tries_->single[static_cast<std::uint8_t>(text[0])] = true;
    const auto quotes = std::count(text.begin(), text.end(), '"');
    (quotes > 0 ? quoted : unquoted).push_back(token);
    if (quotes >= 2) tries_->quoted_twice.push_back(token);
    if (quotes >= 3) tries_->quoted_thrice.push_back(token);
    if (quotes >= 4) tries_->quoted_often.push_back(token);
  }
  tries_->shapes = Shapes::of(bytes_, unquoted);
  tries_->all = Trie::of(bytes_, std::move(all));
  tries_->quoted = Trie::of(bytes_, std::move(quoted));
  tries_->unquoted = Trie::of(bytes_, std::move(unquoted));
  tries_->unquoted.look_below();

  // Nearly every schema has strings and keys of any length.
  for (const bool canonically : {false, true}) tries_->text_inside(~0u, canonically, mask_words());
}

const std::vector<std::uint32_t>& Vocabulary::Tries::text_inside(std::uint32_t characters_max,
                                                                bool canonically,
                                                                std::size_t words) const {
  const std::lock_guard lock(mutex_);
  auto& known = texts_inside_[canonically];
  if (known.empty()) known.resize(unquoted.depth_max + 1);
  characters_max = std::min(characters_max, unquoted.depth_max);
  std::vector<std::uint32_t>& made = known[characters_max];
  if (!made.empty()) return made;
  made.assign(words, 0);
  struct Point {
    Place place = Place::between;
    std::uint32_t characters = 0;
  };
  std::vector<Point> path(unquoted.depth_max + 1);
  for (std::uint32_t node = 1; node < unquoted.size();) {
    Point point = path[unquoted.depth[node] - 1];
    if (point.place == Place::between) ++point.characters;  // a character counts from its first byte on
    const std::uint8_t byte = unquoted.byte[node];
    const Lexed lexed = canonically ? lex_key(point.place, byte) : lex_string(point.place, byte);
    if (!lexed.ok || point.characters > characters_max) {
      node = unquoted.end[node];
      continue;
    }
    point.place = lexed.place;
    path[unquoted.depth[node]] = point;
    for (std::uint32_t i = unquoted.first[node]; i < unquoted.first[node + 1]; ++i) {
      const auto id = static_cast<std::uint32_t>(unquoted.tokens[i]);
      made[id / 32] |= 1u << (id % 32);
    }
    ++node;
  }
  return made;
}

Vocabulary::~Vocabulary() = default;

std::uint32_t Vocabulary::Trie::find(std::uint32_t node, std::string_view text) const {
  for (const char c : text) {
    const std::uint32_t stop = end[node];
    std::uint32_t child = node + 1;
    while (child < stop && byte[child] != static_cast<std::uint8_t>(c)) child = end[child];
    if (child >= stop) return kNone;
    node = child;
  }
  return node;
}

}  // namespace praxis::grammar
