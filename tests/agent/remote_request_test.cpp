// How a step is put to each server.

#include "agent/model/remote_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "agent/model/backoff.h"

namespace praxis::agent {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::Le;

const std::vector<RemoteApi> kAll = {RemoteApi::openai, RemoteApi::deepseek, RemoteApi::vllm, RemoteApi::sglang, RemoteApi::llamacpp, RemoteApi::ollama};

RequestForm form_of(RemoteApi api, bool guided = false) {
  RequestForm form;
  form.server = {api, guided, "r1"};
  return form;
}

StepInput question(Settings settings = {}) {
  StepInput input;
  Message user;
  user.content = "2+2?";
  input.messages.push_back(user);
  input.settings = std::move(settings);
  return input;
}

json body(const StepInput& input, const RequestForm& form, const std::vector<ToolText>& tools = {}, bool required = false) {
  return json::parse(remote_request(input, tools, required, form).body);
}

const std::vector<ToolText> kTools = {{"add", "adds", R"({"properties":{"a":{"type":"integer"}}})"}};

TEST(RemoteRequest, AsksForAStreamWithUsage) {
  for (const RemoteApi api : kAll) {
    const json asked = body(question(), form_of(api));
    EXPECT_EQ(asked["stream"], true);
    EXPECT_EQ(asked["model"], "r1");
    EXPECT_EQ(asked["messages"], json::parse(R"([{"role":"user","content":"2+2?"}])"));
    EXPECT_EQ(asked.contains("stream_options"), api != RemoteApi::ollama);
    EXPECT_FALSE(asked.contains("tools"));
    EXPECT_FALSE(asked.contains("tool_choice"));
  }
}

TEST(RemoteRequest, SettingsGoByEachServersNames) {
  Settings settings;
  settings.temperature = 0.6f;
  settings.top_p = 0.95f;
  settings.top_k = 40;
  settings.min_p = 0.05f;
  settings.presence_penalty = 0.5f;
  settings.stop = {"END"};
  settings.seed = 1ull << 40 | 7;
  settings.budgets.output_tokens_max = 100;
  for (const RemoteApi api : kAll) {
    const json asked = body(question(settings), form_of(api));
    const json& at = api == RemoteApi::ollama ? asked["options"] : asked;
    EXPECT_EQ(at["temperature"].dump(), "0.6") << to_string(api);
    EXPECT_EQ(at["top_p"].dump(), "0.95");
    EXPECT_EQ(at[api == RemoteApi::ollama ? "num_predict" : "max_tokens"], 100);
    EXPECT_FALSE(at.contains("stop")) << "it would be looked for in the reasoning";
    EXPECT_EQ(at["presence_penalty"], 0.5);
    const bool extended = api != RemoteApi::openai && api != RemoteApi::deepseek;
    EXPECT_EQ(at.contains("top_k"), extended) << to_string(api);
    EXPECT_EQ(at.contains("min_p"), extended);
    EXPECT_EQ(at.value("seed", 0), api == RemoteApi::deepseek ? 0 : 7);
  }
  EXPECT_FALSE(body(question(), form_of(RemoteApi::openai)).contains("temperature")) << "the server's own";
}

TEST(RemoteRequest, ThinkingIsToldInEachServersWay) {
  for (const bool thinking : {true, false}) {
    Settings settings;
    settings.thinking = thinking;
    EXPECT_EQ(body(question(settings), form_of(RemoteApi::deepseek))["thinking"]["type"], thinking ? "enabled" : "disabled");
    for (const RemoteApi api : {RemoteApi::vllm, RemoteApi::sglang, RemoteApi::llamacpp}) {
      EXPECT_EQ(body(question(settings), form_of(api))["chat_template_kwargs"]["thinking"], thinking);
      EXPECT_EQ(body(question(settings), form_of(api))["chat_template_kwargs"]["enable_thinking"], thinking);
    }
    EXPECT_EQ(body(question(settings), form_of(RemoteApi::ollama)).contains("think"), !thinking);
  }
  RequestForm form = form_of(RemoteApi::deepseek);
  form.reasoning_effort = "max";
  EXPECT_EQ(body(question(), form)["reasoning_effort"], "max");
}

TEST(RemoteRequest, ToolsAreSentWithTheirSchemasAsObjects) {
  for (const RemoteApi api : kAll) {
    const json asked = body(question(), form_of(api), kTools);
    EXPECT_EQ(asked["tools"], json::parse(R"([{"type":"function","function":{"name":"add","description":"adds",
      "parameters":{"properties":{"a":{"type":"integer"}},"type":"object"}}}])"));
    EXPECT_FALSE(asked.contains("tool_choice"));
    const json required = body(question(), form_of(api), kTools, true);
    const bool sayable = api != RemoteApi::ollama && api != RemoteApi::deepseek;
    EXPECT_EQ(required.contains("tool_choice"), sayable) << to_string(api);
  }
  Settings still;
  still.thinking = false;
  EXPECT_EQ(body(question(still), form_of(RemoteApi::deepseek), kTools, true)["tool_choice"], "required");
}

