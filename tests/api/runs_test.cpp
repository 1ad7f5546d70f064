// The Runs API over a socket: the whole loop with the server's tools, its events, approvals and ends.

#include <sstream>

#include "tests/agent/bench.h"
#include "tests/api/served.h"

namespace praxis::agent::api {

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using tools::Call;
using tools::CallContext;
using tools::Effect;

tools::Toolbox with(const std::string& name, Effect effect, FunctionBackend::Body body, bool needs_approval = false) {
  tools::ToolSpec spec;
  spec.name = name;
  spec.description = name;
  spec.schema = R"({"type":"object"})";
  spec.effect = effect;
  spec.needs_approval = needs_approval;
  tools::Toolbox toolbox;
  EXPECT_TRUE(toolbox.add(spec, std::make_shared<FunctionBackend>(std::move(body))));
  return toolbox;
}

tools::Toolbox adding() {
  return with("add", Effect::pure, [](const Call&, const CallContext&) { return ok("4"); });
}
tools::Toolbox paying(int& paid) {
  return with("pay", Effect::once, [&paid](const Call&, const CallContext&) { return ++paid, ok("paid"); }, true);
}

struct Told {
  std::int64_t id = 0;
  Json event;
};

/// The events of a stream; chunk sizes stand on lines of their own and are no fields.
std::vector<Told> events_of(const Got& got) {
  std::vector<Told> out;
  std::istringstream lines(got.body);
  std::int64_t id = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("id: ", 0) == 0) id = std::stoll(line.substr(4));
    if (line.rfind("data: ", 0) == 0) out.push_back({id, Json::parse(line.substr(6))});
  }
  return out;
}

std::vector<std::string> types_of(const std::vector<Told>& events) {
  std::vector<std::string> out;
  for (const Told& one : events)
    if (out.empty() || out.back() != one.event["type"]) out.push_back(one.event["type"]);
  return out;
}

std::string begin(Server& server, const std::string& body) {
  const Got got = server.send("POST", "/v1/runs", body);
  EXPECT_EQ(got.status, 201u) << got.body;
  return got.json()["id"];
}

Json run(Server& server, const std::string& id) { return server.send("GET", "/v1/runs/" + id).json(); }
std::vector<Told> follow(Server& server, const std::string& id, std::int64_t after = 0) {
  return events_of(server.send("GET", "/v1/runs/" + id + "/events", "", after ? "last-event-id: " + std::to_string(after) + "\r\n" : ""));
}

/// Until the run waits for somebody's word about a call; its id.
std::string asked(Server& server, const std::string& id) {
  for (;;) {
    const Json row = run(server, id);
    if (row.contains("waits_for_approval")) return row["waits_for_approval"][0]["id"];
    if (row["status"] != "running" && row["status"] != "interrupted") return ADD_FAILURE() << row.dump(), "";
    std::this_thread::yield();
  }
}

}  // namespace

TEST(RunsApi, TellsARunFromItsBeginningToItsEnd) {
  Server server({Script().think("two and two").call("add"), Script().say("4")}, {}, adding());
  const auto events = events_of(server.send("POST", "/v1/runs", R"({"input":"2+2?","stream":true})"));
  EXPECT_THAT(types_of(events), testing::UnorderedElementsAre("run.started", "step.started", "reasoning.delta", "call.arguments.delta", "call.started",
                                            "step.finished", "call.finished", "step.started", "text.delta", "step.finished",
                                            "run.finished"));
  const std::string id = events.front().event["run"];
  const Json row = run(server, id);
  EXPECT_EQ(row["status"], "finished");
  EXPECT_EQ(row["ending"], "completed");
  EXPECT_EQ(row["answer"], "4");
  EXPECT_EQ(events.back().event["answer"], "4");

  // Whoever comes back gets exactly what came after the event that he names.
  const auto all = follow(server, id);
  ASSERT_EQ(all.size(), events.size());
  for (std::size_t seen = 0; seen < all.size(); ++seen) {
    const auto rest = follow(server, id, all[seen].id);
    ASSERT_EQ(rest.size(), all.size() - seen - 1);
    for (std::size_t i = 0; i < rest.size(); ++i) EXPECT_EQ(rest[i].event, all[seen + 1 + i].event);
  }
  EXPECT_EQ(server.send("GET", "/v1/runs/" + id + "/events?after=" + std::to_string(all.back().id)).status, 200u);
}

