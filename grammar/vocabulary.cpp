#include "grammar/vocabulary.h"

#include <algorithm>
#include <map>

#include "grammar/finder.h"
#include "grammar/lexing.h"
#include "grammar/trie.h"

namespace praxis::grammar {
namespace {

char32_t code_point(std::string_view utf8) {
  const auto lead = static_cast<std::uint8_t>(utf8[0]);
  char32_t c = utf8.size() == 1 ? lead : lead & (0x7Fu >> utf8.size());
  for (std::size_t i = 1; i < utf8.size(); ++i) c = c << 6 | (static_cast<std::uint8_t>(utf8[i]) & 0x3Fu);
  return c;
}

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t n = std::min(a.size(), b.size());
  std::size_t i = 0;
  while (i < n && a[i] == b[i]) ++i;
  return i;
}

/// Where the first '"' stands that is not escaped, or npos.
std::size_t end_quote(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size() && text[at] != '"') at += text[at] == '\\' ? 2 : 1;
  return at < text.size() ? at : std::string_view::npos;
}

/// The nodes at which a character of a canonical spelling ends.
Characters characters_of(const Vocabulary::Trie& trie) {
  struct Point {
    Place place = Place::between;
    std::string decoded;      // of the character begun
    std::uint32_t begun = 0;  // bytes from the root to it
    std::uint32_t node = 0, depth = 0;  // the last whole one's
  };
  Characters made;
  const auto add = [&](char32_t symbol, std::uint32_t depth) {
    made.symbol.push_back(symbol);
    made.depth.push_back(depth);
    made.end.push_back(0);
    made.depth_max = std::max(made.depth_max, depth);
    return made.size() - 1;
  };
  add(0, 0);
  std::vector<Point> path(trie.depth_max + 1);
  std::string text(trie.depth_max, '\0');
  struct Found {
    std::uint32_t node;
    std::string tail;
    TokenId token;
  };
  std::vector<Found> found;
  for (std::uint32_t node = 1; node < trie.size();) {
    const std::uint32_t depth = trie.depth[node];
    const std::uint8_t byte = trie.byte[node];
    text[depth - 1] = static_cast<char>(byte);
    Point point = path[depth - 1];
    if (point.place == Place::between) {
      point.decoded.clear();
      point.begun = depth - 1;
    }
    if (const int character = decoded(point.place, byte); character >= 0)
      point.decoded += static_cast<char>(character);
    const Lexed lexed = lex_key(point.place, byte, Escapes::minimal);
    if (!lexed.ok) {
      node = trie.end[node];
      continue;
    }
    point.place = lexed.place;
    if (point.place == Place::between) point.node = add(code_point(point.decoded), ++point.depth);
    for (std::uint32_t i = trie.first[node]; i < trie.first[node + 1]; ++i)
      found.push_back(Found{point.node,
                            point.place == Place::between ? "" : text.substr(point.begun, depth - point.begun),
                            trie.tokens[i]});
    path[depth] = std::move(point);
    ++node;
  }
  for (std::uint32_t node = made.size(); node-- > 0;) {
    // Preorder: a subtree ends where the next node that is no deeper begins.
    std::uint32_t end = node + 1;
    while (end < made.size() && made.depth[end] > made.depth[node]) end = made.end[end];
    made.end[node] = end;
  }
  std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) { return a.node < b.node; });
  std::size_t at = 0;
  for (std::uint32_t node = 0; node < made.size(); ++node) {
    made.first.push_back(static_cast<std::uint32_t>(made.tokens.size()));
    made.first_tail.push_back(static_cast<std::uint32_t>(made.tails.size()));
    for (; at < found.size() && found[at].node == node; ++at) {
      if (found[at].tail.empty()) made.tokens.push_back(found[at].token);
      else made.tails.push_back(TokenTail{std::move(found[at].tail), found[at].token});
    }
  }
  made.first.push_back(static_cast<std::uint32_t>(made.tokens.size()));
  made.first_tail.push_back(static_cast<std::uint32_t>(made.tails.size()));
  return made;
}

}  // namespace