TEST(RemoteRequest, AnAnswerSchemaGoesInEachServersWay) {
  Settings settings;
  settings.answer_schema = R"({"type":"integer"})";
  const json schema = json::parse(settings.answer_schema);
  for (const RemoteApi api : {RemoteApi::openai, RemoteApi::vllm, RemoteApi::sglang, RemoteApi::llamacpp}) {
    const json asked = body(question(settings), form_of(api));
    EXPECT_EQ(asked["response_format"]["type"], "json_schema");
    EXPECT_EQ(asked["response_format"]["json_schema"]["schema"], schema);
    EXPECT_EQ(asked["messages"].size(), 1u);
  }
  EXPECT_EQ(body(question(settings), form_of(RemoteApi::ollama))["format"], schema);
  const json deepseek = body(question(settings), form_of(RemoteApi::deepseek));
  EXPECT_EQ(deepseek["response_format"]["type"], "json_object");
  EXPECT_THAT(deepseek["messages"][0]["content"].get<std::string>(), AllOf(HasSubstr("JSON"), HasSubstr(settings.answer_schema)));
}

TEST(RemoteRequest, APatternGoesWhereAServerTakesOneElseInWords) {
  Settings settings;
  settings.answer_regex = "[a-z]+";
  EXPECT_EQ(body(question(settings), form_of(RemoteApi::vllm))["structured_outputs"]["regex"], "[a-z]+");
  EXPECT_EQ(body(question(settings), form_of(RemoteApi::vllm, true))["guided_regex"], "[a-z]+");
  EXPECT_EQ(body(question(settings), form_of(RemoteApi::sglang))["regex"], "[a-z]+");
  for (const RemoteApi api : {RemoteApi::openai, RemoteApi::deepseek, RemoteApi::llamacpp, RemoteApi::ollama})
    EXPECT_THAT(body(question(settings), form_of(api))["messages"][0]["content"].get<std::string>(), HasSubstr("[a-z]+")) << to_string(api);
}

TEST(RemoteRequest, ChoicesGoWhereAServerTakesThemElseInWords) {
  Settings settings;
  settings.answer_choices = {"yes", "no (\"really\")"};
  EXPECT_EQ(body(question(settings), form_of(RemoteApi::vllm))["structured_outputs"]["choice"], json(settings.answer_choices));
  EXPECT_EQ(body(question(settings), form_of(RemoteApi::vllm, true))["guided_choice"], json(settings.answer_choices));
  EXPECT_EQ(body(question(settings), form_of(RemoteApi::sglang))["regex"], "yes|no \\(\"really\"\\)");
  EXPECT_EQ(body(question(settings), form_of(RemoteApi::llamacpp))["grammar"], "root ::= \"yes\" | \"no (\\\"really\\\")\"");
  for (const RemoteApi api : {RemoteApi::openai, RemoteApi::deepseek, RemoteApi::ollama})
    EXPECT_THAT(body(question(settings), form_of(api))["messages"][0]["content"].get<std::string>(), HasSubstr("yes\nno")) << to_string(api);
}

TEST(RemoteRequest, WithToolsAFormIsToldInWordsUntilOnlyTheAnswerIsDue) {
  Settings settings;
  settings.answer_schema = R"({"type":"integer"})";
  for (const RemoteApi api : {RemoteApi::vllm, RemoteApi::sglang, RemoteApi::llamacpp, RemoteApi::ollama}) {
    RequestForm form = form_of(api);
    const json asked = body(question(settings), form, kTools);
    EXPECT_FALSE(asked.contains("response_format") || asked.contains("format")) << to_string(api);
    EXPECT_THAT(asked["messages"][0]["content"].get<std::string>(), HasSubstr("no more tools"));
    form.answer_only = true;
    const json last = body(question(settings), form, kTools);
    EXPECT_TRUE(last.contains("response_format") || last.contains("format")) << to_string(api);
    EXPECT_FALSE(last.contains("tools"));
  }
}

/// system, user, a turn with a call, user, and a turn that is under way.
StepInput history(ThinkPolicy policy) {
  StepInput input;
  const auto add = [&](SenderRole role, std::string content, std::string reasoning = {}, std::string call = {}) {
    Message message;
    message.role = role;
    message.content = std::move(content);
    message.reasoning = std::move(reasoning);
    if (role == SenderRole::assistant && !call.empty()) message.calls.push_back({call, "add", R"({"a":1})"});
    if (role == SenderRole::tool) message.call_id = call;
    input.messages.push_back(std::move(message));
  };
  add(SenderRole::system, "be brief");
  add(SenderRole::user, "first");
  add(SenderRole::assistant, "", "old thought", "c1");
  add(SenderRole::tool, "2", "", "c1");
  add(SenderRole::assistant, "two", "older still");
  add(SenderRole::user, "second");
  add(SenderRole::assistant, "", "new thought", "c2");
  add(SenderRole::tool, "3", "", "c2");
  input.settings.policy = policy;
  return input;
}

