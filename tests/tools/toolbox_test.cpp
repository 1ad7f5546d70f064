#include "tools/toolbox.h"

#include <gtest/gtest.h>

namespace praxis::tools {
namespace {

class Silent final : public Backend {
 public:
  ToolResult call(const Call&, const CallContext&) override { return {}; }
  std::optional<Settled> status(std::string_view, std::string_view) override {
    return std::nullopt;
  }
};

ToolSpec spec(std::string name) {
  ToolSpec spec;
  spec.name = std::move(name);
  spec.description = "A tool.";
  spec.schema = R"({"type":"object"})";
  return spec;
}

std::vector<std::string> names(const Toolbox& toolbox) {
  std::vector<std::string> names;
  for (const ToolSpec* spec : toolbox.list()) names.push_back(spec->name);
  return names;
}

const auto kBackend = std::make_shared<Silent>();

TEST(Toolbox, ListsToolsInTheOrderTheyWereAdded) {
  Toolbox toolbox;
  for (const char* name : {"zeta", "alpha", "a.b-c_9"})
    ASSERT_TRUE(toolbox.add(spec(name), kBackend));
  EXPECT_EQ(names(toolbox), (std::vector<std::string>{"zeta", "alpha", "a.b-c_9"}));
  ASSERT_NE(toolbox.find("alpha"), nullptr);
  EXPECT_EQ(toolbox.find("alpha")->name, "alpha");
  EXPECT_EQ(toolbox.backend("alpha"), kBackend);
  EXPECT_EQ(toolbox.find("ALPHA"), nullptr);
  EXPECT_EQ(toolbox.backend("ALPHA"), nullptr);
}

TEST(Toolbox, RefusesBadNamesByName) {
  Toolbox toolbox;
  for (std::string name :
       {std::string(), std::string("a b"), std::string("a/b"), std::string("é"),
        std::string("a\0b", 3), std::string(65, 'a'), std::string("<｜tool▁calls▁begin｜>")}) {
    auto added = toolbox.add(spec(name), kBackend);
    ASSERT_FALSE(added) << name;
    EXPECT_EQ(added.error().code, ErrorCode::bad_plugin);
    EXPECT_EQ(added.error().where, "\"" + name + "\"");
  }
  EXPECT_TRUE(toolbox.add(spec(std::string(64, 'a')), kBackend));
}

TEST(Toolbox, RefusesASchemaThatIsNotOneStrictObject) {
  Toolbox toolbox;
  for (const char* schema : {"", "[]", "true", "{", "{\"a\":1,\"a\":2}", "{} x"}) {
    ToolSpec bad = spec("tool");
    bad.schema = schema;
    auto added = toolbox.add(bad, kBackend);
    ASSERT_FALSE(added) << schema;
    EXPECT_EQ(added.error().code, ErrorCode::bad_schema);
  }
  EXPECT_TRUE(toolbox.list().empty());
}

TEST(Toolbox, ATakenNameIsRefusedAndSaysWhoHasIt) {
  Toolbox toolbox;
  ToolSpec first = spec("tool");
  first.source = "plugin one 1.0";
  ASSERT_TRUE(toolbox.add(first, kBackend));
  auto added = toolbox.add(spec("tool"), kBackend);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::duplicate);
  EXPECT_EQ(added.error().what, "tool tool is already there, from plugin one 1.0");
}

/// Takes schemas that name a key, and arguments that have it.
Result<ArgumentsCheck> must_hold(std::string_view schema) {
  const std::string key(schema.substr(0, schema.find(':')).substr(1));
  if (key == "\"none\"") return tl::unexpected(Error{ErrorCode::bad_schema, "nothing can be judged by it", "$.none"});
  return [key](std::string_view arguments) -> Result<void> {
    if (arguments.find(key) != arguments.npos) return {};
    return tl::unexpected(Error{ErrorCode::bad_arguments, "lacks " + key + "\n", "$"});
  };
}

TEST(Toolbox, MakesTheCheckOfEachToolOnceAndKeepsIt) {
  int made = 0;
  Toolbox toolbox([&made](std::string_view schema) { return ++made, must_hold(schema); });
  for (const char* key : {"a", "b"}) {
    ToolSpec one = spec(std::string("needs_") + key);
    one.schema = std::string("{\"") + key + "\":true}";
    ASSERT_TRUE(toolbox.add(one, kBackend));
  }
  const Toolbox chosen = *toolbox.only({"needs_b"});
  for (const Toolbox* box : std::initializer_list<const Toolbox*>{&toolbox, &chosen}) {
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(box->refuse_arguments("needs_b", R"({"b":1})"), "");
      EXPECT_EQ(box->refuse_arguments("needs_b", R"({"a":1})"), "bad arguments: $: lacks \"b\" ");
    }
  }
  EXPECT_EQ(toolbox.refuse_arguments("needs_a", R"({"a":1})"), "");
  EXPECT_EQ(toolbox.refuse_arguments("needs_a", R"([{"a":1}])"), "bad arguments: $: must be a JSON object");
  EXPECT_EQ(chosen.refuse_arguments("needs_a", "{}"), "no tool needs_a");
  EXPECT_EQ(made, 2);
}

