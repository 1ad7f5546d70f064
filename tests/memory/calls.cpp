#include <sqlite3.h>

#include "tests/memory/fixture.h"

namespace praxis::memory {
namespace {

using testing::ElementsAre;
using testing::MatchesRegex;

struct Calls : StoreTest {
  std::string run = new_run(new_conversation());
  CallRef ref{run, "call_0"};

  std::string plan(Effect effect, const std::string& id = "call_0") {
    return must(write([&](Tx& tx) {
      return tx.plan_call({.run_id = run, .id = id, .tool = "mail", .arguments = R"({"to":"a"})", .effect = effect});
    }));
  }
  Result<void> start() { return write([&](Tx& tx) { return tx.start_call(ref); }); }
  Result<void> restart() { return write([&](Tx& tx) { return tx.restart_call(ref); }); }
  Result<void> finish() { return write([&](Tx& tx) { return tx.finish_call(ref, {.status = "ok", .text = "sent"}); }); }
  Result<void> unknown() { return write([&](Tx& tx) { return tx.mark_unknown(ref); }); }
  Result<void> cancel() { return write([&](Tx& tx) { return tx.cancel_call(ref); }); }
  Call call() { return must(store->read().call(ref)); }
};

TEST_F(Calls, AreKeptFromPlannedToFinished) {
  const auto key = plan(Effect::idempotent);
  EXPECT_THAT(key, MatchesRegex("k_[a-z2-7]+"));
  Call expected{.id = "call_0", .run_id = run, .tool = "mail", .arguments = R"({"to":"a"})",
                .effect = Effect::idempotent, .idempotency_key = key};
  EXPECT_EQ(call(), expected);
  now_ms = 2'000;
  must(start());
  expected.status = CallStatus::started;
  expected.attempts = 1;
  expected.started_ms = 2'000;
  EXPECT_EQ(call(), expected);
  now_ms = 3'000;
  must(write([&](Tx& tx) { return tx.finish_call(ref, {.status = "error", .text = std::string("a\0b", 3), .truncated = true}); }));
  expected.status = CallStatus::finished;
  expected.result_status = "error";
  expected.result_text = std::string("a\0b", 3);
  expected.truncated = true;
  expected.finished_ms = 3'000;
  EXPECT_EQ(call(), expected);
}

// Every change from every status: what is not in the table of rows.h is refused and changes nothing.
TEST_F(Calls, ChangeOnlyAlongTheirStateMachine) {
  using Change = Result<void> (Calls::*)();
  struct Named {
    const char* name;
    Change change;
  };
  const std::vector<Named> changes = {{"start", &Calls::start},     {"restart", &Calls::restart},
                                      {"finish", &Calls::finish},   {"unknown", &Calls::unknown},
                                      {"cancel", &Calls::cancel}};
  struct From {
    CallStatus status;
    std::vector<Change> path;
    std::vector<std::string> allowed;
  };
  const std::vector<From> states = {
      {CallStatus::planned, {}, {"start", "cancel"}},
      {CallStatus::started, {&Calls::start}, {"restart", "finish", "unknown"}},
      {CallStatus::finished, {&Calls::start, &Calls::finish}, {}},
      {CallStatus::unknown, {&Calls::start, &Calls::unknown}, {}},
      {CallStatus::cancelled, {&Calls::cancel}, {}},
  };
  int number = 0;
  for (const auto& from : states) {
    for (const auto& [name, change] : changes) {
      ref.call_id = "call_" + std::to_string(++number);
      plan(Effect::pure, ref.call_id);
      for (const auto step : from.path) must((this->*step)());
      const auto before = call();
      ASSERT_EQ(before.status, from.status);
      const bool allowed = std::find(from.allowed.begin(), from.allowed.end(), name) != from.allowed.end();
      const auto result = (this->*change)();
      EXPECT_EQ(result.has_value(), allowed) << name << " from " << to_string(from.status);
      if (allowed) continue;
      EXPECT_THAT(result, FailsWith(ErrorCode::bad_state, "the call is " + std::string(to_string(from.status))));
      EXPECT_EQ(call(), before);
    }
  }
}

TEST_F(Calls, OnceIsNeverStartedTwice) {
  plan(Effect::once);
  must(start());
  EXPECT_THAT(restart(), FailsWith(ErrorCode::bad_state, "has effect once and may have happened; mark it unknown"));
  EXPECT_EQ(call().attempts, 1u);
  must(unknown());
  EXPECT_EQ(call().status, CallStatus::unknown);
}

TEST_F(Calls, OnceIsHeldToOneAttemptByTheFileItself) {
  plan(Effect::once);
  must(start());
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &other), SQLITE_OK);
  EXPECT_EQ(sqlite3_exec(other, "UPDATE calls SET attempts = attempts + 1", nullptr, nullptr, nullptr), SQLITE_CONSTRAINT);
  sqlite3_close(other);
}

