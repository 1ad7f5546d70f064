// A run whose model is a server elsewhere: what it says, what goes wrong with it, and what the run
// makes of that. The server is a real socket that says what it is told to.

#include "agent/model/remote.h"

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "tests/agent/bench.h"
#include "tests/tools/script_server.h"

namespace praxis::agent {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using tools::Call;
using tools::CallContext;
using tools::Effect;
using tools::http_reply;
using tools::ScriptPeer;
using tools::ScriptRequest;
using tools::ScriptServer;
using Type = Event::Type;

constexpr const char* kEvents = "Content-Type: text/event-stream\r\n";

std::string chunk(const json& delta, const char* reason = nullptr) {
  json choice = {{"index", 0}, {"delta", delta}, {"finish_reason", nullptr}};
  if (reason) choice["finish_reason"] = reason;
  return "data: " + json{{"choices", {choice}}}.dump() + "\n\n";
}
std::string think(const std::string& text) { return chunk({{"reasoning_content", text}}); }
std::string say(const std::string& text) { return chunk({{"content", text}}); }
std::string call(int index, const std::string& name, const std::string& arguments) {
  return chunk({{"tool_calls", {{{"index", index}, {"id", "c" + std::to_string(index)}, {"function", {{"name", name}, {"arguments", arguments}}}}}}});
}
std::string usage(int prompt, int cached, int output) {
  return "data: " + json{{"choices", json::array()},
                         {"usage", {{"prompt_tokens", prompt}, {"completion_tokens", output}, {"prompt_tokens_details", {{"cached_tokens", cached}}}}}}
                        .dump() + "\n\n";
}
std::string end(const char* reason = "stop") { return chunk(json::object(), reason) + usage(100, 40, 10) + "data: [DONE]\n\n"; }
std::string answer(const std::string& text) { return http_reply(200, say(text) + end(), kEvents); }
std::string reply(const std::string& events) { return http_reply(200, events, kEvents); }

/// Answers the n-th request for a completion with the n-th reply, and the last one from then on.
class Server {
 public:
  using Script = ScriptServer::Script;
  explicit Server(std::vector<std::string> replies) : Server(scripts(std::move(replies))) {}
  explicit Server(std::vector<Script> scripts)
      : scripts_(std::move(scripts)), server_([this](const ScriptRequest& request, ScriptPeer& peer) {
          std::size_t n;
          {
            std::lock_guard lock(mutex_);
            n = std::min(next_++, scripts_.size() - 1);
          }
          scripts_[n](request, peer);
        }) {}

  RemoteOptions options() const {
    RemoteOptions options;
    options.url = server_.url();
    options.model = "r1";
    options.api = RemoteApi::sglang;
    options.backoff.base_ms = 1;
    return options;
  }
  std::unique_ptr<RemoteModel> model() const { return must(RemoteModel::open(options())); }
  std::vector<json> bodies() const {
    std::vector<json> out;
    for (const auto& request : server_.requests()) out.push_back(json::parse(request.body, nullptr, false));
    return out;
  }
  const ScriptServer& socket() const { return server_; }

 private:
  static std::vector<Script> scripts(std::vector<std::string> replies) {
    std::vector<Script> out;
    for (std::string& bytes : replies) out.push_back([bytes](const ScriptRequest&, ScriptPeer& peer) { peer.send(bytes); });
    return out;
  }
  std::vector<Script> scripts_;
  std::mutex mutex_;
  std::size_t next_ = 0;
  ScriptServer server_;
};

std::string said(const Bench& bench, Type type) {
  std::string out;
  for (const Event& event : bench.of(type)) out += event.text;
  return out;
}
std::vector<std::string> warnings(const Bench& bench) {
  std::vector<std::string> out;
  for (const Event& event : bench.of(Type::warning)) out.push_back(event.text);
  return out;
}

void add_adder(Bench& bench) {
  bench.tool("add", Effect::once, [](const Call& call, const CallContext&) {
    const json arguments = json::parse(call.arguments);
    return ok(std::to_string(arguments["a"].get<int>() + arguments["b"].get<int>()));
  }, [](tools::ToolSpec& spec) {
    spec.schema = R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"integer"}},"required":["a","b"]})";
  });
}

