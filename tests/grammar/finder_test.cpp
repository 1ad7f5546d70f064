// A text in a stream of tokens, against searching the whole stream anew.

#include "grammar/finder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "structures.h"

namespace praxis::grammar::test {
namespace {

std::string random_text(std::mt19937& random, std::size_t length) {
  std::string text;
  while (text.size() < length) text += static_cast<char>('a' + random() % 2);
  return text;
}

/// Tokens of two letters: texts overlap themselves and each other.
std::shared_ptr<const Vocabulary> two_letters(std::mt19937& random) {
  std::set<std::string> texts;
  while (texts.size() < 60) texts.insert(random_text(random, 2 + random() % 6));
  return byte_vocabulary_and({texts.begin(), texts.end()});
}

/// Of the tokens below the nodes, how many of their bytes complete the text.
std::vector<std::size_t> completed_after(const Vocabulary& vocabulary,
                                         const std::vector<std::uint32_t>& nodes) {
  const Vocabulary::Trie& trie = vocabulary.tries().all;
  std::vector<std::size_t> out(vocabulary.size(), 0);
  for (const std::uint32_t node : nodes) {
    for (std::uint32_t i = trie.first[node]; i < trie.first[trie.end[node]]; ++i) {
      EXPECT_EQ(out[static_cast<std::size_t>(trie.tokens[i])], 0u) << "a node below another";
      out[static_cast<std::size_t>(trie.tokens[i])] = trie.depth[node];
    }
  }
  return out;
}

TEST(Finder, KnowsWhichTokensCompleteTheText) {
  std::mt19937 random(51);
  std::size_t completions = 0;
  for (int round = 0; round < 200 / kCasesDivisor; ++round) {
    const auto vocabulary = two_letters(random);
    const std::string text = random_text(random, 1 + random() % 6);
    const Finder finder(text, vocabulary->tries().all);
    std::vector<std::size_t> anywhere(vocabulary->size(), 0);
    for (std::uint32_t state = 0; state < finder.size(); ++state) {
      // A stream that ends with so many of its bytes and no more, and does not hold it.
      std::string stream;
      std::uint32_t reached = 0;
      for (std::uint32_t i = 0; i < state; ++i) {
        stream += text[i];
        reached = finder.step(reached, static_cast<std::uint8_t>(text[i]));
      }
      ASSERT_EQ(reached, state);
      const auto known = completed_after(*vocabulary, finder.completions(state));
      for (std::uint32_t id = 0; id < vocabulary->size(); ++id) {
        const std::string_view token = vocabulary->bytes(static_cast<TokenId>(id));
        const auto at = (stream + std::string(token)).find(text);
        const std::size_t bytes = at == std::string::npos ? 0 : at + text.size() - stream.size();
        ASSERT_EQ(known[id], bytes) << text << " behind " << stream << " in " << token;
        completions += bytes > 0;
        if (bytes > 0 && (anywhere[id] == 0 || bytes < anywhere[id])) anywhere[id] = bytes;
      }
    }
    ASSERT_EQ(completed_after(*vocabulary, finder.completions_anywhere()), anywhere) << text;
  }
  EXPECT_GT(completions, 5'000u / kCasesDivisor);
}

TEST(Finder, IsMadeOnceForAllWhoAskWithTheSameText) {
  const auto vocabulary = byte_vocabulary_and({"<tool", "_call>"});
  const auto first = vocabulary->tries().finder("<tool_call>");
  EXPECT_EQ(first->completions_anywhere(), Finder("<tool_call>", vocabulary->tries().all).completions_anywhere());
  for (int i = 0; i < 100; ++i) {
    EXPECT_NE(vocabulary->tries().finder("another" + std::to_string(i)), first);
    EXPECT_TRUE(i % 10 != 0 || vocabulary->tries().finder("<tool_call>") == first);
  }
}

}  // namespace
}  // namespace praxis::grammar::test