TEST(RunsApi, ACallThatNeedsApprovalWaitsForSomebodysWord) {
  int paid = 0;
  Server server({Script().call("pay", R"({"n":1})"), Script().say("done"), Script().call("pay"), Script().say("not done")}, {}, paying(paid));
  const std::string id = begin(server, R"({"input":"pay"})");
  const std::string call = asked(server, id);
  EXPECT_EQ(paid, 0);
  EXPECT_EQ(server.send("POST", "/v1/runs/" + id + "/calls/call_x/approve").status, 409u);
  EXPECT_EQ(server.send("POST", "/v1/runs/" + id + "/calls/" + call + "/approve").status, 200u);
  const auto events = follow(server, id);
  EXPECT_THAT(types_of(events), testing::IsSupersetOf({"call.approval_required", "call.started", "call.finished", "run.finished"}));
  EXPECT_EQ(paid, 1);
  EXPECT_EQ(server.send("POST", "/v1/runs/" + id + "/calls/" + call + "/approve").status, 409u) << "it was answered";

  const std::string denied = begin(server, R"({"input":"pay again"})");
  EXPECT_EQ(server.send("POST", "/v1/runs/" + denied + "/calls/" + asked(server, denied) + "/deny").status, 200u);
  follow(server, denied);
  EXPECT_EQ(paid, 1);
  EXPECT_EQ(run(server, denied)["answer"], "not done");
}

TEST(RunsApi, NobodyIsAskedWhereTheRunSaysSo) {
  int paid = 0;
  Server server({Script().call("pay"), Script().say("done"), Script().call("pay"), Script().say("refused")}, {}, paying(paid));
  follow(server, begin(server, R"({"input":"pay","approve":"always"})"));
  EXPECT_EQ(paid, 1);
  follow(server, begin(server, R"({"input":"pay","approve":"never"})"));
  EXPECT_EQ(paid, 1);
}

TEST(RunsApi, ACancelledRunEndsAndItsConversationGoesOn) {
  int paid = 0;
  Server server({Script().say("so far").until_cancelled(), Script().call("pay"), Script().say("after")}, {}, paying(paid));
  const std::string id = begin(server, R"({"input":"go"})");
  EXPECT_EQ(server.send("POST", "/v1/runs/" + id + "/cancel").status, 200u);
  EXPECT_EQ(follow(server, id).back().event["status"], "cancelled");
  const Json row = run(server, id);
  EXPECT_EQ(row["status"], "cancelled");
  EXPECT_EQ(server.send("POST", "/v1/runs/" + id + "/cancel").status, 409u);
  EXPECT_EQ(server.send("POST", "/v1/runs/" + id + "/continue").status, 409u);

  // One that waits for approval: its call never ran.
  const std::string in = row["conversation"];
  const std::string waiting = begin(server, R"({"input":"pay","conversation":")" + in + "\"}");
  EXPECT_EQ(server.send("POST", "/v1/runs", R"({"input":"x","conversation":")" + in + "\"}").status, 409u) << "a run is under way";
  asked(server, waiting);
  EXPECT_EQ(server.send("POST", "/v1/runs/" + waiting + "/cancel").status, 200u);
  follow(server, waiting);
  EXPECT_EQ(paid, 0);
  EXPECT_EQ(run(server, begin(server, R"({"input":"and now?","conversation":")" + in + "\"}"))["conversation"], in);
}

