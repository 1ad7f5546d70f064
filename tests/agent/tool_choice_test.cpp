// Every form of OpenAI's tool_choice, and what it lets a step call.

#include "agent/tool_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace praxis::agent {
namespace {

using Mode = grammar::ToolChoice;
using Names = std::vector<std::string>;
using testing::HasSubstr;

std::vector<ToolText> tools() {
  return {{"add", "", "{}"}, {"auto", "", "{}"}, {"find", "", "{}"}};
}

struct Read {
  Mode mode;
  std::optional<Names> only;
  bool operator==(const Read&) const = default;
};

Read read(std::string_view text) {
  const auto choice = read_tool_choice(text);
  EXPECT_TRUE(choice) << text << ": " << choice.error().what;
  return choice ? Read{choice->mode, choice->only} : Read{};
}

std::string refused(std::string_view text) {
  const auto choice = read_tool_choice(text);
  EXPECT_FALSE(choice) << text;
  if (choice) return "";
  EXPECT_EQ(choice.error().code, ErrorCode::bad_request);
  EXPECT_EQ(choice.error().where, "tool choice");
  return choice.error().what;
}

TEST(ToolChoice, ComesAsAWordAsANameOrAsJson) {
  for (const std::string quote : {"", "\""}) {
    EXPECT_EQ(read(quote + "auto" + quote), (Read{Mode::automatic, std::nullopt}));
    EXPECT_EQ(read(quote + "none" + quote), (Read{Mode::none, std::nullopt}));
    EXPECT_EQ(read(quote + "required" + quote), (Read{Mode::required, std::nullopt}));
    EXPECT_EQ(read(quote + "find" + quote), (Read{Mode::required, Names{"find"}}));
  }
  for (const char* function : {R"({"type":"function","function":{"name":"auto"}})",
                               R"({"type":"function","name":"auto"})"})
    EXPECT_EQ(read(function), (Read{Mode::required, Names{"auto"}})) << function;
  const std::string chat =
      R"([{"type":"function","function":{"name":"find"}},{"type":"function","function":{"name":"add"}}])";
  const std::string responses =
      R"([{"type":"function","name":"find"},{"type":"function","name":"add"}])";
  for (const std::string& list : {chat, responses}) {
    for (const auto& [word, mode] :
         {std::pair("auto", Mode::automatic), std::pair("required", Mode::required)}) {
      const std::string body = "\"mode\":\"" + std::string(word) + "\",\"tools\":" + list;
      EXPECT_EQ(read(R"({"type":"allowed_tools","allowed_tools":{)" + body + "}}"),
                (Read{mode, Names{"find", "add"}}));
      EXPECT_EQ(read(R"({"type":"allowed_tools",)" + body + "}"),
                (Read{mode, Names{"find", "add"}}));
    }
  }
}

TEST(ToolChoice, OtherFormsAreRefusedInWords) {
  EXPECT_THAT(refused(""), HasSubstr("empty"));
  EXPECT_THAT(refused("{"), HasSubstr("JSON"));
  EXPECT_THAT(refused("\""), HasSubstr("JSON"));
  EXPECT_THAT(refused("{}"), HasSubstr("type"));
  EXPECT_THAT(refused(R"({"type":"any"})"), HasSubstr("allowed_tools"));
  EXPECT_THAT(refused(R"({"type":["function"]})"), HasSubstr("type"));
  for (const char* nameless :
       {R"({"type":"function"})", R"({"type":"function","name":7})",
        R"({"type":"function","function":"f"})", R"({"type":"function","function":{}})",
        R"({"type":"function","name":""})",
        R"({"type":"allowed_tools","mode":"auto","tools":["find"]})",
        R"({"type":"allowed_tools","mode":"auto","tools":[{"name":"find"}]})"})
    EXPECT_THAT(refused(nameless), HasSubstr("a tool is named as")) << nameless;
  EXPECT_THAT(refused(R"({"type":"allowed_tools","allowed_tools":3})"), HasSubstr("not an object"));
  EXPECT_THAT(refused(R"({"type":"allowed_tools","mode":"none","tools":[]})"),
              HasSubstr("auto or required"));
  EXPECT_THAT(refused(R"({"type":"allowed_tools","mode":"auto","tools":[]})"),
              HasSubstr("lists no tools"));
  EXPECT_THAT(refused(R"({"type":"allowed_tools","mode":"auto"})"), HasSubstr("lists no tools"));
}

TEST(ToolChoice, OnceACallWasMadeNoneIsRequired) {
  for (const char* choice : {"auto", "none", R"({"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"find"}]})"})
    EXPECT_EQ(once_met(choice), choice);
  for (const char* choice : {"required", "find", R"({"type":"function","name":"find"})", R"("required")"})
    EXPECT_EQ(once_met(choice), "auto") << choice;
  for (const std::string holder : {R"("mode":"required","tools":[{"type":"function","name":"find"}])",
                                   R"("allowed_tools":{"mode":"required","tools":[{"type":"function","name":"find"}]})"})
    EXPECT_EQ(read(once_met(R"({"type":"allowed_tools",)" + holder + "}")), (Read{Mode::automatic, Names{"find"}}));
}

Names callable_names(const std::string& choice, const std::vector<ToolText>& among) {
  const auto out = callable(*read_tool_choice(choice), among);
  if (!out) return {"! " + out.error().what};
  Names names;
  for (const ToolText& tool : *out) names.push_back(tool.name);
  return names;
}

TEST(ToolChoice, LetsCallWhatItNames) {
  EXPECT_EQ(callable_names("auto", tools()), (Names{"add", "auto", "find"}));
  EXPECT_EQ(callable_names("required", tools()), (Names{"add", "auto", "find"}));
  EXPECT_EQ(callable_names("none", tools()), Names{});
  EXPECT_EQ(callable_names("find", tools()), Names{"find"});
  EXPECT_EQ(
      callable_names(
          R"({"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"find"},{"type":"function","name":"add"}]})",
          tools()),
      (Names{"add", "find"}));
  EXPECT_EQ(callable_names("fnd", tools()),
            Names{"! there is no tool named fnd; there are add, auto, find"});
  EXPECT_EQ(callable_names("auto", {}), Names{});
  EXPECT_EQ(callable_names("none", {}), Names{});
  EXPECT_EQ(callable_names("required", {}), Names{"! a call is required, but there are no tools"});
  EXPECT_EQ(
      callable_names(
          R"({"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"find"}]})",
          {}),
      Names{"! there is no tool named find; there are none"});
}

}  // namespace
}  // namespace praxis::agent
