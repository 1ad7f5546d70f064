// The forward pass against itself: chunks, threads, batches, tiers, roles, and routing by hand.
#include "engine/cpu/forward.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <random>

#include "tests/engine/tiny_folder.h"

namespace praxis::engine::cpu {
namespace {

using nlohmann::json;
using tests::TinyFolder;

/// A loaded model with cache blocks of its own.
class Runner {
 public:
  Runner(const TinyFolder& folder, std::uint32_t chunk, unsigned threads,
         const Kernels& kernels = best_tier())
      : config_(*parse_config(folder.config.dump(), "config.json")),
        weights_(*load_weights(folder.path(), config_)),
        forward_(config_, weights_, chunk, threads, kernels) {}

  /// Runs tokens from `position` on in passes of at most the chunk; logits of each.
  std::vector<float> run(std::span<const TokenId> ids, std::uint32_t position, Role role) {
    const std::size_t vocab = config_.vocab_size;
    std::vector<float> logits(ids.size() * vocab);
    for (std::size_t done = 0; done < ids.size();) {
      const std::size_t n = std::min<std::size_t>(ids.size() - done, forward_.tokens_max());
      const auto at = static_cast<std::uint32_t>(position + done);
      while (blocks_.size() * kKeysPerBlock < at + n) {
        rows_.emplace_back(config_.layers * kKeysPerBlock * config_.kv_width());
        blocks_.push_back(rows_.back().data());
      }
      forward_.run({ids.subspan(done, n), at, role, blocks_},
                   std::span(logits).subspan(done * vocab, n * vocab));
      done += n;
    }
    return logits;
  }

  std::vector<float> last_only(std::span<const TokenId> ids) {
    std::vector<float> logits(config_.vocab_size);
    rows_.emplace_back(config_.layers * kKeysPerBlock * config_.kv_width());
    blocks_.push_back(rows_.back().data());
    forward_.run({ids, 0, Role::prompt, blocks_}, logits);
    return logits;
  }

