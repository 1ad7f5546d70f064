// The Responses API over a socket, with a scripted model: what it is given, and what is durable when.

#include "tests/api/served.h"
#include "tests/memory/fault_vfs.h"

namespace praxis::agent::api {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

std::vector<std::string> contents(const StepInput& input) {
  std::vector<std::string> out;
  for (const Message& message : input.messages) {
    std::string line = message.content;
    for (auto id : message.ids) line += " #" + std::to_string(id);
    out.push_back(std::move(line));
  }
  return out;
}

std::string id_of(const Got& got) { return got.json()["id"].get<std::string>(); }

}  // namespace

TEST(ResponsesServer, GoesOnFromAndForksAndInstructionsStayBehind) {
  Server server({Script().think("Hm").say("1").ids({4, 5}), Script().say("2").ids({6}), Script().say("3")});
  const std::string first = id_of(server.ask(R"({"input":"one","instructions":"Be brief."})"));
  const std::string second = id_of(server.ask(R"({"input":"two","previous_response_id":")" + first + "\"}"));
  server.ask(R"({"input":"fork","previous_response_id":")" + first + "\"}");
  ASSERT_EQ(server.model.inputs().size(), 3u);
  EXPECT_THAT(contents(server.model.inputs()[0]), ElementsAre("Be brief.", "one"));
  EXPECT_THAT(contents(server.model.inputs()[1]), ElementsAre("one", "1 #4 #5", "two"));
  EXPECT_THAT(contents(server.model.inputs()[2]), ElementsAre("one", "1 #4 #5", "fork"));

  EXPECT_EQ(server.send("GET", "/v1/responses/" + second).json()["previous_response_id"], first);
  EXPECT_EQ(server.send("POST", "/v1/responses/" + second + "/cancel").status, 400u);
  EXPECT_EQ(server.send("DELETE", "/responses/" + first).json().dump(), R"({"id":")" + first + R"(","object":"response","deleted":true})");
  EXPECT_EQ(server.send("DELETE", "/responses/" + first).status, 404u);
  EXPECT_EQ(server.send("GET", "/v1/responses/" + first).status, 404u);
  EXPECT_EQ(server.ask(R"({"input":"x","previous_response_id":")" + second + "\"}").json()["error"]["code"], "previous_response_not_found");
}

