// Every keyword, both ways: what validate() must accept and refuse, and what the mask must let
// through and keep out. A value in `elsewhere` is valid but never generated (key order, spelling).

#include <gtest/gtest.h>

#include <algorithm>
#include <iterator>
#include <random>

#include "support.h"

namespace praxis::grammar::test {
namespace {

struct Case {
  const char* name;
  const char* schema;
  std::vector<const char*> valid;
  std::vector<const char*> invalid;
  std::vector<const char*> elsewhere;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class Keyword : public testing::TestWithParam<Case> {};

TEST_P(Keyword, IsJudgedAndGeneratedExactly) {
  const Case& c = GetParam();
  const auto grammar = must_compile(c.schema);
  for (const char* text : c.valid) {
    EXPECT_TRUE(validate(*grammar, text).value()) << text;
    EXPECT_TRUE(generates(grammar, text)) << text;
    EXPECT_TRUE(conforms(c.schema, text)) << text;
  }
  for (const char* text : c.elsewhere) {
    EXPECT_TRUE(validate(*grammar, text).value()) << text;
    EXPECT_FALSE(generates(grammar, text)) << text;
    EXPECT_TRUE(conforms(c.schema, text)) << text;
  }
  for (const char* text : c.invalid) {
    EXPECT_FALSE(validate(*grammar, text).value()) << text;
    EXPECT_FALSE(generates(grammar, text)) << text;
    EXPECT_FALSE(conforms(c.schema, text)) << text;
  }
}

const Case kCases[] = {
    {"true",
     "true",
     {"null", "[1,{}]", R"({"a":[true]})", "\"x\"", "-5e+10"},
     {"", "nul", "1 2", "{", "'a'"},
     {" 1", "1\n"}},
    {"empty",
     "{}",
     {"null", "[]", "{}"},
     {"[1,]", "{\"a\":1,}", "01", "+1", ".5", "1.", "NaN"},
     {}},
    {"type_null", R"({"type":"null"})", {"null"}, {"0", "\"null\"", "false", "nulll"}, {}},
    {"type_boolean",
     R"({"type":"boolean"})",
     {"true", "false"},
     {"0", "\"true\"", "null", "True"},
     {}},
    {"type_number",
     R"({"type":"number"})",
     {"0", "-0", "1.5", "-1.2e4", "1E-7", "123456789012345678901234567890"},
     {"\"1\"", "true", "1e", "-", "00", "1.e1"},
     {}},
    {"type_integer",
     R"({"type":"integer"})",
     {"0", "-7", "1000000", "1.0", "1e3", "-0"},
     {"1.5", "\"1\"", "1e-1", "0.1"},
     {"10e-1"}},
    {"type_string",
     R"({"type":"string"})",
     {"\"\"", "\"a\\n\\u00e9\"", "\"\xC3\xA9\""},
     {"a", "1", "\"a\nb\"", "\"\\x\""},
     {}},
    {"type_array",
     R"({"type":"array"})",
     {"[]", "[1,\"a\",[null]]"},
     {"{}", "[", "[,]"},
     {"[ ]", "[1, 2]"}},
    {"type_object",
     R"({"type":"object"})",
     {"{}", R"({"a":{"b":1}})"},
     {"[]", R"({"a":1,"a":1})", R"({"a"})"},
     {R"({ "a" : 1 })"}},
    {"types",
     R"({"type":["integer","null","string"]})",
     {"3", "null", "\"x\""},
     {"1.5", "true", "[]"},
     {}},
    {"integer_within_number", R"({"type":["integer","number"]})", {"1.5", "2"}, {"null"}, {}},
    {"properties",
     R"({"properties":{"a":{"type":"integer"},"b":{"type":"string"}}})",
     {"{}", R"({"a":1})", R"({"b":"x"})", R"({"a":1,"b":"x"})", R"({"b":"x","a":1})", R"({"c":null,"a":1})", "12"},
     {R"({"a":"x"})", R"({"b":1})", R"({"a":1,"a":2})", R"({"c":1,"c":2})"},
     {}},
    {"required",
     R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["b"]})",
     {R"({"b":1})", R"({"a":1,"b":2})", R"({"b":1,"c":1})", R"({"b":1,"a":2})"},
     {"{}", R"({"a":1})", R"({"a":1,"c":2})"},
     {}},
    {"required_in_line",
     R"({"type":"object","properties":{"a":{},"b":{},"c":{}},"required":["a","b"]})",
     {R"({"a":1,"b":2})", R"({"c":0,"a":1,"b":2})", R"({"a":1,"d":0,"b":2,"c":3})"},
     {"{}", R"({"a":1})"},
     {R"({"b":2,"a":1})", R"({"c":0,"b":2,"a":1})"}},
    {"required_in_two_orders",
     R"({"type":"object","properties":{"a":{},"b":{},"c":{}},"required":["b","a","c"]})",
     {R"({"a":1,"b":2,"c":3})", R"({"b":2,"a":1,"c":3})"},
     {R"({"a":1,"b":2})"},
     {R"({"c":3,"a":1,"b":2})", R"({"a":1,"c":3,"b":2})"}},
    {"required_in_line_of_two_schemas",
     R"({"type":"object","allOf":[{"properties":{"a":{},"b":{}},"required":["a","b"]},{"properties":{"b":{},"a":{},"c":{}},"required":["b","a","c"]}]})",
     {R"({"a":1,"b":2,"c":3})", R"({"a":1,"c":3,"b":2})"},
     {R"({"a":1,"b":2})"},
     {R"({"b":2,"a":1,"c":3})", R"({"c":3,"a":1,"b":2})"}},
    {"required_undeclared",
     R"({"type":"object","required":["z"],"properties":{"a":{"const":1}}})",
     {R"({"z":null})", R"({"a":1,"z":[]})", R"({"z":1,"a":1})"},
     {R"({"a":1})", "{}"},
     {}},
    {"required_any_type",
     R"({"required":["a"]})",
     {"1", "\"x\"", R"({"a":1})"},
     {"{}", R"({"b":1})"},
     {}},
    {"additional_false",
     R"({"type":"object","properties":{"a":{}},"additionalProperties":false})",
     {"{}", R"({"a":1})"},
     {R"({"b":1})", R"({"a":1,"b":1})", R"({"":1})"},
     {}},
    {"additional_schema",
     R"({"type":"object","properties":{"a":{"type":"null"}},"additionalProperties":{"type":"integer"}})",
     {R"({"a":null})", R"({"x":1,"y":2})", R"({"a":null,"ab":1})", R"({"x":1,"a":null})"},
     {R"({"x":"1"})", R"({"a":1})", R"({"x":1,"x":1})"},
     {}},
    {"items",
     R"({"type":"array","items":{"type":"boolean"}})",
     {"[]", "[true,false]"},
     {"[1]", "[true,null]"},
     {}},
    {"items_false", R"({"type":"array","items":false})", {"[]"}, {"[1]", "[[]]"}, {}},
    {"item_counts",
     R"({"type":"array","items":{"type":"integer"},"minItems":1,"maxItems":3})",
     {"[1]", "[1,2,3]"},
     {"[]", "[1,2,3,4]"},
     {}},
    {"enum",
     R"({"enum":["a","ab",1,1.5,null,true,["x",{"k":2}]]})",
     {"\"a\"", "\"ab\"", "1", "1.5", "null", "true", R"(["x",{"k":2}])"},
     {"\"b\"", "\"abc\"", "2", "false", R"(["x"])", "15", "1.55"},
     {"1.0", "15e-1", R"([ "x", {"k": 2.0} ])", "\"\\u0061\""}},
    {"enum_prefixes",
     R"({"enum":[1,12,123,-1,"1"]})",
     {"1", "12", "123", "-1", "\"1\""},
     {"2", "1234", "-12", "13"},
     {}},
    {"enum_and_type", R"({"type":"string","enum":["a",1,null]})", {"\"a\""}, {"1", "null"}, {}},
    {"enum_and_range",
     R"({"enum":[1,5,9,"x"],"minimum":4,"maxLength":0})",
     {"5", "9"},
     {"1", "\"x\""},
     {}},
    {"const_object",
     R"({"const":{"b":[1,{"c":null}],"a":"x"}})",
     {R"({"b":[1,{"c":null}],"a":"x"})"},
     {R"({"b":[1,{"c":null}]})", R"({"a":"x"})", R"({"a":"x","b":[1,{}]})"},
     {R"({"a":"x","b":[1.0,{"c":null}]})"}},
    {"const_text",
     "{\"const\":\"\\\"\\\\/\xC3\xA9\\n\\u0001\"}",
     {"\"\\\"\\\\/\xC3\xA9\\n\\u0001\""},
     {"\"\"", "\"\\\"\""},
     {"\"\\u0022\\\\\\/\\u00e9\\u000a\\u0001\""}},
    {"const_false", R"({"const":false})", {"false"}, {"0", "null", "\"false\""}, {}},
    {"anyOf",
     R"({"anyOf":[{"type":"integer","maximum":3},{"type":"string","minLength":2}]})",
     {"3", "-9", "\"ab\""},
     {"4", "\"a\"", "null"},
     {}},
    {"anyOf_objects",
     R"({"anyOf":[{"properties":{"k":{"const":"a"},"x":{"type":"integer"}},"required":["k","x"]},
                                   {"properties":{"k":{"const":"b"},"x":{"type":"string"}},"required":["k","x"]}],"type":"object"})",
     {R"({"k":"a","x":1})", R"({"k":"b","x":"s"})"},
     {R"({"k":"a","x":"s"})", R"({"k":"b","x":1})", R"({"k":"c","x":1})", "1"},
     {}},
    {"anyOf_beside",
     R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"anyOf":[{"required":["a"]},{"required":["b"]}]})",
     {R"({"a":1})", R"({"b":1})", R"({"a":1,"b":1})"},
     {"{}", R"({"c":1})", R"({"a":"1"})"},
     {}},
    {"allOf",
     R"({"allOf":[{"type":"integer"},{"minimum":3},{"maximum":5}]})",
     {"3", "5"},
     {"2", "6", "3.5", "\"x\""},
     {}},
    {"allOf_objects",
     R"({"allOf":[{"properties":{"a":{"minimum":1}}},{"properties":{"a":{"maximum":2,"type":"integer"}},"additionalProperties":{"type":"null"}}]})",
     {R"({"a":1})", R"({"a":2,"z":null})"},
     {R"({"a":0})", R"({"a":3})", R"({"z":1})"},
     {}},
    {"ref",
     R"({"$defs":{"p":{"type":"integer","minimum":0}},"type":"array","items":{"$ref":"#/$defs/p"}})",
     {"[0,12]"},
     {"[-1]", "[\"x\"]"},
     {}},
    {"ref_siblings",
     R"({"$defs":{"p":{"type":"integer","minimum":0}},"$ref":"#/$defs/p","maximum":9})",
     {"0", "9"},
     {"-1", "10"},
     {}},
    {"ref_definitions",
     R"({"definitions":{"a b/c~d":{"const":7}},"$ref":"#/definitions/a%20b~1c~0d"})",
     {"7"},
     {"8"},
     {}},
    {"recursion",
     R"({"type":"object","properties":{"v":{"type":"integer"},"next":{"anyOf":[{"$ref":"#"},{"type":"null"}]}},"required":["v","next"],"additionalProperties":false})",
     {R"({"v":1,"next":null})", R"({"v":1,"next":{"v":2,"next":{"v":3,"next":null}}})"},
     {R"({"v":1,"next":1})", R"({"v":1,"next":{}})", "null"},
     {R"({"next":null,"v":1})"}},
    {"mutual_recursion",
     R"({"$defs":{"a":{"type":"array","items":{"$ref":"#/$defs/o"}},"o":{"type":"object","additionalProperties":{"$ref":"#/$defs/a"}}},"$ref":"#/$defs/a"})",
     {"[]", R"([{},{"x":[{"y":[]}]}])"},
     {"[[]]", R"([{"x":{}}])"},
     {}},
    {"lengths",
     R"({"type":"string","minLength":2,"maxLength":3})",
     {"\"ab\"", "\"abc\"", "\"\xC3\xA9\xF0\x9F\x98\x80\"", "\"\\ud83d\\ude00a\"",
      "\"\\n\\\"\\u0041\""},
     {"\"a\"", "\"abcd\"", "\"\xF0\x9F\x98\x80\"", "\"\\ud83d\\ude00\"", "\"\""},
     {}},
    {"length_zero", R"({"type":"string","maxLength":0})", {"\"\""}, {"\"a\""}, {}},
    {"length_other_types", R"({"minLength":3})", {"1", "[]", "\"abc\""}, {"\"ab\""}, {}},
    {"decimal_counts",
     R"({"type":"string","minLength":1.0,"maxLength":2e0})",
     {"\"a\"", "\"ab\""},
     {"\"\"", "\"abc\""},
     {}},
    {"range",
     R"({"type":"number","minimum":-1.5,"maximum":2})",
     {"-1.5", "-1.50", "0", "1.999", "2", "2.0", "-0.1", "2e0", "-1.5e0"},
     {"-1.51", "2.01", "3", "-2", "20"},
     {"-15e-1"}},
    {"range_open",
     R"({"type":"number","exclusiveMinimum":0,"exclusiveMaximum":1})",
     {"0.5", "0.001", "0.999", "5e-1"},
     {"0", "1", "1.0", "-0.1", "0.0", "-0"},
     {"50e-2"}},
    {"range_draft_4",
     R"({"$schema":"http://json-schema.org/draft-04/schema#","type":"number","minimum":0,"exclusiveMinimum":true})",
     {"0.1", "7"},
     {"-1"},
     {}},
    {"range_integer",
     R"({"type":"integer","minimum":-12,"exclusiveMaximum":105})",
     {"-12", "0", "9", "99", "104", "104.0"},
     {"-13", "105", "1.5"},
     {}},
    {"range_between",
     R"({"type":"integer","minimum":0.2,"maximum":3.9})",
     {"1", "3"},
     {"0", "4", "0.5"},
     {}},
    {"strict_annotations",
     R"({"$schema":"https://json-schema.org/draft/2020-12/schema","$id":"x","title":"t","description":"d","default":{"a":1},"examples":[1],"$comment":"c","deprecated":true,"readOnly":false,"writeOnly":false,"x-order":3,"format":"int32","type":"integer"})",
     {"1"},
     {"null"},
     {}},
    {"old_ref_stands_alone",
     R"({"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"p":{"type":"integer"}},"properties":{"a":{"$ref":"#/definitions/p","description":"d"}}})",
     {R"({"a":1})"},
     {R"({"a":"x"})"},
     {}},
};

