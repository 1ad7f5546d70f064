#include "hostile_cases.h"

#include <cstdio>
#include <functional>
#include <utility>

#include "grammar/json.h"

namespace praxis::grammar::test {
namespace {

using Texts = std::vector<std::string>;

std::string repeat(std::string_view text, std::size_t n) {
  std::string out;
  out.reserve(text.size() * n);
  for (std::size_t i = 0; i < n; ++i) out += text;
  return out;
}

/// item(0),item(1),... with "#" in `item` standing for the index.
std::string joined(std::size_t n, std::string_view item) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) out += ',';
    for (const char c : item) {
      if (c == '#') out += std::to_string(i);
      else out += c;
    }
  }
  return out;
}

std::string joined(std::size_t n, const std::function<std::string(std::size_t)>& item) {
  std::string out;
  for (std::size_t i = 0; i < n; ++i) out += (i ? "," : "") + item(i);
  return out;
}

std::string nested(std::string_view open, std::size_t depth, std::string_view inside,
                   std::string_view close) {
  return repeat(open, depth) + std::string(inside) + repeat(close, depth);
}

std::string with_pattern(std::string_view pattern) {
  return R"({"type":"string","pattern":")" + spell_string(pattern) + "\"}";
}

std::string quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

constexpr auto kBadJson = ErrorCode::bad_json;
constexpr auto kBadSchema = ErrorCode::bad_schema;
constexpr auto kUnsupported = ErrorCode::unsupported;
constexpr auto kUnsatisfiable = ErrorCode::unsatisfiable;
constexpr auto kLimit = ErrorCode::limit;

class Cases {
 public:
  void refused(std::string name, std::string schema, ErrorCode code) {
    made_.push_back(HostileCase{std::move(name), std::move(schema), code, false, {}, {}});
  }
  void compiles(std::string name, std::string schema, Texts valid, Texts invalid) {
    made_.push_back(HostileCase{std::move(name), std::move(schema), std::nullopt, true,
                                std::move(valid), std::move(invalid)});
  }
  void either(std::string name, std::string schema, Texts valid = {}, Texts invalid = {}) {
    made_.push_back(HostileCase{std::move(name), std::move(schema), std::nullopt, false,
                                std::move(valid), std::move(invalid)});
  }
  std::vector<HostileCase> take() { return std::move(made_); }

 private:
  std::vector<HostileCase> made_;
};

