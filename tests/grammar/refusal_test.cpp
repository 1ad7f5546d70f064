// What is refused, and where: nothing is ignored, nothing crashes. hostile_test.cpp has the schemas
// that are made to hurt.

#include <gtest/gtest.h>

#include <functional>

#include "support.h"

namespace praxis::grammar::test {
namespace {

struct Refusal {
  const char* schema;
  ErrorCode code;
  const char* where;
};

TEST(Refusals, NameThePathAndTheKind) {
  const Refusal refusals[] = {
      // keywords that are not covered, by path
      {R"({"properties":{"a":{"items":{"pattern":"(x)\\1"}}}})", ErrorCode::unsupported,
       "$.properties.a.items.pattern"},
      {R"({"$ref":"other.json"})", ErrorCode::unsupported, "$.$ref"},
      {R"({"$schema":"http://example.com/my-dialect"})", ErrorCode::unsupported, "$.$schema"},
      // what would only be met behind the root
      {R"({"properties":{"x":{"multipleOf":7777777777777777}}})", ErrorCode::limit, "$.properties.x"},
      {R"re({"items":{"pattern":"^(?=(a{7919})+$)(?=(a{7907})+$)(?=(a{7901})+$)"}})re", ErrorCode::limit,
       "$.items.pattern"},
      // schemas that are none
      {"3", ErrorCode::bad_schema, "$"},
      {R"({"type":"int"})", ErrorCode::bad_schema, "$.type"},
      {R"({"type":["string",1]})", ErrorCode::bad_schema, "$.type"},
      {R"({"items":3})", ErrorCode::bad_schema, "$.items"},
      {R"({"required":"a"})", ErrorCode::bad_schema, "$.required"},
      {R"({"required":[1]})", ErrorCode::bad_schema, "$.required"},
      {R"({"properties":[]})", ErrorCode::bad_schema, "$.properties"},
      {R"({"anyOf":[]})", ErrorCode::bad_schema, "$.anyOf"},
      {R"({"anyOf":[1]})", ErrorCode::bad_schema, "$.anyOf[0]"},
      {R"({"enum":1})", ErrorCode::bad_schema, "$.enum"},
      {R"({"minLength":-1})", ErrorCode::bad_schema, "$.minLength"},
      {R"({"maxItems":1.5})", ErrorCode::bad_schema, "$.maxItems"},
      {R"({"minimum":"3"})", ErrorCode::bad_schema, "$.minimum"},
      {R"({"$ref":"#/$defs/none"})", ErrorCode::bad_schema, "$.$ref"},
      {R"({"$ref":"#/title","title":"x"})", ErrorCode::bad_schema, "$.$ref"},
      {R"({"$ref":"#/%zz"})", ErrorCode::bad_schema, "$.$ref"},
      {R"({"$ref":"#"})", ErrorCode::bad_schema, "$"},
      {R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"anyOf":[true,{"$ref":"#/$defs/a"}]}},"$ref":"#/$defs/a"})",
       ErrorCode::bad_schema, "$.$defs.a"},
      // no value is possible
      {"false", ErrorCode::unsatisfiable, "$"},
      {R"({"type":"object","properties":{"a":{"type":"object","properties":{"b":false},"required":["b"]}},"required":["a"]})",
       ErrorCode::unsatisfiable, "$.properties.a.properties.b"},
      {R"({"type":"integer","minimum":3,"maximum":2})", ErrorCode::unsatisfiable, "$"},
      {R"({"type":"integer","exclusiveMinimum":3,"exclusiveMaximum":4})", ErrorCode::unsatisfiable,
       "$"},
      {R"({"type":"string","minLength":3,"maxLength":2})", ErrorCode::unsatisfiable, "$"},
      {R"({"type":"array","minItems":2,"maxItems":1})", ErrorCode::unsatisfiable, "$"},
      {R"({"type":"array","minItems":1,"items":{"type":"string","enum":[1]}})",
       ErrorCode::unsatisfiable, "$.items"},
      {R"({"enum":[]})", ErrorCode::unsatisfiable, "$"},
      {R"({"anyOf":[false,{"const":1}],"type":"string"})", ErrorCode::unsatisfiable, "$"},
      {R"({"type":"object","required":["a"],"additionalProperties":false})",
       ErrorCode::unsatisfiable, "$.additionalProperties"},
      {R"({"type":"object","properties":{"next":{"$ref":"#"}},"required":["next"]})",
       ErrorCode::unsatisfiable, "$.properties.next"},
      // not JSON
      {"", ErrorCode::bad_json, "$"},
      {"{", ErrorCode::bad_json, "$"},
      {R"({"type":"string"} x)", ErrorCode::bad_json, "$"},
      {R"({"properties":{"a":{"type":"null","type":"string"}}})", ErrorCode::bad_json,
       "$.properties.a"},
      {"\xEF\xBB\xBF{}", ErrorCode::bad_json, "$"},
      {"{\"const\":\"\xFF\"}", ErrorCode::bad_json, "$"},
      {R"({"const":"\ud800"})", ErrorCode::bad_json, "$"},
      // too much
      {R"({"minimum":1e1000000})", ErrorCode::limit, "$"},
      {R"({"const":1e400})", ErrorCode::limit, "$"},
      {R"({"maximum":1e-2000})", ErrorCode::limit, "$"},
  };
  for (const Refusal& r : refusals) {
    const auto grammar = compile(r.schema, byte_vocabulary());
    ASSERT_FALSE(grammar) << r.schema;
    EXPECT_EQ(grammar.error().code, r.code)
        << r.schema << "\n"
        << grammar.error().where << ": " << grammar.error().what;
    EXPECT_EQ(grammar.error().where, r.where) << r.schema << "\n" << grammar.error().what;
    EXPECT_FALSE(grammar.error().what.empty());
  }
}

TEST(Refusals, WhatIsNotReachedIsNotRead) {
  must_compile(
      R"({"type":"object","$defs":{"unused":{"pattern":"("}},"default":{"pattern":"("},"properties":{"pattern":{"const":{"not":1}}}})");
}

TEST(Refusals, AVocabularyMustHoldEveryByte) {
  std::vector<std::string> bytes;
  for (int b = 0; b < 256; ++b)
    bytes.push_back(b == 'q' ? "qu" : std::string(1, static_cast<char>(b)));
  const auto vocabulary = std::make_shared<const Vocabulary>(
      bytes, [](std::string_view) { return std::vector<TokenId>{}; });
  const auto grammar = compile("{}", vocabulary);
  ASSERT_FALSE(grammar);
  EXPECT_NE(grammar.error().what.find("byte 113"), std::string::npos) << grammar.error().what;
}

std::string repeat(std::string_view text, std::size_t n) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += text;
  return out;
}

std::string joined(std::size_t n, const std::function<std::string(std::size_t)>& item) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += (i ? "," : "") + item(i);
  return out;
}

TEST(Refusals, FuelIsALimitByName) {
  CompileOptions options;
  options.fuel = 50;
  const auto grammar =
      compile(R"({"enum":[)" + joined(100, [](std::size_t i) { return std::to_string(i); }) + "]}",
              byte_vocabulary(), options);
  ASSERT_FALSE(grammar);
  EXPECT_EQ(grammar.error().code, ErrorCode::limit);
  EXPECT_NE(grammar.error().what.find("grammar.fuel"), std::string::npos);
}

TEST(Refusals, AnyFuelEndsInAVerdict) {
  const std::string schema =
      R"({"$defs":{"n":{"type":"object","properties":{"v":{"type":"number","minimum":0.5,"maximum":99},"kids":{"type":"array","items":{"$ref":"#/$defs/n"}}},"required":["v"]}},)"
      R"("anyOf":[{"$ref":"#/$defs/n"},{"enum":["a",{"b":1}],"minLength":1}]})";
  bool compiled = false;
  for (std::uint64_t fuel = 1; fuel < 4'000; fuel += 1 + fuel / 50) {
    CompileOptions options;
    options.fuel = fuel;
    const auto grammar = compile(schema, byte_vocabulary(), options);
    if (!grammar) {
      EXPECT_EQ(grammar.error().code, ErrorCode::limit) << fuel << " " << grammar.error().what;
    }
    EXPECT_TRUE(!compiled || grammar) << "less fuel was enough than " << fuel;
    compiled = compiled || grammar.has_value();
  }
  EXPECT_TRUE(compiled);
}

TEST(Refusals, TextsToValidateAreBoundedToo) {
  const auto grammar = must_compile("{}");
  EXPECT_EQ(validate(*grammar, repeat("[", 1'000'000)).error().code, ErrorCode::limit);
  EXPECT_EQ(validate(*grammar, "1e999999").error().code, ErrorCode::limit);
  EXPECT_FALSE(validate(*grammar, std::string("1\0", 2)).value());
  EXPECT_FALSE(validate(*grammar,
                        "\xEF\xBB\xBF"
                        "1")
                   .value());
  EXPECT_TRUE(validate(*grammar,
                       "[" + joined(100'000, [](std::size_t i) { return std::to_string(i); }) + "]")
                  .value());
}

TEST(Refusals, AmbiguousRecursionIsValidatedOncePerValue) {
  // Two branches that both go down: 2^depth ways without remembering.
  const auto grammar = must_compile(
      R"({"anyOf":[{"type":"null"},{"type":"array","items":{"$ref":"#"},"maxItems":2},{"type":"array","items":{"$ref":"#"},"maxItems":3}]})");
  EXPECT_FALSE(validate(*grammar, repeat("[", 300) + "1" + repeat("]", 300)).value());
  EXPECT_TRUE(generates(grammar, repeat("[", 300) + "null" + repeat("]", 300)));
}

}  // namespace
}  // namespace praxis::grammar::test