INSTANTIATE_TEST_SUITE_P(All, Keyword, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Keywords, OldDraftsIgnoreWhatIsBesideARef) {
  const auto grammar = must_compile(
      R"({"$schema":"http://json-schema.org/draft-07/schema#","definitions":{"p":{"type":"integer"}},"$ref":"#/definitions/p","maximum":3,"pattern":"x"})");
  EXPECT_TRUE(validate(*grammar, "4").value());
}

TEST(Keywords, DraftFourExcludesTheBoundItself) {
  const auto grammar = must_compile(
      R"({"type":"number","minimum":0,"exclusiveMinimum":true,"maximum":1,"exclusiveMaximum":false})");
  EXPECT_FALSE(validate(*grammar, "0").value());
  EXPECT_FALSE(generates(grammar, "0"));
  EXPECT_TRUE(generates(grammar, "1"));
}

TEST(Keywords, StrictClosesObjectsThatAreSilent) {
  CompileOptions strict;
  strict.strict = true;
  const auto grammar = must_compile(
      R"({"type":"object","properties":{"a":{"type":"object","properties":{"b":{}}},"open":{"type":"object","properties":{},"additionalProperties":true}}})",
      strict);
  for (const auto& [text, ok] : {std::pair{R"({"a":{"b":1}})", true},
                                 {R"({"c":1})", false},
                                 {R"({"a":{"c":1}})", false},
                                 {R"({"open":{"c":1}})", true}}) {
    EXPECT_EQ(validate(*grammar, text).value(), ok) << text;
    EXPECT_EQ(generates(grammar, text), ok) << text;
  }
}

TEST(Keywords, BoundedWhitespaceIsBounded) {
  CompileOptions options;
  options.whitespace = Whitespace::bounded;
  options.whitespace_max = 2;
  const auto grammar = must_compile(
      R"({"type":"object","properties":{"a":{"type":"array","items":{"type":"integer"}},"b":{"enum":[1,12]}},"required":["a"],"additionalProperties":false})",
      options);
  for (const char* text : {R"({"a":[1,2]})", "{ \"a\": [1, 2], \"b\" : 1 }",
                           "{\n\t\"a\"\r\n:\n [\n\n]\n}", R"({"a":[  1  ,  2  ],"b":12  })"}) {
    EXPECT_TRUE(generates(grammar, text)) << text;
    EXPECT_TRUE(validate(*grammar, text).value()) << text;
  }
  for (const char* text : {R"({   "a":[1]})", R"( {"a":[1]})", R"({"a":[1]} )", R"({"a":[1 2]})",
                           R"({"a ":[1]})", R"({"a":[1   ]})"}) {
    EXPECT_FALSE(generates(grammar, text)) << text;
  }
}

TEST(Keywords, RequiredKeysComeInWrittenOrder) {
  const auto grammar = must_compile(
      R"({"type":"object","properties":{"z":{"const":1},"a":{"const":2},"m":{"const":3}},"required":["z","m"],"additionalProperties":false})");
  EXPECT_TRUE(generates(grammar, R"({"z":1,"a":2,"m":3})"));
  EXPECT_TRUE(generates(grammar, R"({"z":1,"m":3})"));
  EXPECT_TRUE(generates(grammar, R"({"a":2,"z":1,"m":3})"));
  EXPECT_FALSE(generates(grammar, R"({"m":3,"z":1})"));
  EXPECT_FALSE(generates(grammar, R"({"a":2,"m":3,"z":1})"));
  EXPECT_TRUE(validate(*grammar, R"({"m":3,"a":2,"z":1})").value());
}

TEST(Keywords, ANumberIsTakenAwayInEverySpelling) {
  for (const char* schema :
       {R"({"type":"number","not":{"const":-837}})", R"({"oneOf":[{"type":"number"},{"enum":[-837,-837.0,"x"]}],"type":"number"})",
        R"({"type":"number","if":{"enum":[-837]},"then":false})"}) {
    const auto grammar = must_compile(schema);
    for (const char* text : {"-837", "-837.0", "-8.37E+2"}) {
      EXPECT_FALSE(validate(*grammar, text).value()) << schema << text;
      EXPECT_FALSE(generates(grammar, text)) << schema << text;
    }
    EXPECT_TRUE(generates(grammar, "-836.0")) << schema;
  }
}

TEST(Keywords, AConstantEvaluatesNothing) {
  const auto grammar = must_compile(
      R"({"anyOf":[{"const":{"a":1},"unevaluatedProperties":false},{"const":[1],"unevaluatedItems":false},{"type":"null"}]})");
  EXPECT_TRUE(generates(grammar, "null"));
  for (const char* text : {R"({"a":1})", "[1]"}) {
    EXPECT_FALSE(validate(*grammar, text).value()) << text;
    EXPECT_FALSE(generates(grammar, text)) << text;
  }
}

TEST(Keywords, EqualItemsCanBeAskedFor) {
  const auto grammar = must_compile(R"({"type":"array","items":{"enum":["a","b"]},"not":{"uniqueItems":true}})");
  EXPECT_TRUE(generates(grammar, R"(["a","a"])"));
  EXPECT_TRUE(generates(grammar, R"(["b","a","b"])"));
  EXPECT_FALSE(generates(grammar, R"(["a","b"])"));
  const auto two = must_compile(
      R"({"type":"array","maxItems":2,"items":{"type":"string"},"not":{"uniqueItems":true}})");
  EXPECT_TRUE(generates(two, R"(["ab","ab"])"));
  EXPECT_FALSE(generates(two, R"(["ab","a"])"));
}

/// Keys that ask for others, for values, and for nothing more, in every order of writing.
TEST(Keywords, DependentSchemasAreFollowedHoweverTheKeysAreOrdered) {
  const char* const keys[] = {"a", "b", "c", "ab"};
  const char* const values[] = {"1", "2", "\"\"", "null"};
  const char* const schemas[] = {"true", "false", R"({"type":"integer"})", R"({"const":1})",
                                 R"({"type":["string","null"]})"};
  std::mt19937 random(5);
  const auto one_of = [&](const auto& list) { return std::string(list[random() % std::size(list)]); };
  const auto map_of = [&] {
    std::string map = R"({"properties":{")" + one_of(keys) + "\":" + one_of(schemas) + "}";
    if (random() % 3 == 0) map += R"(,"required":[")" + one_of(keys) + "\"]";
    if (random() % 4 == 0) map += R"(,"patternProperties":{"b$":)" + one_of(schemas) + "}";
    if (random() % 4 == 0) map += R"(,"additionalProperties":)" + one_of(schemas);
    return map;
  };
  int satisfiable = 0;
  for (int round = 0; round < 120 / kCasesDivisor; ++round) {
    std::string schema = map_of() + R"(,"type":"object","dependentSchemas":{)";
    for (const char* key : keys) schema += std::string(key == keys[0] ? "\"" : ",\"") + key + "\":" + map_of() + "}";
    schema += random() % 4 == 0 ? R"(},"minProperties":2})" : "}}";
    SCOPED_TRACE(schema);
    CompileOptions options;
    options.order = KeyOrder::any;
    const auto grammar = compile(schema, byte_vocabulary(), options);
    if (!grammar) {
      EXPECT_EQ(grammar.error().code, ErrorCode::unsatisfiable) << grammar.error().what;
      EXPECT_FALSE(schema.find("minProperties") == schema.npos && schema.find("\"required\"") == schema.npos);
      continue;
    }
    ++satisfiable;
    for (int i = 0; i < 30; ++i) {
      std::vector<std::string> order(std::begin(keys), std::end(keys));
      std::shuffle(order.begin(), order.end(), random);
      order.resize(random() % 5);
      std::string text = "{";
      for (const std::string& key : order)
        text += (text.size() > 1 ? ",\"" : "\"") + key + "\":" + one_of(values);
      text += "}";
      EXPECT_EQ(generates(*grammar, text), validate(**grammar, text).value()) << text;
    }
    const Walk walk = random_walk(*grammar, *byte_vocabulary(),
                                  Matcher(*grammar).tokens_to_finish() + random() % 20, random);
    EXPECT_FALSE(walk.dead) << walk.text;
    EXPECT_TRUE(validate(**grammar, walk.text).value()) << walk.text;
  }
  EXPECT_GT(satisfiable, 60 / kCasesDivisor);
}

