// Constraints through the engine: masks, forced runs as batches, ends, and what goes wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "tests/engine/requests.h"

namespace praxis::engine {
namespace {

using namespace tests;
using testing::HasSubstr;

/// Steps in order: a run of forced tokens, or a choice among some. Finished after the last.
class Script final : public Constraint {
 public:
  struct Step {
    std::vector<TokenId> forced;   // when not empty
    std::vector<TokenId> allowed;  // otherwise
  };
  explicit Script(std::vector<Step> steps, bool forced_as_choice = false)
      : steps_(steps.begin(), steps.end()), forced_as_choice_(forced_as_choice) {
    if (!forced_as_choice_) return;
    // The same tokens as choices of one: each costs a pass of its own.
    std::deque<Step> singles;
    for (const Step& s : steps_) {
      if (s.forced.empty()) singles.push_back(s);
      for (TokenId id : s.forced) singles.push_back(Step{{}, {id}});
    }
    steps_ = std::move(singles);
  }

  void mask(std::span<std::uint32_t> bits) override {
    for (TokenId id : steps_.front().allowed)
      bits[static_cast<std::size_t>(id) / 32] |= 1u << (id % 32);
  }
  std::vector<TokenId> forced() override {
    if (steps_.empty() || steps_.front().forced.empty()) return {};
    auto out = steps_.front().forced;
    steps_.pop_front();
    return out;
  }
  void accept(TokenId id) override {
    accepted.push_back(id);
    steps_.pop_front();
  }
  bool finished() const override { return steps_.empty(); }

  std::vector<TokenId> accepted;

