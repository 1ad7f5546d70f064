// The Responses API without a socket: requests to our values, deltas to events, rows to conversations.

#include <map>
#include <regex>

#include "agent/api/responses_items.h"
#include "agent/api/responses_reply.h"
#include "agent/api/responses_state.h"
#include "tests/memory/fixture.h"

namespace praxis::agent::api {

namespace {

using testing::ElementsAre;
using Kind = ParsedDelta::Kind;

Parsed<ResponsesRequest> read(const std::string& text) {
  const Json body = Json::parse(text);
  return read_responses_request(body, Settings());
}

ResponsesRequest request(const std::string& text) {
  auto out = read(text);
  if (!out) throw std::runtime_error(out.error().message);
  return std::move(*out);
}

std::string refusal(const std::string& text) {
  auto out = read(text);
  return out ? "accepted" : out.error().param + " | " + out.error().message;
}

/// Random ids become numbers in the order in which they appear: fc_1, call_2.
std::string numbered(const std::string& text) {
  static const std::regex kId("(rs|msg|fc|ctc|fco|ctco|call_0[0-9])_[0-9A-Za-z]{22}");
  std::map<std::string, std::size_t> numbers;
  std::string out;
  auto end = text.cbegin();
  for (std::sregex_iterator match(text.begin(), text.end(), kId), none; match != none; ++match) {
    const auto number = numbers.try_emplace(match->str(), numbers.size() + 1).first->second;
    out.append(end, (*match)[0].first).append((*match)[1].str()).append("_").append(std::to_string(number));
    end = (*match)[0].second;
  }
  return out.append(end, text.cend());
}

/// A reply that is told everything at once.
struct Played {
  explicit Played(const std::string& body) : reply(request(body), {"resp_1", "r1", "maker", {}, [] { return 1'700'000'000; }}) {
    reply.open(out);
  }
  Played& tell(Kind kind, std::string text, std::uint32_t call = 0) {
    ParsedDelta delta;
    delta.kind = kind;
    delta.text = std::move(text);
    delta.call = call;
    reply.delta(out, 0, delta);
    return *this;
  }
  Played& end(engine::Finish finish = engine::Finish::stop) {
    StepOutput output;
    output.finish = finish;
    output.ids = {7, 8, 9};
    output.usage.prompt_tokens = 20;
    output.usage.cached_tokens = 15;
    output.usage.output_tokens = 6;
    output.usage.reasoning_tokens = 2;
    kept = reply.kept(0, output);
    reply.finish(out, 0, output);
    reply.close(out);
    return *this;
  }
  /// One line an event, without what every event has; the response is its status.
  std::vector<std::string> events() const {
    std::vector<std::string> lines;
    std::istringstream text(numbered(out));
    std::string name, data, blank;
    for (std::int64_t number = 0; std::getline(text, name) && std::getline(text, data) && std::getline(text, blank); ++number) {
      Json event = Json::parse(data.substr(6));
      EXPECT_EQ(name, "event: " + event["type"].get<std::string>());
      EXPECT_EQ(event["sequence_number"], number);
      EXPECT_EQ(blank, "");
      const std::string type = event["type"];
      event.erase("type");
      event.erase("sequence_number");
      if (event.contains("response")) event["response"] = event["response"]["status"];
      lines.push_back(type + " " + event.dump());
    }
    return lines;
  }

  std::string out;
  ResponsesReply reply;
  std::optional<Kept> kept;
};

const std::string kTools = R"([{"type":"function","name":"add","parameters":{"type":"object"}},
  {"type":"custom","name":"patch","description":"Edits.","format":{"type":"grammar","syntax":"lark","definition":"start: X"}},
  {"type":"namespace","name":"team","tools":[{"type":"function","name":"ask","parameters":{"type":"object"}}]},
  {"type":"web_search","external_web_access":false}])";

memory::Reply row(std::string id, std::string previous, std::string input, std::string content, std::vector<int> ids = {}) {
  memory::Reply out;
  out.id = std::move(id);
  out.previous_id = std::move(previous);
  out.input = std::move(input);
  out.content = std::move(content);
  out.body = R"({"output":[{"id":"msg_of_)" + out.id + R"(","type":"message","role":"assistant","content":[]}]})";
  out.ids.assign(ids.begin(), ids.end());
  out.ids_fingerprint = "maker";
  return out;
}

/// "user: hi", and the calls and token ids of an answer.
std::vector<std::string> told(const std::vector<Message>& messages) {
  constexpr const char* kRoles[] = {"system", "user", "assistant", "tool"};
  std::vector<std::string> lines;
  for (const Message& message : messages) {
    std::string line = std::string(kRoles[static_cast<std::size_t>(message.role)]) + ": " + message.content;
    if (!message.reasoning.empty()) line += " (" + message.reasoning + ")";
    for (const ToolCall& call : message.calls) line += " " + call.id + "=" + call.name + call.arguments;
    if (!message.call_id.empty()) line += " for " + message.call_id;
    for (auto id : message.ids) line += " #" + std::to_string(id);
    lines.push_back(std::move(line));
  }
  return lines;
}

struct Store {
  memory::Folder folder;
  std::unique_ptr<memory::Store> store = memory::must(memory::Store::open(folder / "db"));
  void keep(const memory::Reply& reply, std::vector<std::string> ids = {}) {
    memory::must(store->write([&](memory::Tx& tx) { return tx.keep_reply(reply, ids); }));
  }
  Parsed<std::vector<Message>> history(const std::string& id, std::string_view fingerprint = "maker") {
    auto reads = store->read();
    return api::history(reads, fingerprint, id);
  }
};

}  // namespace

TEST(ResponsesReply, EventsOfThoughtsAnAnswerAndACall) {
  Played played(R"({"stream":true,"input":"hi","tools":)" + kTools + "}");
  played.tell(Kind::reasoning, "Hm").tell(Kind::reasoning, ".").tell(Kind::text, "Let me \"add\".");
  played.tell(Kind::call_name, "add").tell(Kind::call_arguments, R"({"a")").tell(Kind::call_arguments, ":1}").tell(Kind::call_end, "").end();
  EXPECT_THAT(played.events(), ElementsAre(
    R"(response.created {"response":"in_progress"})",
    R"(response.in_progress {"response":"in_progress"})",
    R"(response.output_item.added {"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[],"content":[],"status":"in_progress"}})",
    R"(response.content_part.added {"item_id":"rs_1","output_index":0,"content_index":0,"part":{"type":"reasoning_text","text":""}})",
    R"(response.reasoning_text.delta {"item_id":"rs_1","output_index":0,"content_index":0,"delta":"Hm"})",
    R"(response.reasoning_text.delta {"item_id":"rs_1","output_index":0,"content_index":0,"delta":"."})",
    R"(response.reasoning_text.done {"item_id":"rs_1","output_index":0,"content_index":0,"text":"Hm."})",
    R"(response.content_part.done {"item_id":"rs_1","output_index":0,"content_index":0,"part":{"type":"reasoning_text","text":"Hm."}})",
    R"(response.output_item.done {"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"Hm."}],"status":"completed"}})",
    R"(response.output_item.added {"output_index":1,"item":{"id":"msg_2","type":"message","role":"assistant","content":[],"status":"in_progress"}})",
    R"(response.content_part.added {"item_id":"msg_2","output_index":1,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":""}})",
    R"(response.output_text.delta {"item_id":"msg_2","output_index":1,"content_index":0,"delta":"Let me \"add\".","logprobs":[]})",
    R"(response.output_text.done {"item_id":"msg_2","output_index":1,"content_index":0,"text":"Let me \"add\".","logprobs":[]})",
    R"(response.content_part.done {"item_id":"msg_2","output_index":1,"content_index":0,"part":{"type":"output_text","annotations":[],"logprobs":[],"text":"Let me \"add\"."}})",
    R"(response.output_item.done {"output_index":1,"item":{"id":"msg_2","type":"message","role":"assistant","content":[{"type":"output_text","annotations":[],"logprobs":[],"text":"Let me \"add\"."}],"status":"completed"}})",
    R"(response.output_item.added {"output_index":2,"item":{"id":"fc_3","type":"function_call","arguments":"","call_id":"call_00_4","name":"add","status":"in_progress"}})",
    R"(response.function_call_arguments.delta {"item_id":"fc_3","output_index":2,"delta":"{\"a\""})",
    R"(response.function_call_arguments.delta {"item_id":"fc_3","output_index":2,"delta":":1}"})",
    R"(response.function_call_arguments.done {"item_id":"fc_3","output_index":2,"arguments":"{\"a\":1}"})",
    R"(response.output_item.done {"output_index":2,"item":{"id":"fc_3","type":"function_call","arguments":"{\"a\":1}","call_id":"call_00_4","name":"add","status":"completed"}})",
    R"(response.completed {"response":"completed"})"));
}