TEST(Keywords, ManyDependentSchemasDoNotMultiply) {
  std::string dependent;
  for (int i = 0; i < 40; ++i) {
    const std::string n = std::to_string(i);
    dependent += (i ? ",\"p" : "\"p") + n + R"(":{"required":["q)" + n + R"("],"properties":{"kind":{"const":)" + n + "}}}";
  }
  CompileOptions options;
  options.order = KeyOrder::any;
  const auto grammar = must_compile(R"({"type":"object","dependentSchemas":{)" + dependent + "}}", options);
  EXPECT_TRUE(generates(grammar, R"({"kind":7,"p7":1,"q7":2})"));
  EXPECT_TRUE(generates(grammar, R"({"p7":1,"q7":2,"kind":7,"p8x":1})"));
  EXPECT_TRUE(generates(grammar, R"({"kind":"x","q7":2})"));
  EXPECT_FALSE(generates(grammar, R"({"kind":7,"p8":1,"q8":2})"));
  EXPECT_FALSE(generates(grammar, R"({"p7":1,"q7":2,"kind":8})"));
  EXPECT_FALSE(generates(grammar, R"({"p7":1,"kind":7})"));
}

/// An item that leaves no other for those still needed is never begun.
TEST(Keywords, DifferentItemsAreNeverUsedUpTooEarly) {
  const auto pairs = must_compile(R"({"type":"array","uniqueItems":true,
      "items":{"type":"array","uniqueItems":true,"items":{"enum":["a","b"]}}})");
  EXPECT_TRUE(generates(pairs, R"([["a","b"],["b","a"],["a"],["b"],[]])"));
  Matcher matcher(pairs);
  ASSERT_TRUE(matcher.accept_bytes(R"([["a","b"],["b","a"],["a"],[")"));
  EXPECT_FALSE(matcher.accept_bytes("a"));
  EXPECT_TRUE(matcher.accept_bytes(R"(b"])"));
  const auto last = must_compile(
      R"({"type":"array","uniqueItems":true,"prefixItems":[{"enum":[1,2]},{"const":1}],"minItems":2})");
  EXPECT_TRUE(generates(last, "[2,1]"));
  EXPECT_FALSE(Matcher(last).accept_bytes("[1"));
}

