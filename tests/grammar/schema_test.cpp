// What is read out of a schema document: keywords of every draft, references, refusals.

#include "grammar/schema.h"

#include <gtest/gtest.h>

#include <random>

#include "grammar/references.h"

namespace praxis::grammar {
namespace {

Result<Schemas> read(const std::string& text, SchemaLimits limits = {},
                     std::uint64_t steps_max = 10'000'000) {
  Fuel fuel(steps_max);
  return read_schema(text, limits, fuel);
}

Schemas schemas_of(const std::string& text, SchemaLimits limits = {}) {
  auto schemas = read(text, limits);
  if (!schemas) {
    ADD_FAILURE() << text << "\n" << schemas.error().where << ": " << schemas.error().what;
    return Schemas{};
  }
  return std::move(*schemas);
}

std::string draft(int number, const std::string& members) {
  return R"({"$schema":"http://json-schema.org/draft-0)" + std::to_string(number) +
         R"(/schema#",)" + members + "}";
}

std::string decimal(const std::optional<Limit>& limit) {
  if (!limit) return "none";
  return (limit->open ? "open " : "") + limit->value.to_string();
}

TEST(Schema, AnEmptySchemaAdmitsEverything) {
  const Schemas schemas = schemas_of("{}");
  ASSERT_EQ(schemas.schemas.size(), 1u);
  EXPECT_EQ(schemas[0].types, kAllTypes);
  EXPECT_FALSE(schemas[0].never || schemas[0].listed);
  EXPECT_EQ(schemas[0].path, "$");
  EXPECT_TRUE(schemas_of("false")[0].never);
  EXPECT_FALSE(schemas_of("true")[0].never);
}

TEST(Schema, TypesAreBitsAndIntegerVanishesInNumber) {
  EXPECT_EQ(schemas_of(R"({"type":"integer"})")[0].types, kInteger);
  EXPECT_EQ(schemas_of(R"({"type":["integer","number","null"]})")[0].types, kNumber | kNull);
  EXPECT_EQ(schemas_of(R"({"type":[]})")[0].types, 0);
}

TEST(Schema, EveryKeywordReachesItsField) {
  const Schemas s = schemas_of(R"({
    "minimum":1,"maximum":2,"exclusiveMinimum":0,"exclusiveMaximum":3,"multipleOf":0.5,
    "minLength":1,"maxLength":2.0,"pattern":"a","format":"date",
    "minItems":3,"maxItems":4,"prefixItems":[true],"items":{},"contains":{},"minContains":2,
    "maxContains":9,"uniqueItems":true,"unevaluatedItems":false,
    "minProperties":5,"maxProperties":6,"properties":{"b":{},"a":{}},"patternProperties":{"^x":{}},
    "additionalProperties":false,"propertyNames":{},"required":["b"],
    "dependentRequired":{"a":["b"]},"dependentSchemas":{"a":{}},"unevaluatedProperties":{},
    "allOf":[{}],"anyOf":[{},{}],"oneOf":[{}],"not":{},"if":{},"then":{},"else":{}})");
  const Schema& root = s[0];
  EXPECT_EQ(decimal(root.minimum), "0.1e1");
  EXPECT_EQ(decimal(root.maximum), "0.2e1");
  EXPECT_EQ(decimal(root.exclusive_minimum), "open 0");
  EXPECT_EQ(decimal(root.exclusive_maximum), "open 0.3e1");
  EXPECT_EQ(root.multiple_of->to_string(), "0.5e0");
  EXPECT_EQ(root.length_min, 1u);
  EXPECT_EQ(root.length_max, 2u);
  EXPECT_EQ(root.pattern, "a");
  EXPECT_EQ(root.format, "date");
  EXPECT_EQ(root.items_min, 3u);
  EXPECT_EQ(root.items_max, 4u);
  ASSERT_EQ(root.prefix_items.size(), 1u);
  EXPECT_EQ(s[root.prefix_items[0]].path, "$.prefixItems[0]");
  EXPECT_EQ(s[root.items].path, "$.items");
  EXPECT_EQ(s[root.contains].path, "$.contains");
  EXPECT_EQ(root.contains_min, 2u);
  EXPECT_EQ(root.contains_max, 9u);
  EXPECT_TRUE(root.unique_items);
  EXPECT_TRUE(s[root.unevaluated_items].never);
  EXPECT_EQ(root.members_min, 5u);
  EXPECT_EQ(root.members_max, 6u);
  ASSERT_EQ(root.properties.size(), 2u);
  EXPECT_EQ(root.properties[0].key, "b");  // as written
  EXPECT_EQ(s[root.properties[1].schema].path, "$.properties.a");
  ASSERT_EQ(root.pattern_properties.size(), 1u);
  EXPECT_EQ(root.pattern_properties[0].pattern, "^x");
  EXPECT_EQ(s[root.pattern_properties[0].schema].path, "$.patternProperties[\"^x\"]");
  EXPECT_EQ(s[root.additional].path, "$.additionalProperties");
  EXPECT_EQ(s[root.property_names].path, "$.propertyNames");
  EXPECT_EQ(root.required, std::vector<std::string>{"b"});
  EXPECT_EQ(root.dependent_required[0].required, std::vector<std::string>{"b"});
  EXPECT_EQ(s[root.dependent_schemas[0].schema].path, "$.dependentSchemas.a");
  EXPECT_EQ(s[root.unevaluated_properties].path, "$.unevaluatedProperties");
  EXPECT_EQ(s[root.all_of[0]].path, "$.allOf[0]");
  EXPECT_EQ(s[root.any_of[0][1]].path, "$.anyOf[1]");
  EXPECT_EQ(s[root.one_of[0][0]].path, "$.oneOf[0]");
  EXPECT_EQ(s[root.negated].path, "$.not");
  EXPECT_EQ(s[root.if_].path, "$.if");
  EXPECT_EQ(s[root.then_].path, "$.then");
  EXPECT_EQ(s[root.else_].path, "$.else");
}

