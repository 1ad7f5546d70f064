// What a run promises after its process died.

#include "agent/recover.h"

#include <nlohmann/json.hpp>

#include "tests/agent/bench.h"

namespace praxis::agent {
namespace {

using memory::CallStatus;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using tools::Call;
using tools::CallContext;
using tools::Effect;
using Settled = tools::Backend::Settled;

Settled settled(bool done, std::string text = {}) {
  Settled settled;
  settled.done = done;
  settled.result.text = std::move(text);
  return settled;
}

TEST(Decide, ByStatusEffectAndWhatTheToolKnows) {
  Bench bench;
  auto add = [&](const char* name, std::optional<Settled> answer) {
    auto backend = std::make_shared<FunctionBackend>([](const Call&, const CallContext&) { return ok(""); },
                                                     [answer](std::string_view key) {
                                                       EXPECT_EQ(key, "k_1");
                                                       return answer;
                                                     });
    bench.tool(name, Effect::once, backend);
  };
  add("mute", std::nullopt);
  add("did", settled(true, "sent"));
  add("did_not", settled(false));

  struct Case {
    CallStatus status;
    memory::Effect effect;
    const char* tool;
    Settle what;
    tools::Status result = tools::Status::ok;
  };
  using memory::Effect;
  const std::vector<Case> cases = {
      {CallStatus::planned, Effect::pure, "mute", Settle::start},
      {CallStatus::planned, Effect::idempotent, "mute", Settle::start},
      {CallStatus::planned, Effect::once, "did", Settle::start},
      {CallStatus::started, Effect::pure, "mute", Settle::restart},
      {CallStatus::started, Effect::idempotent, "mute", Settle::restart},
      {CallStatus::started, Effect::pure, "gone", Settle::restart},
      {CallStatus::started, Effect::once, "mute", Settle::unknown},
      {CallStatus::started, Effect::once, "gone", Settle::unknown},
      {CallStatus::started, Effect::once, "did", Settle::finish, tools::Status::ok},
      {CallStatus::started, Effect::once, "did_not", Settle::finish, tools::Status::cancelled},
      {CallStatus::finished, Effect::once, "did", Settle::keep},
      {CallStatus::unknown, Effect::once, "did", Settle::keep},
      {CallStatus::cancelled, Effect::pure, "mute", Settle::keep},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(to_string(c.status)) + " " + std::string(to_string(c.effect)) + " " + c.tool);
    memory::Call call;
    call.status = c.status;
    call.effect = c.effect;
    call.tool = c.tool;
    call.idempotency_key = "k_1";
    const Decision decision = decide(call, bench.toolbox);
    EXPECT_EQ(decision.what, c.what);
    EXPECT_EQ(decision.result.status, c.result);
    if (std::string(c.tool) == "did" && c.what == Settle::finish) {
      EXPECT_EQ(decision.result.text, "sent");
    }
  }
}

TEST(Results, AreReadBackAsTheyWere) {
  memory::Call call;
  call.status = CallStatus::finished;
  call.result_status = "timeout";
  call.result_text = "too late";
  call.truncated = true;
  EXPECT_EQ(result_of(call).status, tools::Status::timeout);
  EXPECT_TRUE(result_of(call).truncated);
  EXPECT_EQ(result_text(result_of(call)), "Error: too late");
  call.result_status = "ok";
  EXPECT_EQ(result_text(result_of(call)), "too late");
  call.status = CallStatus::unknown;
  EXPECT_EQ(result_text(result_of(call)), std::string("Error: ") + kUnknownText);
  call.status = CallStatus::cancelled;
  EXPECT_EQ(result_text(result_of(call)), "Error: the call was cancelled before it ran");
}

/// A run as a killed process left it, written by hand.
class LeftBehind : public Bench {
 public:
  LeftBehind() {
    ScriptedModel model(std::vector<Script>{});
    must(begin(model, "go"));
  }
  /// A call that was started, or only planned; what the step had said stands in its journal entry.
  std::string call(const std::string& tool, memory::Effect effect, CallStatus status, const std::string& content = {}) {
    std::string id = "call_" + std::to_string(calls().size());
    memory::NewCall row;
    row.run_id = run_id;
    row.id = id;
    row.position = static_cast<std::uint32_t>(calls().size());
    row.tool = tool;
    row.effect = effect;
    must(store->write([&](memory::Tx& tx) -> memory::Result<void> {
      if (auto planned = tx.plan_call(row); !planned) return tl::unexpected(planned.error());
      nlohmann::ordered_json payload = {{"id", id}, {"_", {{"reasoning", "thought of " + tool}, {"content", content}}}};
      if (auto told = tx.append_journal(run_id, "call.started", payload.dump()); !told) return tl::unexpected(told.error());
      if (status == CallStatus::planned) return {};
      if (auto started = tx.start_call({run_id, id}); !started) return started;
      if (status == CallStatus::finished) return tx.finish_call({run_id, id}, {"ok", "kept", false});
      return {};
    }));
    return id;
  }
  void adopt() {
    must(store->write([&](memory::Tx& tx) -> memory::Result<void> {
      auto adopted = adopt_orphans(tx, run_id);
      if (!adopted) return tl::unexpected(adopted.error());
      return {};
    }));
  }
  void say(const std::string& content, const std::string& ending) {
    must(store->write([&](memory::Tx& tx) -> memory::Result<void> {
      memory::NewMessage message;
      message.conversation_id = conversation;
      message.run_id = run_id;
      message.role = memory::Role::assistant;
      message.content = content;
      auto appended = tx.append_message(message);
      if (!appended) return tl::unexpected(appended.error());
      nlohmann::ordered_json payload = {{"step", 1}, {"_", {{"ending", ending}}}};
      auto journalled = tx.append_journal(run_id, "step.finished", payload.dump());
      if (!journalled) return tl::unexpected(journalled.error());
      return {};
    }));
  }
};

TEST(Orphans, BecomeTheMessageThatTheirStepWasWriting) {
  LeftBehind left;
  left.call("first", memory::Effect::pure, CallStatus::finished, "I look");
  left.call("second", memory::Effect::pure, CallStatus::started, "I look twice");
  left.adopt();
  const auto messages = left.messages();
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_EQ(messages[1].role, memory::Role::assistant);
  EXPECT_EQ(messages[1].content, "I look twice");
  EXPECT_EQ(messages[1].reasoning, "thought of second");
  EXPECT_THAT(messages[1].ids, IsEmpty());
  ASSERT_THAT(messages[1].calls, SizeIs(2));
  EXPECT_EQ(messages[1].calls[0].tool, "first");

  // Once adopted they are no orphans.
  left.adopt();
  EXPECT_THAT(left.messages(), SizeIs(2));
}

TEST(Orphans, ARunWithoutThemIsLeftAsItIs) {
  LeftBehind left;
  left.adopt();
  EXPECT_THAT(left.told(), ElementsAre("user: go"));
}

TEST(Resume, EveryKindOfCallIsSettledAsItsEffectAllows) {
  LeftBehind left;
  auto backend = [](std::string text) {
    return std::make_shared<FunctionBackend>([text](const Call&, const CallContext&) { return ok(text); });
  };
  auto pure = left.tool("pure", Effect::pure, backend("again"));
  auto idempotent = left.tool("idempotent", Effect::idempotent, backend("same key"));
  auto once = left.tool("once", Effect::once, backend("twice!"));
  auto planned = left.tool("planned", Effect::once, backend("first time"));
  auto knows = left.tool("knows", Effect::once,
                         std::make_shared<FunctionBackend>([](const Call&, const CallContext&) { return ok("twice!"); },
                                                           [](std::string_view) { return settled(true, "it was sent"); }));
  left.call("pure", memory::Effect::pure, CallStatus::started);
  left.call("idempotent", memory::Effect::idempotent, CallStatus::started);
  left.call("once", memory::Effect::once, CallStatus::started);
  left.call("planned", memory::Effect::once, CallStatus::planned);
  left.call("knows", memory::Effect::once, CallStatus::started);
  left.call("pure", memory::Effect::pure, CallStatus::finished);
  left.call("uninstalled", memory::Effect::pure, CallStatus::started);
  const auto before = left.calls();

  ScriptedModel model({Script().say("done")});
  EXPECT_EQ(left.resume(model).status, RunStatus::completed);
  EXPECT_THAT(left.told(), ElementsAre("user: go", "assistant: ", "tool: again", "tool: same key",
                                       std::string("tool: Error: ") + kUnknownText, "tool: first time", "tool: it was sent",
                                       "tool: kept", "tool: Error: no tool named uninstalled is available", "assistant: done"));
  EXPECT_THAT(pure->keys(), ElementsAre(before[0].idempotency_key));
  EXPECT_THAT(idempotent->keys(), ElementsAre(before[1].idempotency_key));
  EXPECT_THAT(once->keys(), IsEmpty());
  EXPECT_THAT(planned->keys(), ElementsAre(before[3].idempotency_key));
  EXPECT_THAT(knows->keys(), IsEmpty());
  const auto after = left.calls();
  EXPECT_EQ(after[0].attempts, 2u);
  EXPECT_EQ(after[2].status, CallStatus::unknown);
  EXPECT_EQ(after[2].attempts, 1u);
  EXPECT_EQ(after[3].attempts, 1u);
  // Nobody may have heard of the results that the dead process found: each is told again.
  EXPECT_THAT(left.of(Event::Type::call_finished), SizeIs(7));
}

TEST(Resume, ACallWhoseArgumentsNoLongerSatisfyItsToolIsRefused) {
  LeftBehind left;
  const auto needs_age = [](tools::ToolSpec& spec) { spec.schema = R"({"type":"object","required":["age"]})"; };
  auto pure = left.tool("pure", Effect::pure, [](const Call&, const CallContext&) { return ok("!"); }, needs_age);
  auto planned = left.tool("planned", Effect::once, [](const Call&, const CallContext&) { return ok("!"); }, needs_age);
  left.call("pure", memory::Effect::pure, CallStatus::started);
  left.call("planned", memory::Effect::once, CallStatus::planned);
  ScriptedModel model({Script().say("done")});
  EXPECT_EQ(left.resume(model).status, RunStatus::completed);
  const std::string refused = "tool: Error: bad arguments: $: does not satisfy $.required of the tool's schema";
  EXPECT_THAT(left.told(), ElementsAre("user: go", "assistant: ", refused, refused, "assistant: done"));
  EXPECT_THAT(pure->keys(), IsEmpty());
  EXPECT_THAT(planned->keys(), IsEmpty());
}

TEST(Resume, ARunThatHadItsAnswerOnlyEnds) {
  for (auto [ending, status] : {std::pair{"completed", RunStatus::completed}, {"length", RunStatus::length}, {"limit", RunStatus::limit}}) {
    LeftBehind left;
    left.say("four", ending);
    ScriptedModel model(std::vector<Script>{});
    const RunOutcome outcome = left.resume(model);
    EXPECT_EQ(outcome.status, status);
    EXPECT_EQ(outcome.answer, "four");
    EXPECT_EQ(outcome.error.empty(), status == RunStatus::completed);
    EXPECT_THAT(model.inputs(), IsEmpty());
    EXPECT_EQ(left.row().status, memory::RunStatus::finished);
  }
}

TEST(Resume, AFinishedRunIsRefused) {
  Bench bench;
  ScriptedModel model({Script().say("done")});
  bench.ask(model, "go");
  auto again = resume_run(*bench.store, bench.run_id);
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().what, testing::HasSubstr("cannot go on"));
  EXPECT_EQ(resume_run(*bench.store, "r_nobody").error().code, ErrorCode::not_found);
}

