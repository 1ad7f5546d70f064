// Whole values against schemas: every keyword, exact numbers, annotations, where it failed.

#include "grammar/validate.h"

#include <gtest/gtest.h>

#include <random>

namespace praxis::grammar {
namespace {

constexpr std::uint64_t kSteps = 10'000'000;

/// "" for a value that is admitted, else "schema path @ instance path".
std::string verdict(const std::string& schema, const std::string& value,
                    std::uint64_t steps_max = kSteps) {
  Fuel fuel(kSteps), text_fuel(kSteps), check_fuel(steps_max);
  const auto schemas = read_schema(schema, {}, fuel);
  if (!schemas) return "schema: " + schemas.error().where + ": " + schemas.error().what;
  auto validator = Validator::create(*schemas, fuel);
  if (!validator) return "texts: " + validator.error().where + ": " + validator.error().what;
  const auto document = read_json(value, 20'000, text_fuel);
  if (!document) return "value: " + document.error().what;
  const auto failure = validator->check(0, *document, 0, check_fuel);
  if (!failure) return "error: " + failure.error().what;
  return *failure ? (**failure).schema_path + " @ " + (**failure).instance_path : "";
}

bool admits(const std::string& schema, const std::string& value) {
  const std::string answer = verdict(schema, value);
  EXPECT_FALSE(answer.find(": ") != std::string::npos) << schema << "\n" << value << "\n" << answer;
  return answer.empty();
}

struct Case {
  const char* schema;
  const char* value;
  const char* failure;  // "": admitted
};

TEST(Validate, EveryKeywordNamesItselfAndTheValueThatFails) {
  const Case cases[] = {
      {"false", "1", "$ @ $"},
      {"true", "1", ""},
      {R"({"type":"integer"})", "1.0", ""},
      {R"({"type":"integer"})", "1.5", "$.type @ $"},
      {R"({"type":["null","string"]})", "true", "$.type @ $"},
      {R"({"minimum":1})", "0.99", "$.minimum @ $"},
      {R"({"minimum":1})", "\"a\"", ""},
      {R"({"maximum":1})", "1.0000000000000000000000001", "$.maximum @ $"},
      {R"({"exclusiveMinimum":1})", "1.0", "$.exclusiveMinimum @ $"},
      {R"({"exclusiveMaximum":1})", "1e0", "$.exclusiveMaximum @ $"},
      {R"({"multipleOf":0.01})", "19.99", ""},
      {R"({"multipleOf":0.01})", "19.999", "$.multipleOf @ $"},
      {R"({"minLength":2})", "\"é\"", "$.minLength @ $"},
      {R"({"maxLength":2})", "\"\\ud83d\\udc32é\"", ""},
      {R"({"maxLength":1})", "\"ab\"", "$.maxLength @ $"},
      {R"({"pattern":"^a+$"})", "\"aab\"", "$.pattern @ $"},
      {R"({"pattern":"^a+$"})", "\"aaa\"", ""},
      {R"({"minItems":1})", "[]", "$.minItems @ $"},
      {R"({"maxItems":1})", "[1,2]", "$.maxItems @ $"},
      {R"({"prefixItems":[{"type":"null"}],"items":{"type":"string"}})", "[null,\"a\",1]",
       "$.items.type @ $[2]"},
      {R"({"prefixItems":[{"type":"null"}]})", "[1]", "$.prefixItems[0].type @ $[0]"},
      {R"({"contains":{"type":"null"}})", "[1]", "$.contains @ $"},
      {R"({"contains":{"type":"null"},"minContains":2})", "[null]", "$.minContains @ $"},
      {R"({"contains":{"type":"null"},"minContains":0})", "[]", ""},
      {R"({"contains":{"type":"null"},"maxContains":1})", "[null,null]", "$.maxContains @ $"},
      {R"({"uniqueItems":true})", R"([{"a":1,"b":2},{"b":2.0,"a":1e0}])", "$.uniqueItems @ $[1]"},
      {R"({"uniqueItems":true})", R"([1,true,"1",[1],null,0,false])", ""},
      {R"({"minProperties":1})", "{}", "$.minProperties @ $"},
      {R"({"maxProperties":1})", R"({"a":1,"b":2})", "$.maxProperties @ $"},
      {R"({"required":["a"]})", "{}", "$.required @ $"},
      {R"({"properties":{"age":{"minimum":0}}})", R"({"age":-1})",
       "$.properties.age.minimum @ $.age"},
      {R"({"patternProperties":{"^x":{"type":"null"}}})", R"({"y":1,"x y":1})",
       "$.patternProperties[\"^x\"].type @ $[\"x y\"]"},
      {R"({"properties":{"a":{}},"patternProperties":{"^b":{}},"additionalProperties":false})",
       R"({"a":1,"b1":1,"c":1})", "$.additionalProperties @ $.c"},
      {R"({"propertyNames":{"maxLength":1}})", R"({"a":1,"bc":2})", "$.propertyNames @ $.bc"},
      {R"({"dependentRequired":{"a":["b"]}})", R"({"a":1})", "$.dependentRequired @ $"},
      {R"({"dependentSchemas":{"a":{"maxProperties":1}}})", R"({"a":1,"b":1})",
       "$.dependentSchemas.a.maxProperties @ $"},
      {R"({"enum":[1,{"a":[1.50]}]})", R"({"a":[15e-1]})", ""},
      {R"({"enum":[1,"1"]})", "2", "$.enum @ $"},
      {R"({"const":{"a":1,"b":[]}})", R"({"b":[],"a":1.0})", ""},
      {R"({"const":false})", "0", "$.const @ $"},
      {R"({"allOf":[{},{"type":"null"}]})", "1", "$.allOf[1].type @ $"},
      {R"({"anyOf":[{"type":"null"},{"type":"string"}]})", "1", "$.anyOf @ $"},
      {R"({"anyOf":[{"type":"null"},{"items":{"type":"null"}}]})", "[1]",
       "$.anyOf[1].items.type @ $[0]"},
      {R"({"oneOf":[{},{"type":"number"}]})", "1", "$.oneOf @ $"},
      {R"({"not":{"type":"number"}})", "1", "$.not @ $"},
      {R"({"if":{"type":"null"},"then":false,"else":{"type":"string"}})", "1", "$.else.type @ $"},
      {R"({"if":{"type":"null"},"then":false})", "null", "$.then @ $"},
      {R"({"$ref":"#/$defs/a","$defs":{"a":{"type":"null"}}})", "1", "$.$defs.a.type @ $"},
      {R"({"properties":{"c":{"$ref":"#"}},"additionalProperties":false})",
       R"({"c":{"c":{"d":1}}})", "$.additionalProperties @ $.c.c.d"},
  };
  for (const Case& c : cases)
    EXPECT_EQ(verdict(c.schema, c.value), c.failure) << c.schema << c.value;
}

TEST(Validate, UnevaluatedIsWhatNoNeighbourAndNoAdmittingBranchHasSeen) {
  const std::string closed = R"(,"unevaluatedProperties":false})";
  const std::string branches =
      R"({"anyOf":[{"properties":{"a":{"type":"null"}}},{"properties":{"b":{}}}])" + closed;
  EXPECT_TRUE(admits(branches, R"({"a":null,"b":1})"));
  EXPECT_FALSE(admits(branches, R"({"a":1,"b":1})"));  // the first branch does not admit
  EXPECT_FALSE(admits(branches, R"({"c":1})"));
  // A negation tells nothing, a condition does.
  EXPECT_FALSE(admits(R"({"not":{"not":{"properties":{"a":{}}}})" + closed, R"({"a":1})"));
  EXPECT_TRUE(admits(R"({"if":{"properties":{"a":{}}})" + closed, R"({"a":1})"));
  // Cousins do not see each other; an outer schema sees what an inner one has evaluated.
  EXPECT_FALSE(admits(R"({"allOf":[{"properties":{"a":{}}},{"unevaluatedProperties":false}]})",
                      R"({"a":1})"));
  EXPECT_TRUE(admits(R"({"allOf":[{"unevaluatedProperties":true}])" + closed, R"({"a":1})"));
  EXPECT_TRUE(admits(R"({"$ref":"#/$defs/x","$defs":{"x":{"additionalProperties":{}}})" + closed,
                     R"({"a":1})"));
  EXPECT_TRUE(admits(R"({"dependentSchemas":{"a":{"properties":{"a":{},"b":{}}}})" + closed,
                     R"({"a":1,"b":1})"));
  // Items: a prefix, then what contains has found (2020-12 core, section 10.3.1.3).
  const std::string items =
      R"({"prefixItems":[{}],"contains":{"type":"string"},"unevaluatedItems":false})";
  EXPECT_TRUE(admits(items, R"([1,"a","b"])"));
  EXPECT_FALSE(admits(items, R"([1,"a",2])"));
  // 2019-09: contains finds, but evaluates nothing.
  const std::string old = R"({"$schema":"https://json-schema.org/draft/2019-09/schema",)";
  EXPECT_FALSE(
      admits(old + R"("contains":{"type":"string"},"unevaluatedItems":false})", R"(["a"])"));
  EXPECT_TRUE(
      admits(old + R"("contains":{},"minContains":2,"unevaluatedItems":true})", R"([1,2])"));
  EXPECT_FALSE(admits(old + R"("contains":{},"minContains":2,"unevaluatedItems":true})", "[1]"));
  EXPECT_EQ(verdict(R"({"unevaluatedItems":{"type":"null"}})", "[1]"),
            "$.unevaluatedItems.type @ $[0]");
}

// --- numbers against integers of the machine

std::string spelled(std::int64_t value, int decimals, std::mt19937& random) {
  // value * 10^-decimals, in one of its spellings
  std::string digits = std::to_string(value < 0 ? -value : value);
  std::string text = value < 0 ? "-" : "";
  switch (random() % 3) {
    case 0:
      return text + digits + "e-" + std::to_string(decimals);
    case 1:
      return text + (value == 0 ? "0.0E-0" : digits + "0.0E-0") + std::to_string(decimals + 1);
    default:
      while (static_cast<int>(digits.size()) <= decimals) digits.insert(0, "0");
      digits.insert(digits.size() - static_cast<std::size_t>(decimals), ".");
      return text + digits + "0";
  }
}

TEST(Validate, NumbersAreExact) {
  std::mt19937 random(5);
  for (int round = 0; round < 2'000; ++round) {
    const int decimals = static_cast<int>(random() % 6);
    const auto value = static_cast<std::int64_t>(random() % 2'000'000) - 1'000'000;
    const auto bound = static_cast<std::int64_t>(random() % 2)
                           ? value + static_cast<int>(random() % 3) - 1
                           : static_cast<std::int64_t>(random() % 100);
    const auto of = static_cast<std::int64_t>(1 + random() % (random() % 2 ? 12 : 5'000));
    const std::string text = spelled(value, decimals, random);
    const auto schema = [&](const char* word, std::int64_t limit) {
      return std::string("{\"") + word + "\":" + spelled(limit, decimals, random) + "}";
    };
    ASSERT_EQ(admits(schema("minimum", bound), text), value >= bound) << text << " " << bound;
    ASSERT_EQ(admits(schema("exclusiveMaximum", bound), text), value < bound) << text;
    ASSERT_EQ(admits(schema("multipleOf", of), text), value % of == 0) << text << " " << of;
    ASSERT_EQ(admits(schema("const", bound), text), value == bound) << text << " " << bound;
  }
}

TEST(Validate, LargeAndTinyNumbersDivideExactly) {
  const Case cases[] = {
      {R"({"multipleOf":0.0001})", "0.0075", ""},
      {R"({"multipleOf":1e-8})", "12391239123", ""},
      {R"({"multipleOf":0.123456789})", "1e308", "$.multipleOf @ $"},
      {R"({"multipleOf":123456789012345678901234567890})", "246913578024691357802469135780", ""},
      {R"({"multipleOf":123456789012345678901234567890})", "246913578024691357802469135781",
       "$.multipleOf @ $"},
      {R"({"multipleOf":3})", "1e300", "$.multipleOf @ $"},
      {R"({"multipleOf":2})", "1e300", ""},
      {R"({"multipleOf":1e300})", "5", "$.multipleOf @ $"},
      {R"({"multipleOf":7})", "0", ""},
      {R"({"type":"integer"})", "1e300", ""},
  };
  for (const Case& c : cases)
    EXPECT_EQ(verdict(c.schema, c.value), c.failure) << c.schema << c.value;
}

// --- laws that hold whatever the keywords mean

class Random {
 public:
  explicit Random(unsigned seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return random_() % n; }

  std::string schema(int depth) {
    static const char* const kLeaves[] = {
        R"({"type":"integer"})",
        R"({"minimum":2})",
        R"({"type":["string","array"]})",
        R"({"maxLength":1})",
        R"({"enum":[1,"a",[],{"a":1}]})",
        R"({"required":["a"]})",
        R"({"multipleOf":2})",
        R"({"uniqueItems":true})",
        R"({"maxProperties":1})",
        "true",
        "false",
        R"({"minItems":2})",
        R"({"type":"object","properties":{"a":{"type":"null"}}})"};
    if (depth == 0) return kLeaves[below(std::size(kLeaves))];
    const std::string a = schema(depth - 1), b = schema(depth - 1);
    switch (below(9)) {
      case 0:
        return R"({"items":)" + a + "}";
      case 1:
        return R"({"properties":{"a":)" + a + R"(},"additionalProperties":)" + b + "}";
      case 2:
        return R"({"contains":)" + a + "}";
      case 3:
        return R"({"not":)" + a + "}";
      case 4:
        return R"({"oneOf":[)" + a + "," + b + "]}";
      case 5:
        return R"({"prefixItems":[)" + a + R"(],"unevaluatedItems":)" + b + "}";
      case 6:
        return R"({"anyOf":[)" + a + "," + b + R"(],"unevaluatedProperties":false})";
      case 7:
        return R"({"propertyNames":)" + a + "}";
      default:
        return R"({"allOf":[)" + a + "," + b + "]}";
    }
  }

  std::string value(int depth) {
    static const char* const kLeaves[] = {"null", "true",  "1",      "2.0", "-3.5",
                                          "\"\"", "\"a\"", "\"bc\"", "[]",  "{}"};
    if (depth == 0 || below(3) == 0) return kLeaves[below(std::size(kLeaves))];
    const std::string a = value(depth - 1), b = value(depth - 1);
    switch (below(4)) {
      case 0:
        return "[" + a + "," + b + "]";
      case 1:
        return "[" + a + "]";
      case 2:
        return R"({"a":)" + a + "}";
      default:
        return R"({"a":)" + a + R"(,"b":)" + b + "}";
    }
  }

 private:
  std::mt19937 random_;
};

TEST(Validate, CombinationsFollowLogic) {
  Random random(3);
  for (int round = 0; round < 1'500; ++round) {
    const std::string a = random.schema(2), b = random.schema(2), v = random.value(2);
    const bool in_a = admits(a, v), in_b = admits(b, v);
    const std::string pair = "[" + a + "," + b + "]";
    ASSERT_EQ(admits(R"({"not":)" + a + "}", v), !in_a) << a << v;
    ASSERT_EQ(admits(R"({"allOf":)" + pair + "}", v), in_a && in_b) << pair << v;
    ASSERT_EQ(admits(R"({"anyOf":)" + pair + "}", v), in_a || in_b) << pair << v;
    ASSERT_EQ(admits(R"({"oneOf":)" + pair + "}", v), in_a != in_b) << pair << v;
    ASSERT_EQ(admits(R"({"if":)" + a + R"(,"then":)" + b + R"(,"else":false})", v), in_a && in_b);
    ASSERT_EQ(admits(R"({"items":)" + a + "}", "[" + v + "," + v + "]"), in_a) << a << v;
    ASSERT_EQ(admits(R"({"contains":)" + a + R"(,"minContains":2})", "[" + v + "," + v + "]"),
              in_a);
    ASSERT_EQ(admits(R"({"additionalProperties":)" + a + "}", R"({"k":)" + v + "}"), in_a)
        << a << v;
    ASSERT_EQ(admits(R"({"const":)" + v + "}", v), true) << v;
    ASSERT_EQ(admits(R"({"unevaluatedProperties":)" + a + R"(,"properties":{"j":{}}})",
                     R"({"j":0,"k":)" + v + "}"),
              in_a)
        << a << v;
  }
}

// --- where

TEST(Validate, EveryValueKnowsItsByte) {
  Random random(9);
  for (int round = 0; round < 300; ++round) {
    // The same text with spaces strewn in where JSON allows them.
    std::string text;
    for (const char c : random.value(4)) {
      const bool mark = std::string_view("[]{},:").find(c) != std::string_view::npos;
      if (mark && random.below(2)) text += " \n";
      text += c;
      if (mark && random.below(2)) text += "\t";
    }
    Fuel fuel(kSteps);
    const auto document = read_json(text, 64, fuel);
    ASSERT_TRUE(document) << text;
    for (JsonId id = 0; id < document->values.size(); ++id) {
      std::string wanted = spell(*document, id), found;
      for (const char c : text.substr((*document)[id].byte)) {
        if (c != ' ' && c != '\n' && c != '\t') found += c;
      }
      ASSERT_EQ(found.substr(0, wanted.size()), wanted) << text;
    }
  }
}

TEST(Validate, AFailureTellsTheByteOfItsValue) {
  Fuel fuel(kSteps);
  const auto schemas = read_schema(R"({"items":{"properties":{"k":{"type":"null"}}}})", {}, fuel);
  ASSERT_TRUE(schemas);
  auto validator = Validator::create(*schemas, fuel);
  ASSERT_TRUE(validator);
  const std::string text = R"([ {"k" : null}, {"é\n": [1], "k" :  [2]} ])";
  const auto document = read_json(text, 64, fuel);
  ASSERT_TRUE(document);
  const auto failure = validator->check(0, *document, 0, fuel);
  ASSERT_TRUE(failure && *failure);
  EXPECT_EQ((**failure).instance_path, "$[1].k");
  EXPECT_EQ((**failure).byte, text.find("[2]"));
}

// --- hostile schemas and values

TEST(Validate, BranchingOverOneValueIsJudgedOnce) {
  // 2^60 ways through it, 61 schemas.
  std::string schema = R"({"$ref":"#/$defs/0","$defs":{)";
  for (int i = 0; i < 60; ++i) {
    const std::string next = R"({"$ref":"#/$defs/)" + std::to_string(i + 1) + "\"}";
    schema += "\"" + std::to_string(i) + R"(":{"allOf":[)" + next + "," + next + "]},";
  }
  EXPECT_EQ(verdict(schema + R"("60":{"type":"null"}}})", "null", 1'000), "");
}

TEST(Validate, BranchingWithAnnotationsEndsByFuel) {
  std::string schema = R"({"$ref":"#/$defs/0","unevaluatedProperties":false,"$defs":{)";
  for (int i = 0; i < 60; ++i) {
    const std::string next = R"({"$ref":"#/$defs/)" + std::to_string(i + 1) + "\"}";
    schema += "\"" + std::to_string(i) + R"(":{"anyOf":[)" + next + "," + next + "]},";
  }
  const std::string answer =
      verdict(schema + R"("60":{"properties":{"a":{}}}}})", R"({"a":1})", 50'000);
  EXPECT_NE(answer.find("grammar.fuel"), std::string::npos) << answer;
}

TEST(Validate, DeepValuesAreRefusedNotCrashedOn) {
  std::string value;
  for (int i = 0; i < 19'000; ++i) value += "[";
  value += std::string(19'000, ']');
  const std::string answer = verdict(R"({"items":{"$ref":"#"}})", value);
  EXPECT_NE(answer.find("inside each other"), std::string::npos) << answer;
  EXPECT_EQ(verdict(R"({"items":{"$ref":"#"}})", "[[[[[]]]],[]]"), "");
}

TEST(Validate, NumbersBeyondTheExponentAreALimitNotAVerdict) {
  Fuel fuel(kSteps);
  JsonDocument document;
  document.values.emplace_back();
  document.values[0].kind = Json::Kind::number;
  document.values[0].text = "1e999999";
  for (const char* text : {R"({"minimum":1})", R"({"const":1})", R"({"type":"integer"})"}) {
    const auto schemas = read_schema(text, {}, fuel);
    ASSERT_TRUE(schemas);
    auto validator = Validator::create(*schemas, fuel);
    ASSERT_TRUE(validator);
    const auto failure = validator->check(0, document, 0, fuel);
    ASSERT_FALSE(failure) << text;
    EXPECT_EQ(failure.error().code, ErrorCode::limit);
  }
}

TEST(Validate, ABadPatternIsRefusedByItsPath) {
  EXPECT_NE(
      verdict(R"({"properties":{"a":{"pattern":"("}}})", "1").find("texts: $.properties.a.pattern"),
      std::string::npos);
  EXPECT_NE(
      verdict(R"({"patternProperties":{"(":{}}})", "1").find("texts: $.patternProperties[\"(\"]"),
      std::string::npos);
}

}  // namespace
}  // namespace praxis::grammar