TEST(ResponsesReply, ThoughtsAreTheSummaryWhereSummariesAreAskedFor) {
  Played played(R"({"stream":true,"input":"hi","reasoning":{"summary":"auto"}})");
  played.tell(Kind::reasoning, "Hm.").end();
  EXPECT_THAT(played.events(), ElementsAre(
    R"(response.created {"response":"in_progress"})",
    R"(response.in_progress {"response":"in_progress"})",
    R"(response.output_item.added {"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[],"status":"in_progress"}})",
    R"(response.reasoning_summary_part.added {"item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":""}})",
    R"(response.reasoning_summary_text.delta {"item_id":"rs_1","output_index":0,"summary_index":0,"delta":"Hm."})",
    R"(response.reasoning_summary_text.done {"item_id":"rs_1","output_index":0,"summary_index":0,"text":"Hm."})",
    R"(response.reasoning_summary_part.done {"item_id":"rs_1","output_index":0,"summary_index":0,"part":{"type":"summary_text","text":"Hm."}})",
    R"(response.output_item.done {"output_index":0,"item":{"id":"rs_1","type":"reasoning","summary":[{"type":"summary_text","text":"Hm."}],"status":"completed"}})",
    R"(response.completed {"response":"completed"})"));
}

TEST(ResponsesReply, ACustomToolGetsTextAndOneOfANamespaceItsOwnName) {
  Played played(R"({"stream":true,"input":"hi","tools":)" + kTools + "}");
  played.tell(Kind::call_name, "patch").tell(Kind::call_arguments, R"({"input":"a\n)").tell(Kind::call_arguments, R"(b"})").tell(Kind::call_end, "");
  played.tell(Kind::call_name, "team.ask", 1).tell(Kind::call_arguments, "{}", 1).tell(Kind::call_end, "", 1).end();
  const auto events = played.events();
  EXPECT_THAT(std::vector(events.begin() + 2, events.end()), ElementsAre(
    R"(response.output_item.added {"output_index":0,"item":{"id":"ctc_1","type":"custom_tool_call","input":"","call_id":"call_00_2","name":"patch","status":"in_progress"}})",
    R"(response.custom_tool_call_input.delta {"item_id":"ctc_1","output_index":0,"delta":"a\nb"})",
    R"(response.custom_tool_call_input.done {"item_id":"ctc_1","output_index":0,"input":"a\nb"})",
    R"(response.output_item.done {"output_index":0,"item":{"id":"ctc_1","type":"custom_tool_call","input":"a\nb","call_id":"call_00_2","name":"patch","status":"completed"}})",
    R"(response.output_item.added {"output_index":1,"item":{"id":"fc_3","type":"function_call","arguments":"","call_id":"call_01_4","name":"ask","namespace":"team","status":"in_progress"}})",
    R"(response.function_call_arguments.delta {"item_id":"fc_3","output_index":1,"delta":"{}"})",
    R"(response.function_call_arguments.done {"item_id":"fc_3","output_index":1,"arguments":"{}"})",
    R"(response.output_item.done {"output_index":1,"item":{"id":"fc_3","type":"function_call","arguments":"{}","call_id":"call_01_4","name":"ask","namespace":"team","status":"completed"}})",
    R"(response.completed {"response":"completed"})"));
}