/// That an item differs from those before leaves one way for each of them at most, not each set of them.
TEST(Keywords, ManyItemsThatHoldOthersCanDiffer) {
  constexpr int kItems = 24;
  CompileOptions options;
  options.order = KeyOrder::any;
  const auto objects = must_compile(R"({"type":"array","uniqueItems":true,"items":{"type":"object",
      "properties":{"name":{"type":"string"},"value":{"type":"integer"}},"required":["name","value"]}})", options);
  const auto arrays = must_compile(R"({"type":"array","uniqueItems":true,"items":{"type":"array"}})");
  const auto items = [](const auto& item) {
    std::string text = "[";
    for (int i = 0; i < kItems; ++i) text += (i ? "," : "") + item(i);
    return text;
  };
  const auto object = [](int i) {
    return R"({"name":"n)" + std::to_string(i / 2) + R"(","value":)" + std::to_string(i % 3) + "}";
  };
  const auto turned = [](int i) {
    return R"({"value":)" + std::to_string(i % 3) + R"(,"name":"n)" + std::to_string(i / 2) + R"("})";
  };
  const auto array = [](int i) { return "[" + std::to_string(i / 2) + (i % 2 ? ",7]" : "]"); };
  const auto differ = [](const auto& grammar, const std::string& begun, const std::string& other,
                         const std::string& again) {
    Matcher matcher(grammar);
    ASSERT_TRUE(matcher.accept_bytes(begun));
    EXPECT_FALSE(matcher.accept_bytes("," + again + "]"));
    EXPECT_TRUE(matcher.accept_bytes("," + other + "]"));
    EXPECT_FALSE(matcher.limit());
  };
  for (int i = 0; i < kItems; i += 5) {
    differ(objects, items(object), R"({"name":"n3","value":5})", turned(i));
    differ(objects, items(turned), R"({"value":0,"more":0,"name":"n0"})", object(i));
    differ(arrays, items(array), "[7,7,7]", array(i));
  }
}

