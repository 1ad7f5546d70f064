// What a dialect lets a model write: the structure it hands to the grammar, walked token by token.

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <random>

#include "agent/dialect/markers.h"
#include "grammar/compile.h"
#include "tests/agent/dialect_streams.h"

namespace praxis::agent::testing {
namespace {

constexpr const char* kSchema =
    R"({"type":"object","properties":{"q":{"type":"string"},"n":{"type":"integer"}},"required":["q"],"additionalProperties":false})";

class Structures : public ::testing::TestWithParam<std::string> {
 protected:
  Structures() : dialect_(dialect_named(GetParam())), vocabulary_(tiny_vocabulary()) {}

  StructureInput input(grammar::ToolChoice choice, bool thinking) const {
    StructureInput in;
    in.choice = choice;
    in.thinking = thinking;
    in.tokens_max = 400;
    const auto schema = grammar::compile(kSchema, vocabulary_);
    EXPECT_TRUE(schema.has_value()) << schema.error().what;
    if (choice != grammar::ToolChoice::none) in.tools = {{"find", *schema}, {"find_all", *schema}};
    return in;
  }
  grammar::Structure structure(const StructureInput& in) const {
    auto made = grammar::Structure::create(dialect_->structure(in), vocabulary_);
    if (!made) throw std::runtime_error(made.error().what);
    return std::move(*made);
  }
  /// The markers by which this dialect's output begins to think.
  std::string opening() const { return GetParam() == "r1_0528" ? "<think>\n" : ""; }

  std::vector<bool> allowed(grammar::Structure& s) const {
    std::vector<std::uint32_t> bits(vocabulary_->mask_words(), 0);
    s.mask(bits);
    std::vector<bool> out(vocabulary_->size());
    for (std::size_t i = 0; i < out.size(); ++i) out[i] = bits[i / 32] >> (i % 32) & 1;
    return out;
  }
  bool allows(grammar::Structure& s, std::string_view control) const {
    return allowed(s)[static_cast<std::size_t>(tiny_tokenizer().control(control).value())];
  }
  void write(grammar::Structure& s, const std::string& marked) const {
    for (const auto id : canonical(pieces(marked))) {
      EXPECT_TRUE(allowed(s)[static_cast<std::size_t>(id)])
          << tiny_tokenizer().bytes(id) << " of " << marked;
      ASSERT_TRUE(s.accept(id)) << tiny_tokenizer().bytes(id) << " of " << marked;
    }
  }