TEST(ResponsesReply, WhatTheBudgetCutsIsIncompleteAndSaysWhy) {
  Played played(R"({"input":"hi","tools":)" + kTools + "}");
  played.tell(Kind::text, "Now.").tell(Kind::call_name, "add").tell(Kind::call_arguments, R"({"a)").end(engine::Finish::length);
  const Json response = Json::parse(numbered(played.out));
  EXPECT_EQ(response["status"], "incomplete");
  EXPECT_EQ(response["incomplete_details"].dump(), R"({"reason":"max_output_tokens"})");
  EXPECT_EQ(response["output"][0]["status"], "completed");
  EXPECT_EQ(response["output"][1].dump(),
            R"({"id":"fc_2","type":"function_call","arguments":"{\"a","call_id":"call_00_3","name":"add","status":"incomplete"})");
  EXPECT_EQ(played.kept->row.ids, std::vector<std::int32_t>());  // they end in the middle
}

TEST(ResponsesReply, AStreamThatBreaksEndsWithResponseFailed) {
  Played played(R"({"stream":true,"input":"hi"})");
  ApiError error;
  error.status = 507;
  error.message = "the disk is full";
  played.reply.fail(played.out, error);
  EXPECT_EQ(played.events().back(), R"(response.failed {"response":"failed"})");
  EXPECT_NE(played.out.find(R"("error":{"code":"server_error","message":"the disk is full"})"), std::string::npos);
}