/// The end of an array is looked for by the items that are needed, not by all that there is room for.
TEST(Keywords, RoomForManyItemsMakesTheEndNoFarther) {
  CompileOptions options;
  options.fuel = 5'000;
  const auto grammar = must_compile(
      R"({"type":"array","uniqueItems":true,"contains":{"type":"string"},"maxItems":400})", options);
  EXPECT_EQ(Matcher(grammar).tokens_to_finish(), 4u);
  EXPECT_TRUE(generates(grammar, R"([1,2,"a",3])"));
  EXPECT_FALSE(generates(grammar, R"([1,2,3])"));
  EXPECT_FALSE(generates(grammar, R"([1,"a",1])"));
}

/// Of a few items that differ, each set of them would be a case of its own: only those that come are one.
TEST(Keywords, AFewLongItemsMeetNoLimit) {
  constexpr int kItems = 10;
  const auto item = [](int i) { return '"' + std::string(200, 'x') + static_cast<char>('a' + i) + '"'; };
  std::string items;
  for (int i = 0; i < kItems; ++i) items += (i ? "," : "") + item(i);
  const auto grammar =
      must_compile(R"({"type":"array","uniqueItems":true,"contains":{},"items":{"enum":[)" + items + "]}}");
  Matcher matcher(grammar);
  ASSERT_TRUE(matcher.accept_bytes("["));
  for (int i = 0; i < kItems; ++i) {
    ASSERT_TRUE(matcher.accept_bytes((i ? "," : "") + item(i))) << i;
    EXPECT_EQ(matcher.tokens_to_finish(), 1u);
  }
  EXPECT_FALSE(matcher.accept_bytes(","));
  EXPECT_FALSE(matcher.limit());
}

