#include "grammar/finder.h"

#include <algorithm>
#include <string_view>

namespace praxis::grammar {
namespace {

/// Ascending, and without nodes below others.
void keep_outermost(const Vocabulary::Trie& trie, std::vector<std::uint32_t>& nodes) {
  std::sort(nodes.begin(), nodes.end());
  std::uint32_t covered = 0;  // nodes before this one are below one that was kept
  nodes.erase(std::remove_if(nodes.begin(), nodes.end(),
                             [&](std::uint32_t node) {
                               if (node < covered) return true;
                               covered = trie.end[node];
                               return false;
                             }),
              nodes.end());
}

}  // namespace

Finder::Finder(std::string text, const Vocabulary::Trie& trie) : text_(std::move(text)) {
  fallback_.assign(size() + 1, 0);
  for (std::uint32_t state = 1; state < size(); ++state)
    fallback_[state + 1] = step(fallback_[state], static_cast<std::uint8_t>(text_[state]));

  std::vector<std::uint32_t> inside;  // the whole text lies in one token
  std::vector<std::uint32_t> path(trie.depth_max + 1, 0);
  for (std::uint32_t node = 1; node < trie.size();) {
    const std::uint32_t state = step(path[trie.depth[node] - 1], trie.byte[node]);
    if (state == size()) {
      inside.push_back(node);
      node = trie.end[node];
      continue;
    }
    path[trie.depth[node]] = state;
    ++node;
  }
  // Or the stream ends with its first `begun` bytes, and the token begins with the others.
  completions_.assign(size(), inside);
  completions_anywhere_ = inside;
  for (std::uint32_t begun = 1; begun < size(); ++begun) {
    const std::uint32_t node = trie.find(0, std::string_view(text_).substr(begun));
    if (node == Vocabulary::Trie::kNone) continue;
    completions_anywhere_.push_back(node);
    for (std::uint32_t state = begun; state < size(); ++state) {
      std::uint32_t shorter = state;
      while (shorter > begun) shorter = fallback_[shorter];
      if (shorter == begun) completions_[state].push_back(node);
    }
  }
  for (auto& nodes : completions_) keep_outermost(trie, nodes);
  keep_outermost(trie, completions_anywhere_);
}

std::uint32_t Finder::step(std::uint32_t state, std::uint8_t byte) const {
  for (;; state = fallback_[state]) {
    if (static_cast<std::uint8_t>(text_[state]) == byte) return state + 1;
    if (state == 0) return 0;
  }
}

}  // namespace praxis::grammar
