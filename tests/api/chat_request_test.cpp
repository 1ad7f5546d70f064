#include "agent/api/chat_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace praxis::agent::api {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

Parsed<ChatRequest> read(const std::string& body, Compat compat = Compat::tolerant) {
  auto json = read_json(body);
  if (!json) return tl::unexpected(json.error());
  RequestDefaults defaults;
  defaults.settings.seed = 1;
  defaults.compat = compat;
  return read_chat_request(*json, defaults);
}

/// A request whose other fields are in order.
Parsed<ChatRequest> with(const std::string& fields) {
  return read(R"({"messages":[{"role":"user","content":"hi"}],)" + fields + "}");
}

Parsed<ChatRequest> saying(const std::string& messages) { return read(R"({"messages":[)" + messages + "]}"); }

/// The field that a refusal names; empty where there is none.
std::string named(const Parsed<ChatRequest>& request) {
  if (request) return "(accepted)";
  EXPECT_EQ(request.error().status, 400u);
  EXPECT_EQ(request.error().type, "invalid_request_error");
  EXPECT_THAT(request.error().message, HasSubstr(request.error().param));
  return request.error().param;
}

/// A message on one line: ROLE|content|reasoning|call_id|id name arguments;…
std::string line(const Message& message) {
  constexpr const char* kRoles[] = {"system", "user", "assistant", "tool"};
  std::string out = std::string(kRoles[static_cast<int>(message.role)]) + "|" + message.content + "|" + message.reasoning + "|" + message.call_id + "|";
  for (const ToolCall& call : message.calls) out += call.id + " " + call.name + " " + call.arguments + ";";
  return out;
}

std::vector<std::string> lines(const Parsed<ChatRequest>& request) {
  if (!request) return {"refused: " + request.error().message};
  std::vector<std::string> out;
  for (const Message& message : request->input.messages) out.push_back(line(message));
  return out;
}

/// What the fields change of the default settings, as to_json(Settings) writes it.
std::string changes(const std::string& fields) {
  const auto request = with(fields);
  if (!request) return request.error().message;
  Json all = Json::parse(to_json(request->input.settings));
  Settings plain;
  plain.seed = 1;
  const Json before = Json::parse(to_json(plain));
  Json changed = Json::object();
  for (const auto& [key, value] : all.items())
    if (!before.contains(key) || before[key] != value) changed[key] = value;
  return changed.dump();
}

TEST(ChatRequest, EveryRoleAndFormOfContentIsRead) {
  EXPECT_THAT(lines(saying(R"({"role":"system","content":"s"},{"role":"developer","content":"d"},
                              {"role":"user","content":[{"type":"text","text":"a"},{"type":"input_text","text":"b"},"c"]},
                              {"role":"assistant","content":[{"type":"output_text","text":"x"},{"type":"refusal","refusal":"y"}]},
                              {"role":"user","content":"","name":"Ann"})")),
              ElementsAre("system|s|||", "system|d|||", "user|abc|||", "assistant|xy|||", "user||||"));
}

TEST(ChatRequest, AssistantsMayCallWithoutSayingAnything) {
  for (const char* content : {R"("content":null,)", R"("content":"",)", R"("content":[],)", ""})
    EXPECT_THAT(lines(saying(R"({"role":"user","content":"q"},{"role":"assistant",)" + std::string(content) +
                             R"("tool_calls":[{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\": 1}"}}]})")),
                ElementsAre("user|q|||", "assistant||||c1 f {\"a\": 1};"))
        << content;
}

TEST(ChatRequest, ArgumentsMayBeTextAnObjectOrNothing) {
  EXPECT_THAT(lines(saying(R"({"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f","arguments":{"a":1}}},
                              {"id":"2","function":{"name":"g","arguments":""}},{"id":"3","function":{"name":"h"}}]})")),
              ElementsAre("assistant||||1 f {\"a\":1};2 g {};3 h {};"));
}