TEST(ResponsesReply, TheObjectRepeatsItsRequestAndIsWhatIsKept) {
  Played played(R"({"model":"r1","input":"hi","instructions":"Be brief.","max_output_tokens":50,"metadata":{"k":"v"},"top_p":0.9,
    "previous_response_id":"resp_0","reasoning":{"effort":"low"},"text":{"verbosity":"low"},"tool_choice":"none","parallel_tool_calls":false,
    "service_tier":"auto","truncation":"auto","user":"u","prompt_cache_key":"p","safety_identifier":"s","unknown":1})");
  played.tell(Kind::text, "Hi!").end();
  EXPECT_EQ(numbered(played.out),
    R"({"id":"resp_1","object":"response","created_at":1700000000,"status":"completed","completed_at":1700000000,"error":null,)"
    R"("incomplete_details":null,"model":"r1","output":[{"id":"msg_1","type":"message","role":"assistant","content":[)"
    R"({"type":"output_text","annotations":[],"logprobs":[],"text":"Hi!"}],"status":"completed"}],"usage":{"input_tokens":20,)"
    R"("input_tokens_details":{"cached_tokens":15,"cache_write_tokens":5},"output_tokens":6,"output_tokens_details":{"reasoning_tokens":2},)"
    R"("total_tokens":26},"reasoning":{"effort":"low","summary":null},"text":{"format":{"type":"text"},"verbosity":"low"},"top_logprobs":0,)"
    R"("metadata":{"k":"v"},"max_tool_calls":null,"prompt_cache_key":"p","safety_identifier":"s","service_tier":"default","truncation":"auto",)"
    R"("user":"u","background":false,"instructions":"Be brief.","max_output_tokens":50,"parallel_tool_calls":false,"tools":[],)"
    R"("tool_choice":"none","temperature":0.6,"top_p":0.9,"previous_response_id":"resp_0","store":true})" "\n");
  EXPECT_EQ(played.kept->row.body + "\n", played.out);
  EXPECT_EQ(played.kept->row.previous_id, "resp_0");
  EXPECT_EQ(numbered(played.kept->row.input),
            R"([{"id":"msg_1","type":"message","status":"completed","role":"user","content":[{"type":"input_text","text":"hi"}]}])");
  EXPECT_EQ(played.kept->row.ids, (std::vector<std::int32_t>{7, 8, 9}));
}

