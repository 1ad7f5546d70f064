// Hostile schemas end in a verdict or in a refusal by name. How long they take is measured by
// tests/bench/hostile_bench.cpp.

#include <gtest/gtest.h>

#include "hostile_cases.h"
#include "support.h"

namespace praxis::grammar::test {
namespace {

void expect_named(const Error& error) {
  EXPECT_EQ(error.where.substr(0, 1), "$") << error.where;
  EXPECT_FALSE(error.what.empty());
  EXPECT_LT(error.where.size() + error.what.size(), 4'000u);
  if (error.code == ErrorCode::limit) {
    EXPECT_TRUE(error.what.find("limit") != std::string::npos ||
                error.what.find("grammar.") != std::string::npos)
        << "no limit is named: " << error.what;
  }
}

void expect_verdict(const HostileCase& one) {
  CompileOptions options;
  options.order = KeyOrder::any;
  const auto grammar = compile(one.schema, byte_vocabulary(), options);
  if (!grammar) {
    EXPECT_FALSE(one.compiles) << grammar.error().where << ": " << grammar.error().what;
    EXPECT_EQ(grammar.error().code, one.refused.value_or(grammar.error().code))
        << grammar.error().what;
    expect_named(grammar.error());
    return;
  }
  EXPECT_FALSE(one.refused) << "it compiles";
  for (const bool valid : {true, false}) {
    for (const std::string& text : valid ? one.valid : one.invalid) {
      EXPECT_EQ(generates(*grammar, text), valid) << text.substr(0, 200);
      const auto verdict = validate(**grammar, text);
      EXPECT_TRUE(verdict && *verdict == valid) << text.substr(0, 200);
    }
  }
}

/// Patterns of two objects that only a text brings together.
TEST(Limits, MetInATextAreToldByTheMatcher) {
  std::string schema;
  for (const char begin : {'a', 'b'}) {
    schema += schema.empty() ? R"({"type":"object","allOf":[)" : ",";
    schema += R"({"patternProperties":{)";
    for (int i = 0; i < 200; ++i) {
      schema += i > 0 ? "," : "";
      schema += std::string("\"^") + begin + std::to_string(i) + "\":{}";
    }
    schema += "}}";
  }
  const auto grammar = must_compile(schema + "]}");
  Matcher matcher(grammar);
  EXPECT_FALSE(matcher.limit());
  ASSERT_TRUE(matcher.accept_bytes("{"));
  EXPECT_EQ(text_of(*byte_vocabulary(), allowed_tokens(*byte_vocabulary(),
                                                       mask_of(matcher, *byte_vocabulary()))),
            "}");
  ASSERT_TRUE(matcher.limit());
  EXPECT_EQ(matcher.limit()->code, ErrorCode::limit);
  expect_named(*matcher.limit());
  EXPECT_TRUE(Matcher(grammar).limit()) << "masks are shared";
}

class Hostile : public testing::TestWithParam<HostileGroup> {};

TEST_P(Hostile, SchemasEndInAVerdictOrARefusalByName) {
  for (const HostileCase& one : GetParam().make()) {
    SCOPED_TRACE(one.name);
    expect_verdict(one);
  }
}

INSTANTIATE_TEST_SUITE_P(Schemas, Hostile, testing::ValuesIn(hostile_groups()),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace praxis::grammar::test