TEST(Schema, WhatAppliesToNothingIsNotRead) {
  const Schemas s = schemas_of(
      R"({"then":{"type":1},"else":{},"additionalItems":{},"x-own":{"type":1},"$defs":{"a":3}})");
  EXPECT_EQ(s.schemas.size(), 1u);
  EXPECT_EQ(s[0].then_, kNoSchema);
}

TEST(Schema, EnumBesideConstIsWhatBothList) {
  const Schemas s = schemas_of(R"({"enum":[1,{"a":1,"b":[1.0]},"x"],"const":{"b":[1],"a":1e0}})");
  ASSERT_EQ(s[0].values.size(), 1u);
  EXPECT_EQ(spell(s.document, s[0].values[0]), R"({"b":[1],"a":1e0})");
  EXPECT_TRUE(schemas_of(R"({"const":2,"enum":[1]})")[0].values.empty());
  EXPECT_TRUE(schemas_of(R"({"enum":[]})")[0].listed);
}

TEST(Schema, CountsBeyondThirtyTwoBitsAreNoBoundOrOneThatNothingMeets) {
  const Schema s =
      schemas_of(R"({"maxLength":1e30,"minItems":4294967295,"maxItems":5000000000})")[0];
  EXPECT_EQ(s.length_max, kUnlimited);
  EXPECT_EQ(s.items_min, kUnlimited);
  EXPECT_EQ(s.items_max, kUnlimited);
}

// --- drafts

TEST(Schema, Draft4OpensALimitByAFlag) {
  const Schema s = schemas_of(
      draft(4, R"("minimum":1,"exclusiveMinimum":true,"exclusiveMaximum":false,"maximum":2)"))[0];
  EXPECT_EQ(decimal(s.minimum), "open 0.1e1");
  EXPECT_EQ(decimal(s.maximum), "0.2e1");
  EXPECT_FALSE(s.exclusive_minimum || s.exclusive_maximum);
  EXPECT_EQ(decimal(schemas_of(R"({"exclusiveMinimum":true,"minimum":1})")[0].minimum),
            "open 0.1e1");
}