TEST(Remote, ThinksCallsAndAnswers) {
  Bench bench;
  add_adder(bench);
  Server server({reply(think("two and ") + think("two") + say("Adding.") + call(0, "add", R"({"a":2,"b":2})") + call(1, "add", R"({"a":3,"b":4})") + end("tool_calls")),
                 reply(think("done") + say("4 and ") + say("7") + end())});
  auto model = server.model();
  const RunOutcome outcome = bench.ask(*model, "2+2 and 3+4?");
  EXPECT_EQ(outcome.status, RunStatus::completed) << outcome.error;
  EXPECT_EQ(outcome.answer, "4 and 7");
  EXPECT_THAT(bench.told(), ElementsAre("user: 2+2 and 3+4?", "assistant: Adding.", "tool: 4", "tool: 7", "assistant: 4 and 7"));
  EXPECT_EQ(bench.messages()[1].reasoning, "two and two");
  EXPECT_EQ(outcome.usage.prompt_tokens, 200u);
  EXPECT_EQ(outcome.usage.cached_tokens, 80u);
  EXPECT_EQ(outcome.usage.output_tokens, 20u);
  EXPECT_THAT(warnings(bench), IsEmpty());

  const auto bodies = server.bodies();
  ASSERT_THAT(bodies, SizeIs(2));
  EXPECT_EQ(server.socket().requests()[0].target, "/v1/chat/completions");
  EXPECT_EQ(bodies[0]["tools"][0]["function"]["name"], "add");
  const json& history = bodies[1]["messages"];
  ASSERT_EQ(history.size(), 4u);
  EXPECT_EQ(history[1]["content"], "Adding.");
  EXPECT_EQ(history[1]["reasoning_content"], "two and two");
  EXPECT_EQ(history[1]["tool_calls"][0]["function"]["arguments"], R"({"a":2,"b":2})");
  EXPECT_EQ(history[1]["tool_calls"][1]["id"], history[3]["tool_call_id"]);
  EXPECT_EQ(history[2]["content"], "4");
}

TEST(Remote, ACallRunsWhileTheServerStillWritesTheNext) {
  Bench bench;
  Gate first_runs;
  bench.tool("first", Effect::pure, [&](const Call&, const CallContext&) { return first_runs.open(), ok("1"); });
  bench.tool("second", Effect::pure, [](const Call&, const CallContext&) { return ok("2"); });
  bool in_time = false;
  Server server(std::vector<Server::Script>{
      [&](const ScriptRequest&, ScriptPeer& peer) {
        peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n");
        peer.send(call(0, "first", "{}") + call(1, "second", "{"));
        in_time = first_runs.wait();
        peer.send(chunk({{"tool_calls", {{{"index", 1}, {"function", {{"arguments", "}"}}}}}}}) + end("tool_calls"));
        peer.close();
      },
      [](const ScriptRequest&, ScriptPeer& peer) { peer.send(answer("both")); }});
  auto model = server.model();
  EXPECT_EQ(bench.ask(*model, "go").answer, "both");
  EXPECT_TRUE(in_time);
}

// --- answers that are not valid ----------------------------------------------------------------------

TEST(Remote, ACallThatIsNotValidIsAskedForAgainAndNeverSeen) {
  Bench bench;
  add_adder(bench);
  for (const auto& [name, arguments, why] : std::vector<std::array<const char*, 3>>{
           {"add", R"({"a":"two","b":2})", "$.a does not satisfy"}, {"add", R"({"a":2)", "bad arguments"}, {"subtract", "{}", "no tool named subtract"}}) {
    bench.events.clear();
    Server server({reply(think("first try") + say("Adding. ") + call(0, name, arguments) + end("tool_calls")),
                   reply(think("second try") + say("Adding. Now") + call(0, "add", R"({"a":2,"b":2})") + end("tool_calls")), answer("4")});
    auto model = server.model();
    EXPECT_EQ(bench.ask(*model, "2+2?").answer, "4") << arguments;
    EXPECT_THAT(bench.of(Type::call_started), SizeIs(1)) << arguments;
    EXPECT_EQ(said(bench, Type::reasoning_delta), "first try\n\nsecond try");
    EXPECT_EQ(said(bench, Type::text_delta), "Adding. Now4") << "what was said is not said twice";
    EXPECT_THAT(warnings(bench), ElementsAre(HasSubstr(why)));
    const json again = server.bodies().at(1)["messages"];
    EXPECT_THAT(again.back()["content"].get<std::string>(), HasSubstr(why)) << "the model reads what was wrong";
    EXPECT_EQ(server.bodies().at(2)["messages"].dump().find("refused"), std::string::npos) << "and it is no part of the conversation";
  }
}

