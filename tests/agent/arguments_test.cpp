// A tool's arguments against its schema, as the toolbox asks.

#include "agent/arguments.h"

#include <gtest/gtest.h>

namespace praxis::agent {
namespace {

/// "", or "what @ where".
std::string verdict(const tools::ArgumentsCheck& check, std::string_view arguments) {
  const auto good = check(arguments);
  return good ? "" : good.error().what + " @ " + good.error().where;
}

TEST(Arguments, AreJudgedByEveryKeywordInAnyForm) {
  const auto check = check_by_schema(
      R"({"type":"object","properties":{"to":{"type":"string","format":"email"},"days":{"type":"array","items":{"multipleOf":0.5},"uniqueItems":true}},
          "required":["to"],"dependentRequired":{"days":["from"]},"not":{"required":["bcc"]}})");
  ASSERT_TRUE(check) << check.error().what;
  EXPECT_EQ(verdict(*check, R"({"from": 1, "days": [ 1.5, 2e0 ], "to": "a@b.example", "unnamed": null})"), "");
  const std::string of = " of the tool's schema @ ";
  EXPECT_EQ(verdict(*check, R"({"to":"nobody"})"), "does not satisfy $.properties.to.format" + of + "$.to");
  EXPECT_EQ(verdict(*check, R"({"to":"a@b.example","from":1,"days":[1,0.75]})"),
            "does not satisfy $.properties.days.items.multipleOf" + of + "$.days[1]");
  EXPECT_EQ(verdict(*check, R"({"to":"a@b.example","from":1,"days":[1,1.0]})"),
            "does not satisfy $.properties.days.uniqueItems" + of + "$.days[1]");
  EXPECT_EQ(verdict(*check, R"({"to":"a@b.example","bcc":1})"), "does not satisfy $.not" + of + "$");
}

TEST(Arguments, ASchemaThatCannotBeJudgedByIsRefusedByPlace) {
  const auto check = check_by_schema(R"({"properties":{"a":{"pattern":"(x)\\1"}}})");
  ASSERT_FALSE(check);
  EXPECT_EQ(check.error().code, tools::ErrorCode::bad_schema);
  EXPECT_EQ(check.error().where, "$.properties.a.pattern");
}

}  // namespace
}  // namespace praxis::agent