TEST(Schema, AListOfItemsIsAPrefixInEveryDraft) {
  for (const std::string& text :
       {draft(4, R"("items":[{},{}],"additionalItems":{"type":"null"})"),
        draft(7, R"("items":[{},{}],"additionalItems":{"type":"null"})"),
        std::string(R"({"additionalItems":{"type":"null"},"items":[{},{}]})")}) {
    const Schemas s = schemas_of(text);
    EXPECT_EQ(s[0].prefix_items.size(), 2u) << text;
    ASSERT_NE(s[0].items, kNoSchema) << text;
    EXPECT_EQ(s[s[0].items].types, kNull) << text;
  }
}

TEST(Schema, DependenciesSplitIntoKeysAndSchemas) {
  const Schemas s = schemas_of(R"({"dependencies":{"a":["b","c"],"d":{"type":"null"},"e":[]}})");
  ASSERT_EQ(s[0].dependent_required.size(), 2u);
  EXPECT_EQ(s[0].dependent_required[0].required, (std::vector<std::string>{"b", "c"}));
  ASSERT_EQ(s[0].dependent_schemas.size(), 1u);
  EXPECT_EQ(s[0].dependent_schemas[0].key, "d");
}

TEST(Schema, AnOldReferenceHidesItsSiblings) {
  const std::string members =
      R"("properties":{"a":{"$ref":"#/definitions/d","maxLength":1}},"definitions":{"d":{}})";
  const auto of_a = [](const Schemas& s) { return s[s[0].properties[0].schema]; };
  EXPECT_EQ(of_a(schemas_of(draft(7, members))).length_max, kUnlimited);
  EXPECT_EQ(of_a(schemas_of("{" + members + "}")).length_max, 1u);
  EXPECT_EQ(of_a(schemas_of("{" + members + "}")).all_of.size(), 1u);
}

TEST(Schema, AKeywordIsAnAnnotationInDraftsThatDoNotKnowIt) {
  EXPECT_FALSE(schemas_of(draft(4, R"("const":1)"))[0].listed);
  EXPECT_EQ(schemas_of(draft(6, R"("if":{})"))[0].if_, kNoSchema);
  EXPECT_EQ(schemas_of(draft(7, R"("unevaluatedItems":{},"prefixItems":[{}])")).schemas.size(), 1u);
}

TEST(Schema, AnEmbeddedResourceHasItsOwnDraft) {
  const Schemas s = schemas_of(R"({"$ref":"old","$defs":{"o":{"$id":"old","minLength":3,
    "$schema":"http://json-schema.org/draft-07/schema","allOf":[{"$ref":"#/definitions/x","maxLength":1}],
    "definitions":{"x":{"if":{},"prefixItems":[{}]}}}},"maxLength":9})");
  EXPECT_EQ(s[0].length_max, 9u);
  const Schema& old = s[s[0].all_of[0]];
  EXPECT_EQ(old.path, "$.$defs.o");
  EXPECT_EQ(s[old.all_of[0]].length_max, kUnlimited);
  const Schema& x = s[s[old.all_of[0]].all_of[0]];
  EXPECT_NE(x.if_, kNoSchema);
  EXPECT_TRUE(x.prefix_items.empty());
}

// --- references