TEST(Toolbox, ASchemaWithoutACheckIsRefusedByNameAndPlace) {
  Toolbox toolbox(must_hold);
  ToolSpec bad = spec("tool");
  bad.schema = R"({"none":1})";
  const auto added = toolbox.add(bad, kBackend);
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, ErrorCode::bad_schema);
  EXPECT_EQ(added.error().where, "tool $.none");
  EXPECT_EQ(added.error().what, "schema: nothing can be judged by it");
  EXPECT_TRUE(toolbox.list().empty());
  EXPECT_TRUE(toolbox.add(spec("tool"), kBackend)) << "the name is free";
}

TEST(Toolbox, RefusesLimitsOfNothingAndOfTooMuch) {
  Toolbox toolbox;
  ToolSpec bad = spec("tool");
  bad.limits.deadline_ms = 0;
  EXPECT_FALSE(toolbox.add(bad, kBackend));
  bad = spec("tool");
  bad.limits.output_bytes_max = 0;
  EXPECT_FALSE(toolbox.add(bad, kBackend));
  bad.limits.output_bytes_max = 17 * 1024 * 1024;
  EXPECT_FALSE(toolbox.add(bad, kBackend));
  bad = spec("tool");
  bad.description = std::string(4097, 'x');
  EXPECT_FALSE(toolbox.add(bad, kBackend));
  EXPECT_FALSE(toolbox.add(spec("tool"), nullptr));
}

TEST(Toolbox, OnlyKeepsWhatIsNamedInThatOrder) {
  Toolbox toolbox;
  for (const char* name : {"a", "b", "c"}) ASSERT_TRUE(toolbox.add(spec(name), kBackend));
  auto chosen = toolbox.only({"c", "a", "c"});
  ASSERT_TRUE(chosen);
  EXPECT_EQ(names(*chosen), (std::vector<std::string>{"c", "a"}));
  EXPECT_EQ(names(*toolbox.only({})), std::vector<std::string>{});
  auto unknown = toolbox.only({"a", "d"});
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code, ErrorCode::not_found);
  EXPECT_EQ(unknown.error().what, "no tool d; there is a, b, c");
}

TEST(Toolbox, WordsForEffectsAndStatusesReadBack) {
  for (Effect effect : {Effect::pure, Effect::idempotent, Effect::once})
    EXPECT_EQ(effect_from(to_string(effect)), effect);
  for (Status status :
       {Status::ok, Status::error, Status::timeout, Status::cancelled, Status::unknown})
    EXPECT_EQ(status_from(to_string(status)), status);
  EXPECT_EQ(effect_from("Pure"), std::nullopt);
  EXPECT_EQ(status_from(""), std::nullopt);
}

}  // namespace
}  // namespace praxis::tools