TEST(Remote, AnAnswerThatIsNeverValidFailsWithWhatIsWrong) {
  Bench bench;
  add_adder(bench);
  Server server({reply(call(0, "add", R"({"a":1})") + end("tool_calls"))});
  auto model = server.model();
  const RunOutcome outcome = bench.ask(*model, "2+2?");
  EXPECT_EQ(outcome.status, RunStatus::failed);
  EXPECT_THAT(outcome.error, HasSubstr("refused 3 times: bad arguments: $ does not satisfy $.required"));
  EXPECT_THAT(server.bodies(), SizeIs(3));
  EXPECT_THAT(bench.of(Type::call_started), IsEmpty());
}

TEST(Remote, WhatFollowsACallThatRunsIsLeftOutIfItIsNotValid) {
  Bench bench;
  add_adder(bench);
  Server server({reply(call(0, "add", R"({"a":2,"b":2})") + call(1, "add", "{}") + call(2, "add", R"({"a":1,"b":1})") + end("tool_calls")), answer("4")});
  auto model = server.model();
  EXPECT_EQ(bench.ask(*model, "2+2?").answer, "4");
  EXPECT_THAT(bench.of(Type::call_started), SizeIs(1));
  EXPECT_THAT(warnings(bench), ElementsAre(HasSubstr("left out")));
}

TEST(Remote, OneCallAStepWhereMoreAreNotWanted) {
  Bench bench;
  add_adder(bench);
  Settings settings;
  settings.parallel_calls = false;
  Server server({reply(call(0, "add", R"({"a":2,"b":2})") + call(1, "add", R"({"a":1,"b":1})") + end("tool_calls")), answer("4")});
  auto model = server.model();
  EXPECT_EQ(bench.ask(*model, "2+2?", settings).answer, "4");
  EXPECT_THAT(bench.of(Type::call_started), SizeIs(1));
  EXPECT_EQ(server.bodies()[0]["parallel_tool_calls"], false);
}

TEST(Remote, AnAnswerOfAFormIsSeenOnlyOnceItHasIt) {
  const std::string schema = R"({"type":"object","properties":{"n":{"type":"integer"}},"required":["n"],"additionalProperties":false})";
  Settings by_schema, by_regex, by_choice;
  by_schema.answer_schema = schema;
  by_regex.answer_regex = "[0-9]{4}-[0-9]{2}";
  by_choice.answer_choices = {"yes", "no"};
  struct Case {
    Settings settings;
    std::string bad, good, accepted;
  };
  for (const Case& one : {Case{by_schema, "```json\n{\"n\":4}\n```", " {\"n\": 4}\n", " {\"n\": 4}\n"}, Case{by_schema, "{\"n\":\"4\"}", "{\"n\":4}", "{\"n\":4}"},
                          Case{by_regex, "in 2025-11", "2025-11\n", "2025-11"}, Case{by_choice, "Yes, indeed", "\nyes", "yes"}}) {
    Bench bench;
    Server server({answer(one.bad), answer(one.good)});
    auto model = server.model();
    const RunOutcome outcome = bench.ask(*model, "?", one.settings);
    EXPECT_EQ(outcome.status, RunStatus::completed) << outcome.error;
    EXPECT_EQ(outcome.answer, one.accepted);
    EXPECT_EQ(said(bench, Type::text_delta), one.accepted);
    EXPECT_THAT(warnings(bench), SizeIs(1));
  }
}