TEST(RemoteRequest, EarlierReasoningIsPassedBackAsThePolicySays) {
  for (const RemoteApi api : {RemoteApi::openai, RemoteApi::vllm, RemoteApi::sglang, RemoteApi::llamacpp, RemoteApi::ollama}) {
    const char* field = api == RemoteApi::ollama ? "thinking" : "reasoning_content";
    const json loop = body(history(ThinkPolicy::keep_in_loop), form_of(api), kTools)["messages"];
    EXPECT_FALSE(loop[2].contains(field)) << to_string(api);
    EXPECT_FALSE(loop[4].contains(field));
    EXPECT_EQ(loop[6][field], "new thought");
    EXPECT_EQ(loop[6].contains("reasoning"), api == RemoteApi::vllm);
    EXPECT_EQ(body(history(ThinkPolicy::keep_all), form_of(api), kTools)["messages"][4][field], "older still");
    EXPECT_FALSE(body(history(ThinkPolicy::strip_always), form_of(api), kTools)["messages"][6].contains(field));
  }
  const json deepseek = body(history(ThinkPolicy::keep_in_loop), form_of(RemoteApi::deepseek), kTools)["messages"];
  EXPECT_EQ(deepseek[2]["reasoning_content"], "") << "the field is due with tools, its text is not";
  EXPECT_EQ(deepseek[6]["reasoning_content"], "new thought");
}

TEST(RemoteRequest, CallsAndResultsAreLinkedInEachServersWay) {
  const json openai = body(history(ThinkPolicy::keep_all), form_of(RemoteApi::openai), kTools)["messages"];
  EXPECT_EQ(openai[2]["tool_calls"], json::parse(R"([{"id":"c1","type":"function","function":{"name":"add","arguments":"{\"a\":1}"}}])"));
  EXPECT_EQ(openai[3]["tool_call_id"], "c1");
  const json ollama = body(history(ThinkPolicy::keep_all), form_of(RemoteApi::ollama), kTools)["messages"];
  EXPECT_EQ(ollama[2]["tool_calls"], json::parse(R"([{"function":{"name":"add","arguments":{"a":1}}}])"));
  EXPECT_EQ(ollama[3]["tool_name"], "add");
}

TEST(RemoteRequest, ArgumentsThatAreNoObjectNeverReachAServersHistory) {
  StepInput input = history(ThinkPolicy::keep_all);
  input.messages[2].calls[0].arguments = "{\"a\":";
  EXPECT_EQ(body(input, form_of(RemoteApi::vllm), kTools)["messages"][2]["tool_calls"][0]["function"]["arguments"], "{}");
}

// --- waiting -----------------------------------------------------------------------------------------

TEST(Backoff, DrawsFromABoundThatDoublesAndStops) {
  BackoffLimits limits;
  limits.retries_max = 8;
  Backoff one(limits, 1), same(limits, 1);
  std::uint32_t bound = limits.base_ms;
  std::vector<std::uint32_t> drawn;
  for (std::uint32_t i = 0; i < limits.retries_max; ++i) {
    const auto wait = one.next(std::nullopt);
    ASSERT_TRUE(wait);
    EXPECT_LE(*wait, std::min(bound, limits.wait_ms_max));
    EXPECT_EQ(same.next(std::nullopt), wait) << "the same seed draws the same";
    drawn.push_back(*wait);
    bound *= 2;
  }
  EXPECT_NE(drawn.front(), drawn.back());
  EXPECT_EQ(one.next(std::nullopt), std::nullopt);
}

TEST(Backoff, HonoursWhatTheServerAsksForWithinItsBound) {
  Backoff backoff({}, 1);
  EXPECT_EQ(backoff.next(0), 0u);
  EXPECT_EQ(backoff.next(60'000), 60'000u);
  EXPECT_EQ(backoff.next(60'001), std::nullopt);
  const std::time_t now = 784111767;  // ten seconds before the date
  EXPECT_EQ(read_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now), 10'000u);
  EXPECT_EQ(read_retry_after("Sun, 06 Nov 1994 08:49:37 GMT", now + 60), 0u);
  EXPECT_EQ(read_retry_after("120", now), 120'000u);
  for (const char* bad : {"", "soon", "-1", "1.5", "99999999999999999999", "Sun, 06 Nov"}) EXPECT_EQ(read_retry_after(bad, now), std::nullopt) << bad;
}

}  // namespace
}  // namespace praxis::agent