TEST(ChatRequest, ReasoningComesUnderEitherName) {
  EXPECT_THAT(lines(saying(R"({"role":"assistant","content":"a","reasoning_content":"r"},
                              {"role":"assistant","content":"a","reasoning":"r"},
                              {"role":"assistant","content":"a","reasoning_content":null,"reasoning":{"effort":"low"}},
                              {"role":"user","content":"u","reasoning_content":"no user's"})")),
              ElementsAre("assistant|a|r||", "assistant|a|r||", "assistant|a|||", "user|u|||"));
}

TEST(ChatRequest, ResultsNameTheirCallAndMayBeEmpty) {
  EXPECT_THAT(lines(saying(R"({"role":"tool","tool_call_id":"c1","content":"r"},{"role":"tool","tool_call_id":"c2","content":null},
                              {"role":"tool","tool_call_id":"c3"},{"role":"tool","tool_call_id":"c4","content":[{"type":"text","text":"p"}]},
                              {"role":"function","name":"f","content":"old"})")),
              ElementsAre("tool|r||c1|", "tool|||c2|", "tool|||c3|", "tool|p||c4|", "tool|old||f|"));
}

TEST(ChatRequest, UnknownFieldsAreIgnored) {
  EXPECT_THAT(lines(read(R"({"messages":[{"role":"user","content":"hi","index":0,"refusal":null,"annotations":[]}],
                             "user":"u","store":true,"metadata":{"a":"b"},"service_tier":"auto","max_tokens":null})")),
              ElementsAre("user|hi|||"));
}

TEST(ChatRequest, SettingsAreRead) {
  const std::map<std::string, std::string> cases = {
      {R"("temperature":0.5,"top_p":1,"min_p":0)", R"({"temperature":0.5,"top_p":1.0,"min_p":0.0})"},
      {R"("top_k":-1)", R"({"top_k":0})"},
      {R"("top_k":40)", R"({"top_k":40})"},
      {R"("presence_penalty":-2,"frequency_penalty":2)", R"({"presence_penalty":-2.0,"frequency_penalty":2.0})"},
      {R"("max_tokens":64.0)", R"({"output_tokens_max":64})"},
      {R"("max_completion_tokens":65)", R"({"output_tokens_max":65})"},
      {R"("stop":"END")", R"({"stop":["END"]})"},
      {R"("stop":["a","b"])", R"({"stop":["a","b"]})"},
      {R"("stop":null)", "{}"},
      {R"("seed":-1)", R"({"seed":18446744073709551615})"},
      {R"("logit_bias":{"7":-100,"9":1.5})", R"({"logit_bias":[[7,-100.0],[9,1.5]]})"},
      {R"("logprobs":true)", R"({"logprobs":0})"},
      {R"("logprobs":true,"top_logprobs":3)", R"({"logprobs":3})"},
      {R"("parallel_tool_calls":false)", R"({"parallel_tool_calls":false})"},
      {R"("thinking":{"type":"disabled"})", R"({"thinking":false})"},
      {R"("thinking":{"type":"enabled","budget_tokens":100})", R"({"think_tokens_max":100})"},
      {R"("thinking":{"type":"adaptive"})", "{}"},
      {R"("enable_thinking":false)", R"({"thinking":false})"},
      {R"("thinking_budget":99)", R"({"think_tokens_max":99})"},
      {R"("chat_template_kwargs":{"thinking":false})", R"({"thinking":false})"},
      {R"("chat_template_kwargs":{"enable_thinking":false})", R"({"thinking":false})"},
      {R"("reasoning_effort":"none")", R"({"thinking":false})"},
      {R"("reasoning_effort":"low")", R"({"think_tokens_max":1024})"},
      {R"("reasoning_effort":"max")", R"({"think_tokens_max":0})"},
      {R"("response_format":{"type":"text"})", "{}"},
      {R"("response_format":{"type":"json_object"})", R"({"answer_schema":"{\"type\":\"object\"}"})"},
      {R"("response_format":{"type":"json_schema","json_schema":{"name":"n","strict":true,"schema":{"type":"null"}}})", R"({"answer_schema":"{\"type\":\"null\"}"})"},
      {R"("response_format":{"type":"json_schema","name":"n","schema":{"type":"null"}})", R"({"answer_schema":"{\"type\":\"null\"}"})"},
      {R"("response_format":{"type":"regex","pattern":"a+"})", R"({"answer_regex":"a+"})"},
      {R"("guided_json":{"type":"null"})", R"({"answer_schema":"{\"type\":\"null\"}"})"},
      {R"("guided_json":"{\"type\":\"null\"}")", R"({"answer_schema":"{\"type\":\"null\"}"})"},
      {R"("guided_regex":"a+")", R"({"answer_regex":"a+"})"},
      {R"("guided_choice":["yes","no"])", R"({"answer_choices":["yes","no"]})"},
      {R"("structured_outputs":{"choice":["yes","no"]})", R"({"answer_choices":["yes","no"]})"},
      {R"("tool_choice":"none")", R"({"tool_choice":"none"})"},
      {R"("tool_choice":"any","tools":[{"type":"function","function":{"name":"f"}}])", R"({"tool_choice":"required"})"},
      {R"("tool_choice":{"type":"function","function":{"name":"f"}},"tools":[{"type":"function","function":{"name":"f"}}])",
       R"({"tool_choice":"{\"type\":\"function\",\"function\":{\"name\":\"f\"}}"})"},
  };
  for (const auto& [fields, wanted] : cases) EXPECT_EQ(changes(fields), wanted) << fields;
}

TEST(ChatRequest, ToolsKeepTheirNamesTextsAndSchemas) {
  const auto request = with(R"("tools":[{"type":"function","function":{"name":"spotify.play","description":"Plays","strict":true,
                                "parameters":{"type":"object","properties":{"z":{},"a":{}}}}},
                               {"type":"function","function":{"name":"now","description":null,"parameters":null}}])");
  ASSERT_TRUE(request) << request.error().message;
  const auto& tools = request->input.tools;
  ASSERT_EQ(tools.size(), 2u);
  EXPECT_EQ(tools[0].name, "spotify.play");
  EXPECT_EQ(tools[0].description, "Plays");
  EXPECT_EQ(tools[0].schema, R"({"type":"object","properties":{"z":{},"a":{}}})");
  EXPECT_EQ(tools[1].name, "now");
  EXPECT_EQ(tools[1].schema, R"({"type":"object","properties":{}})");
}