TEST(Remote, ABoundAnswerMayComeAfterCalls) {
  Bench bench;
  add_adder(bench);
  Settings settings;
  settings.answer_schema = R"({"type":"integer"})";
  Server server({reply(call(0, "add", R"({"a":2,"b":2})") + end("tool_calls")), answer("It is 4."), answer("4")});
  auto model = server.model();
  EXPECT_EQ(bench.ask(*model, "2+2?", settings).answer, "4");
  const auto bodies = server.bodies();
  ASSERT_THAT(bodies, SizeIs(3));
  EXPECT_TRUE(bodies[1].contains("tools"));
  EXPECT_FALSE(bodies[1].contains("response_format")) << "it would leave no room for calls";
  EXPECT_FALSE(bodies[2].contains("tools")) << "now only the answer is due, and the server can see to its form";
  EXPECT_EQ(bodies[2]["response_format"]["json_schema"]["schema"]["type"], "integer");
}

TEST(Remote, ARequiredCallThatDoesNotComeIsAskedFor) {
  Bench bench;
  add_adder(bench);
  Settings settings;
  settings.tool_choice = "required";
  Server server({answer("I'd rather not."), reply(call(0, "add", R"({"a":2,"b":2})") + end("tool_calls")), answer("4")});
  auto model = server.model();
  EXPECT_EQ(bench.ask(*model, "2+2?", settings).answer, "4");
  EXPECT_THAT(warnings(bench), ElementsAre(HasSubstr("a call of a tool is required")));
  EXPECT_EQ(server.bodies()[0]["tool_choice"], "required");
  EXPECT_FALSE(server.bodies()[2].contains("tool_choice"));
}

TEST(Remote, AStopTextEndsTheAnswerAndNotTheReasoning) {
  Settings settings;
  settings.stop = {"END"};
  Bench bench;
  Server server({reply(think("where to END?") + say("here E") + say("ND and not here") + end())});
  auto model = server.model();
  const RunOutcome outcome = bench.ask(*model, "?", settings);
  EXPECT_EQ(outcome.status, RunStatus::completed) << outcome.error;
  EXPECT_EQ(outcome.answer, "here ");
  EXPECT_EQ(bench.messages()[1].reasoning, "where to END?");
  EXPECT_EQ(server.bodies()[0]["stream_options"]["continuous_usage_stats"], true);
}

TEST(Remote, TheBudgetsEndIsTold) {
  Settings bound;
  bound.answer_schema = R"({"type":"object"})";
  for (const bool is_bound : {false, true}) {
    Bench bench;
    Server server({reply(say("{\"n\":") + end("length"))});
    auto model = server.model();
    const RunOutcome outcome = bench.ask(*model, "?", is_bound ? bound : Settings());
    EXPECT_EQ(outcome.status, is_bound ? RunStatus::failed : RunStatus::length);
    EXPECT_THAT(outcome.error, HasSubstr("--max-tokens"));
    EXPECT_EQ(outcome.answer, is_bound ? "" : "{\"n\":");
  }
}

// --- servers in trouble ------------------------------------------------------------------------------

TEST(Remote, AnOverloadedServerIsAskedAgain) {
  Bench bench;
  Server server({http_reply(429, R"({"error":{"message":"slow down"}})", "Retry-After: 0\r\n"), http_reply(503, "busy"), answer("4")});
  auto model = server.model();
  const RunOutcome outcome = bench.ask(*model, "2+2?");
  EXPECT_EQ(outcome.answer, "4") << outcome.error;
  EXPECT_THAT(warnings(bench), ElementsAre(HasSubstr("slow down"), HasSubstr("busy")));
}

TEST(Remote, AServerThatStaysOverloadedIsAnErrorInItsWords) {
  Bench bench;
  Server server({http_reply(500, R"({"error":{"message":"engine is dead"}})")});
  auto model = server.model();
  const RunOutcome outcome = bench.ask(*model, "2+2?");
  EXPECT_EQ(outcome.status, RunStatus::failed);
  EXPECT_EQ(outcome.code, ErrorCode::unavailable);
  EXPECT_THAT(outcome.error, HasSubstr("status 500: engine is dead"));
  EXPECT_THAT(server.bodies(), SizeIs(5));
}

