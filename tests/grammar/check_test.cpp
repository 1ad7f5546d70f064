// Whole texts against a schema: the verdict of every schema's own judge, and what it says of a no.

#include "grammar/check.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "grammar/sample.h"
#include "schemas.h"
#include "support.h"

namespace praxis::grammar::test {
namespace {

Checker checker(std::string_view schema, const CompileOptions& options = {}) {
  auto made = Checker::create(schema, options);
  EXPECT_TRUE(made) << schema << "\n" << made.error().what;
  return std::move(*made);
}

/// "", or "schema path @ instance path (byte)".
std::string verdict(const Checker& judge, std::string_view text) {
  const auto failure = judge.check(text);
  if (!failure) return failure.error().where + ": " + failure.error().what;
  if (!*failure) return "";
  return (**failure).schema_path + " @ " + (**failure).instance_path + " (" +
         std::to_string((**failure).byte) + ")";
}

TEST(Check, TellsWhereInTheTextAndWhereInTheSchema) {
  const Checker judge = checker(
      R"({"type":"object","properties":{"to":{"type":"array","items":{"type":"string","minLength":3}},"n":{"maximum":9}},"required":["to"]})");
  EXPECT_EQ(verdict(judge, R"({"to":["you & me"], "n":9})"), "");
  EXPECT_EQ(verdict(judge, R"({"to": ["you", "me"]})"),
            "$.properties.to.items.minLength @ $.to[1] (15)");
  EXPECT_EQ(verdict(judge, R"({"to":[],"n":10})"), "$.properties.n.maximum @ $.n (13)");
  EXPECT_EQ(verdict(judge, " {}"), "$.required @ $ (1)");
  EXPECT_EQ(verdict(judge, "[]"), "$.type @ $ (0)");
}

TEST(Check, WhatIsNoJsonIsAnErrorThatNamesItsByte) {
  const Checker judge = checker("true");
  const auto failure = judge.check(R"({"a":[1,}]})");
  ASSERT_FALSE(failure);
  EXPECT_EQ(failure.error().code, ErrorCode::bad_json);
  EXPECT_EQ(verdict(judge, R"({"a":[1,}]})"), "$.a: not JSON at byte 8: no value");
  EXPECT_FALSE(validate(*must_compile("true"), "{").value());
}

TEST(Check, OptionsAreThoseOfTheGrammar) {
  CompileOptions strict, noted;
  strict.strict = true;
  noted.formats = Formats::annotations;
  const char* const schema = R"({"properties":{"day":{"format":"date"}}})";
  EXPECT_EQ(verdict(checker(schema), R"({"other":1})"), "");
  EXPECT_NE(verdict(checker(schema, strict), R"({"other":1})"), "");
  EXPECT_NE(verdict(checker(schema), R"({"day":"tomorrow"})"), "");
  EXPECT_EQ(verdict(checker(schema, noted), R"({"day":"tomorrow"})"), "");
}

TEST(Check, ASchemaThatCannotBeJudgedIsRefusedByPath) {
  for (const auto& [schema, where] :
       {std::pair{R"({"type":"strin"})", "$.type"},
        std::pair{R"({"items":{"pattern":"(a)\\1"}})", "$.items.pattern"},
        std::pair{R"({"$ref":"#/$defs/none"})", "$.$ref"}}) {
    const auto made = Checker::create(schema);
    ASSERT_FALSE(made) << schema;
    EXPECT_EQ(made.error().where, where) << made.error().what;
  }
  EXPECT_TRUE(Checker::create(R"({"type":"integer","minimum":3,"maximum":2})"))
      << "judging needs no value that satisfies it";
}

TEST(Check, AgreesWithAnotherJudgeOnValuesThatAreNearlyValid) {
  std::mt19937 random(11);
  int yes = 0, no = 0;
  for (const auto& schema : kSchemas) {
    const auto grammar = must_compile(schema, {}, grammar::byte_vocabulary());
    const Checker judge = checker(schema);
    auto from = Sampler::create(grammar, {random(), 400});
    ASSERT_TRUE(from) << schema;
    for (int i = 0; i < 60 / kCasesDivisor; ++i) {
      std::string text = from->next().value();
      for (std::size_t changes = random() % 3; changes > 0; --changes) {
        constexpr std::string_view kBytes = "0123456789-ax\",:[]{}";
        const std::size_t at = random() % text.size();
        if (random() % 3) text[at] = kBytes[random() % kBytes.size()];
        else text.erase(at, 1);
        if (text.empty()) text = "0";
      }
      Value value;
      const bool json = parse(text, value);
      const auto failure = judge.check(text);
      if (!failure) {
        ASSERT_EQ(failure.error().code == ErrorCode::bad_json, !json) << text << "\n"
                                                                      << failure.error().what;
        continue;
      }
      ASSERT_EQ(!failure->has_value(), conforms(schema, text)) << schema << "\n" << text;
      ++(failure->has_value() ? no : yes);
    }
  }
  EXPECT_GT(yes, 500 / kCasesDivisor);
  EXPECT_GT(no, 200 / kCasesDivisor);
}

TEST(Check, StaysRightAfterManyTextsOfAPatternWithManyStates) {
  // 2^13 states; whether the thirteenth character from the end is an a.
  const Checker judge = checker(R"({"type":"string","pattern":"^[ab]*a[ab]{12}$"})");
  std::mt19937 random(4);
  for (int i = 0; i < 400; ++i) {
    std::string text(40, 'a');
    for (char& c : text) c = "ab"[random() % 2];
    ASSERT_EQ(verdict(judge, '"' + text + '"').empty(), text[text.size() - 13] == 'a') << text;
  }
}

TEST(Check, ATextBeyondTheStatesThatAreKeptHasNoVerdictAndTheNextIsJudgedAfresh) {
  if (kCasesDivisor > 1) GTEST_SKIP() << "three million states take a minute under sanitizers";
  const Checker judge = checker(R"({"type":"string","pattern":"^[ab]*a[ab]{20}$"})");
  std::mt19937 random(1);
  std::string text(3'000'000, 'a');
  for (char& c : text) c = "ab"[random() % 2];
  text.replace(text.size() - 21, 1, "a");
  const auto failure = judge.check('"' + text + '"');
  ASSERT_FALSE(failure) << "the text satisfies the pattern";
  EXPECT_EQ(failure.error().code, ErrorCode::limit);
  EXPECT_EQ(verdict(judge, '"' + text.substr(text.size() - 100) + '"'), "");
}

TEST(Check, ServesManyThreads) {
  const Checker judge = checker(R"({"type":"string","pattern":"^(ab)*$"})");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&judge] {
      std::string text;
      for (int i = 0; i < 200; text += i % 2 ? 'b' : 'a', ++i) {
        const auto failure = judge.check('"' + text + '"');
        EXPECT_TRUE(failure && failure->has_value() == (text.size() % 2 == 1)) << text;
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

}  // namespace
}  // namespace praxis::grammar::test