/// A run whose server died right behind its first rows.
std::string left_running(Server& server, const std::string& question) {
  std::optional<memory::Claim> claim;
  NewTurn turn;
  turn.question = question;
  return must(begin_run(server.store(), server.model, turn, claim)).run_id;
}

TEST(RunsApi, ACancelIsAnsweredWithTheRunAsItEnded) {
  Server server({Script().say("so far").until_cancelled()});
  const std::string id = begin(server, R"({"input":"go"})");
  const Got got = server.send("POST", "/v1/runs/" + id + "/cancel");
  EXPECT_EQ(got.status, 200u);
  EXPECT_EQ(got.json()["status"], "cancelled");
  EXPECT_EQ(must(server.store().read().run(id)).status, memory::RunStatus::cancelled);
  EXPECT_EQ(server.send("POST", "/v1/runs/r_none/cancel").status, 404u);
}

TEST(RunsApi, ACancelWinsOverAPark) {
  int paid = 0;
  Server server({Script().call("pay"), Script().say("done")}, {}, paying(paid));
  const std::string id = begin(server, R"({"input":"pay"})");
  asked(server, id);
  server.begin_to_park();
  const Got got = server.send("POST", "/v1/runs/" + id + "/cancel");
  EXPECT_EQ(got.status, 200u) << got.body;
  EXPECT_EQ(got.json()["status"], "cancelled");
  EXPECT_EQ(follow(server, id).back().event["type"], "run.finished");
  EXPECT_EQ(paid, 0);
}

TEST(RunsApi, AnAnswerToACallIsDurableOnceItIsAcknowledged) {
  int paid = 0;
  Server server({Script().call("pay"), Script().say("done")}, {}, paying(paid));
  const std::string id = begin(server, R"({"input":"pay"})");
  const std::string call = asked(server, id);
  EXPECT_EQ(server.send("POST", "/v1/runs/" + id + "/calls/" + call + "/deny").status, 200u);
  EXPECT_EQ(must(server.store().read().call({id, call})).status, memory::CallStatus::finished);
}

TEST(RunsApi, ARunThatNobodyWorksOnCanBeCancelledAndContinued) {
  Server server({Script().say("4")});
  const std::string dead = left_running(server, "2+2?"), other = left_running(server, "and?");
  EXPECT_EQ(server.send("POST", "/v1/runs/" + dead + "/cancel").status, 200u);
  const auto events = follow(server, dead);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(events.back().event["type"], "run.finished") << "who follows it hears of its end";
  EXPECT_EQ(events.back().event["status"], "cancelled");
  EXPECT_EQ(server.send("POST", "/v1/runs/" + other + "/continue").status, 202u);
  follow(server, other);
  EXPECT_EQ(run(server, other)["answer"], "4");
}

TEST(RunsApi, WhoFollowsARunHearsWhatItsJournalSays) {
  const Error broken{ErrorCode::internal, "the model broke", ""};
  for (const bool fails : {true, false}) {
    Gate called;
    Script script = fails ? Script().call("add").wait([&] { called.wait(); }).fail(broken)
                          : Script().call("add").wait([&] { called.wait(); }).until_cancelled();
    tools::Toolbox toolbox = with("add", Effect::pure, [&](const Call&, const CallContext&) { return called.open(), ok("4"); });
    Server server({script}, {}, std::move(toolbox));
    std::string id;
    std::thread cancels([&] {
      if (fails) return;
      called.wait();
      Json row;
      while (row = server.send("GET", "/v1/runs").json()["data"], row.empty()) std::this_thread::yield();
      server.send("POST", "/v1/runs/" + row[0]["id"].get<std::string>() + "/cancel");
    });
    const auto live = events_of(server.send("POST", "/v1/runs", R"({"input":"2+2?","stream":true})"));
    cancels.join();
    id = live.front().event["run"];
    const auto kept = follow(server, id);
    ASSERT_EQ(types_of(live), types_of(kept));
    for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(live[i].id, kept[i].id);
  }
}

