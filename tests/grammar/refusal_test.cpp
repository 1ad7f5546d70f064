// What is refused, where, and how fast: nothing is ignored, nothing crashes, nothing takes long.

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
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

TEST(Hostile, EverySchemaGetsAVerdictSoon) {
  const auto number = [](std::size_t i) { return std::to_string(i); };
  const struct {
    const char* name;
    std::string schema;
  } schemas[] = {
      {"a million deep", repeat("{\"items\":", 1'000'000) + "1"},
      {"a million brackets", repeat("[", 1'000'000)},
      {"100,000 enum values",
       "{\"enum\":[" +
           joined(100'000, [&](std::size_t i) { return "\"value " + number(i) + "\""; }) + "]}"},
      {"100,000 typed enum values",
       "{\"type\":\"string\",\"enum\":[" +
           joined(100'000, [&](std::size_t i) { return "\"" + number(i) + "\""; }) + "]}"},
      {"two large enums", "{\"allOf\":[{\"enum\":[" + joined(30'000, number) + "]},{\"enum\":[" +
                              joined(30'000, number) + "]}]}"},
      {"10,000 nested anyOf", repeat("{\"anyOf\":[", 10'000) + "{}" + repeat("]}", 10'000)},
      {"10,000 branches",
       "{\"anyOf\":[" +
           joined(10'000,
                  [&](std::size_t i) { return "{\"properties\":{\"k" + number(i) + "\":{}}}"; }) +
           "]}"},
      {"2^20 products", "{\"allOf\":[" +
                            joined(20,
                                   [&](std::size_t i) {
                                     return "{\"anyOf\":[{\"minLength\":" + number(i) +
                                            "},{\"maxLength\":" + number(i + 50) + "}]}";
                                   }) +
                            "]}"},
      {"products of objects", "{\"allOf\":[" +
                                  joined(12,
                                         [&](std::size_t i) {
                                           return "{\"anyOf\":[{\"required\":[\"a" + number(i) +
                                                  "\"]},{\"required\":[\"b" + number(i) + "\"]}]}";
                                         }) +
                                  "]}"},
      {"a ring of references", "{\"$defs\":{" +
                                   joined(5'000,
                                          [&](std::size_t i) {
                                            return "\"d" + number(i) + "\":{\"$ref\":\"#/$defs/d" +
                                                   number((i + 1) % 5'000) + "\"}";
                                          }) +
                                   "},\"$ref\":\"#/$defs/d0\"}"},
      {"a chain of references",
       "{\"$defs\":{" +
           joined(5'000,
                  [&](std::size_t i) {
                    return "\"d" + number(i) + "\":" +
                           (i == 4'999 ? "{}" : "{\"$ref\":\"#/$defs/d" + number(i + 1) + "\"}");
                  }) +
           "},\"$ref\":\"#/$defs/d0\"}"},
      {"a backward chain",
       "{\"properties\":{" +
           joined(5'000,
                  [&](std::size_t i) {
                    return "\"d" + number(i) + "\":" +
                           (i == 0 ? "{}" : "{\"$ref\":\"#/properties/d" + number(i - 1) + "\"}");
                  }) +
           "}}"},
      {"everything refers to everything",
       "{\"$defs\":{" +
           joined(300,
                  [&](std::size_t i) {
                    return "\"d" + number(i) + "\":{\"properties\":{" +
                           joined(30,
                                  [&](std::size_t k) {
                                    return "\"p" + number(k) +
                                           "\":{\"allOf\":[{\"$ref\":\"#/$defs/d" +
                                           number((i * 7 + k) % 300) + "\"},{\"$ref\":\"#/$defs/d" +
                                           number((i + k * 11) % 300) + "\"}]}";
                                  }) +
                           "}}";
                  }) +
           "},\"$ref\":\"#/$defs/d0\"}"},
      {"100,000 properties",
       "{\"properties\":{" +
           joined(100'000, [&](std::size_t i) { return "\"p" + number(i) + "\":{}"; }) + "}}"},
      {"50,000 required keys",
       "{\"type\":\"object\",\"required\":[" +
           joined(50'000, [&](std::size_t i) { return "\"p" + number(i) + "\""; }) + "]}"},
      {"huge lengths",
       R"({"minLength":16777216,"maxLength":1e30,"minItems":16777216,"type":["string","array"]})"},
      {"huge arrays of arrays",
       repeat(R"({"type":"array","minItems":16777216,"items":)", 20) + "{}" + repeat("}", 20)},
      {"a bound of 300 digits", "{\"type\":\"number\",\"minimum\":-" + repeat("9", 300) +
                                    ",\"maximum\":" + repeat("9", 300) + ".5}"},
      {"a bound of 100,000 digits", "{\"minimum\":0." + repeat("7", 100'000) + "}"},
      {"a number of a million digits", "{\"minimum\":" + repeat("7", 1'000'000) + "}"},
      {"a thousand different ranges", "{\"properties\":{" +
                                          joined(1'000,
                                                 [&](std::size_t i) {
                                                   return "\"p" + number(i) +
                                                          "\":{\"type\":\"number\",\"minimum\":" +
                                                          number(i) + "." + number(i) + "}";
                                                 }) +
                                          "}}"},
      {"a key of a megabyte", "{\"properties\":{\"" + repeat("k", 1'000'000) + "\":{\"not\":1}}}"},
      {"a string of a megabyte", "{\"const\":\"" + repeat("s", 1'000'000) + "\"}"},
      {"megabytes of spaces", repeat(" ", 8'000'000) + "{}"},
      {"a key a hundred thousand times",
       "{" + joined(100'000, [&](std::size_t) { return std::string("\"title\":1"); }) + "}"},
      {"a NUL", std::string("{\"type\":\0\"string\"}", 18)},
      {"a NUL behind", std::string("{}\0", 3)},
      {"an escaped NUL", R"({"const":"a\u0000b"})"},
  };
  for (const auto& s : schemas) {
    const std::clock_t start = std::clock();  // CPU time: other work on the machine is not counted
    const auto grammar = compile(s.schema, byte_vocabulary());
    const double took_ms = static_cast<double>(std::clock() - start) * 1000 / CLOCKS_PER_SEC;
    // Far above the goal of 250 ms: what must never happen is minutes, sanitizers or not.
    EXPECT_LT(took_ms, 20'000) << s.name;
    if (std::getenv("PRAXIS_SHOW_TIMES")) {
      std::printf("%9.2f ms  %-34s %s\n", took_ms, s.name,
                  grammar ? "compiled"
                          : (grammar.error().where.substr(0, 40) + ": " +
                             grammar.error().what.substr(0, 110))
                                .c_str());
    }
    if (!grammar) {
      EXPECT_LT(grammar.error().where.size() + grammar.error().what.size(), 4'000u) << s.name;
      continue;
    }
    // What compiles can be walked: at least its first mask is not empty.
    EXPECT_FALSE(
        allowed_tokens(*byte_vocabulary(), mask_of(Matcher(*grammar), *byte_vocabulary())).empty())
        << s.name;
  }
}

TEST(Hostile, FuelIsALimitByName) {
  CompileOptions options;
  options.fuel = 50;
  const auto grammar =
      compile(R"({"enum":[)" + joined(100, [](std::size_t i) { return std::to_string(i); }) + "]}",
              byte_vocabulary(), options);
  ASSERT_FALSE(grammar);
  EXPECT_EQ(grammar.error().code, ErrorCode::limit);
  EXPECT_NE(grammar.error().what.find("grammar.fuel"), std::string::npos);
}

TEST(Hostile, AnyFuelEndsInAVerdict) {
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

TEST(Hostile, TextsToValidateAreBoundedToo) {
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

TEST(Hostile, AmbiguousRecursionIsValidatedOncePerValue) {
  // Two branches that both go down: 2^depth ways without remembering.
  const auto grammar = must_compile(
      R"({"anyOf":[{"type":"null"},{"type":"array","items":{"$ref":"#"},"maxItems":2},{"type":"array","items":{"$ref":"#"},"maxItems":3}]})");
  EXPECT_FALSE(validate(*grammar, repeat("[", 300) + "1" + repeat("]", 300)).value());
  EXPECT_TRUE(generates(grammar, repeat("[", 300) + "null" + repeat("]", 300)));
}

}  // namespace
}  // namespace praxis::grammar::test
