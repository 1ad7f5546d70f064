// What a run promises while it lives.

#include "agent/loop.h"

#include "agent/progress_gate.h"
#include "tests/agent/bench.h"
#include "tests/memory/fault_vfs.h"

namespace praxis::agent {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;
using Type = Event::Type;
using tools::Call;
using tools::CallContext;
using tools::Effect;

const std::vector<engine::TokenId> kIds = {11, 12, 13};

/// Opens `gate` at the next event of this type.
void open_at(Bench& bench, Type type, Gate& gate) {
  bench.on_event = [type, &gate](const Event& event) {
    if (event.type == type) gate.open();
  };
}

TEST(Loop, AnswersAndEndsWithTheAnswer) {
  Bench bench;
  ScriptedModel model({Script().think("easy").say("fo").say("ur").ids(kIds)});
  const RunOutcome outcome = bench.ask(model, "2 + 2?");
  EXPECT_EQ(outcome.status, RunStatus::completed);
  EXPECT_EQ(outcome.answer, "four");
  EXPECT_EQ(outcome.error, "");
  EXPECT_THAT(bench.types(), ElementsAre(Type::run_started, Type::step_started, Type::reasoning_delta, Type::text_delta,
                                         Type::text_delta, Type::step_finished, Type::run_finished));
  EXPECT_EQ(bench.row().status, memory::RunStatus::finished);
  EXPECT_EQ(bench.row().answer, "four");
  EXPECT_THAT(bench.told(), ElementsAre("user: 2 + 2?", "assistant: four"));
  EXPECT_EQ(bench.messages()[1].reasoning, "easy");
}

TEST(Loop, EventsComeInTheOrderInWhichThingsHappen) {
  Bench bench;
  Gate step_over;
  open_at(bench, Type::step_finished, step_over);
  bench.tool("add", Effect::pure, [&](const Call&, const CallContext& context) {
    context.progress("adding");
    step_over.wait();
    return ok("4");
  });
  ScriptedModel model({Script().think("let me see").call("add", R"({"a":2,"b":2})"), Script().say("4")});
  EXPECT_EQ(bench.ask(model, "2 + 2?").answer, "4");
  EXPECT_THAT(bench.of(Type::call_progress), SizeIs(1));
  std::erase_if(bench.events, [](const Event& event) { return event.type == Type::call_progress; });
  EXPECT_THAT(bench.types(),
              ElementsAre(Type::run_started, Type::step_started, Type::reasoning_delta, Type::call_arguments,
                          Type::call_arguments, Type::call_started, Type::step_finished, Type::call_finished,
                          Type::step_started, Type::text_delta, Type::step_finished, Type::run_finished));
  EXPECT_EQ(bench.of(Type::call_started)[0].call.arguments, R"({"a":2,"b":2})");
  EXPECT_EQ(bench.of(Type::call_finished)[0].result.text, "4");
  EXPECT_EQ(bench.of(Type::call_finished)[0].call.id, bench.calls()[0].id);
}

TEST(Loop, ACallRunsWhileTheModelStillWritesTheNext) {
  Bench bench;
  Gate first_runs;
  bench.tool("first", Effect::pure, [&](const Call&, const CallContext&) { return first_runs.open(), ok("1"); });
  bench.tool("second", Effect::pure, [](const Call&, const CallContext&) { return ok("2"); });
  bool in_time = false;
  ScriptedModel model({Script().call("first").wait([&] { in_time = first_runs.wait(); }).call("second"), Script().say("done")});
  EXPECT_EQ(bench.ask(model, "both").status, RunStatus::completed);
  EXPECT_TRUE(in_time);
  EXPECT_THAT(bench.told(), ElementsAre("user: both", "assistant: ", "tool: 1", "tool: 2", "assistant: done"));
}

TEST(Loop, ResultsStandInCallOrderWhateverOrderTheyFinishIn) {
  Bench bench;
  Gate second_done;
  open_at(bench, Type::call_finished, second_done);
  bench.tool("slow", Effect::pure, [&](const Call&, const CallContext&) { return second_done.wait(), ok("slow"); });
  bench.tool("quick", Effect::pure, [](const Call&, const CallContext&) { return ok("quick"); });
  ScriptedModel model({Script().call("slow").call("quick"), Script().say("done")});
  bench.ask(model, "both");
  const auto finished = bench.of(Type::call_finished);
  ASSERT_THAT(finished, SizeIs(2));
  EXPECT_EQ(finished[0].call.name, "quick");
  EXPECT_EQ(finished[1].call.name, "slow");
  EXPECT_THAT(bench.told(), ElementsAre("user: both", "assistant: ", "tool: slow", "tool: quick", "assistant: done"));
  const auto seen = model.inputs()[1].messages;
  ASSERT_THAT(seen, SizeIs(4));
  EXPECT_EQ(seen[2].content, "slow");
  EXPECT_EQ(seen[3].content, "quick");
  EXPECT_EQ(seen[1].calls[0].id, seen[2].call_id);
  EXPECT_EQ(seen[1].calls[1].id, seen[3].call_id);
}

TEST(Loop, WhateverGoesWrongInAToolIsAResultThatTheModelSees) {
  Bench bench;
  bool denied_ran = false;
  bench.tool("fails", Effect::pure, [](const Call&, const CallContext&) -> tools::ToolResult { throw std::runtime_error("boom"); });
  bench.tool("refuses", Effect::once, [](const Call&, const CallContext&) {
    tools::ToolResult result;
    result.status = tools::Status::error;
    result.text = "no such file";
    return result;
  });
  bench.tool("hangs", Effect::pure, [](const Call&, const CallContext& context) { return until_stopped(context); },
             [](tools::ToolSpec& spec) { spec.limits.deadline_ms = 300; });
  bench.tool("denied", Effect::once, [&](const Call&, const CallContext&) { return denied_ran = true, ok("!"); },
             [](tools::ToolSpec& spec) { spec.needs_approval = true; });
  bench.tool("allowed", Effect::once, [](const Call&, const CallContext&) { return ok("fine"); },
             [](tools::ToolSpec& spec) { spec.needs_approval = true; });
  bench.approve = [](const tools::ToolSpec& spec, const ToolCall& call, const std::function<void(bool)>& allow) {
    EXPECT_EQ(call.arguments, R"({"n":1})");
    allow(spec.name == "allowed");
  };
  ScriptedModel model({Script().call("fails").call("refuses").call("hangs").call("denied", R"({"n":1})")
                           .call("allowed", R"({"n":1})").call("nobody").call("refuses", "{\"n\":"),
                       Script().say("I saw")});
  EXPECT_EQ(bench.ask(model, "go").status, RunStatus::completed);
  std::vector<std::string> results;
  const StepInput seen = model.inputs()[1];
  for (const auto& message : seen.messages)
    if (message.role == SenderRole::tool) results.push_back(message.content);
  EXPECT_THAT(results, ElementsAre("Error: the tool failed: boom", "Error: no such file", "Error: stopped at its deadline of 300 ms",
                                   "Error: the user did not approve this call", "fine",
                                   "Error: no tool named nobody is available", StartsWith("Error: bad arguments")));
  EXPECT_FALSE(denied_ran);
  for (const auto& call : bench.calls()) EXPECT_EQ(call.status, memory::CallStatus::finished) << call.tool;
}

TEST(Loop, ArgumentsThatDoNotSatisfyTheSchemaAreAResultWithBothPlaces) {
  Bench bench;
  const auto adult = [](tools::ToolSpec& spec) {
    spec.schema = R"({"type":"object","properties":{"age":{"type":"integer","minimum":18}},"required":["age"]})";
    spec.needs_approval = spec.name == "asks";
  };
  const auto runs = bench.tool("runs", Effect::once, [](const Call&, const CallContext&) { return ok("ran"); }, adult);
  const auto asks = bench.tool("asks", Effect::once, [](const Call&, const CallContext&) { return ok("ran"); }, adult);
  std::vector<std::string> asked;
  bench.approve = [&](const tools::ToolSpec&, const ToolCall& call, const std::function<void(bool)>& allow) {
    asked.push_back(call.arguments);
    allow(true);
  };
  ScriptedModel model({Script().call("runs", R"({"age":17})").call("runs", R"({"age":18,"more":1})").call("runs", "{}")
                           .call("asks", R"({"age":"old"})").call("asks", R"({"age":30})"),
                       Script().say("I saw")});
  EXPECT_EQ(bench.ask(model, "go").status, RunStatus::completed);
  std::vector<std::string> results;
  const StepInput seen = model.inputs()[1];
  for (const auto& message : seen.messages)
    if (message.role == SenderRole::tool) results.push_back(message.content);
  EXPECT_THAT(results,
              ElementsAre("Error: bad arguments: $.age: does not satisfy $.properties.age.minimum of the tool's schema", "ran",
                          "Error: bad arguments: $: does not satisfy $.required of the tool's schema",
                          "Error: bad arguments: $.age: does not satisfy $.properties.age.type of the tool's schema", "ran"));
  EXPECT_THAT(runs->keys(), SizeIs(1));
  EXPECT_THAT(asks->keys(), SizeIs(1));
  EXPECT_THAT(asked, ElementsAre(R"({"age":30})")) << "nobody is asked about a call that cannot run";
  for (const auto& call : bench.calls()) EXPECT_EQ(call.status, memory::CallStatus::finished) << call.arguments;
}

TEST(Loop, WithoutAnybodyToAskACallThatNeedsApprovalIsDenied) {
  Bench bench;
  auto tool = bench.tool("deploy", Effect::once, [](const Call&, const CallContext&) { return ok("!"); },
                         [](tools::ToolSpec& spec) { spec.needs_approval = true; });
  ScriptedModel model({Script().call("deploy"), Script().say("denied")});
  EXPECT_EQ(bench.ask(model, "deploy").status, RunStatus::completed);
  EXPECT_THAT(tool->keys(), IsEmpty());
}

TEST(Loop, ACallIsDurablyStartedBeforeItsToolRuns) {
  Bench bench;
  std::optional<memory::Call> seen;
  bench.tool("look", Effect::once, [&](const Call& call, const CallContext&) {
    auto other = must(memory::Store::open(bench.file));
    seen = must(other->read().call({bench.run_id, call.id}));
    EXPECT_EQ(call.idempotency_key, seen->idempotency_key);
    return ok("seen");
  });
  ScriptedModel model({Script().call("look", R"({"at":"me"})"), Script().say("done")});
  bench.ask(model, "look");
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->status, memory::CallStatus::started);
  EXPECT_EQ(seen->effect, memory::Effect::once);
  EXPECT_EQ(seen->attempts, 1u);
  EXPECT_EQ(seen->arguments, R"({"at":"me"})");
  EXPECT_NE(seen->idempotency_key, "");
}