TEST(Remote, AServerThatWantsTooLongAPauseIsNotWaitedFor) {
  Bench bench;
  Server server({http_reply(429, "{}", "Retry-After: 3600\r\n")});
  auto model = server.model();
  EXPECT_EQ(bench.ask(*model, "2+2?").status, RunStatus::failed);
  EXPECT_THAT(server.bodies(), SizeIs(1));
}

TEST(Remote, ARefusedRequestIsNotRepeated) {
  for (const auto& [status, code] : std::vector<std::pair<unsigned, ErrorCode>>{
           {400, ErrorCode::bad_request}, {401, ErrorCode::bad_model}, {404, ErrorCode::bad_model}, {422, ErrorCode::bad_request}, {301, ErrorCode::internal}}) {
    Bench bench;
    Server server({http_reply(status, R"({"error":{"message":"no"}})", "Location: /elsewhere\r\n")});
    auto model = server.model();
    const RunOutcome outcome = bench.ask(*model, "2+2?");
    EXPECT_EQ(outcome.code, code) << status;
    EXPECT_THAT(server.bodies(), SizeIs(1)) << status;
  }
}

TEST(Remote, AConnectionThatBreaksBeforeAnythingWasSaidIsTriedAgain) {
  Bench bench;
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto breaks = [](std::string bytes) {
    return [bytes](const ScriptRequest&, ScriptPeer& peer) {
      peer.send(bytes);
      peer.close();
    };
  };
  Server server(std::vector<Server::Script>{breaks(""), breaks("HTTP/1.1 200"), breaks(head), breaks(http_reply(200, "", kEvents)),
                                            breaks(answer("4"))});
  auto model = server.model();
  const RunOutcome outcome = bench.ask(*model, "2+2?");
  EXPECT_EQ(outcome.answer, "4") << outcome.error;
  EXPECT_THAT(warnings(bench), SizeIs(4));
}

TEST(Remote, AConnectionThatBreaksInTheMiddleIsAnErrorAndNotHalfAnAnswer) {
  Bench bench;
  Server server(std::vector<Server::Script>{[](const ScriptRequest&, ScriptPeer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + think("hm") + say("The answer is "));
    peer.close();
  }});
  auto model = server.model();
  const RunOutcome outcome = bench.ask(*model, "2+2?");
  EXPECT_EQ(outcome.status, RunStatus::failed);
  EXPECT_THAT(outcome.error, HasSubstr("in the middle of the answer"));
  EXPECT_THAT(server.bodies(), SizeIs(1));
}

TEST(Remote, HeldBackTextMayBeAskedForAgain) {
  Bench bench;
  Settings settings;
  settings.answer_choices = {"yes", "no"};
  Server server({reply(say("ye")), answer("yes")});
  auto model = server.model();
  EXPECT_EQ(bench.ask(*model, "?", settings).answer, "yes");
}

TEST(Remote, AnAnswerThatTheServerGaveUpIsNoAnswer) {
  for (const char* reason : {"content_filter", "insufficient_system_resource", "aborted"}) {
    Bench bench;
    Server server({reply(say("half an ans") + end(reason))});
    auto model = server.model();
    const RunOutcome outcome = bench.ask(*model, "2+2?");
    EXPECT_EQ(outcome.status, RunStatus::failed) << reason;
    EXPECT_THAT(outcome.error, HasSubstr(reason));
  }
}

TEST(Remote, WhatIsNoAnswerIsAnErrorThatSaysSo) {
  for (const auto& [bytes, why] : std::vector<std::pair<std::string, const char*>>{
           {http_reply(200, "\x1f\x8b\x08", "Content-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"), "compressed (gzip)"},
           {http_reply(200, "<html>hello</html>", "Content-Type: text/html\r\n"), "not its answer"},
           {http_reply(200, "data: garbage\n\n", kEvents), "not its answer"},
           {http_reply(200, "data: {\"error\":{\"message\":\"out of memory\"}}\n\n", kEvents), "out of memory"},
           {"SSH-2.0-OpenSSH_9.2\r\n", "not a reply of HTTP"}}) {
    Bench bench;
    Server server({bytes});
    auto model = server.model();
    const RunOutcome outcome = bench.ask(*model, "2+2?");
    EXPECT_EQ(outcome.status, RunStatus::failed) << why;
    EXPECT_THAT(outcome.error, HasSubstr(why));
  }
}