TEST(ResponsesReply, WithoutStoreOnlyCallsAreKept) {
  EXPECT_FALSE(Played(R"({"input":"hi","store":false})").tell(Kind::text, "Hi!").end().kept);
  const auto kept = Played(R"({"input":"hi","store":false})").tell(Kind::reasoning, "Hm").tell(Kind::call_name, "add").tell(Kind::call_end, "").end().kept;
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->row.body, "{}");
  EXPECT_EQ(kept->row.input, "[]");
  EXPECT_EQ(kept->row.reasoning, "Hm");
  EXPECT_EQ(kept->ids.size(), 1u);
}

TEST(ResponsesItems, BecomeTheMessagesThatTheyMean) {
  auto items = read_items(Json::parse(R"([
    {"role":"developer","content":"Be kind."},
    {"type":"message","role":"user","content":[{"type":"input_text","text":"Add "},{"type":"input_text","text":"1."}]},
    {"type":"reasoning","id":"rs_a","summary":[],"content":[{"type":"reasoning_text","text":"Hm."}],"encrypted_content":"gAAA"},
    {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Now."}]},
    {"type":"function_call","call_id":"c1","name":"add","arguments":"{\"a\":1}"},
    {"type":"custom_tool_call","call_id":"c2","name":"patch","input":"x\ny"},
    {"type":"function_call","call_id":"c3","name":"ask","namespace":"team","arguments":"{}"},
    {"type":"function_call_output","call_id":"c1","output":"2"},
    {"type":"custom_tool_call_output","call_id":"c2","output":[{"type":"input_text","text":"done"}]},
    {"type":"function_call_output","call_id":"c3","output":""},
    {"type":"reasoning","summary":[{"type":"summary_text","text":"One."},{"type":"summary_text","text":"Two."}]},
    {"role":"assistant","content":"It is 2."},
    {"role":"assistant","content":"Really."},
    {"type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"led to nothing"}]},
    {"role":"user","content":"Thanks"}])"));
  ASSERT_TRUE(items);
  EXPECT_THAT(told(messages_of(*items)),
              ElementsAre("system: Be kind.", "user: Add 1.",
                          R"(assistant: Now. (Hm.) c1=add{"a":1} c2=patch{"input":"x\ny"} c3=team.ask{})",
                          "tool: 2 for c1", "tool: done for c2", "tool:  for c3", "assistant: It is 2. (One.\n\nTwo.)",
                          "assistant: Really.", "user: Thanks"));
}

TEST(ResponsesRequest, RefusesByPlace) {
  EXPECT_EQ(refusal(R"({})"), "input | input is missing; so is previous_response_id");
  EXPECT_EQ(refusal(R"({"input":3})"), "input | input must be a string or an array of items");
  EXPECT_EQ(refusal(R"({"input":["hi"]})"), "input[0] | input[0] must be an object");
  EXPECT_EQ(refusal(R"({"input":[{"type":"computer_call"}]})"),
            "input[0].type | input[0].type is computer_call; known are message, reasoning, function_call, function_call_output, "
            "custom_tool_call, custom_tool_call_output and item_reference");
  EXPECT_EQ(refusal(R"({"input":[{"role":"user","content":[{"type":"input_image","image_url":"x"}]}]})"),
            "input[0].content[0].type | input[0].content[0].type is input_image; this model reads text alone");
  EXPECT_EQ(refusal(R"({"input":[{"type":"function_call_output","output":"x"}]})"), "input[0].call_id | input[0].call_id is missing");
  EXPECT_EQ(refusal(R"({"input":"x","tools":[{"type":"web_search"},{"type":"file_search"}]})"),
            "tools[1].type | tools[1].type is file_search; this server has function, custom and namespace");
  EXPECT_EQ(refusal(R"({"input":"x","tools":[{"type":"namespace","name":"n","tools":[{"type":"function"}]}]})"),
            "tools[0].tools[0].name | tools[0].tools[0].name must be 1 to 128 letters, digits and _ - . : /");
  EXPECT_EQ(refusal(R"({"input":"x","tools":[{"type":"function","name":"a"},{"type":"custom","name":"a"}]})"),
            "tools[1].name | tools[1].name is the name of another tool, too: a");
  EXPECT_EQ(refusal(R"({"input":"x","background":true})"),
            "background | background is not supported: a response lives as long as its connection");
  EXPECT_EQ(refusal(R"({"input":"x","conversation":"conv_1"})"),
            "conversation | conversation is not supported; go on with previous_response_id");
  EXPECT_EQ(refusal(R"({"input":"x","reasoning":{"effort":"huge"}})"),
            "reasoning.effort | reasoning.effort must be none, minimal, low, medium, high, xhigh or max");
  EXPECT_EQ(refusal(R"({"input":"x","metadata":{"a":1}})"), "metadata | metadata must be an object of 16 strings at most");
}

namespace {

/// Every place in the value, the inner ones too.
void add_places(const Json& json, const Json::json_pointer& at, std::vector<Json::json_pointer>& out) {
  out.push_back(at);
  if (json.is_object())
    for (const auto& [key, value] : json.items()) add_places(value, at / key, out);
  else if (json.is_array())
    for (std::size_t i = 0; i < json.size(); ++i) add_places(json[i], at / i, out);
}

}  // namespace

TEST(ResponsesRequest, AnythingAnywhereIsReadOrRefused) {
  Json whole = Json::parse(R"({"model":"m","instructions":"i","max_output_tokens":9,"metadata":{"k":"v"},"reasoning":{"effort":"low","summary":"auto"},
    "text":{"format":{"type":"json_schema","name":"n","schema":{}},"verbosity":"low"},"include":["x"],"top_logprobs":1,"store":true,
    "tool_choice":{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"ask","namespace":"team"},{"type":"custom","name":"patch"}]},
    "input":[{"role":"user","content":[{"type":"input_text","text":"t"}]},
      {"type":"reasoning","id":"r","summary":[{"type":"summary_text","text":"s"}],"content":[{"type":"reasoning_text","text":"c"}]},
      {"type":"message","role":"assistant","content":[{"type":"output_text","text":"a"}]},
      {"type":"function_call","call_id":"c","name":"add","namespace":"n","arguments":"{}"},
      {"type":"custom_tool_call","call_id":"d","name":"patch","input":"x"},
      {"type":"function_call_output","call_id":"c","output":"x"},
      {"type":"custom_tool_call_output","call_id":"d","output":[{"type":"input_text","text":"done"}]},
      {"type":"item_reference","id":"i"}]})");
  whole["tools"] = Json::parse(kTools);
  std::vector<Json::json_pointer> places;
  add_places(whole, Json::json_pointer(), places);
  int accepted = 0, refused = 0;
  for (const auto& place : places) {
    for (const char* other : {"null", "true", "3", "-1e300", R"("")", R"("x")", "[]", "[3]", "[null]", "[{}]", "{}", R"({"type":"function"})"}) {
      Json body = whole;
      body[place] = Json::parse(other);
      if (!body.is_object()) continue;  // the body is known to be one
      auto request = read_responses_request(body, Settings());
      if (request) {
        messages_of(request->items);
        ++accepted;
      } else {
        EXPECT_NE(request.error().message, "") << place << " " << other;
        ++refused;
      }
    }
  }
  EXPECT_GT(accepted, 300);
  EXPECT_GT(refused, 300);
}

