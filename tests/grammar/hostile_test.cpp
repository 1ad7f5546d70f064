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