  std::unique_ptr<Dialect> dialect_;
  std::shared_ptr<const grammar::Vocabulary> vocabulary_;
};

INSTANTIATE_TEST_SUITE_P(Dialects, Structures, ::testing::Values("r1_0528", "r1", "r1_fixed"),
                         [](const auto& info) { return info.param; });

TEST_P(Structures, ThinkingBeginsWhereThePromptLeftOff) {
  auto s = structure(input(grammar::ToolChoice::automatic, true));
  const auto bits = allowed(s);
  if (GetParam() == "r1_0528") {
    EXPECT_EQ(std::count(bits.begin(), bits.end(), true), 1);
    EXPECT_TRUE(allows(s, marker::kThink));
    EXPECT_EQ(s.forced(), canonical(pieces("<think>\n")));
  } else {
    EXPECT_FALSE(allows(s, marker::kThink));
    EXPECT_GT(std::count(bits.begin(), bits.end(), true), 256);
    EXPECT_TRUE(s.forced().empty());
  }
  EXPECT_EQ(s.phase(), grammar::Phase::thinking);
}

// vllm#18255, #16182, #50948: the grammar of the answer was applied inside the thinking.
TEST_P(Structures, ThinkingIsFreeTextWhateverTheAnswerMustBe) {
  auto in = input(grammar::ToolChoice::none, true);
  in.answer = grammar::compile(kSchema, vocabulary_).value();
  auto s = structure(in);
  write(s, opening() +
               "Let me think: [1, 2} and \"so "
               "on\n</think>\n\n{\"q\":\"x\",\"n\":3}<｜end▁of▁sentence｜>");
  EXPECT_TRUE(s.finished());
}

TEST_P(Structures, NoCallAndNoOtherControlTokenInsideThinking) {
  auto s = structure(input(grammar::ToolChoice::automatic, true));
  write(s, opening() + "Hm.");
  for (const std::string& name : tiny_tokenizer().control_names())
    EXPECT_EQ(allows(s, name), name == marker::kThinkEnd) << name;
}

// vLLM RFC #32142, sglang PR #21593: a required call was forced to be a JSON array of the engine's
// own making instead of the model's native markers.
TEST_P(Structures, RequiredCallsUseTheNativeMarkers) {
  auto s = structure(input(grammar::ToolChoice::required, true));
  write(s, opening() + "Hm.\n</think>\n\n");
  const auto bits = allowed(s);
  const auto calls = static_cast<std::size_t>(tiny_tokenizer().control(marker::kCalls).value());
  EXPECT_EQ(std::count(bits.begin(), bits.end(), true), 1);
  EXPECT_TRUE(bits[calls]);
  write(s,
        "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>find_all\n```json\n{"
        "\"q\":\"x\"}\n```<｜tool▁call▁end｜>"
        "\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>find\n```json\n{\"q\":\"\",\"n\":-1}\n```<"
        "｜tool▁call▁end｜>"
        "<｜tool▁calls▁end｜><｜end▁of▁sentence｜>");
  EXPECT_TRUE(s.finished());
}

TEST_P(Structures, AutomaticChoiceAllowsTextThenCalls) {
  auto s = structure(input(grammar::ToolChoice::automatic, false));
  write(s,
        "I look it "
        "up.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>find\n```json\n{\"q\":"
        "\"x\"}\n```"
        "<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>");
  EXPECT_TRUE(s.finished());
}

// tt-inference-server#3683: with tool_choice none the markers of calls came out all the same.
TEST_P(Structures, ChoiceNoneAllowsNoMarkerButTheEnd) {
  auto s = structure(input(grammar::ToolChoice::none, false));
  write(s, "Just text");
  for (const std::string& name : tiny_tokenizer().control_names())
    EXPECT_EQ(allows(s, name), name == marker::kEnd) << name;
}

// tt-inference-server#3683: the budget was spent in the thinking, and the call never came.
TEST_P(Structures, BudgetSpentThinkingStillLeavesTheWholeCall) {
  std::mt19937 random(3);
  for (int round = 0; round < 40; ++round) {
    auto in = input(grammar::ToolChoice::required, true);
    in.tokens_max = 120;
    in.think_tokens_max = round % 2 ? 30 : 0;
    auto s = structure(in);
    Ids ids;
    while (!s.finished()) {
      for (const auto id : s.forced()) ids.push_back(id);
      if (s.finished()) break;
      // A model that would rather not stop: the thinking is closed and strings end only if they
      // must.
      const auto bits = allowed(s);
      Ids choice, longer;
      for (std::size_t i = 0; i < bits.size(); ++i) {
        const auto id = static_cast<engine::TokenId>(i);
        if (!bits[i]) continue;
        choice.push_back(id);
        if (!tiny_tokenizer().is_control(id) &&
            tiny_tokenizer().bytes(id).find('"') == std::string_view::npos)
          longer.push_back(id);
      }
      ASSERT_FALSE(choice.empty());
      const Ids& from = longer.empty() ? choice : longer;
      ids.push_back(from[random() % from.size()]);
      ASSERT_TRUE(s.accept(ids.back()));
      ASSERT_LE(ids.size(), in.tokens_max);
    }
    EXPECT_LE(ids.size(), in.tokens_max);
    const auto deltas = parse(*dialect_, true, ids);
    ASSERT_FALSE(deltas.empty());
    EXPECT_EQ(deltas.back().kind, ParsedDelta::Kind::call_end) << describe(deltas);
    for (const auto& delta : deltas) {
      if (delta.kind != ParsedDelta::Kind::call_arguments) continue;
      EXPECT_TRUE(nlohmann::json::accept(delta.text)) << delta.text;
    }
  }
}

}  // namespace
}  // namespace praxis::agent::testing