/// Arrays and scalars satisfy every branch, so none of them comes of it.
TEST(Keywords, ObjectsToldApartByATagNeedNoType) {
  std::string branches;
  for (int i = 0; i < 100; ++i) {
    const std::string n = std::to_string(i);
    branches += (i ? "," : "") + (R"({"properties":{"t":{"const":"t)" + n + R"("},"v)" + n +
                                  R"(":{"type":"integer"}},"required":["t"]})");
  }
  const auto grammar = must_compile(R"({"oneOf":[)" + branches + "]}");
  EXPECT_TRUE(generates(grammar, R"({"t":"t7"})"));
  EXPECT_TRUE(generates(grammar, R"({"t":"t77","v77":1})"));
  EXPECT_TRUE(generates(grammar, R"({"t":"t77","v7":"x"})"));
  EXPECT_FALSE(generates(grammar, R"({"t":"t77","v77":"x"})"));
  EXPECT_FALSE(generates(grammar, R"({"t":"t100"})"));
  EXPECT_FALSE(generates(grammar, "{}"));
  EXPECT_FALSE(generates(grammar, "[]"));
  EXPECT_FALSE(generates(grammar, "1"));
}

TEST(Keywords, AKeyThatCanHaveNoValueIsNeverWritten) {
  const auto grammar = must_compile(
      R"({"type":"object","properties":{"no":false,"none":{"type":"integer","minimum":2,"maximum":1},"yes":{}}})");
  EXPECT_FALSE(generates(grammar, R"({"no":1})"));
  EXPECT_FALSE(generates(grammar, R"({"yes":1,"no":1})"));
  EXPECT_FALSE(generates(grammar, R"({"none":1})"));
  EXPECT_TRUE(generates(grammar, R"({"yes":1,"nope":1})"));
}