TEST(RunsApi, ACallThatARunLeavesOpenHasAnEndInItsJournal) {
  int paid = 0;
  Server server({Script().call("pay")}, {}, paying(paid));
  const std::string id = begin(server, R"({"input":"pay"})");
  const std::string call = asked(server, id);
  server.park();
  EXPECT_EQ(server.send("POST", "/v1/runs/" + id + "/cancel").status, 200u);
  const auto events = follow(server, id);
  const auto end = std::find_if(events.begin(), events.end(), [](const Told& one) { return one.event["type"] == "call.finished"; });
  ASSERT_NE(end, events.end());
  EXPECT_EQ(end->event["id"], call);
  EXPECT_EQ(end->event["status"], "cancelled");
}

TEST(RunsApi, WhatAModelThrowsEndsItsRunAndNothingElse) {
  std::mutex mutex;
  std::vector<std::string> log;
  ServiceOptions options;
  options.log = [&](const std::string& line) {
    const std::scoped_lock lock(mutex);
    log.push_back(line);
  };
  Server server({Script().explode("no memory"), Script().explode("no memory"), Script().say("4")}, {}, adding(), options);
  const auto events = events_of(server.send("POST", "/v1/runs", R"({"input":"2+2?","stream":true})"));
  const std::string id = events.front().event["run"];
  EXPECT_EQ(run(server, id)["status"], "failed");
  EXPECT_EQ(follow(server, id).back().event["status"], "failed");
  EXPECT_EQ(events.back().event["type"], "run.finished") << "who follows it hears of it";
  EXPECT_THAT(log, ElementsAre("run " + id + " failed: no memory"));
  EXPECT_EQ(server.ask(R"({"input":"2+2?"})").status, 500u);
  EXPECT_EQ(server.ask(R"({"input":"2+2?"})").status, 200u);
}

TEST(RunsApi, RunsThatWaitForSomebodyLeaveRoomForOtherRequests) {
  int paid = 0;
  ServiceOptions options;
  options.requests_max = 1;
  options.runs_max = 1;
  Server server({Script().call("pay"), Script().say("hello")}, {}, paying(paid), options);
  const std::string id = begin(server, R"({"input":"pay"})");
  asked(server, id);
  EXPECT_EQ(server.ask(R"({"input":"hello?"})").status, 200u);
  const Got refused = server.send("POST", "/v1/runs", R"({"input":"one more"})");
  EXPECT_EQ(refused.status, 429u);
  EXPECT_THAT(refused.json()["error"]["message"].get<std::string>(), HasSubstr("api.runs_max"));
  EXPECT_EQ(server.send("POST", "/v1/runs/" + id + "/cancel").status, 200u);
  EXPECT_EQ(begin(server, R"({"input":"now"})").substr(0, 2), "r_");
}

TEST(RunsApi, RunsLeftBehindGoOnOneByOneWhereThereIsRoom) {
  std::shared_ptr<memory::Folder> folder;
  std::vector<std::string> ids;
  {
    Server server(std::vector<Script>{});
    folder = server.folder();
    for (int i = 0; i < 5; ++i) ids.push_back(left_running(server, "2+2?"));
  }
  ServiceOptions options;
  options.runs_max = 1;
  Server server(folder, std::vector<Script>(5, Script().say("4")), {}, tools::Toolbox(), options);
  for (const std::string& id : ids)
    while (run(server, id)["status"] != "finished") std::this_thread::yield();
  EXPECT_THAT(server.send("GET", "/metrics").body, HasSubstr("praxis_requests_refused_total 0\n")) << "nobody was refused";
}