TEST(Loop, WhatAnEventReportsIsInTheDatabaseBefore) {
  Bench bench;
  bench.tool("add", Effect::pure, [](const Call&, const CallContext&) { return ok("4"); });
  int looked = 0;
  bench.on_event = [&](const Event& event) {
    auto reads = bench.store->read();
    if (event.type == Type::call_started) {
      EXPECT_NE(must(reads.call({bench.run_id, event.call.id})).status, memory::CallStatus::planned);
    } else if (event.type == Type::call_finished) {
      EXPECT_EQ(must(reads.call({bench.run_id, event.call.id})).result_text, event.result.text);
    } else if (event.type == Type::step_finished) {
      std::size_t steps = 0;
      for (const auto& message : must(reads.messages(bench.conversation))) steps += message.role == memory::Role::assistant;
      EXPECT_EQ(steps, event.step);
    } else if (event.type == Type::run_finished) {
      EXPECT_EQ(must(reads.run(bench.run_id)).status, memory::RunStatus::finished);
    } else {
      return;
    }
    ++looked;
  };
  ScriptedModel model({Script().call("add"), Script().say("4")});
  bench.ask(model, "2 + 2?");
  EXPECT_EQ(looked, 5);
}

// --- limits ----------------------------------------------------------------------------------------

TEST(Loop, StepsAreBounded) {
  Bench bench;
  auto tool = bench.tool("again", Effect::pure, [](const Call&, const CallContext&) { return ok("again"); });
  ScriptedModel model([](const StepInput&) { return Script().call("again"); });
  Settings settings;
  settings.budgets.steps_max = 3;
  const RunOutcome outcome = bench.ask(model, "loop", settings);
  EXPECT_EQ(outcome.status, RunStatus::limit);
  EXPECT_EQ(outcome.error, "no answer after 3 steps (--max-steps)");
  EXPECT_THAT(model.inputs(), SizeIs(3));
  EXPECT_THAT(tool->keys(), SizeIs(3));
  EXPECT_EQ(bench.row().status, memory::RunStatus::finished);
  EXPECT_THAT(bench.row().usage, HasSubstr(R"("status":"limit")"));
}