/// Each level asks about the next one twice; the last needs a value of its own kind, so there is none.
TEST(Keywords, WhatOnlyAValueOfItsOwnKindCouldCompleteIsRuledOutOnce) {
  constexpr int kLevels = 40;
  std::string levels = R"("d)" + std::to_string(kLevels) + R"(":{"type":"object","required":["s"],"properties":{"s":{"$ref":"#/$defs/d)" +
                       std::to_string(kLevels) + R"("}}})";
  for (int i = kLevels; i-- > 0;) {
    const std::string next = R"({"$ref":"#/$defs/d)" + std::to_string(i + 1) + R"("})";
    levels += R"(,"d)" + std::to_string(i) + R"(":{"type":"object","required":["x","y"],"properties":{"x":)" +
              next + R"(,"y":)" + next + "}}";
  }
  const auto grammar =
      must_compile(R"({"$defs":{)" + levels + R"(},"anyOf":[{"$ref":"#/$defs/d0"},{"type":"null"}]})");
  EXPECT_TRUE(generates(grammar, "null"));
  EXPECT_FALSE(Matcher(grammar).accept_bytes("{"));
}

TEST(Keywords, UndeclaredKeysAreSpelledOneWay) {
  // "\u0061" is "a": two spellings of one key would be a duplicate in disguise.
  const auto grammar = must_compile(R"({"type":"object","properties":{"a":{"type":"null"}}})");
  EXPECT_FALSE(generates(grammar, R"({"\u0061":1})"));
  EXPECT_FALSE(generates(grammar, R"({"b":1,"\u0062":1})"));
  EXPECT_FALSE(generates(grammar, R"({"b\/":1})"));
  EXPECT_TRUE(generates(grammar, R"({"b/":1,"\n":2,"\u001f":3,"\"":4})"));
  EXPECT_FALSE(generates(grammar, R"({"\u000a":1})"));
  EXPECT_FALSE(generates(grammar, R"({"\u001F":1})"));
}

}  // namespace
}  // namespace praxis::grammar::test