TEST(RunsApi, ARunThatWaitsToBeTakenUpCanBeCancelled) {
  std::shared_ptr<memory::Folder> folder;
  std::string first, second;
  {
    Server server(std::vector<Script>{});
    folder = server.folder();
    first = left_running(server, "pay"), second = left_running(server, "pay");
  }
  int paid = 0;
  ServiceOptions options;
  options.runs_max = 1;
  Server server(folder, {Script().call("pay")}, {}, paying(paid), options);
  asked(server, first);  // it has the only place
  const Got got = server.send("POST", "/v1/runs/" + second + "/cancel");
  EXPECT_EQ(got.status, 200u) << got.body;
  EXPECT_EQ(got.json()["status"], "cancelled");
}

TEST(RunsApi, AParkedRunIsListedAndGoesOnInTheNextServer) {
  int paid = 0;
  std::shared_ptr<memory::Folder> folder;
  std::string id;
  std::vector<Told> before;
  {
    Server server({Script().think("pay").call("pay")}, {}, paying(paid));
    folder = server.folder();
    id = begin(server, R"({"input":"pay","seed":1})");
    asked(server, id);
    server.park();
    before = follow(server, id);
    EXPECT_EQ(before.back().event["type"], "run.parked");
    EXPECT_EQ(server.send("GET", "/v1/runs").json()["data"][0]["status"], "interrupted");
  }
  Server server(folder, {Script().say("done")}, {}, paying(paid));
  EXPECT_EQ(server.send("POST", "/v1/runs/" + id + "/calls/" + asked(server, id) + "/approve").status, 200u);
  const auto rest = follow(server, id, before.back().id);
  EXPECT_EQ(rest.front().event["type"], "run.started");
  EXPECT_EQ(rest.front().event["resumed"], true);
  EXPECT_EQ(rest.back().event["answer"], "done");
  EXPECT_EQ(paid, 1);
}

TEST(RunsApi, AStepThatTakesAnotherCourseIsToldAnew) {
  std::shared_ptr<memory::Folder> folder;
  std::string id;
  {
    Server server({Script().think("first thoughts").say("begin").until_cancelled()});
    folder = server.folder();
    id = begin(server, R"({"input":"go"})");
    const auto told = [&] { return must(server.store().read().journal(id)).back().type; };
    while (told() != "text.delta") std::this_thread::yield();
    server.park();
  }
  Server server(folder, {Script().think("first thoughts").say("another beginning")});
  const auto events = follow(server, id);
  std::string text, thoughts;
  for (const Told& one : events) {
    if (one.event["type"] == "step.restarted") text = thoughts = "";
    if (one.event["type"] == "text.delta") text += one.event["text"];
    if (one.event["type"] == "reasoning.delta") thoughts += one.event["text"];
  }
  EXPECT_EQ(text, "another beginning");
  EXPECT_EQ(thoughts, "first thoughts");
  EXPECT_EQ(events.back().event["answer"], "another beginning");
}

TEST(RunsApi, WrongRequestsAreNamed) {
  Server server({});
  const auto refused = [&](const std::string& method, const std::string& path, const std::string& body = "") {
    const Got got = server.send(method, path, body);
    return std::to_string(got.status) + " " + got.json()["error"]["message"].get<std::string>();
  };
  EXPECT_EQ(refused("POST", "/v1/runs", "{}"), "400 input is missing: the question, as a string");
  EXPECT_EQ(refused("POST", "/v1/runs", R"({"input":" "})"), "400 question: the question is empty");
  EXPECT_EQ(refused("POST", "/v1/runs", R"({"input":"x","max_steps":0})"), "400 max_steps must be an integer from 1 to 1000");
  EXPECT_EQ(refused("POST", "/v1/runs", R"({"input":"x","approve":"maybe"})"), "400 approve must be ask, always or never");
  EXPECT_EQ(refused("POST", "/v1/runs", R"({"input":"x","model":"gpt"})"), "404 there is no model named gpt; there are r1");
  EXPECT_THAT(refused("POST", "/v1/runs", R"({"input":"x","conversation":"c_1"})"), HasSubstr("404 "));
  EXPECT_EQ(refused("POST", "/v1/runs", R"({"input":"x","conversation":"c_1","instructions":"be brief"})"),
            "400 instructions and conversation cannot both be given: a conversation keeps the instructions that it began with");
  EXPECT_THAT(refused("GET", "/v1/runs/r_1"), HasSubstr("404 "));
  EXPECT_THAT(refused("GET", "/v1/runs/r_1/events"), HasSubstr("404 "));
  EXPECT_THAT(refused("GET", "/v1/runs/r_1/events?after=x"), HasSubstr("400 "));
  EXPECT_EQ(refused("GET", "/v1/runs?limit=0"), "400 limit must be from 1 to 1000");
  EXPECT_THAT(refused("PUT", "/v1/runs"), HasSubstr("405 "));
}

