#include "grammar/vocabulary.h"

#include <algorithm>
#include <numeric>

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

Vocabulary::Vocabulary(std::vector<std::string> bytes, Encode encode)
    : bytes_(std::move(bytes)), encode_(std::move(encode)), trie_(std::make_unique<Trie>()) {
  Trie& trie = *trie_;
  std::vector<TokenId> order;
  trie.text_tokens.assign(mask_words(), 0);
  for (std::uint32_t id = 0; id < size(); ++id) {
    const std::string& text = bytes_[id];
    if (text.empty()) continue;
    order.push_back(static_cast<TokenId>(id));
    trie.text_tokens[id / 32] |= 1u << (id % 32);
    trie.depth_max = std::max(trie.depth_max, static_cast<std::uint32_t>(text.size()));
    if (text.size() == 1) trie.single[static_cast<std::uint8_t>(text[0])] = true;
    const auto quotes = std::count(text.begin(), text.end(), '"');
    if (quotes >= 2) trie.quoted_twice.push_back(static_cast<TokenId>(id));
    if (quotes >= 3) trie.quoted_thrice.push_back(static_cast<TokenId>(id));
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](TokenId a, TokenId b) { return this->bytes(a) < this->bytes(b); });

  const auto add = [&](std::uint8_t byte, std::uint32_t depth) {
    trie.byte.push_back(byte);
    trie.depth.push_back(depth);
    trie.end.push_back(0);
    trie.first.push_back(static_cast<std::uint32_t>(trie.tokens.size()));
  };
  add(0, 0);
  std::vector<std::uint32_t> path{0};  // nodes from the root to the last one added
  std::string_view last;
  for (const TokenId id : order) {
    const std::string_view text = this->bytes(id);
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
    last = text;
  }
  for (const std::uint32_t node : path) trie.end[node] = trie.size();
  trie.first.push_back(static_cast<std::uint32_t>(trie.tokens.size()));
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
