#include "grammar/canonical.h"

#include <algorithm>

#include "grammar/trie.h"

namespace praxis::grammar {

std::vector<TokenId> certain_tokens(const Vocabulary& vocabulary, std::string_view bytes,
                                    const std::function<bool(std::string_view)>& goes_on) {
  if (bytes.empty()) return {};
  const std::size_t reach = vocabulary.trie().depth_max;
  std::size_t open = bytes.size() > reach ? bytes.size() - reach : 0;  // tokens must end here or before
  while (open < bytes.size() && !goes_on(bytes.substr(open))) ++open;

  std::vector<TokenId> tokens = vocabulary.encode(bytes);
  std::size_t kept = 0, at = 0;
  for (; kept < tokens.size(); ++kept) {
    const TokenId id = tokens[kept];
    if (id < 0 || static_cast<std::uint32_t>(id) >= vocabulary.size()) break;
    const std::string_view text = vocabulary.bytes(id);
    if (text.empty() || at + text.size() > open || bytes.substr(at, text.size()) != text) break;
    at += text.size();
  }
  tokens.resize(kept);
  return tokens;
}

}  // namespace praxis::grammar