TEST(Schema, UrisResolveAsInTheExamplesOfTheirStandard) {
  // RFC 3986, section 5.4.
  const std::pair<const char*, const char*> cases[] = {{"g:h", "g:h"},
                                                       {"g", "http://a/b/c/g"},
                                                       {"./g", "http://a/b/c/g"},
                                                       {"g/", "http://a/b/c/g/"},
                                                       {"/g", "http://a/g"},
                                                       {"//g", "http://g"},
                                                       {"?y", "http://a/b/c/d;p?y"},
                                                       {"g?y", "http://a/b/c/g?y"},
                                                       {"#s", "http://a/b/c/d;p?q#s"},
                                                       {"g#s", "http://a/b/c/g#s"},
                                                       {"g?y#s", "http://a/b/c/g?y#s"},
                                                       {";x", "http://a/b/c/;x"},
                                                       {"g;x", "http://a/b/c/g;x"},
                                                       {"g;x?y#s", "http://a/b/c/g;x?y#s"},
                                                       {"", "http://a/b/c/d;p?q"},
                                                       {".", "http://a/b/c/"},
                                                       {"./", "http://a/b/c/"},
                                                       {"..", "http://a/b/"},
                                                       {"../", "http://a/b/"},
                                                       {"../g", "http://a/b/g"},
                                                       {"../..", "http://a/"},
                                                       {"../../", "http://a/"},
                                                       {"../../g", "http://a/g"},
                                                       {"../../../g", "http://a/g"},
                                                       {"../../../../g", "http://a/g"},
                                                       {"/./g", "http://a/g"},
                                                       {"/../g", "http://a/g"},
                                                       {"g.", "http://a/b/c/g."},
                                                       {".g", "http://a/b/c/.g"},
                                                       {"g..", "http://a/b/c/g.."},
                                                       {"..g", "http://a/b/c/..g"},
                                                       {"./../g", "http://a/b/g"},
                                                       {"./g/.", "http://a/b/c/g/"},
                                                       {"g/./h", "http://a/b/c/g/h"},
                                                       {"g/../h", "http://a/b/c/h"},
                                                       {"g;x=1/./y", "http://a/b/c/g;x=1/y"},
                                                       {"g;x=1/../y", "http://a/b/c/y"},
                                                       {"g?y/./x", "http://a/b/c/g?y/./x"},
                                                       {"g?y/../x", "http://a/b/c/g?y/../x"},
                                                       {"g#s/./x", "http://a/b/c/g#s/./x"},
                                                       {"g#s/../x", "http://a/b/c/g#s/../x"}};
  for (const auto& [reference, expected] : cases)
    EXPECT_EQ(resolve_uri("http://a/b/c/d;p?q", reference), expected) << reference;
}

/// The path of what the root's $ref (or the reference in `at`) leads to.
std::string target(const std::string& text) {
  const auto s = read(text);
  if (!s) return s.error().where + ": " + s.error().what;
  return (*s)[(*s)[0].all_of.at(0)].path;
}

TEST(Schema, ReferencesLeadToTheirSchema) {
  const std::string defs = R"(,"$defs":{"a":{"$anchor":"here"},"b":{"$id":"other/b.json",
    "$defs":{"c":{"$anchor":"here"},"d":{"$id":"d.json","$defs":{"e":{}}}}},"u":{"$id":"urn:x:1"},
    "~/%":{"allOf":[{},{}]}})";
  const auto to = [&](const std::string& reference) {
    return target(R"({"$id":"http://x.org/base/root.json","$ref":")" + reference + "\"" + defs +
                  "}");
  };
  EXPECT_EQ(to("#/$defs/a"), "$.$defs.a");
  EXPECT_EQ(to("#here"), "$.$defs.a");
  EXPECT_EQ(to("root.json#here"), "$.$defs.a");
  EXPECT_EQ(to("http://x.org/base/root.json#/$defs/a"), "$.$defs.a");
  EXPECT_EQ(to("other/b.json"), "$.$defs.b");
  EXPECT_EQ(to("/base/other/./b.json#"), "$.$defs.b");
  EXPECT_EQ(to("other/b.json#here"), "$.$defs.b.$defs.c");
  EXPECT_EQ(to("other/d.json#/$defs/e"), "$.$defs.b.$defs.d.$defs.e");
  EXPECT_EQ(to("#/$defs/b/$defs/d"), "$.$defs.b.$defs.d");
  EXPECT_EQ(to("urn:x:1"), "$.$defs.u");
  EXPECT_EQ(to("#/$defs/~0~1%25/allOf/1"), "$.$defs[\"~/%\"].allOf[1]");
  EXPECT_EQ(to("#/%24defs/%7e0~1%25"), "$.$defs[\"~/%\"]");
}