TEST(ChatRequest, StreamsSayWhereTheirUsageStands) {
  auto request = with(R"("stream":true,"n":2)");
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->stream);
  EXPECT_EQ(request->choices, 2u);
  EXPECT_FALSE(request->include_usage);
  EXPECT_EQ(request->usage_style, UsageStyle::last_chunk);
  request = with(R"("stream":true,"stream_options":{"include_usage":true})");
  ASSERT_TRUE(request);
  EXPECT_TRUE(request->include_usage);
  EXPECT_EQ(request->usage_style, UsageStyle::own_chunk);
}

TEST(ChatRequest, RefusalsNameTheField) {
  const std::map<std::string, std::string> cases = {
      {R"("model":7)", "model"},
      {R"("temperature":"hot")", "temperature"},
      {R"("temperature":-0.1)", "temperature"},
      {R"("top_p":1.5)", "top_p"},
      {R"("min_p":2)", "min_p"},
      {R"("top_k":-2)", "top_k"},
      {R"("presence_penalty":3)", "presence_penalty"},
      {R"("frequency_penalty":-3)", "frequency_penalty"},
      {R"("seed":1.5)", "seed"},
      {R"("seed":18446744073709551615)", "seed"},
      {R"("max_tokens":0)", "max_tokens"},
      {R"("max_tokens":"64")", "max_tokens"},
      {R"("max_completion_tokens":-1)", "max_completion_tokens"},
      {R"("parallel_tool_calls":"no")", "parallel_tool_calls"},
      {R"("stop":"")", "stop"},
      {R"("stop":[1])", "stop"},
      {R"("stop":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17"])", "stop"},
      {R"("stop":[")" + std::string(kStopBytesMax + 1, 'x') + R"("])", "stop[0]"},
      {R"("logit_bias":[])", "logit_bias"},
      {R"("logit_bias":{"x":1})", "logit_bias"},
      {R"("logit_bias":{"1":101})", "logit_bias"},
      {R"("logprobs":1)", "logprobs"},
      {R"("top_logprobs":1)", "top_logprobs"},
      {R"("logprobs":true,"top_logprobs":21)", "top_logprobs"},
      {R"("n":0)", "n"},
      {R"("n":17)", "n"},
      {R"("stream":"yes")", "stream"},
      {R"("stream_options":{"include_usage":1})", "stream_options.include_usage"},
      {R"("thinking":true)", "thinking.type"},
      {R"("thinking":{"type":"maybe"})", "thinking.type"},
      {R"("thinking":{"type":"enabled","budget_tokens":0})", "thinking.budget_tokens"},
      {R"("enable_thinking":"yes")", "enable_thinking"},
      {R"("thinking_budget":0)", "thinking_budget"},
      {R"("chat_template_kwargs":{"thinking":1})", "chat_template_kwargs.thinking"},
      {R"("reasoning_effort":"much")", "reasoning_effort"},
      {R"("response_format":"json")", "response_format.type"},
      {R"("response_format":{"type":"xml"})", "response_format.type"},
      {R"("response_format":{"type":"json_schema"})", "response_format.schema"},
      {R"("response_format":{"type":"json_schema","json_schema":{"name":"n"}})", "response_format.json_schema.schema"},
      {R"("response_format":{"type":"json_object"},"guided_regex":"a")", "response_format"},
      {R"("guided_regex":1)", "guided_regex"},
      {R"("guided_choice":"yes")", "guided_choice"},
      {R"("guided_choice":[1])", "guided_choice"},
      {R"("structured_outputs":{"regex":1})", "structured_outputs.regex"},
      {R"("functions":[{"name":"f"}])", "functions"},
      {R"("audio":{"voice":"alloy"})", "audio"},
      {R"("tools":{})", "tools"},
      {R"("tools":["f"])", "tools[0].type"},
      {R"("tools":[{"type":"web_search"}])", "tools[0].type"},
      {R"("tools":[{"type":"function","function":"f"}])", "tools[0].function.name"},
      {R"("tools":[{"type":"function","function":{"name":"a b"}}])", "tools[0].function.name"},
      {R"("tools":[{"type":"function","function":{"name":"f","parameters":[]}}])", "tools[0].function.parameters"},
      {R"("tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"f"}}])", "tools[1].function.name"},
      {R"("tool_choice":"get_weather")", "tool_choice"},
      {R"("tool_choice":{"type":"function"})", "tool_choice"},
      {R"("tool_choice":"required")", "tool_choice"},
      {R"("tool_choice":{"type":"function","function":{"name":"g"}},"tools":[{"type":"function","function":{"name":"f"}}])", "tool_choice"},
  };
  for (const auto& [fields, field] : cases) EXPECT_EQ(named(with(fields)), field) << fields;
}