TEST(ResponsesServer, ABigRequestIsAnsweredAsASmallOneIs) {
  Server server({Script().think("Hm").say("1"), Script().think("Hm").say("1")});
  const std::string instructions(100'000, 'x');
  const Json whole = server.ask(Json{{"input", "one"}, {"instructions", instructions}}.dump()).json();
  EXPECT_EQ(whole["instructions"], instructions);
  EXPECT_EQ(server.send("GET", "/v1/responses/" + whole["id"].get<std::string>()).json()["output"], whole["output"]);
  const Got stream = server.ask(Json{{"input", "one"}, {"instructions", instructions}, {"stream", true}}.dump());
  EXPECT_EQ(stream.status, 200u);
  EXPECT_THAT(stream.body, HasSubstr("response.completed"));
}

TEST(ResponsesServer, AFormThatTheModelRefusesIsNamedAsTheRequestNamesIt) {
  const Error refusal{ErrorCode::bad_request, "no value can satisfy it", "answer schema $"};
  Server server({Script().refuse(refusal), Script().refuse(refusal)});
  EXPECT_EQ(server.ask(R"({"input":"one"})").json()["error"]["param"], "text.format");
  const Got chat = server.send("POST", "/v1/chat/completions", R"({"messages":[{"role":"user","content":"one"}]})");
  EXPECT_EQ(chat.status, 400u);
  EXPECT_EQ(chat.json()["error"]["param"], "response_format");
}

TEST(ResponsesServer, TooManyItemsAreRefusedByTheirLimit) {
  Server server({});
  Json items = Json::array();
  for (std::size_t i = 0; i <= kMessagesMax; ++i) items.push_back({{"role", "user"}, {"content", "x"}});
  EXPECT_THAT(server.ask(Json{{"input", items}}.dump()).body, HasSubstr("api.messages_max"));
  EXPECT_THAT(server.send("POST", "/v1/chat/completions", Json{{"messages", items}}.dump()).body, HasSubstr("api.messages_max"));
}

TEST(ResponsesServer, WithoutStoreThoughtsComeBackByTheirCall) {
  Server server({Script().think("Hm").call("add", R"({"a":1})").ids({4, 5}), Script().say("2")});
  const Json said = server.ask(R"({"input":"one","store":false,"tools":[{"type":"function","name":"add"}]})").json();
  EXPECT_EQ(server.send("GET", "/v1/responses/" + said["id"].get<std::string>()).status, 404u);
  Json input = Json::array({said["output"][1]});  // its thoughts are dropped
  input.push_back({{"type", "function_call_output"}, {"call_id", said["output"][1]["call_id"]}, {"output", "2"}});
  EXPECT_EQ(server.ask(Json{{"store", false}, {"input", input}}.dump()).status, 200u);
  const Message seen = server.model.inputs()[1].messages[0];
  EXPECT_EQ(seen.reasoning, "Hm");
  EXPECT_EQ(seen.ids, (std::vector<engine::TokenId>{4, 5}));
}

TEST(ResponsesServer, CallsWithTheirResultsBetweenThemAreOneMessageAgain) {
  Server server({Script().think("Hm").call("add").call("add").ids({4, 5}), Script().say("2")});
  const Json said = server.ask(R"({"input":"one","tools":[{"type":"function","name":"add"}]})").json();
  Json input = Json::array();
  for (const std::size_t call : {1, 2}) {
    input.push_back(said["output"][call]);
    input.push_back({{"type", "function_call_output"}, {"call_id", said["output"][call]["call_id"]}, {"output", std::to_string(call)}});
  }
  server.ask(Json{{"input", input}}.dump());
  EXPECT_THAT(contents(server.model.inputs()[1]), ElementsAre(" #4 #5", "1", "2"));
}

TEST(ResponsesServer, WhatCannotBeKeptIsNeverCompleted) {
  memory::FaultVfs disk;
  memory::StoreOptions options;
  options.vfs = disk.name();
  Server server({Script().say("1"), Script().say("1")}, options);
  disk.arm(memory::FaultVfs::Kind::disk_full, 1, true);
  const Got stream = server.ask(R"({"input":"one","stream":true})");
  EXPECT_EQ(stream.status, 200u);
  EXPECT_THAT(stream.body, HasSubstr("event: response.failed\n"));
  EXPECT_THAT(stream.body, Not(HasSubstr("response.completed")));
  EXPECT_EQ(server.ask(R"({"input":"one"})").status, 507u);
  disk.disarm();
}

TEST(ResponsesServer, ForgetsWhatIsOld) {
  using namespace std::chrono;
  auto days_ago = std::make_shared<std::atomic<int>>(31);
  memory::StoreOptions options;
  options.clock = [days_ago] {
    return duration_cast<milliseconds>(system_clock::now().time_since_epoch() - hours(24) * days_ago->load()).count();
  };
  Server server({Script().say("1"), Script().say("2")}, options);
  const std::string old = id_of(server.ask(R"({"input":"one"})"));
  EXPECT_EQ(server.send("GET", "/v1/responses/" + old).status, 200u);
  *days_ago = 0;
  const std::string young = id_of(server.ask(R"({"input":"two"})"));
  EXPECT_EQ(server.send("GET", "/v1/responses/" + old).status, 404u);
  EXPECT_EQ(server.send("GET", "/v1/responses/" + young).status, 200u);
}

TEST(ResponsesServer, ListsWhatARequestAddedPageByPage) {
  Server server({Script().say("1")});
  const std::string path = "/v1/responses/" +
                           id_of(server.ask(R"({"input":[{"role":"user","content":"a","id":"a"},{"role":"user","content":"b","id":"b"}]})")) +
                           "/input_items";
  const auto page = [&](const std::string& query) {
    Json list = server.send("GET", path + query).json();
    for (Json& item : list["data"]) item = item["id"];
    return list.dump();
  };
  EXPECT_EQ(page(""), R"({"object":"list","data":["b","a"],"first_id":"b","last_id":"a","has_more":false})");
  EXPECT_EQ(page("?order=asc&limit=1"), R"({"object":"list","data":["a"],"first_id":"a","last_id":"a","has_more":true})");
  EXPECT_EQ(page("?order=asc&after=a"), R"({"object":"list","data":["b"],"first_id":"b","last_id":"b","has_more":false})");
  EXPECT_EQ(server.send("GET", path + "?limit=0").status, 400u);
  EXPECT_EQ(server.send("GET", path + "?after=c").status, 400u);
}

TEST(ResponsesServer, AToolWhoseSchemaIsRefusedIsNamedByItsPlace) {
  Server server({});
  server.model.refused_tool_ = "n.deep";
  const Json error = server.ask(R"({"input":"x","tools":[{"type":"web_search"},{"type":"namespace","name":"n","tools":[{"type":"function","name":"deep"}]}]})").json();
  EXPECT_EQ(error["error"]["param"], "tools[1].tools[0].parameters");
  EXPECT_EQ(error["error"]["message"], "tools[1].tools[0].parameters of deep cannot be used: too deep");
}

}  // namespace praxis::agent::api
