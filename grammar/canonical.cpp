#include "grammar/canonical.h"

#include <algorithm>

#include "grammar/trie.h"

namespace praxis::grammar {

namespace {

/// The tokens of `text`, as far as they spell it.
std::vector<TokenId> spelling(const Vocabulary& vocabulary, std::string_view text) {
  std::vector<TokenId> tokens = vocabulary.encode(text);
  std::size_t kept = 0;
  for (; kept < tokens.size(); ++kept) {
    const TokenId id = tokens[kept];
    if (id < 0 || static_cast<std::uint32_t>(id) >= vocabulary.size()) break;
    const std::string_view bytes = vocabulary.bytes(id);
    if (bytes.empty() || text.substr(0, bytes.size()) != bytes) break;
    text.remove_prefix(bytes.size());
  }
  tokens.resize(kept);
  return tokens;
}

}  // namespace

std::vector<TokenId> certain_tokens(const Vocabulary& vocabulary, std::string_view bytes,
                                    const std::function<bool(std::string_view)>& goes_on) {
  if (bytes.empty()) return {};
  // Merges never cross a place where two tokens meet in the end. So whatever follows, the tokens
  // are those of all the bytes, or those of the bytes before a token that goes on beyond them.
  std::vector<TokenId> certain = spelling(vocabulary, bytes);
  const std::size_t reach = vocabulary.tries().all.depth_max;
  for (std::size_t at = bytes.size() > reach ? bytes.size() - reach : 0;
       at < bytes.size() && !certain.empty(); ++at) {
    if (!goes_on(bytes.substr(at))) continue;
    const std::vector<TokenId> before = spelling(vocabulary, bytes.substr(0, at));
    const auto same =
        std::mismatch(certain.begin(), certain.end(), before.begin(), before.end()).first;
    certain.erase(same, certain.end());
  }
  return certain;
}

}  // namespace praxis::grammar