TEST(ResponsesRequest, OffersEachToolByOneNameAndLeavesOutWhatOnlyAVendorHas) {
  const auto read = request(R"({"input":"x","tool_choice":{"type":"custom","name":"patch"},"tools":)" + kTools + "}");
  std::vector<std::string> names;
  for (const ToolText& tool : read.input.tools) names.push_back(tool.name + " | " + tool.description + " | " + tool.schema);
  EXPECT_THAT(names, ElementsAre(R"(add |  | {"type":"object"})",
                                 "patch | Edits.\n\ninput must follow this lark grammar:\nstart: X | "
                                 R"({"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false})",
                                 R"(team.ask |  | {"type":"object"})"));
  EXPECT_EQ(read.input.settings.tool_choice, R"({"type":"function","name":"patch"})");
  EXPECT_EQ(read.echo["tools"].size(), 3u);
}

TEST(ResponsesRequest, AnswersByASchema) {
  const auto read = request(R"({"input":"x","text":{"format":{"type":"json_schema","name":"n","strict":true,"schema":{"type":"integer"}}}})");
  EXPECT_EQ(read.input.settings.answer_schema, R"({"type":"integer"})");
}

TEST(ResponsesState, AChainIsTheConversationOldestFirst) {
  Store store;
  store.keep(row("r1", "", R"([{"type":"message","role":"user","content":[{"type":"input_text","text":"one"}]}])", "1", {1, 2}));
  store.keep(row("r2", "r1", R"([{"type":"message","role":"user","content":[{"type":"input_text","text":"two"}]}])", "2", {3}));
  store.keep(row("r3", "r1", R"([{"type":"message","role":"user","content":[{"type":"input_text","text":"fork"}]}])", "3", {4}));
  EXPECT_THAT(told(store.history("r2").value()), ElementsAre("user: one", "assistant: 1 #1 #2", "user: two", "assistant: 2 #3"));
  EXPECT_THAT(told(store.history("r3").value()), ElementsAre("user: one", "assistant: 1 #1 #2", "user: fork", "assistant: 3 #4"));
  EXPECT_THAT(told(store.history("r3", "another").value()), ElementsAre("user: one", "assistant: 1", "user: fork", "assistant: 3"));
}