TEST(Schema, OldDraftsNameSchemasByIdentifiers) {
  EXPECT_EQ(target(draft(4, R"("allOf":[{"$ref":"#x"}],"definitions":{"a":{"id":"#x"}})")),
            "$.allOf[0]");
  const Schemas s = schemas_of(draft(
      7,
      R"("allOf":[{"$ref":"#x"},{"$ref":"y"}],"definitions":{"a":{"$id":"#x"},"b":{"$id":"y"}})"));
  EXPECT_EQ(s[s[s[0].all_of[0]].all_of[0]].path, "$.definitions.a");
  EXPECT_EQ(s[s[s[0].all_of[1]].all_of[0]].path, "$.definitions.b");
}

TEST(Schema, IdentifiersInsideValuesNameNothing) {
  const auto s =
      read(R"({"$ref":"x","enum":[{"$id":"x"}],"properties":{"$id":{"const":{"$id":"x"}}}})");
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().where, "$.$ref");
}

TEST(Schema, APointerMayLeadIntoAnUnknownKeyword) {
  EXPECT_EQ(target(R"({"$ref":"#/x-parts/0/a","x-parts":[{"a":{"type":"null"}}]})"),
            "$.x-parts[0].a");
}

TEST(Schema, RandomKeysAreFoundByTheirPointer) {
  std::mt19937 random(7);
  const std::string letters[] = {"a", "~", "/", "%", "0", "1", " ", "\"", "\\", "é", "#", "?"};
  for (int round = 0; round < 300; ++round) {
    std::string schema = R"({"const":")" + std::to_string(round) + "\"}";
    std::string pointer;
    for (int depth = 0; depth < 4; ++depth) {
      std::string key;
      for (int i = static_cast<int>(random() % 5); i > 0; --i) key += letters[random() % 12];
      schema = "{\"type\":[],\"" + spell_string(key) + "\":" + schema + ",\"z\":1}";
      std::string step;
      for (const char c : key) {
        static constexpr char kHex[] = "0123456789ABCDEF";
        const auto byte = static_cast<unsigned char>(c);
        if (c == '~') step += "~0";
        else if (c == '/') step += "~1";
        else if (c == '%' || c == '"' || c == '\\' || byte >= 0x80 || random() % 3 == 0)
          step += std::string("%") + kHex[byte >> 4] + kHex[byte & 15];
        else step += c;
      }
      pointer = "/" + step + pointer;
    }
    const Schemas s = schemas_of(R"({"$ref":"#/at)" + pointer + R"(","at":)" + schema + "}");
    ASSERT_EQ(s.schemas.size(), 2u);
    EXPECT_EQ(s.document[s[1].values.at(0)].text, std::to_string(round));
  }
}

TEST(Schema, OrdinaryDocumentsHaveOneSchemaForEachPlace) {
  const Schemas s = schemas_of(
      R"({"properties":{"a":{"$ref":"#/$defs/d"},"b":{"$ref":"#/$defs/d"},"c":{"$ref":"#"}},"$defs":{"d":{},"unused":{}}})");
  EXPECT_EQ(s.schemas.size(), 5u);
}

TEST(Schema, ADynamicReferenceHasOneSchemaForEachScopeThatMatters) {
  // Core 2020-12, section 8.2.3.2: a tree, and a strict tree that extends it.
  const Schemas s = schemas_of(R"({"anyOf":[{"$ref":"tree"},{"$ref":"strict"}],"$defs":{
    "tree":{"$id":"tree","$dynamicAnchor":"node","properties":{"child":{"$dynamicRef":"#node"}}},
    "strict":{"$id":"strict","$dynamicAnchor":"node","$ref":"tree","unevaluatedProperties":false}}})");
  const Schema& tree = s[s[s[0].any_of[0][0]].all_of[0]];
  const Schema& strict = s[s[s[0].any_of[0][1]].all_of[0]];
  EXPECT_EQ(tree.path, "$.$defs.tree");
  EXPECT_EQ(strict.path, "$.$defs.strict");
  const Schema& inner = s[strict.all_of[0]];
  EXPECT_EQ(inner.path, "$.$defs.tree");
  EXPECT_NE(&inner, &tree);
  const auto child = [&](const Schema& from) -> const Schema& {
    return s[s[from.properties[0].schema].all_of[0]];
  };
  EXPECT_EQ(&child(tree), &tree);
  EXPECT_EQ(&child(inner), &strict);
}

TEST(Schema, ARecursiveReferenceFollowsTheOutermostRecursiveAnchor) {
  const auto text = [](const std::string& anchor) {
    return R"({"$schema":"https://json-schema.org/draft/2019-09/schema","$id":"http://x/strict",)" +
           anchor + R"("$ref":"tree","unevaluatedProperties":false,"$defs":{"t":{"$id":"tree",
             "$recursiveAnchor":true,"properties":{"child":{"$recursiveRef":"#"}}}}})";
  };
  const auto child = [](const Schemas& s) {
    const Schema& tree = s[s[0].all_of[0]];
    return s[s[tree.properties[0].schema].all_of[0]].path;
  };
  EXPECT_EQ(child(schemas_of(text(R"("$recursiveAnchor":true,)"))), "$");
  EXPECT_EQ(child(schemas_of(text(""))), "$.$defs.t");
}

