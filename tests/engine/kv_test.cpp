// The prefix tree against a list of everything ever committed, kept the simple way.
#include "engine/kv.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace praxis::engine {
namespace {

constexpr KvShape kShape{2, 3};
constexpr std::uint64_t kBlockBytes = std::uint64_t{2} * 3 * Kv::kTokens * sizeof(float);

using Tokens = std::vector<Token>;

std::unique_ptr<Kv> kv_of(std::uint64_t blocks) { return *Kv::make(kShape, blocks * kBlockBytes); }

Tokens tokens(std::size_t n, TokenId first = 0) {
  Tokens out;
  for (std::size_t i = 0; i < n; ++i)
    out.push_back({first + static_cast<TokenId>(i), Role::prompt});
  return out;
}

Tokens join(Tokens a, const Tokens& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/// What a row holds depends on every token up to it, as a real one does.
std::vector<float> stamps(const Tokens& sequence) {
  std::vector<float> out;
  std::uint32_t hash = 17;
  for (const Token& t : sequence) {
    hash = hash * 31 + static_cast<std::uint32_t>(t.id) * 2 + static_cast<std::uint32_t>(t.role);
    out.push_back(static_cast<float>(hash % 65521));
  }
  return out;
}

float* row(std::span<float* const> blocks, std::size_t layer, std::size_t position) {
  return blocks[position / Kv::kTokens] +
         (layer * Kv::kTokens + position % Kv::kTokens) * kShape.width;
}

/// Runs `sequence` as the worker would: reuse, compute the rest in steps, leave it in the cache.
/// Returns how much was reused.
std::uint32_t run(Kv& kv, const Tokens& sequence, std::size_t step = 7) {
  const auto stamp = stamps(sequence);
  Kv::Timeline line(kv, sequence, static_cast<std::uint32_t>(sequence.size()));
  const std::uint32_t reused = line.size();
  while (line.size() < sequence.size()) {
    const std::size_t begin = line.size(), n = std::min(step, sequence.size() - begin);
    EXPECT_TRUE(line.reserve(static_cast<std::uint32_t>(n)));
    for (std::size_t p = begin; p < begin + n; ++p) {
      for (std::size_t l = 0; l < kShape.layers; ++l) {
        std::fill_n(row(line.blocks(), l, p), kShape.width, stamp[p] + static_cast<float>(l));
      }
    }
    line.commit(std::span(sequence).subspan(begin, n));
  }
  for (std::size_t p = 0; p < sequence.size(); ++p) {
    for (std::size_t l = 0; l < kShape.layers; ++l) {
      for (std::size_t w = 0; w < kShape.width; ++w) {
        if (row(line.blocks(), l, p)[w] != stamp[p] + static_cast<float>(l)) {
          ADD_FAILURE() << "wrong row at position " << p << " of " << sequence.size() << ", reused "
                        << reused;
          return reused;
        }
      }
    }
  }
  return reused;
}

std::uint32_t common(const Tokens& a, const Tokens& b) {
  std::uint32_t n = 0;
  while (n < a.size() && n < b.size() && a[n] == b[n]) ++n;
  return n;
}

TEST(Kv, RefusesRoomForLessThanABlock) {
  const auto kv = Kv::make(kShape, kBlockBytes - 1);
  ASSERT_FALSE(kv);
  EXPECT_EQ(kv.error().where, "kv_bytes_max");
  EXPECT_NE(kv.error().what.find(std::to_string(kBlockBytes)), std::string::npos);
}

TEST(Kv, KeepsWhatATimelineCommittedToTheToken) {
  const auto kv = kv_of(16);
  for (const std::size_t n : {1u, 63u, 64u, 65u, 200u}) {
    const Tokens sequence = tokens(n, static_cast<TokenId>(n * 1000));
    EXPECT_EQ(kv->cached_prefix(sequence), 0u);
    EXPECT_EQ(run(*kv, sequence), 0u);
    EXPECT_EQ(kv->cached_prefix(sequence), n);
    EXPECT_EQ(kv->cached_prefix(join(sequence, tokens(50, 77))), n);
  }
}

TEST(Kv, BranchesAtAnyPosition) {
  const auto kv = kv_of(1000);
  const Tokens trunk = tokens(200);
  run(*kv, trunk);
  for (std::uint32_t at = 0; at <= 200; ++at) {
    const Tokens branch = join(Tokens(trunk.begin(), trunk.begin() + at),
                               tokens(70, 10'000 + static_cast<TokenId>(at)));
    EXPECT_EQ(kv->cached_prefix(branch), at);
    EXPECT_EQ(run(*kv, branch), at);
    EXPECT_EQ(kv->cached_prefix(branch), branch.size());
    ASSERT_EQ(kv->cached_prefix(trunk), 200u);
  }
}

TEST(Kv, RoleIsPartOfATokensIdentity) {
  const auto kv = kv_of(4);
  const Tokens sequence = tokens(10);
  run(*kv, sequence);
  Tokens decoded = sequence;
  decoded[6].role = Role::decoded;
  EXPECT_EQ(kv->cached_prefix(decoded), 6u);
}

TEST(Kv, ReusesNoMoreThanAsked) {
  const auto kv = kv_of(8);
  const Tokens sequence = tokens(128);
  run(*kv, sequence);
  for (const std::uint32_t most : {0u, 1u, 63u, 64u, 65u, 127u, 128u}) {
    Kv::Timeline line(*kv, sequence, most);
    EXPECT_EQ(line.size(), most);
  }
  EXPECT_EQ(kv->cached_prefix(sequence), 128u);
}

TEST(Kv, SharesFullBlocksAndKeepsNoBlockTwice) {
  const auto kv = kv_of(100);
  const Tokens trunk = tokens(128);
  run(*kv, join(trunk, tokens(10, 500)));
  EXPECT_EQ(kv->blocks_used(), 3u);
  run(*kv, join(trunk, tokens(10, 600)));
  EXPECT_EQ(kv->blocks_used(), 4u);
  run(*kv,
      join(trunk, tokens(20, 600)));  // goes on from the second: its shorter block is superseded
  EXPECT_EQ(kv->blocks_used(), 4u);
  run(*kv, join(trunk, tokens(5, 600)));  // ends inside it: nothing new
  EXPECT_EQ(kv->blocks_used(), 4u);
}

TEST(Kv, DropsTheLeastRecentlyUsedAndNeverWhatIsStoodOn) {
  const auto kv = kv_of(3);
  const Tokens a = tokens(64, 0), b = tokens(64, 1000), c = tokens(64, 2000), d = tokens(64, 3000);
  run(*kv, a);
  run(*kv, b);
  run(*kv, c);
  run(*kv, a);  // used again
  run(*kv, d);
  EXPECT_EQ(kv->cached_prefix(b), 0u);
  for (const Tokens& kept : {a, c, d}) EXPECT_EQ(kv->cached_prefix(kept), 64u);

  Kv::Timeline line(*kv, c, 64);
  run(*kv, tokens(128, 4000));
  EXPECT_EQ(kv->cached_prefix(c), 64u);
  EXPECT_EQ(kv->cached_prefix(a), 0u);
  EXPECT_EQ(kv->cached_prefix(d), 0u);
}

TEST(Kv, ATimelineMayTakeEveryBlockAndNotOneMore) {
  const auto kv = kv_of(3);
  run(*kv, tokens(150, 900));
  Kv::Timeline line(*kv, tokens(1), 1);
  EXPECT_TRUE(line.reserve(3 * Kv::kTokens));
  EXPECT_FALSE(line.reserve(3 * Kv::kTokens + 1));
  EXPECT_EQ(kv->cached_prefix(tokens(150, 900)), 0u);
}

TEST(Kv, WithNoBlockToCopyIntoAPartialMatchChangesHands) {
  const auto kv = kv_of(2);
  const Tokens first = tokens(100);
  run(*kv, first);
  const Tokens branch = join(Tokens(first.begin(), first.begin() + 90), tokens(30, 5000));
  EXPECT_EQ(run(*kv, branch), 90u);
  EXPECT_EQ(kv->cached_prefix(first), 90u);
  EXPECT_EQ(kv->blocks_used(), 2u);
}

TEST(Kv, UncommittedRoomIsGivenBack) {
  const auto kv = kv_of(4);
  const Tokens sequence = tokens(70);
  {
    Kv::Timeline line(*kv, sequence, 70);
    ASSERT_TRUE(line.reserve(200));
    line.commit(std::span(sequence).first(3));
  }
  EXPECT_EQ(kv->blocks_used(), 1u);
  EXPECT_EQ(kv->cached_prefix(sequence), 3u);
}

/// Conversations that fork and go on at random, over few tokens so that they meet often.
Tokens random_sequence(std::mt19937& random, const std::vector<Tokens>& past) {
  Tokens out;
  if (!past.empty() && random() % 8 != 0) {
    const Tokens& from = past[random() % past.size()];
    out.assign(from.begin(),
               from.begin() + static_cast<std::ptrdiff_t>(random() % (from.size() + 1)));
  }
  for (std::size_t n = 1 + random() % 150; n > 0; --n) {
    out.push_back(
        {static_cast<TokenId>(random() % 2), random() % 16 == 0 ? Role::decoded : Role::prompt});
  }
  if (out.size() > 400) out.resize(400);
  return out;
}

TEST(Kv, CachedPrefixIsTheLongestEverCommittedWhenNothingIsDropped) {
  const auto kv = kv_of(5000);
  std::mt19937 random(11);
  std::vector<Tokens> past;
  for (int i = 0; i < 400; ++i) {
    const Tokens sequence = random_sequence(random, past);
    std::uint32_t longest = 0;
    for (const Tokens& p : past) longest = std::max(longest, common(p, sequence));
    ASSERT_EQ(kv->cached_prefix(sequence), longest) << i;
    ASSERT_EQ(run(*kv, sequence, 1 + random() % 130), longest) << i;
    past.push_back(sequence);
  }
}

TEST(Kv, RowsStayRightUnderEviction) {
  const auto kv = kv_of(9);  // 400 tokens take 7
  std::mt19937 random(12);
  std::vector<Tokens> past;
  std::uint64_t reused = 0;
  for (int i = 0; i < 2000; ++i) {
    const Tokens sequence = random_sequence(random, past);
    const std::uint32_t promised = kv->cached_prefix(sequence);
    ASSERT_EQ(run(*kv, sequence, 1 + random() % 130), promised) << i;
    ASSERT_LE(kv->blocks_used(), 9u);
    ASSERT_EQ(kv->cached_prefix(sequence), sequence.size());
    reused += promised;
    past.push_back(sequence);
    if (past.size() > 6) past.erase(past.begin());
  }
  EXPECT_GT(reused, 20'000u);  // the test is about reuse
}

}  // namespace
}  // namespace praxis::engine