TEST(Resume, StepsOfTheDeadProcessCount) {
  LeftBehind left;
  left.tool("add", Effect::pure, [](const Call&, const CallContext&) { return ok("4"); });
  ScriptedModel model([](const StepInput&) { return Script().call("add"); });
  must(left.store->write([&](memory::Tx& tx) {
    return tx.finish_run(left.run_id, {memory::RunStatus::cancelled, "", "{}", ""});
  }));
  Settings settings;
  settings.budgets.steps_max = 3;
  must(left.begin(model, "go on", settings));
  left.call("add", memory::Effect::pure, CallStatus::started);  // its first step
  EXPECT_EQ(left.resume(model).status, RunStatus::limit);
  EXPECT_THAT(model.inputs(), SizeIs(2));
}

/// Copies the database as a kill at this moment would leave it; nobody writes meanwhile, since the
/// loop's thread, which emits events, is the only one that asks for writes.
void copy_database(const std::filesystem::path& file, const std::filesystem::path& to) {
  std::filesystem::copy_file(file, to);
  const std::string log = file.string() + "-wal";
  if (std::filesystem::exists(log)) std::filesystem::copy_file(log, to.string() + "-wal");
}

TEST(Resume, FromEveryEventOfARunLeadsToItsAnswer) {
  memory::Folder copies(memory::Folder::fast);
  auto script = [](const StepInput& input) {
    switch (input.messages.size()) {
      case 1: return Script().think("two things").call("look").call("pay");
      case 4: return Script().say("once more").call("look");
      default: return Script().say("done");
    }
  };
  auto furnish = [](Bench& bench, Gate* gate) {
    bench.tool("look", Effect::pure, [](const Call&, const CallContext&) { return ok("seen"); });
    return bench.tool("pay", Effect::once, [gate](const Call&, const CallContext&) {
      if (gate) gate->wait();
      return ok("paid");
    });
  };
  std::vector<std::vector<std::string>> heard;  // call ids with results, before each copy
  std::string run_id, conversation;
  {
    Bench bench;
    Gate step_over;
    furnish(bench, &step_over);
    std::vector<std::string> results;
    bench.on_event = [&](const Event& event) {
      if (event.type == Event::Type::call_finished) results.push_back(event.call.id);
      copy_database(bench.file, copies / std::to_string(heard.size()));
      heard.push_back(results);
      if (event.type == Event::Type::step_finished) step_over.open();
    };
    ScriptedModel model(script);
    ASSERT_EQ(bench.ask(model, "go").status, RunStatus::completed);
    run_id = bench.run_id;
    conversation = bench.conversation;
  }
  ASSERT_GT(heard.size(), 15u);
  for (std::size_t moment = 0; moment < heard.size(); ++moment) {
    SCOPED_TRACE("killed at event " + std::to_string(moment));
    Bench bench;
    bench.store.reset();
    std::filesystem::remove(bench.file);
    std::filesystem::remove(bench.file.string() + "-wal");
    copy_database(copies / std::to_string(moment), bench.file);
    bench.run_id = run_id;
    bench.conversation = conversation;
    bench.reopen();
    auto pay = furnish(bench, nullptr);
    const auto calls_before = bench.calls();
    bench.claim.reset();
    if (bench.row().status != memory::RunStatus::finished) {
      EXPECT_EQ(must(settle_left_behind(*bench.store, bench.toolbox)), 1u);
      EXPECT_EQ(bench.row().status, memory::RunStatus::interrupted);
      bench.claim.emplace(must(bench.store->claim(conversation)));
      ScriptedModel model(script);
      EXPECT_EQ(bench.resume(model).answer, "done");
    }
    EXPECT_EQ(bench.row().status, memory::RunStatus::finished);
    const auto calls = bench.calls();
    for (const auto& id : heard[moment]) {
      auto same = [&](const memory::Call& call) { return call.id == id; };
      auto before = std::find_if(calls_before.begin(), calls_before.end(), same);
      auto after = std::find_if(calls.begin(), calls.end(), same);
      ASSERT_NE(before, calls_before.end());
      ASSERT_NE(after, calls.end());
      EXPECT_EQ(before->result_text, after->result_text);
      EXPECT_EQ(after->attempts, 1u);
    }
    // A call that had started before the kill is not made again; one that had not, once at most.
    auto is_pay = [](const memory::Call& call) { return call.tool == "pay"; };
    bool had_started = std::any_of(calls_before.begin(), calls_before.end(), is_pay);
    EXPECT_LE(pay->keys().size(), had_started ? 0u : 1u);
    for (const auto& call : calls) EXPECT_TRUE(call.status == CallStatus::finished || call.status == CallStatus::unknown);
  }
}