TEST(Loop, WallTimeEndsAModelThatDoesNot) {
  Bench bench;
  Settings settings;
  settings.budgets.wall_seconds_max = 0;
  ScriptedModel model({Script().say("so far").until_cancelled()});
  const RunOutcome outcome = bench.ask(model, "slow", settings);
  EXPECT_EQ(outcome.status, RunStatus::limit);
  EXPECT_EQ(outcome.error, "the run took longer than 0 s (--max-seconds)");
  EXPECT_THAT(bench.told(), ElementsAre("user: slow", AnyOf("assistant: so far", "assistant: ")));
}

TEST(Loop, AFloodOfProgressIsToldAtItsRateAndTheResultWhole) {
  Bench bench;
  const std::string whole(60'000, 'x');
  bench.tool("chatty", Effect::pure, [&](const Call&, const CallContext& context) {
    for (int i = 0; i < 20'000; ++i) context.progress(std::to_string(i));
    return ok(whole);
  });
  ScriptedModel model({Script().call("chatty"), Script().say("done")});
  EXPECT_EQ(bench.ask(model, "go").status, RunStatus::completed);
  const auto told = bench.of(Type::call_progress);
  EXPECT_LE(told.size(), ProgressGate::kAtOnceMax + 1 + ProgressGate::kPerSecondMax * (1 + bench.events.back().usage.wall_seconds));
  EXPECT_EQ(told.back().text.substr(told.back().text.rfind('\n') + 1), "19999") << "the last line is told before the end";
  EXPECT_EQ(bench.calls()[0].result_text, whole);
}

TEST(Loop, WallTimeEndsAToolThatDoesNot) {
  Bench bench;
  bench.tool("hangs", Effect::once, [](const Call&, const CallContext& context) { return until_stopped(context); });
  Settings settings;
  settings.budgets.wall_seconds_max = 1;
  ScriptedModel model({Script().call("hangs"), Script().say("never said")});
  EXPECT_EQ(bench.ask(model, "slow", settings).status, RunStatus::limit);
  EXPECT_EQ(bench.calls()[0].status, memory::CallStatus::unknown);
  EXPECT_THAT(bench.told(), ElementsAre("user: slow", "assistant: ", std::string("tool: Error: ") + kUnknownText));
  EXPECT_THAT(model.inputs(), SizeIs(1));
}

TEST(Loop, AnAnswerCutByItsBudgetSaysSo) {
  for (bool cut : {false, true}) {
    Bench bench;
    ScriptedModel model({Script().say("it is f").end(cut ? engine::Finish::stop : engine::Finish::length, cut)});
    const RunOutcome outcome = bench.ask(model, "what?");
    EXPECT_EQ(outcome.status, RunStatus::length);
    EXPECT_EQ(outcome.answer, "it is f");
    EXPECT_THAT(outcome.error, HasSubstr("--max-tokens"));
    EXPECT_EQ(bench.row().status, memory::RunStatus::finished);
  }
}

TEST(Loop, ACallThatWasCutOffIsNeverMade) {
  Bench bench;
  auto tool = bench.tool("write", Effect::once, [](const Call&, const CallContext&) { return ok("!"); });
  ScriptedModel model({Script().say("I will").unfinished_call("write", R"({"text":"ha)").end(engine::Finish::length)});
  EXPECT_EQ(bench.ask(model, "write").status, RunStatus::length);
  EXPECT_THAT(tool->keys(), IsEmpty());
  EXPECT_THAT(bench.calls(), IsEmpty());
}

// --- interruption ------------------------------------------------------------------------------------

TEST(Interrupt, ParksTheRunAndTheStepIsDecodedAgain) {
  Bench bench;
  ScriptedModel model({Script().say("half an ans").wait([&] { bench.interrupt.request(); }).until_cancelled(),
                       Script().say("a whole answer")});
  const RunOutcome outcome = bench.ask(model, "what?");
  EXPECT_EQ(outcome.status, RunStatus::cancelled);
  EXPECT_EQ(bench.row().status, memory::RunStatus::interrupted);
  EXPECT_THAT(bench.told(), ElementsAre("user: what?"));

  EXPECT_EQ(bench.resume(model).answer, "a whole answer");
  EXPECT_TRUE(bench.events[0].resumed);
  EXPECT_EQ(bench.row().status, memory::RunStatus::finished);
  EXPECT_THAT(bench.told(), ElementsAre("user: what?", "assistant: a whole answer"));
}

TEST(Interrupt, BeforeTheFirstTokenParksToo) {
  Bench bench;
  bench.interrupt.request();
  ScriptedModel model({Script().until_cancelled(), Script().say("now")});
  EXPECT_EQ(bench.ask(model, "what?").status, RunStatus::cancelled);
  EXPECT_EQ(bench.resume(model).answer, "now");
}

TEST(Calls, BeginOnceTheirRowIsDurableAndPureOnesAtOnce) {
  Bench bench;
  Gate looked;
  std::future<memory::Result<void>> held;  // everything written later is durable later
  auto hold = [&] { held = bench.store->write_async([&](memory::Tx&) { return looked.wait(), memory::Result<void>(); }); };
  auto change = bench.tool("change", Effect::idempotent, [&](const Call&, const CallContext&) {
    EXPECT_EQ(held.wait_for(std::chrono::seconds(0)), std::future_status::ready);
    return ok("changed");
  });
  bench.tool("look", Effect::pure, [&](const Call&, const CallContext&) {
    looked.open();
    return ok("seen");
  });
  ScriptedModel model({Script().wait(hold).call("change").call("look"), Script().say("done")});
  EXPECT_EQ(bench.ask(model, "look, then change").status, RunStatus::completed);
  EXPECT_THAT(change->keys(), SizeIs(1));
  EXPECT_THAT(bench.of(Type::call_started), SizeIs(2));
}

TEST(Interrupt, ACallThatHasNotBegunDoesNotBegin) {
  for (const Effect effect : {Effect::once, Effect::idempotent})
    for (const bool for_good : {false, true}) {
      SCOPED_TRACE(std::string(tools::to_string(effect)) + (for_good ? ", cancelled" : ", parked"));
      Bench bench;
      auto pay = bench.tool("pay", effect, [](const Call&, const CallContext&) { return ok("paid"); });
      // The stop is asked for before the call's row is written, and so long before it is durable.
      bench.on_event = [&](const Event& event) {
        if (event.type == Type::reasoning_delta) for_good ? bench.interrupt.cancel() : bench.interrupt.request();
      };
      ScriptedModel model({Script().think("Hm").call("pay"), Script().say("done"), Script().say("done")});
      EXPECT_EQ(bench.ask(model, "pay").status, RunStatus::cancelled);
      EXPECT_THAT(pay->keys(), IsEmpty());
      bench.on_event = {};
      if (for_good) {
        EXPECT_EQ(bench.row().status, memory::RunStatus::cancelled);
        continue;
      }
      bench.interrupt = Interrupt();
      EXPECT_EQ(bench.resume(model).status, RunStatus::completed);
      EXPECT_LE(pay->keys().size(), effect == Effect::once ? 0u : 1u);
    }
}

TEST(Interrupt, ReplayableCallsRunAgainUnderTheirKey) {
  for (Effect effect : {Effect::pure, Effect::idempotent}) {
    Bench bench;
    bool interrupted = false;
    auto tool = bench.tool("count", effect, [&](const Call&, const CallContext& context) {
      if (interrupted) return ok("42");
      interrupted = true;
      bench.interrupt.request();
      return until_stopped(context);
    });
    ScriptedModel model({Script().think("count").call("count"), Script().say("42")});
    EXPECT_EQ(bench.ask(model, "count").status, RunStatus::cancelled);
    EXPECT_EQ(bench.calls()[0].status, memory::CallStatus::started);
    EXPECT_THAT(bench.of(Type::call_finished), IsEmpty());

    EXPECT_EQ(bench.resume(model).status, RunStatus::completed);
    const auto calls = bench.calls();
    ASSERT_THAT(calls, SizeIs(1));
    EXPECT_EQ(calls[0].attempts, 2u);
    EXPECT_THAT(tool->keys(), ElementsAre(calls[0].idempotency_key, calls[0].idempotency_key));
    EXPECT_THAT(bench.told(), ElementsAre("user: count", "assistant: ", "tool: 42", "assistant: 42"));
    EXPECT_EQ(bench.messages()[1].reasoning, "count");
  }
}

TEST(Interrupt, ACallWithEffectOnceBecomesUnknownAndIsNotRepeated) {
  Bench bench;
  auto tool = bench.tool("pay", Effect::once, [&](const Call&, const CallContext& context) {
    bench.interrupt.request();
    return until_stopped(context);
  });
  ScriptedModel model({Script().call("pay"), Script().say("I do not know whether you paid")});
  EXPECT_EQ(bench.ask(model, "pay").status, RunStatus::cancelled);
  EXPECT_EQ(bench.calls()[0].status, memory::CallStatus::unknown);
  const auto shown = bench.of(Type::call_finished);
  ASSERT_THAT(shown, SizeIs(1));
  EXPECT_EQ(shown[0].result.status, tools::Status::unknown);

  EXPECT_EQ(bench.resume(model).status, RunStatus::completed);
  EXPECT_THAT(tool->keys(), SizeIs(1));
  EXPECT_EQ(model.inputs()[1].messages.back().content, std::string("Error: ") + kUnknownText);
}

TEST(Interrupt, WhatHadFinishedKeepsItsResult) {
  Bench bench;
  Gate quick_done;
  open_at(bench, Type::call_finished, quick_done);
  auto quick = bench.tool("quick", Effect::once, [](const Call&, const CallContext&) { return ok("done"); });
  bool second_try = false;
  bench.tool("slow", Effect::pure, [&](const Call&, const CallContext& context) {
    if (std::exchange(second_try, true)) return ok("done too");
    quick_done.wait();
    bench.interrupt.request();
    return until_stopped(context);
  });
  ScriptedModel model({Script().call("quick").call("slow"), Script().say("ok")});
  EXPECT_EQ(bench.ask(model, "both").status, RunStatus::cancelled);
  EXPECT_EQ(bench.resume(model).status, RunStatus::completed);
  EXPECT_THAT(quick->keys(), SizeIs(1));
  EXPECT_THAT(bench.told(), ElementsAre("user: both", "assistant: ", "tool: done", "tool: done too", "assistant: ok"));
}

// --- the view ----------------------------------------------------------------------------------------

MATCHER_P(SameAs, stored, "is the stored message") {
  return arg.role == stored.role && arg.content == stored.content && arg.reasoning == stored.reasoning &&
         arg.calls == stored.calls && arg.call_id == stored.call_id && arg.ids == stored.ids;
}

TEST(View, IsTheStoredConversation) {
  Bench bench;
  bench.tool("add", Effect::pure, [](const Call&, const CallContext&) { return ok("4"); });
  ScriptedModel model({Script().think("hm").say("let me add").call("add").ids({1, 2}), Script().say("4").ids({3}),
                       Script().say("you are welcome").ids({4})});
  bench.ask(model, "2 + 2?");
  bench.ask(model, "thanks");
  const auto stored = must(conversation_messages(*bench.store, bench.conversation, "scripted"));
  const auto seen = model.inputs();
  ASSERT_THAT(stored, SizeIs(6));
  ASSERT_THAT(seen, SizeIs(3));
  EXPECT_EQ(stored[1].ids, (std::vector<engine::TokenId>{1, 2}));
  for (auto [step, size] : {std::pair{0, 1}, {1, 3}, {2, 5}}) {
    ASSERT_THAT(seen[step].messages, SizeIs(size));
    for (int i = 0; i < size; ++i) EXPECT_THAT(seen[step].messages[i], SameAs(stored[i]));
  }
}

TEST(View, IdsOfAnotherModelAreNotReused) {
  Bench bench;
  ScriptedModel first({Script().say("one").ids(kIds)});
  bench.ask(first, "who?");
  ScriptedModel second({Script().say("two").ids(kIds)});
  second.fingerprint_ = "another";
  bench.ask(second, "and who?");
  EXPECT_THAT(second.inputs()[0].messages[1].ids, IsEmpty());
  EXPECT_EQ(bench.messages()[1].ids, kIds);
  EXPECT_EQ(bench.messages()[3].ids_fingerprint, "another");
}

TEST(View, IdsOfAStepThatDidNotEndByItselfAreNotKept) {
  Bench bench;
  ScriptedModel model({Script().say("cut").ids(kIds).end(engine::Finish::length)});
  bench.ask(model, "what?");
  EXPECT_THAT(bench.messages()[1].ids, IsEmpty());
}

TEST(View, IdsOfAStepThatEndedBeforeAStopTextAreNotKept) {
  Bench bench;
  ScriptedModel model({Script().think("hm").say("one, ").ids(kIds).stop_at("two")});
  const RunOutcome outcome = bench.ask(model, "count");
  EXPECT_EQ(outcome.status, RunStatus::completed);
  EXPECT_EQ(outcome.answer, "one, ");
  EXPECT_THAT(bench.messages()[1].ids, IsEmpty());
  EXPECT_EQ(bench.messages()[1].content, "one, ");
}

TEST(View, SystemTextGoesWhereTheDialectWantsIt) {
  for (bool as_user : {false, true}) {
    Bench bench;
    ScriptedModel model({Script().say("oui"), Script().say("non")});
    model.recommended_.system_as_user = as_user;
    Settings settings;
    settings.system = "Answer in French.";
    bench.ask(model, "Yes?", settings);
    bench.ask(model, "No?", settings);
    std::vector<std::string> expected = {"system: Answer in French.", "user: Yes?", "assistant: oui", "user: No?", "assistant: non"};
    if (as_user) expected = {"user: Answer in French.\n\nYes?", "assistant: oui", "user: No?", "assistant: non"};
    EXPECT_EQ(bench.told(), expected);
  }
}

TEST(View, AToolThatTheGrammarCannotCoverIsLeftOutAloud) {
  Bench bench;
  for (const char* name : {"good", "bad"}) bench.tool(name, Effect::pure, [](const Call&, const CallContext&) { return ok(""); });
  ScriptedModel model({Script().say("ok")});
  model.refused_tool_ = "bad";
  bench.ask(model, "what?");
  ASSERT_THAT(model.inputs()[0].tools, SizeIs(1));
  EXPECT_EQ(model.inputs()[0].tools[0].name, "good");
  const auto warnings = bench.of(Type::warning);
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_EQ(warnings[0].text, "tool bad is left out: too deep");
}

TEST(View, ToolChoiceOfAToolThatIsLeftOutIsAnErrorWithItsReason) {
  Bench bench;
  for (const char* name : {"good", "bad"}) bench.tool(name, Effect::pure, [](const Call&, const CallContext&) { return ok(""); });
  ScriptedModel model(std::vector<Script>{});
  model.refused_tool_ = "bad";
  Settings settings;
  settings.tool_choice = "bad";
  const RunOutcome outcome = bench.ask(model, "what?", settings);
  EXPECT_EQ(outcome.status, RunStatus::failed);
  EXPECT_EQ(outcome.code, ErrorCode::bad_request);
  EXPECT_EQ(outcome.error, "tool choice bad: too deep");
  EXPECT_THAT(model.inputs(), SizeIs(0));
}

TEST(View, ACallIsRequiredUntilThereWasOne) {
  Bench bench;
  bench.tool("add", Effect::pure, [](const Call&, const CallContext&) { return ok("4"); });
  Settings settings;
  settings.tool_choice = "required";
  ScriptedModel model({Script().call("add"), Script().wait([&] { bench.interrupt.request(); }).until_cancelled(), Script().say("4")});
  EXPECT_EQ(bench.ask(model, "2 + 2?", settings).status, RunStatus::cancelled);
  EXPECT_EQ(bench.resume(model).status, RunStatus::completed);
  ASSERT_THAT(model.inputs(), SizeIs(3));
  EXPECT_EQ(model.inputs()[0].settings.tool_choice, "required");
  EXPECT_EQ(model.inputs()[1].settings.tool_choice, "auto");
  EXPECT_EQ(model.inputs()[2].settings.tool_choice, "auto");
}

TEST(Usage, IsTheSumOfTheStepsOverInterruptions) {
  Usage step;
  step.steps = 1;
  step.prompt_tokens = 10;
  step.cached_tokens = 4;
  step.output_tokens = 3;
  step.forced_tokens = 2;
  step.reasoning_tokens = 1;
  step.decode_seconds = 0.5;
  Bench bench;
  bench.tool("add", Effect::pure, [](const Call&, const CallContext&) { return ok("4"); });
  ScriptedModel model({Script().call("add").call("add").use(step), Script().wait([&] { bench.interrupt.request(); }).until_cancelled(),
                       Script().say("4").use(step)});
  EXPECT_EQ(bench.ask(model, "2 + 2?").status, RunStatus::cancelled);
  const Usage usage = bench.resume(model).usage;
  EXPECT_EQ(usage.steps, 2u);
  EXPECT_EQ(usage.calls, 2u);
  EXPECT_EQ(usage.prompt_tokens, 20u);
  EXPECT_EQ(usage.cached_tokens, 8u);
  EXPECT_EQ(usage.output_tokens, 6u);
  EXPECT_EQ(usage.forced_tokens, 4u);
  EXPECT_EQ(usage.reasoning_tokens, 2u);
  EXPECT_DOUBLE_EQ(usage.decode_seconds, 1.0);
  const Usage stored = usage_from_json(bench.row().usage);
  EXPECT_EQ(to_json(stored), to_json(usage));
}

// --- failures ------------------------------------------------------------------------------------------

TEST(Failure, AnEmptyQuestionIsRefused) {
  Bench bench;
  ScriptedModel model(std::vector<Script>{});
  for (const char* question : {"", " \t\r\n"}) {
    auto begun = bench.begin(model, question);
    ASSERT_FALSE(begun);
    EXPECT_EQ(begun.error().code, ErrorCode::bad_request);
  }
  EXPECT_EQ(must(bench.store->read().counts()), memory::Counts());
}

TEST(Failure, AConversationInWorkIsRefusedByName) {
  Bench bench;
  ScriptedModel model({Script().say("hello")});
  bench.ask(model, "hello");
  auto other = must(memory::Store::open(bench.file));
  auto claim = other->claim(bench.conversation);
  ASSERT_FALSE(claim);
  const Error error = from(claim.error());
  EXPECT_EQ(error.code, ErrorCode::busy);
  EXPECT_THAT(error.what, HasSubstr("holds it"));
  EXPECT_THAT(error.where, HasSubstr(bench.conversation));
}

TEST(Failure, AModelThatCannotStartFailsTheRunWithItsReason) {
  Bench bench;
  ScriptedModel model({Script().refuse({ErrorCode::limit, "the prompt is too long", "prompt"}), Script().say("short")});
  const RunOutcome outcome = bench.ask(model, "a long question");
  EXPECT_EQ(outcome.status, RunStatus::failed);
  EXPECT_EQ(outcome.code, ErrorCode::limit);
  EXPECT_EQ(outcome.error, "prompt: the prompt is too long");
  EXPECT_EQ(bench.row().status, memory::RunStatus::failed);
  EXPECT_EQ(bench.row().error, outcome.error);
  EXPECT_EQ(bench.ask(model, "a short one").answer, "short");
}

TEST(Failure, OfTheModelLeavesNoCallOpen) {
  Bench bench;
  Gate paid, counted, launched;
  bench.tool("pay", Effect::once, [&](const Call&, const CallContext&) { return paid.open(), ok("paid"); });
  bench.tool("count", Effect::pure, [&](const Call&, const CallContext& context) { return counted.open(), until_stopped(context); });
  bench.tool("launch", Effect::once, [&](const Call&, const CallContext& context) { return launched.open(), until_stopped(context); });
  ScriptedModel model({Script().say("I shall").call("pay").call("count").call("launch").unfinished_call("pay", "{")
                           .wait([&] { paid.wait(), counted.wait(), launched.wait(); }).fail({ErrorCode::internal, "the weights melted", "model"}),
                       Script().say("sorry")});
  EXPECT_EQ(bench.ask(model, "go").status, RunStatus::failed);
  EXPECT_EQ(bench.row().status, memory::RunStatus::failed);
  EXPECT_THAT(bench.told(), ElementsAre("user: go", "assistant: I shall", "tool: paid", "tool: Error: cancelled",
                                        std::string("tool: Error: ") + kUnknownText));
  EXPECT_THAT(bench.messages()[1].calls, SizeIs(3));
  EXPECT_EQ(bench.ask(model, "what now?").answer, "sorry");
}

TEST(Failure, AFullDiskFailsTheRunAndNothingRunsUnrecorded) {
  memory::FaultVfs disk;
  memory::StoreOptions options;
  options.vfs = disk.name();
  Bench bench(options);
  auto tool = bench.tool("pay", Effect::once, [](const Call&, const CallContext&) { return ok("paid"); });
  auto fill = [&] { disk.arm(memory::FaultVfs::Kind::disk_full, 1, true); };
  ScriptedModel model({Script().wait(fill).call("pay"), Script().call("pay"), Script().say("paid")});
  const RunOutcome outcome = bench.ask(model, "pay");
  EXPECT_EQ(outcome.status, RunStatus::failed);
  EXPECT_EQ(outcome.code, ErrorCode::store);
  EXPECT_THAT(outcome.error, HasSubstr("full"));
  EXPECT_EQ(bench.events.back().type, Type::run_finished);
  EXPECT_EQ(bench.events.back().status, RunStatus::failed);
  EXPECT_THAT(tool->keys(), IsEmpty());

  EXPECT_FALSE(bench.begin(model, "more"));
  disk.disarm();
  EXPECT_EQ(bench.resume(model).status, RunStatus::completed);
  EXPECT_THAT(tool->keys(), SizeIs(1));
}

/// One run of two calls on a disk whose n-th operation fails, then its continuation on a healthy
/// one. Returns whether the disk failed at all.
bool survives_failure_at(memory::FaultVfs::Kind kind, std::uint64_t n, bool lasting) {
  SCOPED_TRACE("operation " + std::to_string(n) + (lasting ? " and all later ones fail" : " fails"));
  memory::FaultVfs disk;
  memory::StoreOptions options;
  options.vfs = disk.name();
  Bench bench(options);
  auto pay = bench.tool("pay", Effect::once, [](const Call&, const CallContext&) { return ok("paid"); });
  bench.tool("add", Effect::pure, [](const Call&, const CallContext&) { return ok("4"); });
  ScriptedModel model([](const StepInput& input) {
    return input.messages.size() == 1 ? Script().call("pay").call("add") : Script().say("done");
  });
  auto handle = bench.begin(model, "pay");
  if (!handle) return ADD_FAILURE() << handle.error(), false;
  disk.arm(kind, n, lasting);
  const RunOutcome outcome = bench.run(model, *handle);
  const bool failed = disk.disarm();
  EXPECT_THAT(outcome.status, AnyOf(RunStatus::completed, RunStatus::failed));
  if (outcome.status == RunStatus::failed) {
    EXPECT_EQ(outcome.code, ErrorCode::store) << outcome.error;
  }

  bench.reopen();
  const auto status = bench.row().status;
  if (outcome.status == RunStatus::completed) {
    EXPECT_EQ(status, memory::RunStatus::finished);
  }
  if (status == memory::RunStatus::running) {
    EXPECT_EQ(bench.resume(model).status, RunStatus::completed);
  }
  EXPECT_LE(pay->keys().size(), 1u);
  for (const auto& call : bench.calls()) {
    EXPECT_THAT(call.status, AnyOf(memory::CallStatus::finished, memory::CallStatus::unknown));
    if (call.tool == "pay" && call.status == memory::CallStatus::finished && pay->keys().empty())
      ADD_FAILURE() << "a call that never ran has a result";
  }
  return failed;
}

TEST(Failure, OfTheDiskAtAnyMomentLosesAndRepeatsNothing) {
  using Kind = memory::FaultVfs::Kind;
  for (Kind kind : {Kind::disk_full, Kind::io})
    for (bool lasting : {false, true})
      for (std::uint64_t n = 1; n < 1000; n += kind == Kind::io ? 3 : 2)
        if (!survives_failure_at(kind, n, lasting)) break;
}

TEST(Failure, OfTheSinkEndsTheRunAndLateResultsHarmNobody) {
  Bench bench;
  Gate thrown;
  bench.tool("slow", Effect::pure, [&](const Call&, const CallContext&) { return thrown.wait(), ok("late"); });
  bench.on_event = [](const Event& event) {
    if (event.type == Type::step_finished) throw std::runtime_error("the terminal is gone");
  };
  ScriptedModel model({Script().call("slow"), Script().say("done")});
  auto handle = must(bench.begin(model, "go"));
  tools::Dispatcher dispatcher(bench.toolbox);
  Workplace work{model, dispatcher, bench.store.get(), {}, [&](const Event& event) { bench.on_event(event); }};
  EXPECT_THROW(run_blocking(work, handle, bench.interrupt), std::runtime_error);
  thrown.open();
  bench.on_event = {};
  EXPECT_EQ(bench.resume(model).status, RunStatus::completed);
}

TEST(Settings, OfAnInterruptedRunGoOnWithIt) {
  Bench bench;
  ScriptedModel model({Script().wait([&] { bench.interrupt.request(); }).until_cancelled(), Script().say("done")});
  Settings settings;
  settings.seed = 7;
  settings.loop_guard.repeats = 9;
  bench.ask(model, "what?", settings);
  bench.resume(model);
  EXPECT_EQ(to_json(model.inputs()[1].settings), to_json(settings));
}

}  // namespace
}  // namespace praxis::agent
