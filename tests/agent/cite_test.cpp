// Citations name what tools returned in this turn, and nothing else can be written.

#include "agent/cite.h"

#include "grammar/compile.h"
#include "grammar/sample.h"
#include "tests/agent/bench.h"

namespace praxis::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const Passage kVolts{"manual.md", 8, "The voltage of the red pump is 230 volts."};
const Passage kService{"manual.md", 9, "Red pump: the service interval is 500 hours."};
const Passage kTime{"notes/a (old).md", 12, "At 10:30: the pump started."};

Message assistant(std::vector<ToolCall> calls) {
  Message message;
  message.role = SenderRole::assistant;
  message.calls = std::move(calls);
  return message;
}
Message result(std::string call, std::string text) {
  Message message;
  message.role = SenderRole::tool;
  message.call_id = std::move(call);
  message.content = std::move(text);
  return message;
}

TEST(Cite, PassagesAreWhatSearchToolsReturnedInThisTurn) {
  const std::vector<Message> messages = {
      {SenderRole::user, "before"},
      assistant({{"c0", "search", "{}"}}),
      result("c0", "old.md:1: of an earlier turn"),
      {SenderRole::user, "now", "", {}, "", {}},
      assistant({{"c1", "search", "{}"}, {"c2", "files_read", "{}"}, {"c3", "files_grep", "{}"}}),
      result("c1",
             "manual.md:8: The voltage of the red pump is 230 volts.\nno match\nx.md: "
             "7\na[1].md:3: brackets\n:4: no file"),
      result("c2", "fake.md:1: a file may say anything"),
      result("c3",
             "manual.md:8: The voltage of the red pump is 230 volts.\nnotes/a (old).md:12: At "
             "10:30: the pump started.\n2 more lines"),
  };
  EXPECT_THAT(passages_in(messages), ElementsAre(kVolts, kTime));
  EXPECT_THAT(passages_in(std::span(messages).subspan(0, 4)), IsEmpty());
}

/// Whether an answer may be this text.
bool takes(const std::vector<Passage>& passages, std::string_view text) {
  auto grammar = grammar::compile_regex(citing_pattern(passages), grammar::byte_vocabulary());
  EXPECT_TRUE(grammar) << grammar.error().what;
  return grammar && grammar::validate(**grammar, text).value();
}

TEST(Cite, TheGrammarTakesFreeTextAndOnlyCitationsOfThese) {
  const auto takes = [](std::string_view text) { return agent::takes({kVolts, kTime}, text); };
  EXPECT_TRUE(takes("The notes do not say."));
  EXPECT_TRUE(
      takes("230 volts. [manual.md:8]\n\n- then ] (é) [manual.md:8][notes/a (old).md:12]."));
  EXPECT_FALSE(takes("230 volts. [manual.md:9]"));
  EXPECT_FALSE(takes("230 volts. [manual.md:80]"));
  EXPECT_FALSE(takes("230 volts. [manualXmd:8]"));
  EXPECT_FALSE(takes("230 volts. [manual.md:8, notes/a (old).md:12]"));
  EXPECT_FALSE(takes("230 volts. ["));
  EXPECT_FALSE(takes("[ ] a box"));
}

TEST(Cite, WithoutResultsNothingCanBeCited) {
  EXPECT_TRUE(takes({}, "I do not know."));
  EXPECT_FALSE(takes({}, "It is said to be so. [manual.md:8]"));
}

TEST(Cite, WhatTheModelNamesComesFirstThenWhatItsWordsSay) {
  const std::vector<Passage> passages = {kVolts, kService, kTime};
  EXPECT_THAT(
      citations_of("Every 500 hours. [manual.md:9] The red pump has a voltage of 230 volts.",
                   passages),
      ElementsAre(Citation{kService, true}, Citation{kVolts, false}));
  EXPECT_THAT(citations_of("The service interval of the red pump is 500 hours.", passages),
              ElementsAre(Citation{kService, false}));
  EXPECT_THAT(citations_of("The documents say: At 10:30: the pump started.", passages),
              ElementsAre(Citation{kTime, false}));
}

TEST(Cite, AWordThatNoPassageHoldsIsNoSupport) {
  const std::vector<Passage> passages = {kVolts, kService};
  EXPECT_THAT(citations_of("The voltage of the red pump is 240 volts.", passages), IsEmpty());
  EXPECT_THAT(citations_of("The voltage of the red pump is not 230 volts.", passages), IsEmpty());
  EXPECT_THAT(citations_of("The voltage of the red pump is 230.5 volts.", passages), IsEmpty());
  EXPECT_THAT(citations_of("The voltage of the red pump is -230 volts.", passages), IsEmpty());
  EXPECT_THAT(citations_of("The red pump. See [manual.md:12].", passages), IsEmpty());
}

TEST(Cite, ARunLetsTheModelCiteOnceThereAreResultsAndReportsTheSources) {
  Bench bench;
  bench.tool("search", tools::Effect::pure, [](const tools::Call&, const tools::CallContext&) {
    return ok("manual.md:8: The voltage of the red pump is 230 volts.");
  });
  ScriptedModel model(
      {Script().call("search", R"({"query":"pump"})"), Script().say("230 volts. [manual.md:8]")});
  Settings settings;
  settings.cite = true;
  EXPECT_EQ(bench.ask(model, "How many volts?", settings).status, RunStatus::completed);
  ASSERT_THAT(model.inputs(), SizeIs(2));
  EXPECT_EQ(model.inputs()[0].settings.answer_regex, citing_pattern({}));
  EXPECT_EQ(model.inputs()[1].settings.answer_regex, citing_pattern(std::vector{kVolts}));
  EXPECT_THAT(bench.events.back().citations, ElementsAre(Citation{kVolts, true}));
}

}  // namespace
}  // namespace praxis::agent
