// Events and settings as JSON.

#include "agent/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "agent/config.h"

namespace praxis::agent {
namespace {

using testing::HasSubstr;
using Type = Event::Type;

std::vector<std::string> keys_of(const std::string& json) {
  std::vector<std::string> keys;
  const auto object = nlohmann::ordered_json::parse(json);
  for (const auto& [key, value] : object.items()) keys.push_back(key);
  return keys;
}

TEST(Events, AreOneLineOfJsonWithTheDocumentedFields) {
  const std::map<Type, std::vector<std::string>> fields = {
      {Type::run_started, {"type", "run", "conversation", "resumed"}},
      {Type::warning, {"type", "text"}},
      {Type::step_started, {"type", "step"}},
      {Type::reasoning_delta, {"type", "text"}},
      {Type::text_delta, {"type", "text"}},
      {Type::call_arguments, {"type", "name", "id", "text"}},
      {Type::call_started, {"type", "id", "name", "arguments"}},
      {Type::call_progress, {"type", "id", "text"}},
      {Type::call_finished, {"type", "id", "name", "status", "result", "truncated", "wall_ms"}},
      {Type::step_finished, {"type", "step", "usage"}},
      {Type::run_finished, {"type", "run", "conversation", "status", "answer", "error", "usage"}},
  };
  for (const auto& [type, keys] : fields) {
    Event event;
    event.type = type;
    event.text = "a\nline\xFF";
    event.error = "why";
    event.call = {"call_0", "add", R"({"b":1,"a":[2]})"};
    const std::string json = to_json(event);
    EXPECT_EQ(keys_of(json), keys);
    EXPECT_EQ(json.find('\n'), std::string::npos);
    EXPECT_EQ(nlohmann::json::parse(json)["type"], to_string(type));
  }
  EXPECT_EQ(keys_of(to_json(Usage())),
            (std::vector<std::string>{"steps", "calls", "prompt_tokens", "cached_tokens", "output_tokens", "forced_tokens",
                                      "reasoning_tokens", "prefill_seconds", "decode_seconds", "wall_seconds"}));
}

TEST(Events, ArgumentsAreTheObjectInWrittenOrderOrElseTheText) {
  Event event;
  event.type = Type::call_started;
  event.call.arguments = R"({"b":1,"a":[2]})";
  EXPECT_THAT(to_json(event), HasSubstr(R"("arguments":{"b":1,"a":[2]})"));
  event.call.arguments = R"({"b":)";
  EXPECT_EQ(nlohmann::json::parse(to_json(event))["arguments"], event.call.arguments);
  event.call.arguments = "{\"a\":" + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  EXPECT_EQ(nlohmann::json::parse(to_json(event))["arguments"], event.call.arguments);
}

TEST(Settings, ComeBackFromTheStoreAsTheyWere) {
  Settings settings;
  settings.budgets = {1, 2, 3, 4, 5};
  settings.loop_guard = {6, 7, 8};
  settings.thinking = false;
  settings.policy = ThinkPolicy::keep_all;
  settings.tool_choice = "add";
  settings.system = "be kind";
  settings.parallel_calls = false;
  settings.answer_schema = "{}";
  settings.answer_regex = "a|b";
  settings.answer_choices = {"a", "", "\n"};
  settings.temperature = 0.6f;
  settings.top_p = 0.95f;
  settings.min_p = 0.05f;
  settings.top_k = 40;
  settings.seed = (1ull << 53) - 1;
  const auto back = settings_from_json(to_json(settings));
  ASSERT_TRUE(back);
  EXPECT_EQ(to_json(*back), to_json(settings));
  EXPECT_EQ(back->temperature, settings.temperature);
  EXPECT_EQ(back->answer_regex, settings.answer_regex);
  EXPECT_EQ(back->answer_choices, settings.answer_choices);
  EXPECT_FALSE(back->parallel_calls);
  EXPECT_EQ(back->loop_guard.repeats, 8u);
  EXPECT_FALSE(settings_from_json("[]"));
  EXPECT_FALSE(settings_from_json("{"));
  EXPECT_EQ(to_json(*settings_from_json(R"({"unknown":1,"steps_max":"many"})")), to_json(Settings()));
}

}  // namespace
}  // namespace praxis::agent