void add_broken_documents(Cases& cases) {
  cases.refused("no text", "", kBadJson);
  cases.refused("a million brackets", repeat("[", 1'000'000), kLimit);
  cases.refused("a million levels", repeat(R"({"items":)", 1'000'000) + "1", kLimit);
  cases.refused("a NUL inside", std::string("{\"type\":\0\"string\"}", 18), kBadJson);
  cases.refused("a NUL behind", std::string("{}\0", 3), kBadJson);
  cases.refused("a byte order mark", "\xEF\xBB\xBF{}", kBadJson);
  cases.refused("broken UTF-8", "{\"const\":\"\xC3\x28\"}", kBadJson);
  cases.refused("an overlong slash", "{\"const\":\"\xC0\xAF\"}", kBadJson);
  cases.refused("a surrogate in UTF-8", "{\"const\":\"\xED\xA0\x80\"}", kBadJson);
  cases.refused("a lone surrogate", R"({"const":"\ud800"})", kBadJson);
  cases.refused("a lone low surrogate", R"({"properties":{"\udc00x":{}}})", kBadJson);
  cases.refused("surrogates the wrong way", R"({"pattern":"\udc00\ud800"})", kBadJson);
  cases.refused("a key twice", R"({"type":"null","type":"string"})", kBadJson);
  cases.refused("a key twice in disguise", R"({"type":"null","\u0074ype":"string"})", kBadJson);
  cases.refused("a key a hundred thousand times", "{" + joined(100'000, R"("title":1)") + "}",
                kBadJson);
  cases.refused("NaN", R"({"minimum":NaN})", kBadJson);
  cases.refused("Infinity", R"({"maximum":-Infinity})", kBadJson);
  cases.refused("a comment", "{} // all", kBadJson);
  cases.refused("a tail", "{}{}", kBadJson);
  cases.refused("1e400", R"({"minimum":1e400})", kLimit);
  cases.refused("1e-99999999999999999999", R"({"maximum":1e-99999999999999999999})", kLimit);
  cases.compiles("megabytes of spaces", repeat(" \n", 4'000'000) + "{}", {"1"}, {"01"});
  cases.compiles("an escaped NUL", R"({"const":"a\u0000b"})", {R"("a\u0000b")"}, {R"("a")"});
}

void add_wrong_types(Cases& cases) {
  for (const char* schema : {"3",
                             "null",
                             "\"string\"",
                             "[]",
                             R"({"pattern":null})",
                             R"({"pattern":{}})",
                             R"({"type":"int"})",
                             R"({"type":7})",
                             R"({"type":["string","string",1]})",
                             R"({"properties":null})",
                             R"({"properties":{"a":7}})",
                             R"({"patternProperties":[]})",
                             R"({"items":"x"})",
                             R"({"prefixItems":{}})",
                             R"({"prefixItems":[1]})",
                             R"({"enum":"a"})",
                             R"({"required":{"a":true}})",
                             R"({"required":[null]})",
                             R"({"minLength":-1})",
                             R"({"minLength":"3"})",
                             R"({"maxItems":0.5})",
                             R"({"multipleOf":0})",
                             R"({"multipleOf":-2})",
                             R"({"multipleOf":"2"})",
                             R"({"uniqueItems":"yes"})",
                             R"({"anyOf":{}})",
                             R"({"oneOf":[]})",
                             R"({"allOf":[null]})",
                             R"({"not":[]})",
                             R"({"if":1})",
                             R"({"dependentRequired":{"a":"b"}})",
                             R"({"dependentSchemas":{"a":["b"]}})",
                             R"({"propertyNames":1})",
                             R"({"contains":"x"})",
                             R"({"$ref":3})",
                             R"({"$id":{}})",
                             R"({"$anchor":1})",
                             R"({"format":[]})",
                             R"({"unevaluatedItems":null})"}) {
    cases.refused(std::string("a wrong type: ") + schema, schema, kBadSchema);
  }
}

void add_references(Cases& cases) {
  cases.refused("a reference to itself", R"({"$ref":"#"})", kBadSchema);
  cases.refused("a reference to nothing", R"({"$ref":"#/$defs/none"})", kBadSchema);
  cases.refused("a reference out of the document", R"({"$ref":"file:///etc/passwd"})",
                kUnsupported);
  cases.refused("a reference with broken escapes", R"({"$ref":"#/%f"})", kBadSchema);
  cases.refused(
      "a loop of two",
      R"({"$defs":{"a":{"$ref":"#/$defs/b"},"b":{"$ref":"#/$defs/a"}},"$ref":"#/$defs/a"})",
      kBadSchema);
  cases.refused("a loop through allOf, not and if",
                R"({"allOf":[{"not":{"if":{"$ref":"#"},"then":true}}]})", kBadSchema);
  cases.refused("an endless value",
                R"({"type":"object","properties":{"a":{"$ref":"#"}},"required":["a"]})",
                kUnsatisfiable);
  cases.refused("an endless array", R"({"type":"array","items":{"$ref":"#"},"minItems":1})",
                kUnsatisfiable);
  cases.either("a ring of 5,000", R"({"$defs":{)" + joined(5'000, [](std::size_t i) {
                                    return "\"d" + std::to_string(i) + "\":{\"$ref\":\"#/$defs/d" +
                                           std::to_string((i + 1) % 5'000) + "\"}";
                                  }) + R"(},"$ref":"#/$defs/d0"})");
  cases.either("a chain of 5,000",
               R"({"$defs":{)" +
                   joined(5'000,
                          [](std::size_t i) {
                            return "\"d" + std::to_string(i) + "\":" +
                                   (i == 4'999
                                        ? R"({"type":"null"})"
                                        : "{\"$ref\":\"#/$defs/d" + std::to_string(i + 1) + "\"}");
                          }) +
                   R"(},"$ref":"#/$defs/d0"})",
               {"null"}, {"1"});
  cases.either(
      "a backward chain",
      R"({"properties":{)" +
          joined(5'000,
                 [](std::size_t i) {
                   return "\"d" + std::to_string(i) + "\":" +
                          (i == 0 ? R"({"type":"null"})"
                                  : "{\"$ref\":\"#/properties/d" + std::to_string(i - 1) + "\"}");
                 }) +
          "}}",
      {R"({"d4999":null})"}, {R"({"d4999":1})"});
  cases.either("everything refers to everything",
               R"({"$defs":{)" +
                   joined(300,
                          [](std::size_t i) {
                            return "\"d" + std::to_string(i) + "\":{\"properties\":{" +
                                   joined(30,
                                          [&](std::size_t k) {
                                            return "\"p" + std::to_string(k) +
                                                   "\":{\"allOf\":[{\"$ref\":\"#/$defs/d" +
                                                   std::to_string((i * 7 + k) % 300) +
                                                   "\"},{\"$ref\":\"#/$defs/d" +
                                                   std::to_string((i + k * 11) % 300) + "\"}]}";
                                          }) +
                                   "}}";
                          }) +
                   R"(},"$ref":"#/$defs/d0"})",
               {R"({"p1":{"p2":{}}})"});
  cases.either("doubling references",
               R"({"$defs":{"d0":{"type":"null"},)" +
                   joined(40,
                          [](std::size_t i) {
                            const std::string below =
                                "{\"$ref\":\"#/$defs/d" + std::to_string(i) + "\"}";
                            return "\"d" + std::to_string(i + 1) + "\":{\"allOf\":[" + below + "," +
                                   below + "]}";
                          }) +
                   R"(},"$ref":"#/$defs/d40"})",
               {"null"}, {"1"});
  cases.either(
      "doubling arrays",
      R"({"$defs":{"d0":{"type":"null"},)" +
          joined(40,
                 [](std::size_t i) {
                   const std::string below = "{\"$ref\":\"#/$defs/d" + std::to_string(i) + "\"}";
                   return "\"d" + std::to_string(i + 1) + R"(":{"type":"array","prefixItems":[)" +
                          below + "," + below + R"(],"minItems":2})";
                 }) +
          R"(},"$ref":"#/$defs/d40"})",
      {}, {"1", "[]"});
  cases.either(
      "doubling dynamic scopes",
      R"({"$id":"https://h.test/r","$dynamicAnchor":"n","$defs":{)" +
          joined(200,
                 [](std::size_t i) {
                   return "\"s" + std::to_string(i) + R"(":{"$id":"s)" + std::to_string(i) +
                          R"(","$dynamicAnchor":"n","properties":{"a":{"$ref":"s)" +
                          std::to_string((i + 1) % 200) + R"("},"b":{"$ref":"s)" +
                          std::to_string((i * 3 + 1) % 200) + R"("},"c":{"$dynamicRef":"#n"}}})";
                 }) +
          R"(},"$ref":"s0"})",
      {R"({"a":{"b":{"c":{}}}})"});
  cases.either("a pointer of a megabyte", R"({"$ref":"#)" + repeat("/a", 500'000) + "\"}");
}

void add_large_documents(Cases& cases) {
  cases.either("100,000 enum values", R"({"enum":[)" + joined(100'000, "\"value #\"") + "]}",
               {"\"value 99999\""}, {"\"value\"", "\"value 100000\""});
  cases.either("100,000 typed enum values",
               R"({"type":"string","enum":[)" + joined(100'000, "\"#\"") + "]}", {"\"99999\""},
               {"\"\"", "99"});
  cases.either("20,000 enum numbers", R"({"enum":[)" + joined(20'000, "#.5") + "]}", {"777.5"},
               {"777", "20000.5"});
  cases.either("5,000 enum objects", R"({"enum":[)" + joined(5'000, R"({"k":#})") + "]}",
               {R"({"k":4999})"}, {R"({"k":5000})"});
  cases.either("two large enums",
               R"({"allOf":[{"enum":[)" + joined(30'000, "#") + R"(]},{"enum":[)" +
                   joined(30'000, "1#") + "]}]}",
               {"15"}, {"2"});
  cases.either("an enum without another",
               R"({"enum":[)" + joined(20'000, "\"a#\"") + R"(],"not":{"enum":[)" +
                   joined(19'999, "\"a#\"") + "]}}",
               {"\"a19999\""}, {"\"a7\""});
  cases.either("oneOf of 2,000 constants",
               R"({"oneOf":[)" + joined(2'000, R"({"const":"c#"})") + "]}", {"\"c1999\""},
               {"\"c\"", "\"c2000\""});
  cases.either(
      "oneOf of 300 objects by a tag",
      R"({"oneOf":[)" +
          joined(
              300,
              R"({"properties":{"t":{"const":"t#"},"v#":{"type":"integer"}},"required":["t"]})") +
          "]}",
      {R"({"t":"t7","v7":1})"}, {R"({"t":"t7","v7":"x"})"});
  cases.either("10,000 branches",
               R"({"anyOf":[)" + joined(10'000, R"({"properties":{"k#":{}}})") + "]}", {"{}", "1"});
  cases.either("5,000 dependencies",
               R"({"type":"object","dependentRequired":{)" + joined(5'000, R"("p#":["q#"])") + "}}",
               {"{}"}, {R"({"p7":1})"});
  cases.either("200 dependent schemas",
               R"({"type":"object","dependentSchemas":{)" +
                   joined(200, R"("p#":{"required":["q#"]})") + "}}",
               {"{}", R"({"q7":1,"p7":1})"}, {R"({"p7":1})"});
  cases.either(
      "50 patterns for keys that meet",
      R"({"type":"object","patternProperties":{)" + joined(50, R"("a.{#}b":{"minimum":#})") + "}}",
      {R"({"axb":50})"}, {R"({"axb":0})"});
  cases.either(
      "a thousand ranges",
      R"({"properties":{)" + joined(1'000, R"("p#":{"type":"number","minimum":#.#})") + "}}",
      {R"({"p7":7.7})"}, {R"({"p7":7.6})"});
  cases.either("100,000 properties", R"({"properties":{)" + joined(100'000, R"("p#":{})") + "}}",
               {R"({"p99999":1})"});
  cases.either("50,000 required keys",
               R"({"type":"object","required":[)" + joined(50'000, "\"p#\"") + "]}", {}, {"{}"});
  cases.either("2,000 patterns for keys",
               R"({"type":"object","patternProperties":{)" +
                   joined(2'000, R"("^a#":{"type":"integer"})") + "}}",
               {R"({"a7":1})", R"({"b":"x"})"}, {R"({"a7":"x"})"});
  cases.either(
      "oneOf of 25 objects by a tag",
      R"({"oneOf":[)" +
          joined(
              25,
              R"({"properties":{"t":{"const":"t#"},"v#":{"type":"integer"}},"required":["t"]})") +
          "]}",
      {R"({"t":"t7","v7":1})"}, {R"({"t":"t7","v7":"x"})"});
  cases.either("10,000 prefix items",
               R"({"prefixItems":[)" + joined(10'000, R"({"const":#})") + "]}", {"[0,1,2]", "[]"},
               {"[0,2]"});
  cases.either("a key of a megabyte",
               R"({"properties":{")" + repeat("k", 1'000'000) + R"(":{"type":"null"}}})",
               {R"({"k":1})"});
  cases.either("a constant of a megabyte", R"({"const":")" + repeat("s", 1'000'000) + "\"}", {},
               {"\"s\""});
  cases.either("a constant of 2,000 levels", R"({"const":)" + nested("[", 2'000, "", "]") + "}", {},
               {"[]"});
  cases.either("a constant of 60 levels", R"({"const":)" + nested("[", 60, "1", "]") + "}",
               {nested("[", 60, "1", "]")}, {nested("[", 60, "2", "]"), nested("[", 59, "1", "]")});
  cases.either("50,000 definitions nobody asks for",
               R"({"$defs":{)" + joined(50'000, R"("d#":{"pattern":"("})") + "}}", {"1"});
}

void add_huge_counts(Cases& cases) {
  cases.either("huge lengths",
               R"({"minLength":16777216,"maxLength":1e30,"type":["string","null"]})", {"null"},
               {"\"\""});
  cases.either("a length beyond 64 bits", R"({"type":"string","maxLength":1e300})", {"\"\""},
               {"1"});
  cases.either("a length that must be huge", R"({"type":"string","minLength":1e300})");
  cases.either("huge numbers of items", R"({"type":"array","minItems":16777216})", {}, {"[]"});
  cases.either("huge numbers of items, none repeated",
               R"({"type":"array","minItems":16777216,"uniqueItems":true})", {}, {"[]"});
  cases.either(
      "200 different items out of 200",
      R"({"type":"array","minItems":200,"uniqueItems":true,"items":{"type":"integer","minimum":1,"maximum":200}})",
      {}, {"[1,1]", "[]"});
  cases.either(
      "more different items than there are",
      R"({"type":"array","minItems":30,"uniqueItems":true,"items":{"type":"integer","minimum":1,"maximum":29}})");
  cases.either("arrays of huge arrays",
               nested(R"({"type":"array","minItems":16777216,"items":)", 20, "{}", "}"), {},
               {"[]"});
  cases.either(
      "contains, a million times",
      R"({"type":"array","contains":{"const":1},"minContains":1000000,"maxContains":1000000})", {},
      {"[]", "[1]"});
  cases.either("a million members", R"({"type":"object","minProperties":1000000})", {}, {"{}"});
  cases.either("more members than keys",
               R"({"type":"object","minProperties":300,"propertyNames":{"pattern":"^[a-z]$"}})");
  cases.either("a bound of 300 digits",
               R"({"type":"number","minimum":-)" + repeat("9", 300) + R"(,"maximum":)" +
                   repeat("9", 300) + ".5}",
               {"0"}, {"1" + repeat("0", 301)});
  cases.either("a bound of 100,000 digits",
               R"({"type":"number","minimum":0.)" + repeat("7", 100'000) + "}", {"1"}, {"0"});
  cases.either("a number of a million digits", R"({"minimum":)" + repeat("7", 1'000'000) + "}");
  cases.either("a multiple of 200 digits",
               R"({"type":"integer","multipleOf":)" + repeat("7", 200) + "}",
               {"0", repeat("7", 200)}, {"7"});
  cases.either("a multiple of 1e-300", R"({"type":"number","multipleOf":1e-300})", {"1"});
  cases.either(
      "primes together",
      R"({"type":"integer","allOf":[{"multipleOf":7919},{"multipleOf":7907},{"multipleOf":7901},{"multipleOf":7883}],"minimum":1})",
      {}, {"0", "7919"});
  cases.either("not any of 30 primes",
               R"({"type":"integer","not":{"anyOf":[)" +
                   joined(30,
                          [](std::size_t i) {
                            constexpr int kPrimes[] = {2,  3,  5,  7,  11, 13,  17,  19,  23,  29,
                                                       31, 37, 41, 43, 47, 53,  59,  61,  67,  71,
                                                       73, 79, 83, 89, 97, 101, 103, 107, 109, 113};
                            return "{\"multipleOf\":" + std::to_string(kPrimes[i]) + "}";
                          }) +
                   "]}}",
               {"1", "127"}, {"4", "113"});
}

void add_products(Cases& cases) {
  cases.either("10,000 nested anyOf", nested(R"({"anyOf":[)", 10'000, "{}", "]}"));
  cases.either(
      "oneOf, 12 deep, three each",
      nested(R"({"oneOf":[{"type":"string"},{"type":"null"},)", 12, R"({"type":"integer"})", "]}"));
  cases.either("oneOf of objects, 7 deep, two each", [] {
    std::string schema = R"({"type":"object","required":["z"]})";
    for (int i = 0; i < 7; ++i) {
      const std::string key = "k" + std::to_string(i);
      schema = R"({"oneOf":[{"properties":{")" + key + R"(":)" + schema + R"(}},{"properties":{")" +
               key + R"(":{"minProperties":)" + std::to_string(i + 1) + "}}}]}";
    }
    return schema;
  }());
  cases.either("not of not, 60 deep", nested(R"({"not":)", 60, R"({"type":"null"})", "}"), {"null"},
               {"1"});
  cases.either("if in if, 50 deep",
               nested(R"({"if":{"minimum":3},"then":{"multipleOf":2},"else":)", 50,
                      R"({"type":"integer"})", "}"),
               {"4", "1"}, {"5", "0.5"});
  cases.either(
      "2^20 string products",
      R"({"allOf":[)" + joined(20, R"({"anyOf":[{"minLength":#},{"maxLength":5#}]})") + "]}",
      {"\"\"", "1"});
  cases.either("2^20 products of patterns",
               R"({"type":"string","allOf":[)" +
                   joined(20, R"({"oneOf":[{"pattern":"a{#}b"},{"pattern":"b.{#}c"}]})") + "]}");
  cases.either("2^12 products of keys",
               R"({"type":"object","allOf":[)" +
                   joined(12, R"({"anyOf":[{"required":["a#"]},{"required":["b#"]}]})") + "]}",
               {}, {"{}"});
  cases.either("2^16 exclusive keys",
               R"({"type":"object","allOf":[)" +
                   joined(16, R"({"oneOf":[{"required":["a#"]},{"required":["b#"]}]})") + "]}",
               {}, {"{}"});
  cases.either(
      "2^20 conditions",
      R"({"type":"object","allOf":[)" +
          joined(
              20,
              R"({"if":{"required":["a#"]},"then":{"required":["b#"]},"else":{"required":["c#"]}})") +
          "]}",
      {}, {"{}"});
  cases.either(
      "conditions on one key's values",
      R"({"type":"object","properties":{"k":{"type":"string"}},"required":["k"],"allOf":[)" +
          joined(60, R"({"if":{"properties":{"k":{"const":"v#"}}},"then":{"required":["r#"]}})") +
          "]}",
      {R"({"k":"x"})", R"({"k":"v7","r7":1})"}, {R"({"k":"v7"})", "{}"});
  cases.either(
      "3^12 tuples",
      R"({"type":"array","allOf":[)" +
          joined(12, R"({"anyOf":[{"contains":{"const":#}},{"minItems":#},{"maxItems":#}]})") +
          "]}");
  cases.either(
      "30 things to contain",
      R"({"type":"array","allOf":[)" + joined(30, R"({"contains":{"multipleOf":#1}})") + "]}", {},
      {"[]", "[1]"});
  cases.either("contains, counted five ways",
               R"({"type":"array","allOf":[)" +
                   joined(5, R"({"contains":{"minimum":#},"minContains":#,"maxContains":2#})") +
                   "]}");
  cases.either("unevaluated behind 16 branches",
               R"({"type":"object","anyOf":[)" +
                   joined(16, R"({"properties":{"a#":{"type":"integer"}}})") +
                   R"(],"unevaluatedProperties":false})",
               {"{}", R"({"a7":1})"}, {R"({"z":1})", R"({"a7":"x"})"});
  cases.either("additional keys that must not be one of 40 kinds",
               R"({"type":"object","additionalProperties":{"not":{"anyOf":[)" +
                   joined(40, R"({"type":"object","required":["k#"]})") + "]}}}",
               {"{}", R"({"a":{}})"}, {R"({"a":{"k7":1}})"});
  cases.refused("nothing fits: bounds",
                R"({"type":"integer","exclusiveMinimum":0,"exclusiveMaximum":1})", kUnsatisfiable);
  cases.refused("nothing fits: patterns",
                R"({"type":"string","allOf":[{"pattern":"^a"},{"pattern":"^b"}]})", kUnsatisfiable);
  cases.refused("nothing fits: a key",
                R"({"type":"object","required":["a"],"propertyNames":{"maxLength":0}})",
                kUnsatisfiable);
  cases.refused(
      "nothing fits: not and itself",
      R"({"allOf":[{"$ref":"#/$defs/a"},{"not":{"$ref":"#/$defs/a"}}],"$defs":{"a":{"type":"array","items":{"type":"integer"}}}})",
      kUnsatisfiable);
  cases.refused("nothing fits: counts", R"({"type":"array","minItems":3,"maxItems":2})",
                kUnsatisfiable);
  cases.refused("nothing fits: multiples",
                R"({"type":"integer","multipleOf":100,"minimum":101,"maximum":199})",
                kUnsatisfiable);
}

void add_patterns(Cases& cases) {
  const auto pattern = [&](std::string name, const std::string& of, Texts valid = {},
                           Texts invalid = {}) {
    cases.either("pattern: " + std::move(name), with_pattern(of), std::move(valid),
                 std::move(invalid));
  };
  cases.refused("pattern: 60,000 groups", with_pattern(nested("(", 60'000, "a", ")")), kLimit);
  cases.refused("pattern: 60,000 lookaheads", with_pattern(nested("(?=", 60'000, "a", ")")),
                kLimit);
  cases.refused("pattern: unclosed", with_pattern(repeat("(", 60'000)), kLimit);
  cases.refused("pattern: a back-reference", with_pattern(R"((a+)\1)"), kUnsupported);
  cases.refused("pattern: NUL, then a bracket", R"({"pattern":"\u0000["})", kBadSchema);
  cases.refused("pattern: endless count", with_pattern("a{99999999999999999999}"), kLimit);
  pattern("a NUL", std::string("^a\0b$", 5), {R"("a\u0000b")"}, {"\"ab\""});
  pattern("counts of counts", nested("(?:", 8, "a", "){1,1000}"), {"\"a\""}, {"\"b\""});
  pattern("counts of counts, whole", "^" + nested("(?:", 5, "a?b", "){2,99}") + "$", {}, {"\"a\""});
  pattern("stars of stars", "^" + nested("(?:", 200, "a", ")*") + "$", {"\"\"", "\"aaa\""},
          {"\"b\""});
  pattern("plus of plus", "^(a+)+$", {quoted(repeat("a", 40))}, {quoted(repeat("a", 40) + "!")});
  pattern("alternatives that overlap", "^(a|aa|a?)+$", {quoted(repeat("a", 40))},
          {quoted(repeat("a", 40) + "!")});
  pattern(
      "mail, as everybody writes it",
      R"(^([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*(@){1}[a-z0-9]+[.]{1}(([a-z]{2,3})|([a-z]{2,3}[.]{1}[a-z]{2,3}))$)",
      {"\"ada@example.org\""}, {"\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!\""});
  pattern("the 500th character from the end", "a.{500}$", {quoted("a" + repeat("b", 500))},
          {quoted(repeat("a", 500))});
  pattern("the 20th from the end, twice", "^(?=.*a.{20}$)(?=.*b.{19}$).*$",
          {quoted("ab" + repeat("c", 19))}, {"\"ab\""});
  pattern("1,000 letters anywhere", repeat("ab", 500), {quoted("x" + repeat("ab", 500))},
          {quoted(repeat("ab", 499))});
  pattern("60,000 letters anywhere", repeat("ab", 30'000), {}, {"\"ab\""});
  pattern("a product of counts", "^(?=(?:a{7})*$)(?=(?:a{11})*$)(?=(?:a{13})*$)a+$",
          {quoted(repeat("a", 1001))}, {"\"a\""});
  pattern("20 lookaheads",
          "^" +
              [] {
                std::string all;
                for (char c = 'a'; c < 'u'; ++c) all += std::string("(?=.*") + c + ")";
                return all;
              }() +
              ".*$",
          {"\"abcdefghijklmnopqrst\""}, {"\"abcdefghijklmnopqrs\""});
  pattern("20 letters in any order, once",
          "^(?!.*(?:" +
              [] {
                std::string all;
                for (char c = 'a'; c < 'u'; ++c)
                  all += std::string(c == 'a' ? "" : "|") + c + ".*" + c;
                return all;
              }() +
              "))[a-t]*$",
          {"\"tsa\""}, {"\"aba\""});
  pattern("lookaheads inside lookaheads", "^" + nested("(?!a", 30, "b", ")") + ".*$");
  pattern("10,000 words",
          "^(?:" +
              [] {
                std::string all;
                for (int i = 0; i < 10'000; ++i) all += (i ? "|w" : "w") + std::to_string(i) + "x";
                return all;
              }() +
              ")$",
          {"\"w77x\""}, {"\"w77\""});
  pattern("every letter of Unicode", R"(^\p{L}{1,200}\p{N}{0,200}[^\p{P}\p{S}]{3}$)", {"\"abcd\""},
          {"\"a!\""});
  pattern("a class of 5,000 ranges",
          "^[" +
              [] {
                std::string all;
                for (int i = 0; i < 5'000; ++i) {
                  char escape[16];
                  std::snprintf(escape, sizeof escape, "\\u%04x", 0x100 + i * 2);
                  all += escape;
                }
                return all;
              }() +
              "]+$",
          {"\"\xC4\x80\""}, {"\"\xC4\x81\""});
  cases.either(
      "pattern: one for the key, one for the value, huge",
      R"({"type":"object","patternProperties":{"(a+)+$":{"pattern":"(b|bb)+$"},"^(x{1,99}y){1,99}$":false}})",
      {R"({"a":"b"})"}, {R"({"a":"c"})", R"({"xy":1})"});
  cases.either(
      "pattern: against its own negation",
      R"({"type":"string","pattern":"^(?:a|b)*a(?:a|b){12}$","not":{"pattern":"^(?:a|b)*b(?:a|b){11}$"}})",
      {}, {"\"\""});
  cases.either("pattern: 14 that must all be found",
               R"({"type":"string","allOf":[)" + joined(14, R"({"pattern":"a.{#}b"})") + "]}", {},
               {"\"ab\""});
  cases.either(
      "pattern: a long length beside it",
      R"({"type":"string","pattern":"^(?:[a-z]+ )*[a-z]+$","minLength":5000,"maxLength":10000})",
      {}, {"\"ab\""});
  cases.either(
      "format beside pattern and length",
      R"({"type":"string","format":"uri","pattern":"^https://[^/]+/.*\\.json$","maxLength":2000,"minLength":30})",
      {}, {"\"https://a/b.json\""});
  cases.either(
      "every format at once",
      R"({"type":"string","anyOf":[)" +
          [] {
            std::string all;
            for (const char* name :
                 {"date-time", "date", "time", "duration", "email", "idn-email", "hostname",
                  "idn-hostname", "ipv4", "ipv6", "uri", "uri-reference", "iri", "iri-reference",
                  "uuid", "uri-template", "json-pointer", "relative-json-pointer", "regex"})
              all += std::string(all.empty() ? "" : ",") + R"({"format":")" + name + "\"}";
            return all;
          }() +
          "]}",
      {"\"2024-02-29\""});
  cases.either("a format that is not another",
               R"({"type":"string","format":"email","not":{"format":"idn-email"}})");
}

/// What cannot be decided is refused at once, wherever it stands, and not when a text gets there.
void add_limits_behind_the_root(Cases& cases) {
  const auto looked_for = [] {
    std::string all = "^";
    for (char c = 'a'; c < 'u'; ++c) all += std::string("(?=.*") + c + ")";
    return all + ".*$";
  }();
  const std::string searched = with_pattern(looked_for);
  const std::string divided = R"({"multipleOf":7777777777777777})";
  const std::string many =
      R"({"dependentSchemas":{)" +
      joined(40, R"("p#":{"required":["q#"],"minProperties":#})") + "}}";
  for (const std::string& value : {searched, divided, many}) {
    const std::string name = value.substr(1, 24);
    cases.refused("in a property: " + name, R"({"properties":{"x":)" + value + "}}", kLimit);
    cases.refused("in items: " + name, R"({"type":"array","items":)" + value + "}", kLimit);
    cases.refused("in the third item: " + name, R"({"prefixItems":[{},{},)" + value + "]}", kLimit);
    cases.refused("in all other properties: " + name,
                  R"({"patternProperties":{"^x":{"additionalProperties":)" + value + "}}}", kLimit);
    cases.refused("in a branch of a property: " + name,
                  R"({"properties":{"x":{"anyOf":[{"type":"null"},)" + value + "]}}}", kLimit);
    cases.refused("behind a reference: " + name,
                  R"({"$defs":{"d":)" + value + R"(},"properties":{"x":{"$ref":"#/$defs/d"}}})", kLimit);
  }
  cases.refused("in the names of keys", R"({"propertyNames":)" + searched + "}", kLimit);
  cases.refused("in a pattern for keys", R"({"patternProperties":{")" + looked_for + R"(":{}}})",
                kLimit);
}

template <void (*add)(Cases&)>
std::vector<HostileCase> made() {
  Cases cases;
  add(cases);
  return cases.take();
}

}  // namespace

const std::vector<HostileGroup>& hostile_groups() {
  static const std::vector<HostileGroup> kGroups = {
      {"broken_documents", made<add_broken_documents>},
      {"wrong_types", made<add_wrong_types>},
      {"references", made<add_references>},
      {"large_documents", made<add_large_documents>},
      {"huge_counts", made<add_huge_counts>},
      {"products", made<add_products>},
      {"patterns", made<add_patterns>},
      {"limits_behind_the_root", made<add_limits_behind_the_root>},
  };
  return kGroups;
}

}  // namespace praxis::grammar::test
