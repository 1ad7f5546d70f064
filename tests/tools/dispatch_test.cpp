#include "tools/dispatch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <future>
#include <mutex>
#include <stdexcept>
#include <thread>

namespace praxis::tools {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

using Body = std::function<ToolResult(const Call&, const CallContext&)>;

class Scripted final : public Backend {
 public:
  explicit Scripted(Body body) : body_(std::move(body)) {}
  ToolResult call(const Call& call, const CallContext& context) override {
    return body_(call, context);
  }
  std::optional<Settled> status(std::string_view, std::string_view) override {
    return std::nullopt;
  }

 private:
  const Body body_;
};

/// Opened once, from then on everybody passes.
class Gate {
 public:
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

ToolResult result(std::string text, Status status = Status::ok) {
  ToolResult result;
  result.status = status;
  result.text = std::move(text);
  return result;
}

struct Bench {
  Toolbox toolbox;
  void add(std::string name, Body body, Limits limits = {}, Effect effect = Effect::once) {
    ToolSpec spec;
    spec.name = std::move(name);
    spec.schema = "{}";
    spec.limits = limits;
    spec.effect = effect;
    auto added = toolbox.add(spec, std::make_shared<Scripted>(std::move(body)));
    ASSERT_TRUE(added) << added.error().what;
  }
};

constexpr Limits kForever{.deadline_ms = 3'600'000};
/// Over soon, yet not before a busy machine's worker has begun the call.
constexpr Limits kSoon{.deadline_ms = 200};

Call call_of(std::string tool, std::string id = "call_0", std::string arguments = "{}") {
  return {std::move(id), std::move(tool), std::move(arguments), "key"};
}

std::future<ToolResult> start(Dispatcher& dispatcher, Call call,
                              Dispatcher::Progress progress = {}) {
  auto promise = std::make_shared<std::promise<ToolResult>>();
  auto future = promise->get_future();
  // A second call of `done` would throw out of set_value and end the test program.
  dispatcher.start(
      std::move(call), [promise](ToolResult r) { promise->set_value(std::move(r)); },
      std::move(progress));
  return future;
}

void until_stopped(const CallContext& context) {
  while (!context.stop()) std::this_thread::yield();
}

TEST(Dispatch, GivesTheBackendTheCallAndTheCallerItsResult) {
  Bench bench;
  bench.add("echo", [](const Call& call, const CallContext&) {
    return result(call.tool + call.id + call.arguments + call.idempotency_key);
  });
  Dispatcher dispatcher(bench.toolbox);
  const ToolResult got = start(dispatcher, call_of("echo", "call_7", "{\"a\": 1}")).get();
  EXPECT_EQ(got.status, Status::ok);
  EXPECT_EQ(got.text, "echocall_7{\"a\": 1}key");
  EXPECT_FALSE(got.truncated);
}

TEST(Dispatch, AnUnknownToolIsAnErrorResult) {
  Dispatcher dispatcher((Toolbox()));
  const ToolResult got = start(dispatcher, call_of("no\x1Bpe")).get();
  EXPECT_EQ(got.status, Status::error);
  EXPECT_EQ(got.text, "no tool no pe");
}

TEST(Dispatch, HostileArgumentsNeverReachTheTool) {
  Bench bench;
  bool reached = false;
  bench.add("tool", [&](const Call&, const CallContext&) { return reached = true, result(""); });
  Dispatcher dispatcher(bench.toolbox);
  for (std::string arguments :
       {std::string(), std::string("[]"), std::string("null"), std::string("{\"a\":1"),
        std::string("{\"a\":1,\"a\":2}"), std::string(200'000, '['), std::string("{}\0", 3),
        std::string("{\"a\":\"\xFF\"}"), "{\"a\":\"" + std::string(2'000'000, 'x') + "\"}"}) {
    const ToolResult got = start(dispatcher, call_of("tool", "call_0", arguments)).get();
    EXPECT_EQ(got.status, Status::error);
    EXPECT_THAT(got.text, StartsWith("bad arguments: $"));
  }
  EXPECT_FALSE(reached);
}

TEST(Dispatch, ArgumentsThatTheToolboxRefusesNeverReachTheTool) {
  Bench bench;
  bench.toolbox = Toolbox([](std::string_view) -> Result<ArgumentsCheck> {
    return [](std::string_view arguments) -> Result<void> {
      if (arguments == "{}") return {};
      return tl::unexpected(Error{ErrorCode::bad_arguments, "does not satisfy $.a", "$.b"});
    };
  });
  std::vector<std::string> reached;
  bench.add("tool", [&](const Call& call, const CallContext&) {
    reached.push_back(call.arguments);
    return result("");
  });
  Dispatcher dispatcher(bench.toolbox);
  const ToolResult got = start(dispatcher, call_of("tool", "call_0", R"({"b":1})")).get();
  EXPECT_EQ(got.status, Status::error);
  EXPECT_EQ(got.text, "bad arguments: $.b: does not satisfy $.a");
  EXPECT_EQ(start(dispatcher, call_of("tool", "call_1", "{}")).get().status, Status::ok);
  EXPECT_EQ(reached, std::vector<std::string>{"{}"});
}

TEST(Dispatch, ExceptionsOfABackendBecomeErrorResults) {
  Bench bench;
  bench.add("throws", [](const Call&, const CallContext&) -> ToolResult {
    throw std::runtime_error("the disk is on fire");
  });
  bench.add("throws_int", [](const Call&, const CallContext&) -> ToolResult { throw 7; });
  Dispatcher dispatcher(bench.toolbox);
  EXPECT_EQ(start(dispatcher, call_of("throws")).get().text,
            "the tool failed: the disk is on fire");
  const ToolResult got = start(dispatcher, call_of("throws_int")).get();
  EXPECT_EQ(got.status, Status::error);
  EXPECT_EQ(got.text, "the tool failed with an exception of unknown type");
}

TEST(Dispatch, ErrorTextsCarryNoPrefixAndAreNeverEmpty) {
  Bench bench;
  bench.add("tool", [](const Call& call, const CallContext&) {
    return result(call.id == "empty" ? "" : "Error: Error: no", Status::error);
  });
  Dispatcher dispatcher(bench.toolbox);
  EXPECT_EQ(start(dispatcher, call_of("tool", "x")).get().text, "no");
  EXPECT_EQ(start(dispatcher, call_of("tool", "empty")).get().text,
            "the tool failed and did not say why");
}

TEST(Dispatch, OutputIsCutAtExactlyItsLimitBetweenCharacters) {
  Bench bench;
  std::string text;
  for (std::uint32_t size : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 10u})
    bench.add("cap" + std::to_string(size),
              [&](const Call&, const CallContext&) { return result(text); },
              {.output_bytes_max = size});
  Dispatcher dispatcher(bench.toolbox);
  const auto with_cap = [&](int size) {
    return start(dispatcher, call_of("cap" + std::to_string(size))).get();
  };

  text = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x8C\x8D";  // ends after 1, 3, 6 and 10 bytes
  const std::size_t sizes[] = {1, 1, 3, 3, 3, 6, 6, 6, 6, 10};
  for (int size = 1; size <= 10; ++size) {
    const ToolResult got = with_cap(size);
    EXPECT_EQ(got.text, text.substr(0, sizes[size - 1]));
    EXPECT_EQ(got.truncated, size < 10);
  }
  text = std::string(50'000'000, 'x');
  EXPECT_EQ(with_cap(7).text, "xxxxxxx");
  EXPECT_TRUE(with_cap(7).truncated);
  text = "xxxxxxx";
  EXPECT_FALSE(with_cap(7).truncated);
  text = "\xFF\xFF\xFF";  // each becomes three bytes
  EXPECT_EQ(with_cap(9).text.size(), 9u);
  EXPECT_FALSE(with_cap(9).truncated);
  EXPECT_EQ(with_cap(8).text, "\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_TRUE(with_cap(8).truncated);
}

TEST(Dispatch, ResultsAreValidUtf8WithoutNul) {
  Bench bench;
  bench.add("tool",
            [](const Call&, const CallContext&) { return result(std::string("a\0b\xF0\x9F", 5)); });
  Dispatcher dispatcher(bench.toolbox);
  EXPECT_EQ(start(dispatcher, call_of("tool")).get().text,
            "a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD");
}

TEST(Dispatch, RunsUpToItsLimitInParallelAndTheRestInOrder) {
  Bench bench;
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0, most = 0;
  std::vector<std::string> order;
  Gate gate;
  bench.add(
      "tool",
      [&](const Call& call, const CallContext&) {
        {
          std::lock_guard lock(mutex);
          order.push_back(call.id);
          most = std::max(most, ++inside);
          changed.notify_all();
        }
        gate.wait();
        std::lock_guard lock(mutex);
        --inside;
        return result(call.id);
      },
      kForever);
  Dispatcher dispatcher(bench.toolbox, {.calls_parallel_max = 3});
  std::vector<std::future<ToolResult>> futures;
  for (int i = 0; i < 20; ++i)
    futures.push_back(start(dispatcher, call_of("tool", std::to_string(i))));
  {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return inside == 3; });
  }
  gate.open();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(futures[i].get().text, std::to_string(i));
  EXPECT_EQ(most, 3);
  EXPECT_THAT(std::vector(order.begin(), order.begin() + 3),
              testing::UnorderedElementsAre("0", "1", "2"));
}

TEST(Dispatch, ACallPastItsDeadlineIsToldToStopAndTimesOut) {
  Bench bench;
  bench.add("patient",
            [](const Call&, const CallContext& context) {
              return until_stopped(context), result("gave up", Status::error);
            },
            kSoon);
  Dispatcher dispatcher(bench.toolbox, {.grace_ms = 60'000});
  const ToolResult got = start(dispatcher, call_of("patient")).get();
  EXPECT_EQ(got.status, Status::timeout);
  EXPECT_EQ(got.text, "stopped at its deadline of 200 ms");
  EXPECT_GE(got.wall_ms, 200u);
  EXPECT_EQ(start(dispatcher, call_of("patient")).get().status,
            Status::timeout);  // it obeyed: still usable
}

TEST(Dispatch, AResultThatComesWithinTheGraceIsKept) {
  Bench bench;
  bench.add("late",
            [](const Call&, const CallContext& context) {
              return until_stopped(context), result("done after all");
            },
            kSoon);
  Dispatcher dispatcher(bench.toolbox, {.grace_ms = 60'000});
  const ToolResult got = start(dispatcher, call_of("late")).get();
  EXPECT_EQ(got.status, Status::ok);
  EXPECT_EQ(got.text, "done after all");
}

TEST(Dispatch, AToolThatIgnoresItsDeadlineIsAbandonedAndDisabled) {
  Bench bench;
  auto gate = std::make_shared<Gate>();
  bench.add("hangs",
            [gate](const Call&, const CallContext&) { return gate->wait(), result("too late"); },
            kSoon);
  bench.add("fine", [](const Call&, const CallContext&) { return result("fine"); });
  Dispatcher dispatcher(bench.toolbox, {.calls_parallel_max = 1, .grace_ms = 10});
  auto hanging = start(dispatcher, call_of("hangs", "1"));
  auto behind = start(dispatcher, call_of("fine", "2"));
  const ToolResult got = hanging.get();
  EXPECT_EQ(got.status, Status::timeout);
  EXPECT_EQ(got.text,
            "stopped at its deadline of 200 ms, but it did not stop within 10 ms: abandoned, and "
            "hangs is disabled for 60 s; "
            "whether it took effect is not known");
  EXPECT_EQ(behind.get().text, "fine");  // a new worker took the place of the lost one
  const ToolResult again = start(dispatcher, call_of("hangs", "3")).get();
  EXPECT_EQ(again.status, Status::error);
  EXPECT_EQ(again.text, "hangs is disabled for another 60 s: an earlier call of it did not stop when told to");
  gate->open();
}

TEST(Dispatch, ADisabledToolComesBackLaterEachTimeUntilACallOfItEnds) {
  Bench bench;
  auto gate = std::make_shared<Gate>();
  auto hangs = std::make_shared<std::atomic<bool>>(true);
  bench.add("moody",
            [gate, hangs](const Call&, const CallContext&) {
              if (*hangs) gate->wait();
              return result("fine");
            },
            kForever, Effect::pure);
  Dispatcher dispatcher(bench.toolbox, {.calls_parallel_max = 1, .grace_ms = 1, .disabled_ms = 2'000, .disabled_ms_max = 3'000});
  int number = 0;
  const auto ask = [&](bool cancel) {
    const std::string id = std::to_string(++number);
    auto asked = start(dispatcher, call_of("moody", id));
    if (cancel) dispatcher.cancel(id);
    return asked.get().text;
  };
  const auto come_back = [&](bool cancel) {
    for (std::string text;;)
      if (text = ask(cancel); text.find("for another") == std::string::npos && text.find("before it began") == std::string::npos) return text;
  };
  EXPECT_THAT(come_back(true), HasSubstr("disabled for 2 s"));
  EXPECT_THAT(ask(true), testing::AnyOf(HasSubstr("for another"), HasSubstr("before it began")));
  EXPECT_THAT(come_back(true), HasSubstr("disabled for 3 s")) << "twice as long, but at most disabled_ms_max";
  *hangs = false;
  EXPECT_EQ(come_back(false), "fine");
  *hangs = true;
  EXPECT_THAT(come_back(true), HasSubstr("disabled for 2 s")) << "it had behaved";
  gate->open();
}

TEST(Dispatch, CallsThatWaitForADisabledToolAreRefusedAndThoseOfOthersRun) {
  Bench bench;
  auto gate = std::make_shared<Gate>();
  bench.add(
      "hangs", [gate](const Call&, const CallContext&) { return gate->wait(), result(""); },
      kForever, Effect::pure);
  bench.add("fine", [](const Call&, const CallContext&) { return result("fine"); });
  Dispatcher dispatcher(bench.toolbox, {.calls_parallel_max = 1, .grace_ms = 1});
  Gate begun;
  auto hanging = start(dispatcher, call_of("hangs", "1"));
  auto same = start(dispatcher, call_of("hangs", "2"));
  auto other = start(dispatcher, call_of("fine", "3"));
  dispatcher.cancel("1");
  const ToolResult got = hanging.get();
  if (got.text != "cancelled before it began") {  // the worker had taken it
    EXPECT_EQ(
        got.text,
        "cancelled, but it did not stop within 1 ms: abandoned, and hangs is disabled for 60 s");
    EXPECT_EQ(same.get().text,
              "hangs is disabled for another 60 s: an earlier call of it did not stop when told to");
    EXPECT_EQ(other.get().text, "fine");
  }
  gate->open();
}

TEST(Dispatch, CancelStopsARunningCall) {
  Bench bench;
  Gate begun;
  bench.add(
      "patient",
      [&](const Call&, const CallContext& context) {
        begun.open();
        until_stopped(context);
        return result("interrupted", Status::error);
      },
      kForever);
  Dispatcher dispatcher(bench.toolbox, {.grace_ms = 60'000});
  auto future = start(dispatcher, call_of("patient", "call_1"));
  begun.wait();
  dispatcher.cancel("call_2");  // nobody: harmless
  dispatcher.cancel("call_1");
  dispatcher.cancel("call_1");
  const ToolResult got = future.get();
  EXPECT_EQ(got.status, Status::cancelled);
  EXPECT_EQ(got.text, "cancelled");
}

TEST(Dispatch, CancelOfAWaitingCallMeansItNeverRuns) {
  Bench bench;
  Gate gate, begun;
  std::atomic<int> runs{0};
  bench.add(
      "tool",
      [&](const Call&, const CallContext&) {
        return ++runs, begun.open(), gate.wait(), result("ran");
      },
      kForever);
  Dispatcher dispatcher(bench.toolbox, {.calls_parallel_max = 1});
  auto first = start(dispatcher, call_of("tool", "1"));
  begun.wait();
  auto second = start(dispatcher, call_of("tool", "2"));
  dispatcher.cancel("2");
  EXPECT_EQ(second.get().text, "cancelled before it began");
  gate.open();
  EXPECT_EQ(first.get().text, "ran");
  EXPECT_EQ(runs, 1);
}

TEST(Dispatch, AWaitingCallTimesOutAtItsOwnDeadline) {
  Bench bench;
  Gate gate, begun;
  bench.add(
      "busy",
      [&](const Call&, const CallContext&) { return begun.open(), gate.wait(), result(""); },
      kForever);
  bench.add("hasty", [](const Call&, const CallContext&) { return result("ran"); },
            {.deadline_ms = 10});
  Dispatcher dispatcher(bench.toolbox, {.calls_parallel_max = 1});
  auto busy = start(dispatcher, call_of("busy", "1"));
  begun.wait();
  const ToolResult got = start(dispatcher, call_of("hasty", "2")).get();
  EXPECT_EQ(got.status, Status::timeout);
  EXPECT_EQ(got.text, "did not begin within its deadline of 10 ms: 1 other calls were running");
  gate.open();
  EXPECT_EQ(busy.get().status, Status::ok);
}

TEST(Dispatch, TwoRunningCallsCannotShareAnId) {
  Bench bench;
  Gate gate;
  bench.add(
      "tool", [&](const Call&, const CallContext&) { return gate.wait(), result("ran"); },
      kForever);
  Dispatcher dispatcher(bench.toolbox);
  auto first = start(dispatcher, call_of("tool", "same"));
  EXPECT_EQ(start(dispatcher, call_of("tool", "same")).get().text,
            "a call with the id same is running");
  gate.open();
  EXPECT_EQ(first.get().text, "ran");
  EXPECT_EQ(start(dispatcher, call_of("tool", "same")).get().text, "ran");
}

TEST(Dispatch, ProgressArrivesAsCleanLinesInOrderAndNeverAfterDone) {
  Bench bench;
  auto told = std::make_shared<std::promise<void>>();
  std::function<void(std::string_view)> kept;
  bench.add("tool", [&](const Call&, const CallContext& context) {
    context.progress("one");
    context.progress("\x1B[31mtwo\n");
    context.progress(std::string(10'000, 'x'));
    kept = context.progress;
    return result("");
  });
  std::vector<std::string> lines;
  Dispatcher dispatcher(bench.toolbox);
  start(dispatcher, call_of("tool"), [&](std::string_view line) {
    lines.emplace_back(line);
  }).get();
  kept("after the end");
  EXPECT_EQ(lines, (std::vector<std::string>{"one", " [31mtwo ", std::string(500, 'x')}));
}

TEST(Dispatch, DoneMayStartTheNextCall) {
  Bench bench;
  bench.add("tool", [](const Call&, const CallContext&) { return result("ran"); });
  std::promise<ToolResult> end;
  Dispatcher dispatcher(bench.toolbox, {.calls_parallel_max = 1});
  dispatcher.start(call_of("nobody", "1"), [&](ToolResult) {
    dispatcher.start(call_of("tool", "2"), [&](ToolResult) {
      dispatcher.start(call_of("tool", "3"), [&](ToolResult r) { end.set_value(std::move(r)); });
    });
  });
  EXPECT_EQ(end.get_future().get().text, "ran");
}

TEST(Dispatch, ShutdownSettlesEveryCallExactlyOnce) {
  auto gate = std::make_shared<Gate>();
  std::atomic<int> calls{0};
  std::mutex mutex;
  std::map<std::string, int> texts;
  {
    Bench bench;
    Gate begun;
    bench.add(
        "patient",
        [](const Call&, const CallContext& context) {
          return until_stopped(context), result("", Status::error);
        },
        kForever);
    bench.add(
        "hangs",
        [gate, &begun](const Call&, const CallContext&) {
          return begun.open(), gate->wait(), result("");
        },
        kForever, Effect::pure);
    Dispatcher dispatcher(bench.toolbox, {.calls_parallel_max = 2, .grace_ms = 20});
    const auto count = [&](ToolResult r) {
      ++calls;
      std::lock_guard lock(mutex);
      ++texts[r.text];
    };
    dispatcher.start(call_of("hangs", "h"), count);
    begun.wait();
    for (int i = 0; i < 50; ++i) dispatcher.start(call_of("patient", std::to_string(i)), count);
  }
  EXPECT_EQ(calls, 51);
  EXPECT_EQ(texts["cancelled, but it did not stop within 20 ms: abandoned, and hangs is disabled "
                  "for 60 s"],
            1);
  EXPECT_EQ(texts["cancelled before it began"] + texts["cancelled"], 50);
  gate->open();
}

TEST(Dispatch, TheLineOfWaitingCallsIsBounded) {
  Bench bench;
  Gate gate, begun;
  bench.add(
      "tool",
      [&](const Call&, const CallContext&) { return begun.open(), gate.wait(), result("ran"); },
      kForever);
  Dispatcher dispatcher(bench.toolbox, {.calls_parallel_max = 1});
  std::vector<std::future<ToolResult>> futures;
  futures.push_back(start(dispatcher, call_of("tool", "first")));
  begun.wait();
  for (int i = 0; i < 1024; ++i)
    futures.push_back(start(dispatcher, call_of("tool", std::to_string(i))));
  EXPECT_THAT(start(dispatcher, call_of("tool", "one more")).get().text,
              HasSubstr("tools.calls_waiting_max"));
  gate.open();
  for (auto& future : futures) EXPECT_EQ(future.get().text, "ran");
}

TEST(Dispatch, ManyThreadsMayStartAndCancelAtOnce) {
  Bench bench;
  bench.add("quick", [](const Call& call, const CallContext&) { return result(call.id); });
  bench.add(
      "patient",
      [](const Call&, const CallContext& context) {
        return until_stopped(context), result("", Status::error);
      },
      kForever);
  std::atomic<int> done{0};
  {
    Dispatcher dispatcher(bench.toolbox, {.calls_parallel_max = 4, .grace_ms = 60'000});
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 100; ++i) {
          const std::string id = std::to_string(t) + "_" + std::to_string(i);
          dispatcher.start(call_of(i % 2 ? "quick" : "patient", id), [&](ToolResult) { ++done; });
          dispatcher.cancel(id);
        }
      });
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(done, 400);
}

}  // namespace
}  // namespace praxis::tools