TEST_F(Calls, RunAgainUnderTheSameKey) {
  for (const auto effect : {Effect::pure, Effect::idempotent}) {
    ref.call_id = std::string(to_string(effect));
    const auto key = plan(effect, ref.call_id);
    must(start());
    must(restart());
    must(restart());
    EXPECT_EQ(call().attempts, 3u);
    EXPECT_EQ(call().idempotency_key, key);
    must(finish());
  }
}

TEST_F(Calls, KeysAndIdsAreNotSharedByTwo) {
  const auto plan_with = [&](const std::string& id, const std::string& key) {
    return write([&](Tx& tx) { return tx.plan_call({.run_id = run, .id = id, .tool = "t", .idempotency_key = key}); });
  };
  EXPECT_EQ(must(plan_with("a", "key")), "key");
  EXPECT_THAT(plan_with("b", "key"), FailsWith(ErrorCode::bad_request, "idempotency key belongs to another call"));
  EXPECT_THAT(plan_with("a", "other"), FailsWith(ErrorCode::bad_state, "planned already"));
  EXPECT_THAT(plan_with("", "x"), FailsWith(ErrorCode::bad_request, "needs an id"));
  // Another run may use the id.
  run = new_run(new_conversation());
  EXPECT_EQ(must(plan_with("a", "third")), "third");
}

TEST_F(Calls, BelongToARunThatIsRunning) {
  must(write([&](Tx& tx) { return tx.finish_run(run, {.status = RunStatus::cancelled}); }));
  EXPECT_THAT(write([&](Tx& tx) { return tx.plan_call({.run_id = run, .id = "a", .tool = "t"}); }),
              FailsWith(ErrorCode::bad_state, "the run is cancelled, not running"));
  EXPECT_THAT(write([&](Tx& tx) { return tx.plan_call({.run_id = "r_none", .id = "a", .tool = "t"}); }),
              FailsWith(ErrorCode::not_found, "run r_none"));
  EXPECT_THAT(store->read().call({run, "a"}), FailsWith(ErrorCode::not_found, "call a of run " + run));
}

TEST_F(Calls, UnfinishedOnesAreThosePlannedAndStarted) {
  for (const char* id : {"e", "d", "c", "b", "a"}) plan(Effect::pure, id);
  const auto to = [&](const char* id, auto change) {
    ref.call_id = id;
    must((this->*change)());
  };
  to("d", &Calls::start);
  to("c", &Calls::start);
  to("c", &Calls::finish);
  to("b", &Calls::start);
  to("b", &Calls::unknown);
  to("a", &Calls::cancel);
  const auto ids = [](const std::vector<Call>& calls) {
    std::vector<std::string> ids;
    for (const auto& call : calls) ids.push_back(call.id);
    return ids;
  };
  EXPECT_THAT(ids(must(store->read().unfinished_calls(run))), ElementsAre("e", "d"));
  EXPECT_THAT(ids(must(store->read().calls(run))), ElementsAre("e", "d", "c", "b", "a"));
}

}  // namespace
}  // namespace praxis::memory
