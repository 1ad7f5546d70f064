// Random values of a schema: valid, within their bound, the same by seed, and worth looking at.

#include "grammar/sample.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "grammar/check.h"
#include "schemas.h"
#include "support.h"

namespace praxis::grammar::test {
namespace {

/// Beyond those that every walk takes: what only whole values or texts of a kind can satisfy.
const std::vector<std::string> kMore = {
    R"({"type":"string","format":"email"})",
    R"({"type":"string","format":"date-time"})",
    R"({"type":"string","pattern":"^[A-Z]{2}-[0-9]{3,5}$","maxLength":7})",
    R"({"type":"string","pattern":"^(foo|ba(r|z))+$","not":{"const":"foo"}})",
    R"({"type":"array","items":{"type":"integer","minimum":0,"maximum":5},"uniqueItems":true,"minItems":3})",
    R"({"type":"array","contains":{"const":7},"minContains":2,"maxItems":6})",
    R"({"oneOf":[{"type":"integer","multipleOf":3},{"type":"integer","multipleOf":5}]})",
    R"({"type":"object","properties":{"a":{"type":"integer"},"b":{}},"dependentRequired":{"a":["b"]},"minProperties":1})",
    R"({"type":"object","patternProperties":{"^x-":{"type":"null"}},"additionalProperties":{"type":"boolean"},"propertyNames":{"maxLength":5}})",
    R"({"type":"object","properties":{"kind":{"enum":["a","b"]}},"required":["kind"],"if":{"properties":{"kind":{"const":"a"}}},"then":{"required":["n"]},"else":{"maxProperties":2}})",
    R"({"type":"object","oneOf":[{"properties":{"e":{"type":"string"}},"required":["e"]},{"properties":{"c":{"type":"string"}},"required":["c"]}]})",
    R"({"type":"number","multipleOf":0.25,"minimum":-2,"maximum":40})",
};

Sampler sampler(const std::string& schema, SampleOptions options = {},
                const CompileOptions& compiled = {}) {
  auto made = Sampler::create(must_compile(schema, compiled, grammar::byte_vocabulary()), options);
  EXPECT_TRUE(made) << schema << "\n" << made.error().what;
  return std::move(*made);
}

std::vector<std::string> draw(Sampler from, std::size_t count) {
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) {
    auto text = from.next();
    EXPECT_TRUE(text) << text.error().what;
    texts.push_back(text.value_or(""));
  }
  return texts;
}

class Samples : public testing::TestWithParam<KeyOrder> {};

TEST_P(Samples, SatisfyTheirSchemaWithinTheirBound) {
  std::vector<std::string> schemas = kSchemas;
  schemas.insert(schemas.end(), kMore.begin(), kMore.end());
  std::mt19937 random(5);
  for (std::size_t i = 0; i < schemas.size(); ++i) {
    CompileOptions options;
    options.order = GetParam();
    // Closed where it is silent, a schema may require what it does not allow.
    options.strict = i % 2;
    options.strict = options.strict && compile(schemas[i], grammar::byte_vocabulary(), options);
    const auto grammar = must_compile(schemas[i], options, grammar::byte_vocabulary());
    const std::uint32_t least = Matcher(grammar).tokens_to_finish();
    for (const std::uint32_t room : {0u, 1u, 3u, 10u, 100u, 3'000u}) {
      auto from = Sampler::create(grammar, {random(), least + room});
      ASSERT_TRUE(from) << schemas[i] << "\n" << from.error().what;
      for (const std::string& text : draw(std::move(*from), room < 100 ? 3 : 12)) {
        ASSERT_LE(text.size(), least + room) << schemas[i];
        ASSERT_GE(text.size(), least) << schemas[i];
        ASSERT_EQ(text.find('\n'), text.npos) << text;
        ASSERT_TRUE(nlohmann::json::accept(text)) << schemas[i] << "\n" << text;
        ASSERT_TRUE(validate(*grammar, text).value()) << schemas[i] << "\n" << text;
        if (i < kSchemas.size()) {
          ASSERT_TRUE(conforms(schemas[i], text)) << schemas[i] << "\n" << text;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Orders, Samples, testing::Values(KeyOrder::as_written, KeyOrder::any),
                         [](const auto& info) {
                           return info.param == KeyOrder::any ? "any" : "as_written";
                         });

TEST(Sampler, TheSameSeedGivesTheSameTexts) {
  for (const std::string& schema : {kSchemas[0], std::string("true"), kMore[0]}) {
    const auto texts = draw(sampler(schema, {7, 500}), 20);
    EXPECT_EQ(draw(sampler(schema, {7, 500}), 20), texts);
    EXPECT_NE(draw(sampler(schema, {8, 500}), 20), texts);
  }
}

TEST(Sampler, TheShortestIsAsShortAsTheGrammarSays) {
  for (const std::string& schema : kSchemas) {
    const auto grammar = must_compile(schema, {}, grammar::byte_vocabulary());
    const auto text = sampler(schema, {0, 100'000}).shortest();
    ASSERT_TRUE(text) << schema;
    EXPECT_EQ(text->size(), Matcher(grammar).tokens_to_finish()) << schema << "\n" << *text;
    EXPECT_TRUE(conforms(schema, *text)) << schema << "\n" << *text;
  }
}

TEST(Sampler, EveryKindOfValueComesUp) {
  std::map<nlohmann::json::value_t, int> kinds;
  for (const std::string& text : draw(sampler("true", {1, 300}), 400))
    ++kinds[nlohmann::json::parse(text).type()];
  using Kind = nlohmann::json::value_t;
  for (const Kind kind :
       {Kind::null, Kind::boolean, Kind::number_unsigned, Kind::string, Kind::array, Kind::object})
    EXPECT_GE(kinds[kind], 10) << nlohmann::json(kind);
}

TEST(Sampler, DeclaredKeysComeUpHoweverTheyAreReached) {
  const std::string schema =
      R"({"$defs":{"part":{"anyOf":[{"type":"object","properties":{"weight":{"type":"integer"},"colour":{"enum":["red"]}}}]}},
          "type":"object","properties":{"name":{"type":"string"},"size":{"type":"integer"},"parts":{"type":"array","items":{"$ref":"#/$defs/part"},"minItems":1}},
          "required":["parts"]})";
  for (const KeyOrder order : {KeyOrder::as_written, KeyOrder::any}) {
    CompileOptions options;
    options.order = order;
    std::map<std::string, int> in;
    for (const std::string& text : draw(sampler(schema, {2, 1'000}, options), 300)) {
      for (const char* key : {"\"name\":", "\"size\":", "\"weight\":", "\"colour\":"})
        in[key] += text.find(key) != text.npos;
    }
    for (const auto& [key, texts] : in) {
      EXPECT_GE(texts, 30) << key;
      EXPECT_LE(texts, 299) << key << " is not required";
    }
  }
}

TEST(Sampler, LongListsAndLongStringsAreRare) {
  std::size_t bytes = 0;
  const auto texts =
      draw(sampler(R"({"type":"array","items":{"type":"string"}})", {3, 100'000}), 200);
  for (const std::string& text : texts) bytes += text.size();
  EXPECT_LT(bytes / texts.size(), 300u);
  EXPECT_GT(bytes / texts.size(), 10u);
}

TEST(Sampler, TextsAreSpelledAsTheGrammarSays) {
  CompileOptions options;
  options.whitespace = Whitespace::pretty;
  options.escapes = Escapes::ascii;
  const char* schema = R"({"type":"array","items":{"type":"object","required":["é"],"additionalProperties":false,
      "properties":{"é":{"enum":["ü",1]},"b":{"type":"array","items":{"type":"boolean"}}}}})";
  std::size_t nested = 0;
  for (const std::string& text : draw(sampler(schema, {}, options), 60)) {
    EXPECT_EQ(text, nlohmann::ordered_json::parse(text).dump(2, ' ', true));
    nested += text.find("\n      ") != std::string::npos;
  }
  EXPECT_GT(nested, 5u);
}

TEST(Sampler, ABoundBelowTheShortestIsRefusedWithBothNumbers) {
  const auto grammar =
      must_compile(R"({"type":"string","minLength":40})", {}, grammar::byte_vocabulary());
  const auto refused = Sampler::create(grammar, {0, 41});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::budget);
  EXPECT_EQ(refused.error().what, "the shortest value has 42 bytes; the limit is 41 (bytes_max)");
  EXPECT_TRUE(Sampler::create(grammar, {0, 42}));
}

TEST(Sampler, AnotherVocabularyIsRefused) {
  const auto refused = Sampler::create(must_compile("true", {}, bpe_vocabulary()));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::unsupported);
}

}  // namespace
}  // namespace praxis::grammar::test