 private:
  std::deque<Step> steps_;
  bool forced_as_choice_;
};

std::vector<TokenId> range(TokenId first, TokenId last) {
  std::vector<TokenId> out;
  for (TokenId id = first; id < last; ++id) out.push_back(id);
  return out;
}

std::vector<Script::Step> tool_call() {
  const std::vector<TokenId> any = range(0, kVocab);
  return {{{}, any},           {{}, any}, {{5, 6, 7, 8, 9}, {}},
          {{}, range(10, 40)}, {{}, any}, {{11, 12, 13}, {}},
          {{}, any},           {{}, any}, {{}, any},
          {{2}, {}},           {{}, any}, {{}, any},
          {{}, any},           {{}, any}, {{3, 1}, {}}};
}

TEST(Constrained, ReportsTokensAsTheyCome) {
  const auto engine = load();
  std::vector<Decoded> seen;
  std::vector<std::size_t> sizes;
  Request r = request(prompt(20), 40);
  r.constraint = std::make_shared<Script>(tool_call());
  r.on_tokens = [&](std::span<const Decoded> tokens) {
    seen.insert(seen.end(), tokens.begin(), tokens.end());
    sizes.push_back(tokens.size());
  };
  const Generation g = run(*engine, r);
  ASSERT_EQ(seen.size(), g.tokens.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    EXPECT_EQ(seen[i].id, g.tokens[i].id);
    EXPECT_EQ(seen[i].forced, g.tokens[i].forced);
  }
  EXPECT_EQ(sizes, (std::vector<std::size_t>{1, 1, 5, 1, 1, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2}));
}

TEST(Constrained, AConstraintIsFollowedToItsEnd) {
  const auto engine = load();
  auto script = std::make_shared<Script>(tool_call());
  Request r = request(prompt(20), 100);
  r.constraint = script;
  const Generation g = run(*engine, r);
  EXPECT_EQ(g.finish, Finish::stop);
  ASSERT_EQ(g.tokens.size(), 22u);
  std::vector<TokenId> forced, chosen;
  for (const Decoded& d : g.tokens) (d.forced ? forced : chosen).push_back(d.id);
  EXPECT_EQ(forced, (std::vector<TokenId>{5, 6, 7, 8, 9, 11, 12, 13, 2, 3, 1}));
  EXPECT_EQ(chosen, script->accepted);
  EXPECT_TRUE(g.tokens[7].id >= 10 && g.tokens[7].id < 40);
}

TEST(Constrained, ForcedTokensInOneBatchEqualThemOneByOne) {
  for (const std::uint32_t chunk : {2u, 64u}) {
    Request batch = request(prompt(30), 100), single = request(prompt(30), 100);
    batch.constraint = std::make_shared<Script>(tool_call());
    single.constraint = std::make_shared<Script>(tool_call(), true);
    const auto engine = load_sharp(chunk);
    const auto once = ids(run(*engine, batch));
    EXPECT_EQ(once, ids(run(*load_sharp(), single)));

    // And on from there, over the rows that the batch left.
    std::vector<Token> next = prompt(30);
    for (TokenId id : once) next.push_back({id, Role::decoded});
    EXPECT_EQ(engine->cached_prefix(next), next.size());
    EXPECT_EQ(ids(run(*engine, request(next, 40))), ids(run(*load_sharp(), request(next, 40))));
  }
}

TEST(Constrained, ForcedTokensHaveLogprobsAndAreTheSameBitsWithThem) {
  const auto engine = load_sharp(), other = load_sharp();
  Request plain = request(prompt(30), 100), asked = plain;
  plain.constraint = std::make_shared<Script>(tool_call());
  asked.constraint = std::make_shared<Script>(tool_call());
  asked.logprobs = 1;
  const Generation g = run(*engine, asked);
  EXPECT_EQ(ids(g), ids(run(*other, plain)));
  for (const Decoded& d : g.tokens) {
    ASSERT_NE(d.logprobs, nullptr);
    EXPECT_LE(d.logprobs->chosen, d.logprobs->top.front().logprob);
    EXPECT_LE(d.logprobs->top.front().logprob, 0);
    // The model's own view, though the mask made forced ones certain.
    EXPECT_LT(d.logprobs->chosen, 0);
  }
  const auto next = next_turn(prompt(30), g);
  EXPECT_EQ(ids(run(*engine, request(next, 40))), ids(run(*other, request(next, 40))));
}

TEST(Constrained, PenaltiesCountForcedTokens) {
  Request r = request(prompt(20), 50);
  r.sampling.temperature = 0;
  r.sampling.presence_penalty = 1e6f;
  r.constraint = std::make_shared<Script>(
      std::vector<Script::Step>{{{5, 6}, {}}, {{}, {5, 6, 7}}, {{}, {5, 6}}});
  const auto all = ids(run(*load(), r));
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[2], 7);  // the one of the three that was not forced before
}

TEST(Constrained, ForcedTokensCountAgainstTheLimit) {
  const auto engine = load();
  Request r = request(prompt(20), 5);
  r.constraint = std::make_shared<Script>(tool_call());
  const Generation g = run(*engine, r);
  EXPECT_EQ(g.finish, Finish::length);
  EXPECT_EQ(g.tokens.size(), 5u);
  EXPECT_EQ(ids(g)[4], 7);
}

TEST(Constrained, AForcedRunThatIsCutEndsWithLength) {
  Request r = request(prompt(20), 2);
  r.constraint = std::make_shared<Script>(std::vector<Script::Step>{{{5, 6, 7}, {}}});
  const Generation g = run(*load(), r);
  EXPECT_EQ(g.finish, Finish::length);
  EXPECT_EQ(ids(g), (std::vector<TokenId>{5, 6}));
}

TEST(Constrained, AForcedStopTokenEndsTheRun) {
  const auto engine = load();
  Request r = request(prompt(20), 50);
  r.constraint = std::make_shared<Script>(tool_call());
  r.stop = {6};
  const Generation g = run(*engine, r);
  EXPECT_EQ(g.finish, Finish::stop);
  EXPECT_EQ(ids(g).back(), 6);
}

TEST(Constrained, AConstraintThatIsFinishedBeforeItStartsEndsAtOnce) {
  Request r = request(prompt(20), 50);
  r.constraint = std::make_shared<Script>(std::vector<Script::Step>{});
  const Generation g = run(*load(), r);
  EXPECT_EQ(g.finish, Finish::stop);
  EXPECT_TRUE(g.tokens.empty());
}

TEST(Constrained, AConstraintThatAllowsNothingIsAnError) {
  Request r = request(prompt(20), 50);
  r.constraint = std::make_shared<Script>(std::vector<Script::Step>{{{}, {}}});
  const auto result = load()->submit(r).wait();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::internal);
  EXPECT_THAT(result.error().what, HasSubstr("allows no token at position 20"));
}

TEST(Constrained, AForcedIdOutsideTheVocabularyIsAnError) {
  for (const TokenId bad : {static_cast<TokenId>(kVocab), -1}) {
    Request r = request(prompt(20), 50);
    r.constraint = std::make_shared<Script>(std::vector<Script::Step>{{{3, bad}, {}}});
    const auto result = load()->submit(r).wait();
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::internal);
  }
}

}  // namespace
}  // namespace praxis::engine