TEST(ChatRequest, RefusedMessagesAreNamedByTheirPlace) {
  const std::map<std::string, std::string> cases = {
      {"", "messages"},
      {R"("hi")", "messages[0]"},
      {R"({"content":"hi"})", "messages[0].role"},
      {R"({"role":"robot","content":"hi"})", "messages[0].role"},
      {R"({"role":"user"})", "messages[0].content"},
      {R"({"role":"user","content":null})", "messages[0].content"},
      {R"({"role":"user","content":7})", "messages[0].content"},
      {R"({"role":"user","content":[{"text":"a"}]})", "messages[0].content[0].type"},
      {R"({"role":"user","content":[{"type":"text","text":"a"},{"type":"image_url","image_url":{}}]})", "messages[0].content[1].type"},
      {R"({"role":"user","content":[{"type":"text","text":7}]})", "messages[0].content[0].text"},
      {R"({"role":"user","content":"q"},{"role":"tool","content":"r"})", "messages[1].tool_call_id"},
      {R"({"role":"assistant","tool_calls":{}})", "messages[0].tool_calls"},
      {R"({"role":"assistant","tool_calls":[{"id":"1"}]})", "messages[0].tool_calls[0].function"},
      {R"({"role":"assistant","tool_calls":[{"id":1,"function":{"name":"f"}}]})", "messages[0].tool_calls[0].id"},
      {R"({"role":"assistant","tool_calls":[{"id":"1","function":{"name":"f"}},{"id":"2","function":{}}]})", "messages[0].tool_calls[1].function.name"},
  };
  for (const auto& [messages, field] : cases) EXPECT_EQ(named(saying(messages)), field) << messages;
  EXPECT_EQ(named(read("{}")), "messages");
  EXPECT_EQ(named(read(R"({"messages":"hi"})")), "messages");
}

