#include "engine/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <random>
#include <vector>

#include "engine/philox.h"

namespace praxis::engine {
namespace {

using Words = std::array<std::uint32_t, 4>;

// The generator's published answers (Random123, kat_vectors, philox4x32 10).
TEST(Philox, GivesThePublishedAnswers) {
  EXPECT_EQ(philox({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  const std::uint32_t f = 0xffffffff;
  EXPECT_EQ(philox({f, f, f, f}, {f, f}), (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Philox, UniformIsBelowOneAndEven) {
  std::array<int, 16> bins{};
  for (std::uint64_t i = 0; i < 16'000; ++i) {
    const double u = uniform(7, i);
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ++bins[static_cast<std::size_t>(u * 16)];
  }
  for (int n : bins) EXPECT_NEAR(n, 1000, 150);
}

std::vector<std::uint32_t> mask_of(std::initializer_list<unsigned> ids, std::size_t words = 1) {
  std::vector<std::uint32_t> mask(words);
  for (unsigned id : ids) mask[id / 32] |= 1u << (id % 32);
  return mask;
}

TEST(Sample, GreedyTakesTheLargestAndTheLowestIdOnATie) {
  const std::vector<float> logits = {1, 3, 3, -2};
  EXPECT_EQ(sample(logits, {}, {}, 0), 1);
  EXPECT_EQ(sample(logits, mask_of({2, 3}), {}, 0), 2);
  EXPECT_EQ(sample(logits, mask_of({3}), {}, 9), 3);
}

TEST(Sample, WithoutAnAllowedTokenThereIsNone) {
  const std::vector<float> logits = {1, 2};
  EXPECT_EQ(sample(logits, mask_of({}), {}, 0), -1);
  Sampling hot;
  hot.temperature = 1;
  EXPECT_EQ(sample(logits, mask_of({}), hot, 0), -1);
}

TEST(Sample, NeverLeavesTheMaskWhateverTheLogits) {
  const float inf = std::numeric_limits<float>::infinity(),
              nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<std::vector<float>> cases = {{inf, 1, 2, 3},
                                                 {nan, nan, nan, nan},
                                                 {-inf, -inf, -inf, -inf},
                                                 {0, nan, inf, 5},
                                                 {1e30f, 1, 1, -1e30f}};
  for (const auto& logits : cases) {
    for (std::uint64_t p = 0; p < 50; ++p) {
      Sampling s;
      s.temperature = 2;
      s.top_p = 0.9f;
      const TokenId id = sample(logits, mask_of({1, 3}), s, p);
      EXPECT_TRUE(id == 1 || id == 3) << id;
    }
  }
}

/// What sampling should give, worked out the long way: sort everything, cut, normalise.
std::map<TokenId, double> distribution(const std::vector<float>& logits,
                                       const std::vector<std::uint32_t>& mask, const Sampling& s) {
  std::vector<std::pair<double, TokenId>> list;
  for (std::size_t i = 0; i < logits.size(); ++i) {
    if (mask.empty() || (mask[i / 32] >> (i % 32) & 1)) {
      list.push_back({std::exp(double{logits[i]} / s.temperature), static_cast<TokenId>(i)});
    }
  }
  std::sort(list.begin(), list.end(), [](auto a, auto b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  });
  if (s.top_k > 0 && list.size() > s.top_k) list.resize(s.top_k);
  double total = 0, mass = 0;
  for (auto [p, id] : list) total += p;
  std::size_t n = 0;
  if (s.top_p < 1) {
    while (n < list.size() && (n == 0 || mass < double{s.top_p} * total)) mass += list[n++].first;
    list.resize(n);
  }
  while (s.min_p > 0 && list.back().first < double{s.min_p} * list.front().first) list.pop_back();
  total = 0;
  for (auto [p, id] : list) total += p;
  std::map<TokenId, double> out;
  for (auto [p, id] : list) out[id] = p / total;
  return out;
}

TEST(Sample, DrawsFromTheDistributionThatTheSettingsLeave) {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> logits(40);
  for (float& v : logits) v = normal(random);
  logits[7] = logits[11];  // a tie across a cut
  const auto some = mask_of({0, 1, 2, 3, 5, 7, 8, 11, 13, 17, 19, 23, 29, 31, 32, 33, 39}, 2);
  std::vector<Sampling> settings;
  for (float temperature : {0.6f, 1.0f, 3.0f}) {
    for (std::uint32_t top_k : {0u, 1u, 6u, 100u}) {
      for (float top_p : {1.0f, 0.95f, 0.5f, 0.01f}) {
        for (float min_p : {0.0f, 0.2f}) settings.push_back({temperature, top_k, top_p, min_p, 5});
      }
    }
  }
  constexpr int kDraws = 4000;
  for (const Sampling& s : settings) {
    for (const auto& mask : {std::vector<std::uint32_t>{}, some}) {
      const auto expected = distribution(logits, mask, s);
      std::map<TokenId, int> seen;
      for (int p = 0; p < kDraws; ++p)
        ++seen[sample(logits, mask, s, static_cast<std::uint64_t>(p))];
      for (const auto& [id, count] : seen) ASSERT_TRUE(expected.contains(id)) << id;
      for (const auto& [id, p] : expected) {
        const double deviation = std::sqrt(kDraws * p * (1 - p));
        EXPECT_NEAR(seen[id], kDraws * p, 5 * deviation + 1) << id;
      }
    }
  }
}

TEST(Sample, IsAFunctionOfSeedAndPosition) {
  const std::vector<float> logits(50, 0.0f);
  Sampling s;
  s.temperature = 1;
  std::vector<TokenId> first, again, other;
  for (std::uint64_t p = 0; p < 40; ++p) first.push_back(sample(logits, {}, s, p));
  for (std::uint64_t p = 40; p-- > 0;) again.insert(again.begin(), sample(logits, {}, s, p));
  s.seed = 1;
  for (std::uint64_t p = 0; p < 40; ++p) other.push_back(sample(logits, {}, s, p));
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
}

TEST(Adjust, AddsTheBiasAndTakesThePenaltiesOffWhatWasDecoded) {
  std::vector<float> logits = {1, 2, 3, 4};
  Sampling s;
  s.bias = {{0, 5}, {2, -100}, {0, 0.5f}};
  s.presence_penalty = 0.5f;
  s.frequency_penalty = 0.25f;
  adjust(logits, s, {{1, 1}, {2, 0}, {3, 6}});
  EXPECT_EQ(logits, (std::vector<float>{6.5f, 2 - 0.75f, -97, 4 - 2}));
}

TEST(Adjust, NegativePenaltiesFavourWhatWasDecoded) {
  std::vector<float> logits = {1, 1};
  Sampling s;
  s.frequency_penalty = -2;
  adjust(logits, s, {{1, 2}});
  EXPECT_EQ(logits, (std::vector<float>{1, 5}));
}

TEST(Adjust, ChangesNothingWhenAllIsOff) {
  const std::vector<float> before = {1, std::numeric_limits<float>::infinity(), -3};
  std::vector<float> logits = before;
  adjust(logits, {}, {{0, 9}, {1, 9}, {2, 9}});
  EXPECT_EQ(logits, before);
}

TEST(Logprobs, AreTheLogarithmOfTheSoftmax) {
  std::mt19937 random(11);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(300);
  for (float& v : logits) v = normal(random);
  logits[20] = logits[10] = 20;  // a tie at the top
  double total = 0;
  for (float v : logits) total += std::exp(double{v});
  const auto expected = [&](TokenId id) {
    return std::log(std::exp(double{logits[static_cast<std::size_t>(id)]}) / total);
  };
  std::vector<TokenId> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](TokenId a, TokenId b) {
    return logits[static_cast<std::size_t>(a)] > logits[static_cast<std::size_t>(b)];
  });
  for (const std::uint32_t top : {0u, 1u, 2u, 20u, 500u}) {
    const Logprobs got = logprobs(logits, 77, top);
    EXPECT_NEAR(got.chosen, expected(77), 1e-5);
    ASSERT_EQ(got.top.size(), std::min<std::size_t>(top, logits.size()));
    for (std::size_t i = 0; i < got.top.size(); ++i) {
      EXPECT_EQ(got.top[i].id, order[i]);
      EXPECT_NEAR(got.top[i].logprob, expected(order[i]), 1e-5);
    }
  }
}

TEST(Logprobs, AreNumbersWhateverTheLogits) {
  const float inf = std::numeric_limits<float>::infinity(),
              nan = std::numeric_limits<float>::quiet_NaN();
  const float half = std::log(0.5f), third = std::log(1.0f / 3);
  struct Case {
    std::vector<float> logits;
    std::vector<float> expected;
  };
  const Case cases[] = {
      {{3e38f, 3e38f, -3e38f}, {half, half, kLogprobMin}},
      {{1000, 0, 1000}, {half, -1000 + half, half}},
      {{inf, 5, inf}, {half, kLogprobMin, half}},
      {{nan, 2, -inf}, {kLogprobMin, 0, kLogprobMin}},
      {{-inf, nan, -inf}, {third, third, third}},
  };
  for (const Case& c : cases) {
    for (std::size_t i = 0; i < c.logits.size(); ++i) {
      const Logprobs got = logprobs(c.logits, static_cast<TokenId>(i), 2);
      EXPECT_NEAR(got.chosen, c.expected[i], 1e-4) << i;
      for (const auto& one : got.top)
        EXPECT_NEAR(one.logprob, c.expected[static_cast<std::size_t>(one.id)], 1e-4) << one.id;
    }
  }
}

}  // namespace
}  // namespace praxis::engine