TEST(Remote, AHugeAnswerMeetsItsLimit) {
  Bench bench;
  Server server({reply(say(std::string(10'000, 'x')) + end())});
  RemoteOptions options = server.options();
  options.limits.body_bytes_max = 5000;
  auto model = must(RemoteModel::open(options));
  const RunOutcome outcome = bench.ask(*model, "2+2?");
  EXPECT_EQ(outcome.code, ErrorCode::limit);
  EXPECT_THAT(outcome.error, HasSubstr("5000 bytes (body_bytes_max)"));
}

TEST(Remote, AHangingServerMeetsItsDeadline) {
  Bench bench;
  Server server(std::vector<Server::Script>{[](const ScriptRequest&, ScriptPeer& peer) { peer.hang(); }});
  RemoteOptions options = server.options();
  options.limits.idle_ms = 30;
  auto model = must(RemoteModel::open(options));
  const RunOutcome outcome = bench.ask(*model, "2+2?");
  EXPECT_EQ(outcome.code, ErrorCode::unavailable);
  EXPECT_THAT(outcome.error, HasSubstr("30 ms (idle_ms)"));
}

TEST(Remote, ARunIsInterruptedWhileItsServerIsSilent) {
  Bench bench;
  Server server(std::vector<Server::Script>{[&](const ScriptRequest&, ScriptPeer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n" + say("so far"));
    bench.interrupt.request();
    peer.hang();
  }});
  auto model = server.model();
  EXPECT_EQ(bench.ask(*model, "2+2?").status, RunStatus::cancelled);
}

TEST(Remote, ARunIsInterruptedBetweenTwoTries) {
  Bench bench;
  Server server(std::vector<Server::Script>{[&](const ScriptRequest&, ScriptPeer& peer) {
    peer.send(http_reply(503, "{}", "Retry-After: 50\r\n"));
    bench.interrupt.request();
  }});
  auto model = server.model();
  EXPECT_EQ(bench.ask(*model, "2+2?").status, RunStatus::cancelled);
}

TEST(Remote, AStepThatIsLetGoOfEndsAtOnce) {
  Gate asked;
  Server server(std::vector<Server::Script>{[&](const ScriptRequest&, ScriptPeer& peer) {
    asked.open();
    peer.hang();
  }});
  auto model = server.model();
  StepInput input;
  input.messages.push_back({SenderRole::user, "hi"});
  std::optional<engine::Finish> finish;
  auto step = must(model->start(input, [](ParsedDelta) {}, [&](Result<StepOutput> output) { finish = output->finish; }));
  asked.wait();
  step.reset();
  EXPECT_EQ(finish, engine::Finish::cancelled);
}

// --- what the server is, keys, prices ----------------------------------------------------------------

TEST(Remote, FindsOutWhatTheServerIs) {
  struct Case {
    const char *models, *target, *body;
    RemoteApi api;
    bool guided;
  };
  const std::string listed = R"({"object":"list","data":[{"id":"deepseek-r1","object":"model","owned_by":")";
  for (const Case& one : {Case{"vllm", "/version", R"({"version":"0.10.2"})", RemoteApi::vllm, true}, Case{"vllm", "/version", R"({"version":"0.11.0"})", RemoteApi::vllm, false},
                          Case{"sglang", "", "", RemoteApi::sglang, false}, Case{"llamacpp", "", "", RemoteApi::llamacpp, false},
                          Case{"deepseek", "", "", RemoteApi::deepseek, false}, Case{"library", "", "", RemoteApi::ollama, false},
                          Case{"praxis", "", "", RemoteApi::openai, false}, Case{"someone", "", "", RemoteApi::openai, false},
                          Case{"me", "/props", R"({"default_generation_settings":{}})", RemoteApi::llamacpp, false},
                          Case{"me", "/api/version", R"({"version":"0.12.6"})", RemoteApi::ollama, false},
                          Case{"me", "/version", R"({"version":"0.9.0"})", RemoteApi::vllm, true}}) {
    ScriptServer server([&](const ScriptRequest& request, ScriptPeer& peer) {
      if (request.target == "/v1/models") peer.send(http_reply(200, listed + one.models + "\"}]}"));
      else if (request.target == one.target) peer.send(http_reply(200, one.body));
      else peer.send(http_reply(404, R"({"detail":"Not Found"})"));
    });
    RemoteOptions options;
    options.url = server.url();
    const auto found = must(must(RemoteModel::open(options))->probe());
    EXPECT_EQ(found.api, one.api) << one.models << " " << one.target;
    EXPECT_EQ(found.guided, one.guided) << one.models << " " << one.target;
    EXPECT_EQ(found.model, "deepseek-r1");
  }
}

TEST(Remote, OllamaIsAskedInItsOwnWay) {
  Bench bench;
  add_adder(bench);
  const std::string kLines = "Content-Type: application/x-ndjson\r\n";
  Server server({http_reply(200, R"({"message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"add","arguments":{"a":2,"b":2}}}]},"done":false})"
                                 "\n" R"({"message":{"content":""},"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":3})" "\n", kLines),
                 http_reply(200, R"({"message":{"content":"4"},"done":true,"done_reason":"stop","prompt_eval_count":9,"eval_count":3})" "\n", kLines)});
  RemoteOptions options = server.options();
  options.api = RemoteApi::ollama;
  auto model = must(RemoteModel::open(options));
  const RunOutcome outcome = bench.ask(*model, "2+2?");
  EXPECT_EQ(outcome.answer, "4") << outcome.error;
  EXPECT_EQ(outcome.usage.output_tokens, 6u);
  EXPECT_EQ(server.socket().requests()[0].target, "/api/chat");
}

