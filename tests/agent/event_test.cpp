// Events and settings as JSON.

#include "agent/event.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "agent/config.h"

namespace praxis::agent {
namespace {

using testing::EndsWith;
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
  event.call.arguments = "{\"a\": [1e2,\r\n 12345678901234567890123]}\n";
  EXPECT_THAT(to_json(event), EndsWith(R"("arguments":{"a": [1e2,   12345678901234567890123]} })"));
  event.call.arguments = R"({"b":)";
  EXPECT_EQ(nlohmann::json::parse(to_json(event))["arguments"], event.call.arguments);
  event.call.arguments = "{\"a\":" + std::string(200'000, '[') + std::string(200'000, ']') + "}";
  EXPECT_EQ(nlohmann::json::parse(to_json(event))["arguments"], event.call.arguments);
}

TEST(Events, LogProbabilitiesAreOpenAisTokens) {
  Event event;
  event.type = Type::text_delta;
  event.text = "é";
  event.logprobs = {{"\xC3", -0.5f, {{"\xC3", -0.5f}, {"a", -1}}}, {"\xA9", -0.25f, {}}};
  EXPECT_EQ(to_json(event),
            R"({"type":"text.delta","text":"é","logprobs":[)"
            R"({"token":"�","logprob":-0.5,"bytes":[195],"top_logprobs":[)"
            R"({"token":"�","logprob":-0.5,"bytes":[195]},{"token":"a","logprob":-1.0,"bytes":[97]}]},)"
            R"({"token":"�","logprob":-0.25,"bytes":[169],"top_logprobs":[]}]})");
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
  settings.presence_penalty = -0.5f;
  settings.frequency_penalty = 1.1f;
  settings.logit_bias = {{7, -100}, {900'000, 0.25f}};
  settings.stop = {"\n\n", "é"};
  settings.logprobs = 0;
  settings.seed = (1ull << 53) - 1;
  const auto back = settings_from_json(to_json(settings));
  ASSERT_TRUE(back);
  EXPECT_EQ(to_json(*back), to_json(settings));
  EXPECT_EQ(back->temperature, settings.temperature);
  EXPECT_EQ(back->frequency_penalty, settings.frequency_penalty);
  EXPECT_EQ(back->logit_bias, settings.logit_bias);
  EXPECT_EQ(back->stop, settings.stop);
  EXPECT_EQ(back->logprobs, settings.logprobs);
  EXPECT_EQ(back->answer_regex, settings.answer_regex);
  EXPECT_EQ(back->answer_choices, settings.answer_choices);
  EXPECT_FALSE(back->parallel_calls);
  EXPECT_EQ(back->loop_guard.repeats, 8u);
  EXPECT_FALSE(settings_from_json("[]"));
  EXPECT_FALSE(settings_from_json("{"));
  EXPECT_EQ(to_json(*settings_from_json(R"({"unknown":1,"steps_max":"many"})")), to_json(Settings()));
}

TEST(Settings, OutsideTheirRangeAreRefusedByNameValueAndRange) {
  struct Case {
    std::function<void(Settings&)> change;
    const char* where;
    const char* what;
  };
  const Case cases[] = {
      {[](Settings& s) { s.budgets.output_tokens_max = 0; }, "output_tokens_max", "is 0; it must be at least 1"},
      {[](Settings& s) { s.budgets.steps_max = 0; }, "steps_max", "is 0; it must be at least 1"},
      {[](Settings& s) { s.budgets.wall_seconds_max = 0; }, "wall_seconds_max", "is 0; it must be at least 1"},
      {[](Settings& s) { s.temperature = -0.1f; }, "temperature", "is -0.1; it must be from 0 to 100"},
      {[](Settings& s) { s.temperature = std::nanf(""); }, "temperature", "is nan; it must be from 0 to 100"},
      {[](Settings& s) { s.top_p = 1.5f; }, "top_p", "is 1.5; it must be from 0 to 1"},
      {[](Settings& s) { s.min_p = -1; }, "min_p", "is -1; it must be from 0 to 1"},
      {[](Settings& s) { s.presence_penalty = 2.5f; }, "presence_penalty", "is 2.5; it must be from -2 to 2"},
      {[](Settings& s) { s.frequency_penalty = -3; }, "frequency_penalty", "is -3; it must be from -2 to 2"},
      {[](Settings& s) { s.logit_bias = {{5, 1}, {9, 101}}; }, "logit_bias of token 9", "is 101; it must be from -100 to 100"},
      {[](Settings& s) { s.logit_bias = {{-5, 1}}; }, "logit_bias of token -5", "names no token; ids are from 0 up"},
      {[](Settings& s) { s.logit_bias.resize(1025); }, "logit_bias", "has 1025 tokens; the limit is 1024"},
      {[](Settings& s) { s.stop.assign(17, "x"); }, "stop", "has 17 texts; the limit is 16"},
      {[](Settings& s) { s.stop = {"x", ""}; }, "stop[1]", "is empty; give the text that ends the answer"},
      {[](Settings& s) { s.stop = {"\xC3"}; }, "stop[0]", "is not valid UTF-8"},
      {[](Settings& s) { s.stop = {std::string(1025, 'x')}; }, "stop[0]", "has 1025 bytes; the limit is 1024"},
      {[](Settings& s) { s.logprobs = 21; }, "logprobs", "is 21; it must be from 0 to 20"},
  };
  EXPECT_TRUE(check(Settings()));
  for (const Case& c : cases) {
    Settings settings;
    c.change(settings);
    const auto checked = check(settings);
    ASSERT_FALSE(checked) << c.where;
    EXPECT_EQ(checked.error().code, ErrorCode::bad_request);
    EXPECT_EQ(checked.error().where, c.where);
    EXPECT_EQ(checked.error().what, c.what);
  }
}

TEST(Settings, AtTheEndsOfTheirRangeAreTaken) {
  Settings settings;
  settings.temperature = 100;
  settings.top_p = 0;
  settings.min_p = 1;
  settings.presence_penalty = -2;
  settings.frequency_penalty = 2;
  settings.logit_bias.assign(1024, {0, -100});
  settings.stop.assign(16, std::string(1024, 'x'));
  settings.logprobs = 20;
  EXPECT_TRUE(check(settings));
}

}  // namespace
}  // namespace praxis::agent