 private:
  const Config config_;
  const Weights weights_;
  Forward forward_;
  std::vector<std::vector<float>> rows_;
  std::vector<float*> blocks_;
};

std::vector<TokenId> random_ids(std::size_t n, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<TokenId> ids(n);
  for (TokenId& id : ids) id = static_cast<TokenId>(random() % 300);
  return ids;
}

double relative_rms(const std::vector<float>& a, const std::vector<float>& b) {
  double difference = 0, size = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference += std::pow(double{a[i]} - b[i], 2);
    size += std::pow(double{b[i]}, 2);
  }
  return std::sqrt(difference / size);
}

const TinyFolder& folder() {
  static const TinyFolder folder;
  return folder;
}

/// Wide enough that the team shares the work out.
const TinyFolder& wide_folder() {
  static const TinyFolder folder([](json& c) {
    c["hidden_size"] = 320;
    c["intermediate_size"] = 900;
    c["num_attention_heads"] = c["num_key_value_heads"] = 6;
    c["moe_intermediate_size"] = 150;
    c["vocab_size"] = 900;
  });
  return folder;
}

TEST(Forward, ThreadsAndChunksDoNotChangeABit) {
  for (const TinyFolder* f : {&folder(), &wide_folder()}) {
    for (const Role role : {Role::prompt, Role::decoded}) {
      const auto ids = random_ids(150);
      const auto expected = Runner(*f, 128, 1).run(ids, 0, role);
      for (const unsigned threads : {1u, 2u}) {
        for (const std::uint32_t chunk : {1u, 3u, 16u, 200u}) {
          EXPECT_EQ(Runner(*f, chunk, threads).run(ids, 0, role), expected)
              << threads << " " << chunk;
        }
      }
    }
  }
}

TEST(Forward, EveryTierGivesTheSameBits) {
  const auto ids = random_ids(70);
  for (const Role role : {Role::prompt, Role::decoded}) {
    const auto expected = Runner(folder(), 32, 1, *tiers().back()).run(ids, 0, role);
    for (const Kernels* tier : tiers()) {
      EXPECT_EQ(Runner(folder(), 32, 1, *tier).run(ids, 0, role), expected) << tier->name;
    }
  }
}

TEST(Forward, PromptAndDecodePathsAgreeWithinRounding) {
  for (const TinyFolder* f : {&folder(), &wide_folder()}) {
    const auto ids = random_ids(200, 2);
    const auto prompt = Runner(*f, 128, 1).run(ids, 0, Role::prompt);
    const auto decoded = Runner(*f, 1, 1).run(ids, 0, Role::decoded);
    EXPECT_LT(relative_rms(decoded, prompt), 2e-6);
    EXPECT_NE(decoded, prompt) << "one path served both roles";
  }
}

TEST(Forward, RolesMayAlternateOnOneTimeline) {
  const auto ids = random_ids(180, 3);
  const auto expected = Runner(folder(), 128, 1).run(ids, 0, Role::prompt);
  Runner mixed(folder(), 50, 2);
  std::vector<float> logits;
  Role role = Role::prompt;
  for (std::uint32_t at = 0; at < 180; at += 30) {
    const auto part = mixed.run(std::span(ids).subspan(at, 30), at, role);
    logits.insert(logits.end(), part.begin(), part.end());
    role = role == Role::prompt ? Role::decoded : Role::prompt;
  }
  EXPECT_LT(relative_rms(logits, expected), 2e-6);
}

TEST(Forward, LastLogitsAreTheLastRowOfAll) {
  const auto ids = random_ids(40, 4);
  const auto all = Runner(folder(), 64, 1).run(ids, 0, Role::prompt);
  const auto last = Runner(folder(), 64, 1).last_only(ids);
  EXPECT_EQ(last, std::vector<float>(all.end() - 300, all.end()));
}

TEST(Forward, ATiedHeadIsTheEmbedding) {
  const TinyFolder tied([](json& c) { c["tie_word_embeddings"] = true; });
  TinyFolder untied;
  untied.tensors = tied.tensors;
  untied.tensors["lm_head.weight"] = tied.tensors.at("model.embed_tokens.weight");
  untied.write_weights();
  const auto ids = random_ids(20, 5);
  EXPECT_EQ(Runner(tied, 32, 1).run(ids, 0, Role::prompt),
            Runner(untied, 32, 1).run(ids, 0, Role::prompt));
}

Config routing(std::uint32_t experts, std::uint32_t k, std::uint32_t groups, std::uint32_t kept) {
  Config c;
  c.experts = experts;
  c.experts_per_token = k;
  c.expert_groups = groups;
  c.groups_per_token = kept;
  c.routed_scaling = 2;
  return c;
}

struct Choice {
  std::vector<std::uint32_t> chosen;
  std::vector<float> weight;
};

Choice choose(const Config& c, std::vector<float> affinity, std::vector<float> bias) {
  Choice out{std::vector<std::uint32_t>(c.experts_per_token),
             std::vector<float>(c.experts_per_token)};
  choose_experts(c, affinity, bias, out.chosen, out.weight);
  return out;
}

TEST(Routing, BiasSelectsAndDoesNotWeigh) {
  const Choice choice = choose(routing(4, 2, 1, 1), {0.9f, 0.1f, 0.3f, 0.2f}, {-1, 0.8f, 0, 0});
  EXPECT_EQ(choice.chosen, (std::vector<std::uint32_t>{1, 2}));
  EXPECT_FLOAT_EQ(choice.weight[0], 2 * 0.1f / 0.4f);
  EXPECT_FLOAT_EQ(choice.weight[1], 2 * 0.3f / 0.4f);
}

TEST(Routing, GroupsAreJudgedByTheirTwoBest) {
  // Group 0 holds the single best expert; groups 1 and 2 have the better pairs.
  const std::vector<float> affinity = {0.9f, 0.0f, 0.1f, 0.5f, 0.6f, 0.1f, 0.7f, 0.4f, 0.0f};
  const Choice choice = choose(routing(9, 3, 3, 2), affinity, std::vector<float>(9));
  EXPECT_EQ(choice.chosen, (std::vector<std::uint32_t>{6, 4, 3}));
}

TEST(Routing, NegativeScoresStayInsideTheKeptGroups) {
  // A dropped group must lose to any kept expert, even to one whose biased score is below zero.
  const Choice choice =
      choose(routing(4, 2, 2, 1), {0.1f, 0.2f, 0.1f, 0.1f}, {-0.5f, -0.5f, -0.6f, -0.7f});
  EXPECT_EQ(choice.chosen, (std::vector<std::uint32_t>{1, 0}));
}

TEST(Routing, TiesGoToTheLowerIndex) {
  const Choice choice =
      choose(routing(6, 2, 3, 2), std::vector<float>(6, 0.5f), std::vector<float>(6));
  EXPECT_EQ(choice.chosen, (std::vector<std::uint32_t>{0, 1}));
}

TEST(Routing, WeightsAreLeftAloneWithoutNormalisation) {
  Config c = routing(3, 2, 1, 1);
  c.normalize_weights = false;
  EXPECT_EQ(choose(c, {0.2f, 0.4f, 0.3f}, {0, 0, 0}).weight, (std::vector<float>{0.8f, 0.6f}));
}

}  // namespace
}  // namespace praxis::engine::cpu