TEST(Abandon, LeavesAConversationThatCanGoOn) {
  LeftBehind left;
  auto once = left.tool("once", Effect::once, [](const Call&, const CallContext&) { return ok("twice!"); });
  left.call("once", memory::Effect::once, CallStatus::started, "I act");
  left.call("once", memory::Effect::once, CallStatus::planned, "I act");
  left.call("pure", memory::Effect::pure, CallStatus::started, "I act");
  left.call("pure", memory::Effect::pure, CallStatus::finished, "I act");
  must(abandon_run(*left.store, left.run_id));
  EXPECT_EQ(left.row().status, memory::RunStatus::cancelled);
  EXPECT_THAT(left.told(), ElementsAre("user: go", "assistant: I act", std::string("tool: Error: ") + kUnknownText,
                                       "tool: Error: the call was cancelled before it ran", "tool: Error: the call was cancelled",
                                       "tool: kept"));
  EXPECT_THAT(must(left.store->read().unfinished_runs()), IsEmpty());
  EXPECT_THAT(once->keys(), IsEmpty());
  // Who reads its journal is told of all of it.
  const auto rows = must(left.store->read().journal(left.run_id, {.types = {"step.finished", "call.finished", "run.finished"}}));
  std::vector<std::string> told;
  for (const auto& row : rows) {
    const auto event = nlohmann::json::parse(row.payload);
    told.push_back(row.type + " " + event.value("id", "") + event.value("status", ""));
  }
  EXPECT_THAT(told, ElementsAre("step.finished ", "call.finished call_0unknown", "call.finished call_1cancelled",
                                "call.finished call_2cancelled", "call.finished call_3ok", "run.finished cancelled"));

  ScriptedModel model({Script().say("gladly")});
  EXPECT_EQ(left.ask(model, "something else").answer, "gladly");
  EXPECT_THAT(model.inputs()[0].messages, SizeIs(7));
  EXPECT_FALSE(abandon_run(*left.store, left.run_id));
}