std::shared_ptr<const Finder> Vocabulary::Tries::finder(const std::string& text) const {
  const auto look = [&]() -> std::shared_ptr<const Finder> {
    const auto known =
        std::find_if(finders_.begin(), finders_.end(), [&](const auto& one) { return one.first == text; });
    if (known == finders_.end()) return nullptr;
    finders_.splice(finders_.begin(), finders_, known);
    return known->second;
  };
  {
    const std::lock_guard lock(mutex_);
    if (auto known = look()) return known;
  }
  auto made = std::make_shared<const Finder>(text, all);  // asks the whole trie: without the lock
  const std::lock_guard lock(mutex_);
  if (auto known = look()) return known;
  finders_.emplace_front(text, made);
  if (finders_.size() > kFindersMax) finders_.pop_back();
  return made;
}

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
    std::uint32_t spaces = 0;
    for (const char c : text) {
      spaces = is_space(static_cast<std::uint8_t>(c)) ? spaces + 1 : 0;
      tries_->spaces_most = std::max(tries_->spaces_most, spaces);
    }
    if (text.size() == 1) tries_->single[static_cast<std::uint8_t>(text[0])] = true;
    const auto quotes = std::count(text.begin(), text.end(), '"');
    (end_quote(text) != std::string_view::npos ? quoted : unquoted).push_back(token);
    if (quotes >= 2) tries_->quoted_twice.push_back(token);
    if (quotes >= 3) tries_->quoted_thrice.push_back(token);
    if (quotes >= 4) tries_->quoted_often.push_back(token);
  }
  tries_->all = Trie::of(bytes_, std::move(all));
  tries_->quoted = Trie::of(bytes_, std::move(quoted));
  tries_->unquoted = Trie::of(bytes_, std::move(unquoted));
  tries_->unquoted.look_below();
  const Characters characters = characters_of(tries_->unquoted);
  tries_->letters = shapes_of(characters, Alphabet::letters());
  tries_->common = shapes_of(characters, Alphabet::common());
  tries_->shaped.assign(mask_words(), 0);
  for (const TokenId token : characters.tokens)
    tries_->shaped[static_cast<std::uint32_t>(token) / 32] |= 1u << (static_cast<std::uint32_t>(token) % 32);
  std::vector<std::string> beginnings, ends;
  std::vector<TokenId> places;
  for (const TokenId token : tries_->quoted.tokens) {
    const std::string& text = bytes_[static_cast<std::size_t>(token)];
    const std::size_t quote = end_quote(text);
    places.push_back(static_cast<TokenId>(places.size()));
    beginnings.push_back(text.substr(0, quote));
    ends.push_back(text.substr(quote + 1));
  }
  tries_->beginnings = Trie::of(beginnings, places);
  tries_->ends = Trie::of(ends, std::move(places));

  for (const bool canonically : {false, true}) tries_->spelling(canonically, Escapes::minimal);
}

/// Tokens that a string may hold, by how many characters they begin; `whole`: those that end none inside.
std::vector<std::vector<TokenId>> Vocabulary::Tries::by_characters(const Trie& trie, bool canonically,
                                                                   Escapes escapes, bool whole) {
  std::vector<std::vector<TokenId>> made(trie.depth_max + 1);
  struct Point {
    Place place = Place::between;
    std::uint32_t characters = 0;
  };
  std::vector<Point> path(trie.depth_max + 1);
  const auto add = [&](std::uint32_t node, const Point& point) {
    if (whole && point.place != Place::between) return;
    made[point.characters].insert(made[point.characters].end(), trie.tokens.begin() + trie.first[node],
                                  trie.tokens.begin() + trie.first[node + 1]);
  };
  add(0, path[0]);
  for (std::uint32_t node = 1; node < trie.size();) {
    Point point = path[trie.depth[node] - 1];
    if (point.place == Place::between) ++point.characters;  // a character counts from its first byte on
    const std::uint8_t byte = trie.byte[node];
    const Lexed lexed = canonically ? lex_key(point.place, byte, escapes) : lex_string(point.place, byte, escapes);
    if (!lexed.ok) {
      node = trie.end[node];
      continue;
    }
    point.place = lexed.place;
    path[trie.depth[node]] = point;
    add(node, point);
    ++node;
  }
  return made;
}

/// With the lock held: ASCII ones are made when first asked for.
Vocabulary::Tries::Spelling& Vocabulary::Tries::spelling(bool canonically, Escapes escapes) const {
  Spelling& made = spellings_[(canonically ? 1 : 0) + (escapes == Escapes::ascii ? 2 : 0)];
  if (!made.inside.empty()) return made;
  made.tokens = by_characters(unquoted, canonically, escapes, false);
  made.endings = by_characters(beginnings, canonically, escapes, true);
  made.inside.resize(unquoted.depth_max + 1);
  std::vector<std::uint32_t>& any = made.inside.back();
  any.assign(text_tokens.size(), 0);
  for (const auto& tokens : made.tokens) {
    for (const TokenId token : tokens)
      any[static_cast<std::uint32_t>(token) / 32] |= 1u << (static_cast<std::uint32_t>(token) % 32);
  }
  return made;
}

std::vector<std::uint32_t> Vocabulary::Tries::text_ending(std::uint32_t characters_min, std::uint32_t characters_max,
                                                          bool canonically, Escapes escapes) const {
  const std::lock_guard lock(mutex_);
  const auto& endings = spelling(canonically, escapes).endings;
  std::vector<std::uint32_t> made(ending_words(), 0);
  for (std::size_t n = characters_min; n < endings.size() && n <= characters_max; ++n) {
    for (const TokenId place : endings[n])
      made[static_cast<std::uint32_t>(place) / 32] |= 1u << (static_cast<std::uint32_t>(place) % 32);
  }
  return made;
}

const std::vector<std::uint32_t>& Vocabulary::Tries::text_inside(std::uint32_t characters_max, bool canonically,
                                                                Escapes escapes) const {
  const std::lock_guard lock(mutex_);
  Spelling& known = spelling(canonically, escapes);
  auto& inside = known.inside;
  characters_max = std::min<std::uint32_t>(characters_max, static_cast<std::uint32_t>(inside.size()) - 1);
  std::vector<std::uint32_t>& made = inside[characters_max];
  if (!made.empty()) return made;
  made = inside.back();
  for (std::size_t more = characters_max + 1; more < inside.size(); ++more) {
    for (const TokenId token : known.tokens[more])
      made[static_cast<std::uint32_t>(token) / 32] &= ~(1u << (static_cast<std::uint32_t>(token) % 32));
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