// --- strict

TEST(Schema, StrictClosesObjectsThatAreSilentAboutOtherKeys) {
  SchemaLimits strict;
  strict.strict = true;
  const auto closed = [&](const std::string& text) {
    const Schemas s = schemas_of(text, strict);
    return s[0].additional != kNoSchema && s[s[0].additional].never;
  };
  EXPECT_TRUE(closed(R"({"properties":{"a":{}}})"));
  EXPECT_TRUE(closed(R"({"type":"object"})"));
  EXPECT_TRUE(closed(R"({"patternProperties":{"a":{}}})"));
  EXPECT_TRUE(closed(R"({"properties":{"a":{}},"anyOf":[{}]})"));
  EXPECT_FALSE(closed(R"({"type":"object","allOf":[{}]})"));
  EXPECT_FALSE(closed(R"({"type":"string"})"));
  EXPECT_FALSE(closed("{}"));
  EXPECT_FALSE(closed(R"({"properties":{},"additionalProperties":{}})"));
  EXPECT_FALSE(closed(R"({"properties":{"a":{}},"unevaluatedProperties":{}})"));
}

// --- refusals

TEST(Schema, WhatIsWrongIsRefusedByPathAndKeyword) {
  struct Case {
    const char* text;
    ErrorCode code;
    const char* where;
  };
  const Case cases[] = {
      {"[]", ErrorCode::bad_schema, "$"},
      {"3", ErrorCode::bad_schema, "$"},
      {"{", ErrorCode::bad_json, "$"},
      {R"({"items":{"items":3}})", ErrorCode::bad_schema, "$.items.items"},
      {R"({"type":"any"})", ErrorCode::bad_schema, "$.type"},
      {R"({"type":["null",{}]})", ErrorCode::bad_schema, "$.type"},
      {R"({"properties":[]})", ErrorCode::bad_schema, "$.properties"},
      {R"({"properties":{"a b":1}})", ErrorCode::bad_schema, "$.properties[\"a b\"]"},
      {R"({"required":true})", ErrorCode::bad_schema, "$.required"},
      {R"({"required":[1]})", ErrorCode::bad_schema, "$.required"},
      {R"({"anyOf":[]})", ErrorCode::bad_schema, "$.anyOf"},
      {R"({"oneOf":{}})", ErrorCode::bad_schema, "$.oneOf"},
      {R"({"allOf":[{},1]})", ErrorCode::bad_schema, "$.allOf[1]"},
      {R"({"enum":{}})", ErrorCode::bad_schema, "$.enum"},
      {R"({"minLength":-1})", ErrorCode::bad_schema, "$.minLength"},
      {R"({"maxItems":1.5})", ErrorCode::bad_schema, "$.maxItems"},
      {R"({"minimum":"1"})", ErrorCode::bad_schema, "$.minimum"},
      {R"({"multipleOf":0})", ErrorCode::bad_schema, "$.multipleOf"},
      {R"({"pattern":1})", ErrorCode::bad_schema, "$.pattern"},
      {R"({"format":[]})", ErrorCode::bad_schema, "$.format"},
      {R"({"uniqueItems":1})", ErrorCode::bad_schema, "$.uniqueItems"},
      {R"({"prefixItems":[],"items":[]})", ErrorCode::bad_schema, "$.items"},
      {R"({"dependentRequired":{"a":{}}})", ErrorCode::bad_schema, "$.dependentRequired.a"},
      {R"({"dependencies":{"a":"b"}})", ErrorCode::bad_schema, "$.dependencies.a"},
      {R"({"$ref":1})", ErrorCode::bad_schema, "$.$ref"},
      {R"({"$ref":"#/a"})", ErrorCode::bad_schema, "$.$ref"},
      {R"({"$ref":"#/a","a":1})", ErrorCode::bad_schema, "$.$ref"},
      {R"({"$ref":"#/a/01","a":[1,{}]})", ErrorCode::bad_schema, "$.$ref"},
      {R"({"$ref":"#/a/~2"})", ErrorCode::bad_schema, "$.$ref"},
      {R"({"$ref":"#%2"})", ErrorCode::bad_schema, "$.$ref"},
      {R"({"$ref":"#a"})", ErrorCode::bad_schema, "$.$ref"},
      {R"({"$ref":"#a","allOf":[{"$anchor":"a"},{"$anchor":"a"}]})", ErrorCode::bad_schema,
       "$.$ref"},
      {R"({"$ref":"a","allOf":[{"$id":"a"},{"$id":"a"}]})", ErrorCode::bad_schema, "$.$ref"},
      {R"({"$anchor":3})", ErrorCode::bad_schema, "$.$anchor"},
      {R"({"$ref":"other.json"})", ErrorCode::unsupported, "$.$ref"},
      {R"({"$ref":"http://json-schema.org/draft-07/schema#"})", ErrorCode::unsupported, "$.$ref"},
      {R"({"$schema":"http://example.com/mine"})", ErrorCode::unsupported, "$.$schema"},
      {R"({"$schema":1})", ErrorCode::unsupported, "$.$schema"},
      {R"({"$ref":"#"})", ErrorCode::bad_schema, "$"},
      {R"({"not":{"anyOf":[{"type":"null"},{"$ref":"#"}]}})", ErrorCode::bad_schema, "$"},
      {R"({"$ref":"#/$defs/a","$defs":{"a":{"if":{"$ref":"#/$defs/b"}},"b":{"dependentSchemas":{"x":{"$ref":"#/$defs/a"}}}}})",
       ErrorCode::bad_schema, "$.$defs.a"},
  };
  for (const Case& c : cases) {
    const auto s = read(c.text);
    ASSERT_FALSE(s) << c.text;
    EXPECT_EQ(s.error().code, c.code) << c.text << ": " << s.error().what;
    EXPECT_EQ(s.error().where, c.where) << c.text << ": " << s.error().what;
  }
}

TEST(Schema, RecursionThroughAChildIsNoCycle) {
  EXPECT_EQ(schemas_of(R"({"properties":{"a":{"$ref":"#"}},"items":{"anyOf":[{"$ref":"#"}]}})")
                .schemas.size(),
            4u);
}

// --- hostile documents

std::string repeated(const std::string& text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

void expect_limit(const Result<Schemas>& s, const std::string& what) {
  ASSERT_FALSE(s) << what;
  EXPECT_EQ(s.error().code, ErrorCode::limit) << what << ": " << s.error().what;
}

TEST(Schema, DepthIsRefusedNotCrashedOn) {
  expect_limit(read(repeated("{\"not\":", 60'000) + "{}" + repeated("}", 60'000)), "depth");
  expect_limit(read(repeated("[", 60'000)), "brackets");
}

TEST(Schema, AChainOfReferencesIsRefusedWhenLong) {
  const auto chain = [](int n) {
    std::string text = R"({"$ref":"#/$defs/0","$defs":{)";
    for (int i = 0; i < n; ++i) {
      text += "\"" + std::to_string(i) + R"(":{"$ref":"#/$defs/)" + std::to_string(i + 1) + "\"},";
    }
    return text + "\"" + std::to_string(n) + "\":{}}}";
  };
  EXPECT_TRUE(read(chain(200)));
  expect_limit(read(chain(300)), "chain");
  expect_limit(read(chain(50'000)), "long chain");
}

TEST(Schema, NumberOfSchemasAndFuelAreBounded) {
  SchemaLimits few;
  few.schemas_max = 10;
  std::string wide = R"({"anyOf":[{})";
  for (int i = 0; i < 20; ++i) wide += ",{}";
  wide += "]}";
  expect_limit(read(wide, few), "schemas");
  expect_limit(read(wide, {}, 40), "fuel");
}

TEST(Schema, EveryAmountOfFuelGivesAVerdict) {
  const std::string text = R"({"$id":"http://x","properties":{"a":{"$ref":"#b"},"c":{"enum":[1,2]}},
    "$defs":{"d":{"$dynamicAnchor":"b","items":{"$dynamicRef":"#b"}}}})";
  for (std::uint64_t steps = 0; steps < 300; ++steps) {
    const auto s = read(text, {}, steps);
    EXPECT_TRUE(s || s.error().code == ErrorCode::limit) << steps;
  }
  EXPECT_TRUE(read(text, {}, 300));
}

TEST(Schema, DynamicScopesCannotMultiplyWithoutBound) {
  // Each resource may be entered or not before the reference: 2^n scopes.
  constexpr int kLevels = 24;
  std::string text = R"({"$ref":"r0","$defs":{)";
  for (int i = 0; i < kLevels; ++i) {
    const std::string n = std::to_string(i), next = "r" + std::to_string(i + 1);
    text += "\"r" + n + R"(":{"$id":"r)" + n + R"(","properties":{"a":{"$ref":")" + next +
            R"("},"b":{"$ref":"s)" + n + R"("}}},"s)" + n + R"(":{"$id":"s)" + n +
            R"(","$dynamicAnchor":"n)" + n + R"(","$ref":")" + next + "\"},";
  }
  text += R"("end":{"$id":"r)" + std::to_string(kLevels) + R"(","items":{"allOf":[true)";
  for (int i = 0; i < kLevels; ++i)
    text += R"(,{"$dynamicRef":"s)" + std::to_string(i) + "#n" + std::to_string(i) + "\"}";
  SchemaLimits limits;
  limits.schemas_max = 2'000;
  expect_limit(read(text + "]}}}}", limits), "scopes");
}

TEST(Schema, ManyReferencesThroughOneLargeObjectStayLinear) {
  std::string text = R"({"anyOf":[true)";
  for (int i = 0; i < 5'000; ++i) text += R"(,{"$ref":"#/$defs/k)" + std::to_string(i) + "\"}";
  text += R"(],"$defs":{"z":1)";
  for (int i = 0; i < 5'000; ++i) text += ",\"k" + std::to_string(i) + "\":{}";
  EXPECT_TRUE(read(text + "}}", {}, 200'000));
}

TEST(Schema, RandomBytesAreReadOrRefused) {
  std::mt19937 random(11);
  const std::string seed = R"({"$id":"a","properties":{"b":{"$ref":"#/$defs/c","type":["null"]}},
    "$defs":{"c":{"$anchor":"d","items":[{"$dynamicRef":"#d"}],"enum":[1,{"x":2}],"minimum":1e5}}})";
  for (int round = 0; round < 3'000; ++round) {
    std::string text = seed;
    for (int i = 0; i < 3; ++i) {
      const std::size_t at = random() % text.size();
      if (random() % 2) text[at] = static_cast<char>(random() % 96 + 32);
      else text.erase(at, random() % 4);
    }
    const auto s = read(text);
    EXPECT_TRUE(s || !(s.error().what.empty() || s.error().where.empty())) << text;
  }
}

}  // namespace
}  // namespace praxis::grammar