TEST(Remote, TheKeyIsSentAndNeverShown) {
  Bench bench;
  Server server({http_reply(401, R"({"error":{"message":"bad key"}})")});
  RemoteOptions options = server.options();
  options.key = "sk-secret";
  auto model = must(RemoteModel::open(options));
  const RunOutcome outcome = bench.ask(*model, "2+2?");
  EXPECT_EQ(server.socket().requests()[0].header("Authorization"), "Bearer sk-secret");
  EXPECT_THAT(outcome.error, HasSubstr("bad key"));
  EXPECT_THAT(outcome.error, Not(HasSubstr("secret")));
  options.key = "a\r\nb";
  const auto refused = RemoteModel::open(options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("line break"));
}

TEST(Remote, PricesBecomeACost) {
  Bench bench;
  Server server({answer("4")});  // 100 tokens in, 40 of them cached, 10 out
  RemoteOptions options = server.options();
  options.prices = {1.0, 0.25, 4.0};
  auto model = must(RemoteModel::open(options));
  const RunOutcome outcome = bench.ask(*model, "2+2?");
  EXPECT_DOUBLE_EQ(outcome.usage.cost, (60 * 1.0 + 40 * 0.25 + 10 * 4.0) / 1e6);
  EXPECT_THAT(bench.row().usage, HasSubstr("\"cost\":0.00011"));
}

TEST(Remote, WhatCannotBeMetIsRefusedAtTheStart) {
  Server server({answer("4")});
  auto model = server.model();
  const auto refused = [&](const Settings& settings) {
    StepInput input;
    input.messages.push_back({SenderRole::user, "hi"});
    input.settings = settings;
    auto step = model->start(input, [](ParsedDelta) {}, [](Result<StepOutput>) {});
    return step ? std::string("started") : step.error().where + ": " + step.error().what;
  };
  Settings settings;
  settings.tool_choice = "nothing_there";
  EXPECT_THAT(refused(settings), HasSubstr("there are no tools"));
  settings = {};
  settings.answer_schema = R"({"type":"strange"})";
  EXPECT_THAT(refused(settings), HasSubstr("answer schema $.type"));
  settings.answer_choices = {"a"};
  EXPECT_THAT(refused(settings), HasSubstr("more than one form"));
  EXPECT_THAT(server.bodies(), IsEmpty());
  EXPECT_FALSE(RemoteModel::open({"ftp://host/"}));
}

}  // namespace
}  // namespace praxis::agent