TEST(ChatRequest, BodiesThatAreNoObjectAreRefusedAsAWhole) {
  for (const std::string body : {"", "[]", "{", "{\"a\":1,\"a\":2}", "\xff"}) {
    const auto refused = read(body);
    ASSERT_FALSE(refused) << body;
    EXPECT_EQ(refused.error().param, "") << body;
    EXPECT_THAT(refused.error().message, HasSubstr("JSON object")) << body;
  }
  EXPECT_FALSE(read(std::string(kJsonDepthMax + 1, '[') + std::string(kJsonDepthMax + 1, ']')));
}

// DeepSeek's API took reasoning back in four ways; ?compat= keeps one of them to the letter.
TEST(ChatRequest, CompatKeepsTheRulesOfItsTime) {
  const std::string user = R"({"role":"user","content":"q"})", result = R"({"role":"tool","tool_call_id":"c","content":"r"})";
  const std::string silent = R"({"role":"assistant","content":"a"})", thought = R"({"role":"assistant","content":"a","reasoning_content":""})";
  const std::string called = R"({"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f"}}]})";
  const std::string tools = R"("tools":[{"type":"function","function":{"name":"f"}}],)";
  const auto accepts = [](Compat compat, const std::string& fields, std::initializer_list<std::string> messages) {
    std::string list;
    for (const std::string& one : messages) list += (list.empty() ? "" : ",") + one;
    return read("{" + fields + "\"messages\":[" + list + "]}", compat).has_value();
  };
  EXPECT_FALSE(accepts(Compat::deepseek_r1, "", {user, thought, user}));
  EXPECT_FALSE(accepts(Compat::deepseek_r1, "", {user, user}));
  EXPECT_TRUE(accepts(Compat::deepseek_r1, "", {user, silent, user}));

  EXPECT_FALSE(accepts(Compat::v3_2, "", {user, called, result}));
  EXPECT_TRUE(accepts(Compat::v3_2, "", {user, called, result, silent, user}));

  EXPECT_FALSE(accepts(Compat::v4, "", {user, called, result, silent, user}));
  EXPECT_TRUE(accepts(Compat::v4, "", {user, silent, user}));

  EXPECT_FALSE(accepts(Compat::v4_1, tools, {user, silent, user}));
  EXPECT_TRUE(accepts(Compat::v4_1, tools, {user, thought, user}));
  EXPECT_TRUE(accepts(Compat::v4_1, "", {user, silent, user}));

  for (const auto& messages : {std::vector{user, thought, user}, {user, user}, {user, called, result}}) {
    std::string list;
    for (const std::string& one : messages) list += (list.empty() ? "" : ",") + one;
    EXPECT_TRUE(saying(list)) << list;
  }
}

TEST(ChatRequest, CompatIsGivenByName) {
  EXPECT_EQ(read_compat(""), Compat::tolerant);
  EXPECT_EQ(read_compat("deepseek-r1"), Compat::deepseek_r1);
  EXPECT_EQ(read_compat("v4.1"), Compat::v4_1);
  EXPECT_EQ(read_compat("v5").error().param, "compat");
}

}  // namespace
}  // namespace praxis::agent::api