TEST(Standing, IsFoundBehindAnyNumberOfEvents) {
  LeftBehind left;
  must(left.store->write([&](memory::Tx& tx) -> memory::Result<void> {
    for (int i = 0; i < 100'001; ++i)
      if (auto row = tx.append_journal(left.run_id, "reasoning.delta", R"({"text":"hm"})"); !row) return tl::unexpected(row.error());
    return {};
  }));
  left.say("4", "completed");
  ScriptedModel model({Script().say("5")});
  const RunOutcome outcome = left.resume(model);
  EXPECT_EQ(outcome.answer, "4");
  EXPECT_THAT(model.inputs(), IsEmpty()) << "it had its answer";
}

TEST(Resume, TheTimeThatARunTookCounts) {
  Settings settings;
  settings.budgets.wall_seconds_max = 500;
  for (const bool parked : {true, false}) {
    LeftBehind left;
    ScriptedModel model({Script().say("too late")});
    must(left.store->write([&](memory::Tx& tx) { return tx.finish_run(left.run_id, {memory::RunStatus::cancelled}); }));
    must(left.begin(model, "go on", settings));
    must(left.store->write([&](memory::Tx& tx) -> memory::Result<void> {
      if (parked) return tx.finish_run(left.run_id, {memory::RunStatus::interrupted, "", R"({"wall_seconds":500})"});
      auto row = tx.append_journal(left.run_id, "step.finished", R"({"step":1,"_":{"ending":"completed","wall_seconds":500}})");
      if (!row) return tl::unexpected(row.error());
      return {};
    }));
    EXPECT_EQ(left.resume(model).status, RunStatus::limit);
  }
}

TEST(SettleLeftBehind, MarksWhatNobodyKnowsAndWaitsForTheRest) {
  LeftBehind left;
  left.tool("knows", Effect::once,
            std::make_shared<FunctionBackend>([](const Call&, const CallContext&) { return ok("twice!"); },
                                              [](std::string_view) { return settled(true, "it was sent"); }));
  left.call("once", memory::Effect::once, CallStatus::started);
  left.call("knows", memory::Effect::once, CallStatus::started);
  left.call("pure", memory::Effect::pure, CallStatus::started);
  left.claim.reset();
  EXPECT_EQ(must(settle_left_behind(*left.store, left.toolbox)), 1u);
  EXPECT_EQ(left.row().status, memory::RunStatus::interrupted);
  const auto calls = left.calls();
  EXPECT_EQ(calls[0].status, CallStatus::unknown);
  EXPECT_EQ(calls[1].status, CallStatus::finished);
  EXPECT_EQ(calls[1].result_text, "it was sent");
  EXPECT_EQ(calls[2].status, CallStatus::started);
  // Again changes nothing.
  EXPECT_EQ(must(settle_left_behind(*left.store, left.toolbox)), 1u);
  EXPECT_EQ(left.calls(), calls);
}

TEST(SettleLeftBehind, LeavesTheRunsOfTheLivingAlone) {
  LeftBehind left;
  left.call("once", memory::Effect::once, CallStatus::started);
  auto other = must(memory::Store::open(left.file));
  EXPECT_EQ(must(settle_left_behind(*other, left.toolbox)), 0u);
  EXPECT_EQ(left.row().status, memory::RunStatus::running);
  EXPECT_EQ(left.calls()[0].status, CallStatus::started);
}

}  // namespace
}  // namespace praxis::agent
