// Drafts: a structure looks ahead without moving, and goes back without a trace.

#include <gtest/gtest.h>

#include <algorithm>

#include "structures.h"

namespace praxis::grammar::test {
namespace {

/// All that can be seen of a structure, and how it goes on: budgets show only later.
struct Seen {
  std::vector<std::uint32_t> mask;
  Phase phase;
  bool finished, cut;
  std::uint32_t to_finish;
  std::size_t text_held;
  std::vector<TokenId> forced;
  bool operator==(const Seen&) const = default;
};

Seen seen(const Structure& structure, const Vocabulary& vocabulary) {
  const std::vector<TokenId> text(300, kControls + 'a');
  return Seen{mask_of(structure, vocabulary), structure.phase(),
              structure.finished(),           structure.cut(),
              structure.tokens_to_finish(),   structure.validate(text),
              structure.fork().forced()};
}

std::size_t accepted_one_by_one(Structure structure, const std::vector<TokenId>& draft) {
  std::size_t held = 0;
  while (held < draft.size() && structure.accept(draft[held])) ++held;
  return held;
}

/// Specs of every form, with budgets small enough to bind.
std::vector<StructureSpec> some_specs(const std::shared_ptr<const Vocabulary>& vocabulary,
                                      std::mt19937& random) {
  std::vector<StructureSpec> specs;
  for (const CallFormat& format : {r1_format(), text_format(), hermes_format()}) {
    for (const bool thinking : {false, true}) {
      for (const bool answer : {false, true}) {
        for (const auto choice : {ToolChoice::none, ToolChoice::automatic, ToolChoice::required}) {
          StructureSpec spec = spec_for(vocabulary, thinking, choice, answer, format);
          spec.tokens_max = least_of(spec, vocabulary) + random() % 120;
          if (thinking) spec.thinking->tokens_max = random() % 2 ? 7 : 0;
          specs.push_back(std::move(spec));
        }
      }
    }
  }
  return specs;
}

TEST(Drafts, AreJudgedAsIfAcceptedOneByOne) {
  std::mt19937 random(31);
  std::size_t whole = 0, broken = 0;
  for (const auto& vocabulary : {byte_vocabulary(), bpe_vocabulary()}) {
    for (const StructureSpec& spec : some_specs(vocabulary, random)) {
      auto structure = Structure::create(spec, vocabulary);
      ASSERT_TRUE(structure);
      const Drawn run = draw(*structure, *vocabulary, spec.tokens_max,
                             some_controls(*vocabulary, random), random() % 2 == 0);
      ASSERT_EQ(run.problem, "");
      auto fresh = Structure::create(spec, vocabulary);
      const std::size_t from = random() % run.tokens.size();
      for (std::size_t i = 0; i < from; ++i) ASSERT_TRUE(fresh->accept(run.tokens[i]));
      const Seen before = seen(*fresh, *vocabulary);
      for (int i = 0; i < 8; ++i) {
        std::vector<TokenId> draft(run.tokens.begin() + static_cast<std::ptrdiff_t>(from),
                                   run.tokens.end());
        draft.push_back(kControls + 'x');  // behind the end nothing holds
        if (i > 0) draft[random() % draft.size()] = static_cast<TokenId>(random() % 280) - 5;
        const std::size_t held = fresh->validate(draft);
        ASSERT_EQ(held, accepted_one_by_one(fresh->fork(), draft));
        ASSERT_TRUE(i > 0 || held + 1 == draft.size());
        ++(held + 1 == draft.size() ? whole : broken);
        ASSERT_EQ(seen(*fresh, *vocabulary), before);
      }
    }
  }
  EXPECT_GT(whole, 70u);
  EXPECT_GT(broken, 200u);
}

TEST(Drafts, RollbackLeavesNoTrace) {
  std::mt19937 random(32);
  for (const auto& vocabulary : {byte_vocabulary(), bpe_vocabulary()}) {
    for (const StructureSpec& spec : some_specs(vocabulary, random)) {
      auto structure = Structure::create(spec, vocabulary);
      ASSERT_TRUE(structure);
      std::vector<Seen> history;  // before each token
      std::size_t accepted = 0;
      const Choose choose = some_controls(*vocabulary, random);
      for (int turn = 0; turn < 200; ++turn) {
        history.resize(accepted);
        history.push_back(seen(*structure, *vocabulary));
        const auto allowed = allowed_tokens(*vocabulary, history.back().mask);
        if (turn % 7 == 6 || allowed.empty()) {
          const std::size_t back = random() % (accepted + 1);
          structure->rollback(back);
          accepted -= back;
          ASSERT_EQ(seen(*structure, *vocabulary), history[accepted]);
        } else {
          ASSERT_TRUE(structure->accept(choose(allowed)));
          ++accepted;
        }
      }
      structure->rollback(accepted + 5);  // more than there are: all
      ASSERT_EQ(seen(*structure, *vocabulary), history[0]);
    }
  }
}

TEST(Drafts, ForcedTokensAreUndoneOneByOne) {
  const auto vocabulary = bpe_vocabulary();
  StructureSpec spec = spec_for(vocabulary, true, ToolChoice::required, false);
  spec.thinking->tokens_max = 3;
  auto structure = Structure::create(spec, vocabulary);
  structure->forced();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(structure->accept(kControls + 'a'));
  const Seen before = seen(*structure, *vocabulary);
  const auto forced = structure->forced();
  ASSERT_GT(forced.size(), 4u);
  structure->rollback(forced.size());
  EXPECT_EQ(seen(*structure, *vocabulary), before);
  EXPECT_EQ(structure->forced(), forced);
  // The thinking's own budget counts anew.
  structure->rollback(forced.size() + 1);
  EXPECT_EQ(structure->phase(), Phase::thinking);
  EXPECT_TRUE(structure->forced().empty());
  ASSERT_TRUE(structure->accept(kControls + 'b'));
  EXPECT_EQ(structure->forced(), forced);
}

TEST(Drafts, AForkGoesItsOwnWay) {
  const auto vocabulary = byte_vocabulary();
  auto structure = Structure::create(
      spec_for(vocabulary, false, ToolChoice::automatic, false, hermes_format()), vocabulary);
  for (const char c : std::string("a <tool"))
    ASSERT_TRUE(structure->accept(kControls + static_cast<std::uint8_t>(c)));
  const Seen before = seen(*structure, *vocabulary);
  Structure fork = structure->fork();
  EXPECT_EQ(seen(fork, *vocabulary), before);
  for (const char c : std::string("_call>"))
    ASSERT_TRUE(fork.accept(kControls + static_cast<std::uint8_t>(c)));
  EXPECT_EQ(fork.phase(), Phase::calls);
  EXPECT_EQ(seen(*structure, *vocabulary), before);
  fork.rollback(6 + 7);  // its past is its own, too
  EXPECT_EQ(fork.tokens_to_finish(), 1u);
  EXPECT_EQ(seen(*structure, *vocabulary), before);
}

TEST(Drafts, ATriggerInsideADraftBindsTheRestOfIt) {
  const auto vocabulary = byte_vocabulary();
  const auto bytes = [](std::string_view text) {
    std::vector<TokenId> ids;
    for (const char c : text) ids.push_back(kControls + static_cast<std::uint8_t>(c));
    return ids;
  };
  const auto structure = Structure::create(
      spec_for(vocabulary, false, ToolChoice::automatic, false, hermes_format()), vocabulary);
  const std::string good =
      "so <<tool_call>\n{\"name\": \"add\", \"arguments\": {\"x\":1,\"y\":2}}\n</tool_call> and";
  EXPECT_EQ(structure->validate(bytes(good)), good.size());
  const std::string bad = "so <<tool_call>{";
  EXPECT_EQ(structure->validate(bytes(bad)), bad.size() - 1);
  for (const TokenId id : {-1, 1'000'000, static_cast<TokenId>(kOther)})
    EXPECT_EQ(structure->validate(std::vector<TokenId>{kControls + 'a', id}), 1u) << id;
  EXPECT_EQ(structure->validate({}), 0u);
}

}  // namespace
}  // namespace praxis::grammar::test