TEST(ResponsesState, WhatIsNotKeptCannotBeGoneOnFrom) {
  Store store;
  memory::Reply not_stored = row("r0", "", "[]", "0");
  not_stored.body = "{}";
  store.keep(not_stored);
  store.keep(row("r2", "r1", "[]", "2"));
  for (const auto& [id, missing] : std::map<std::string, std::string>{{"r0", "r0"}, {"r2", "r1"}, {"r9", "r9"}}) {
    const auto out = store.history(id);
    ASSERT_FALSE(out);
    EXPECT_EQ(out.error().status, 404u);
    EXPECT_EQ(out.error().code, "previous_response_not_found");
    EXPECT_EQ(out.error().param, "previous_response_id");
    EXPECT_EQ(out.error().message, "Previous response with id '" + missing + "' not found.");
  }
}

TEST(ResponsesState, ReferencesBecomeTheirItems) {
  Store store;
  store.keep(row("r1", "", "[]", "1"), {"msg_of_r1"});
  auto reads = store.store->read();
  const Json known = Json::parse(R"([{"type":"item_reference","id":"msg_of_r1"}])");
  EXPECT_EQ(resolve_references(reads, known)->dump(), R"([{"id":"msg_of_r1","type":"message","role":"assistant","content":[]}])");
  const auto unknown = resolve_references(reads, Json::parse(R"([{"type":"item_reference","id":"msg_x"}])"));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().status, 404u);
}

}  // namespace praxis::agent::api