TEST(ConversationsApi, AForkWaitsForTheResultsOfItsCalls) {
  int paid = 0;
  Server server({Script().call("pay"), Script().say("done")}, {}, paying(paid));
  const std::string id = begin(server, R"({"input":"pay"})");
  const std::string call = asked(server, id);
  const std::string in = run(server, id)["conversation"];
  const auto fork = [&] { return server.send("POST", "/v1/conversations/" + in + "/fork", R"({"through":1})"); };
  Got early = fork();
  while (early.status == 404) early = fork();  // the step's message is on its way
  EXPECT_EQ(early.status, 409u);
  EXPECT_THAT(early.json()["error"]["message"].get<std::string>(), HasSubstr("fork at position 0"));
  EXPECT_EQ(server.send("POST", "/v1/conversations/" + in + "/fork", R"({"through":0})").status, 201u);
  server.send("POST", "/v1/runs/" + id + "/calls/" + call + "/approve");
  follow(server, id);
  EXPECT_EQ(fork().status, 201u);
}

TEST(ConversationsApi, ListsShowsSearchesForksAndDeletes) {
  Server server({Script().call("add"), Script().say("four apples"), Script().say("in the fork")}, {}, adding());
  const std::string id = run(server, begin(server, R"({"input":"2+2 apples?"})"))["conversation"];
  follow(server, server.send("GET", "/v1/runs").json()["data"][0]["id"]);
  const Json shown = server.send("GET", "/v1/conversations/" + id).json();
  ASSERT_EQ(shown["messages"].size(), 4u);
  EXPECT_EQ(shown["messages"][1]["calls"][0]["result"], "4");
  EXPECT_EQ(server.send("GET", "/v1/conversations").json()["data"][0]["id"], id);
  EXPECT_EQ(server.send("GET", "/v1/conversations?q=four%20apples").json()["data"][0]["conversation"], id);

  // Cut behind the call: its result comes along.
  const Got forked = server.send("POST", "/v1/conversations/" + id + "/fork", R"({"through":1})");
  EXPECT_EQ(forked.status, 201u);
  const std::string other = forked.json()["id"];
  const Json copy = server.send("GET", "/v1/conversations/" + other).json();
  ASSERT_EQ(copy["messages"].size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    Json expected = shown["messages"][i], got = copy["messages"][i];
    expected.erase("run"), got.erase("run");
    EXPECT_EQ(got, expected);
  }
  follow(server, begin(server, R"({"input":"go on","conversation":")" + other + "\"}"));
  EXPECT_EQ(server.send("GET", "/v1/conversations/" + id).json()["messages"].size(), 4u) << "the original stays";

  EXPECT_EQ(server.send("POST", "/v1/conversations/" + id + "/fork", R"({"through":9})").status, 404u);
  EXPECT_EQ(server.send("POST", "/v1/conversations/" + id + "/fork", "{}").status, 400u);
  EXPECT_EQ(server.send("DELETE", "/v1/conversations/" + id).status, 200u);
  EXPECT_EQ(server.send("DELETE", "/v1/conversations/" + id).status, 404u);
  EXPECT_EQ(server.send("GET", "/v1/conversations/" + other).status, 200u);
}

}  // namespace praxis::agent::api
