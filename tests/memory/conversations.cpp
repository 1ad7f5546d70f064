#include <sqlite3.h>

#include <set>

#include "tests/memory/fixture.h"

namespace praxis::memory {
namespace {

using testing::ElementsAre;
using testing::MatchesRegex;

struct Conversations : StoreTest {};

std::vector<std::string> ids_of(const std::vector<Conversation>& conversations) {
  std::vector<std::string> ids;
  for (const auto& conversation : conversations) ids.push_back(conversation.id);
  return ids;
}

TEST_F(Conversations, AreKeptAsGiven) {
  const auto id = must(write([](Tx& tx) {
    return tx.create_conversation({.title = "About eagles",
                                   .think_policy = ThinkPolicy::keep_if_tools,
                                   .model = "tiny_r1",
                                   .model_fingerprint = "ab12"});
  }));
  reopen();
  const Conversation expected{.id = id,
                              .title = "About eagles",
                              .think_policy = ThinkPolicy::keep_if_tools,
                              .model = "tiny_r1",
                              .model_fingerprint = "ab12",
                              .created_ms = 1'000,
                              .updated_ms = 1'000};
  EXPECT_EQ(must(store->read().conversation(id)), expected);
}

TEST_F(Conversations, IdsCannotBeGuessed) {
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) ids.insert(new_conversation());
  EXPECT_EQ(ids.size(), 100u);
  EXPECT_THAT(*ids.begin(), MatchesRegex("c_[a-z2-7]+"));
  EXPECT_EQ(ids.begin()->size(), 22u);
}

TEST_F(Conversations, LatestIsTheOneTouchedLastWhateverTheClockSays) {
  EXPECT_THAT(store->read().latest_conversation(), FailsWith(ErrorCode::not_found, "no conversation yet"));
  const auto first = new_conversation(), second = new_conversation(), third = new_conversation();
  EXPECT_EQ(must(store->read().latest_conversation()).id, third);
  now_ms = 500;  // the clock goes back
  must(write([&](Tx& tx) { return tx.touch_conversation(first); }));
  EXPECT_EQ(must(store->read().latest_conversation()).id, first);
  say(second, "hello");
  EXPECT_THAT(ids_of(must(store->read().conversations())), ElementsAre(second, first, third));
  new_run(third);
  EXPECT_THAT(ids_of(must(store->read().conversations(2))), ElementsAre(third, second));
  EXPECT_EQ(must(store->read().conversation(third)).updated_ms, 500);
}

TEST_F(Conversations, AreRenamedAndSet) {
  const auto id = new_conversation("old");
  must(write([&](Tx& tx) { return tx.rename_conversation(id, "new"); }));
  must(write([&](Tx& tx) { return tx.set_think_policy(id, ThinkPolicy::strip_always); }));
  must(write([&](Tx& tx) { return tx.set_model(id, "other", "cd34"); }));
  const auto found = must(store->read().conversation(id));
  EXPECT_EQ(found.title, "new");
  EXPECT_EQ(found.think_policy, ThinkPolicy::strip_always);
  EXPECT_EQ(found.model, "other");
  EXPECT_EQ(found.model_fingerprint, "cd34");
}

TEST_F(Conversations, UnknownOnesAreNamed) {
  const auto missing = FailsWith(ErrorCode::not_found, "conversation c_none: there is no such conversation");
  EXPECT_THAT(store->read().conversation("c_none"), missing);
  EXPECT_THAT(store->read().messages("c_none"), missing);
  EXPECT_THAT(write([](Tx& tx) { return tx.touch_conversation("c_none"); }), missing);
  EXPECT_THAT(write([](Tx& tx) { return tx.rename_conversation("c_none", "x"); }), missing);
  EXPECT_THAT(write([](Tx& tx) { return tx.set_think_policy("c_none", ThinkPolicy::keep_all); }), missing);
  EXPECT_THAT(write([](Tx& tx) { return tx.set_model("c_none", "x", "y"); }), missing);
  EXPECT_THAT(write([](Tx& tx) { return tx.delete_conversation("c_none"); }), missing);
  EXPECT_THAT(write([](Tx& tx) { return tx.create_run({.conversation_id = "c_none"}); }), missing);
  EXPECT_THAT(write([](Tx& tx) { return tx.append_message({.conversation_id = "c_none"}); }), missing);
}

TEST_F(Conversations, ATitleHasALimitWithAName) {
  EXPECT_THAT(write([](Tx& tx) { return tx.create_conversation({.title = std::string(4097, 'x')}); }),
              FailsWith(ErrorCode::too_large, "title has 4097 bytes; the limit is 4096 (memory.name_bytes_max)"));
}

TEST_F(Conversations, DeletingOneTakesAllThatIsItsOwnAndNothingElse) {
  const auto fill = [&](const std::string& words) {
    const auto conversation = new_conversation();
    const auto run = new_run(conversation);
    must(write([&](Tx& tx) { return tx.append_journal(run, "run.started", "{}"); }));
    must(write([&](Tx& tx) { return tx.plan_call({.run_id = run, .id = "call_0", .tool = "calculator"}); }));
    say(conversation, words);
    must(write([&](Tx& tx) {
      return tx.append_message({.conversation_id = conversation, .run_id = run, .role = Role::assistant,
                                .content = words, .calls = {"call_0"}});
    }));
    return conversation;
  };
  const auto gone = fill("golden eagle"), kept = fill("white-tailed eagle");
  must(write([&](Tx& tx) { return tx.delete_conversation(gone); }));
  EXPECT_EQ(must(store->read().counts()),
            (Counts{.conversations = 1, .runs = 1, .messages = 2, .calls = 1, .journal = 1}));
  EXPECT_EQ(must(store->read().messages(kept)).size(), 2u);
  EXPECT_THAT(must(store->read().search("golden")), ElementsAre());
  EXPECT_EQ(must(store->read().search("eagle")).size(), 2u);
}

struct Runs : StoreTest {};

TEST_F(Runs, AreKeptAsGiven) {
  const auto conversation = new_conversation();
  const auto id = must(write([&](Tx& tx) {
    return tx.create_run({.conversation_id = conversation, .settings = R"({"seed":7})"});
  }));
  EXPECT_THAT(id, MatchesRegex("r_[a-z2-7]+"));
  memory::Run expected{.id = id,
               .conversation_id = conversation,
               .status = RunStatus::running,
               .settings = R"({"seed":7})",
               .usage = "{}",
               .created_ms = 1'000};
  EXPECT_EQ(must(store->read().run(id)), expected);
  now_ms = 3'000;
  must(write([&](Tx& tx) { return tx.finish_run(id, {.answer = "42", .usage = R"({"output_tokens":3})"}); }));
  expected.status = RunStatus::finished;
  expected.answer = "42";
  expected.usage = R"({"output_tokens":3})";
  expected.finished_ms = 3'000;
  EXPECT_EQ(must(store->read().run(id)), expected);
}

TEST_F(Runs, AreListedNewestFirst) {
  const auto one = new_conversation(), other = new_conversation();
  const auto first = new_run(one), second = new_run(other), third = new_run(one);
  const auto ids = [](const std::vector<memory::Run>& runs) {
    std::vector<std::string> ids;
    for (const auto& run : runs) ids.push_back(run.id);
    return ids;
  };
  EXPECT_THAT(ids(must(store->read().runs())), ElementsAre(third, second, first));
  EXPECT_THAT(ids(must(store->read().runs(one))), ElementsAre(third, first));
  EXPECT_THAT(ids(must(store->read().runs(std::nullopt, 1))), ElementsAre(third));
  must(write([&](Tx& tx) { return tx.finish_run(first, {}); }));
  must(write([&](Tx& tx) { return tx.finish_run(second, {.status = RunStatus::interrupted}); }));
  EXPECT_THAT(ids(must(store->read().unfinished_runs())), ElementsAre(second, third));
  EXPECT_THAT(ids(must(store->read().unfinished_runs(one))), ElementsAre(third));
}

TEST_F(Runs, OnlyAnInterruptedOneGoesOn) {
  const auto conversation = new_conversation();
  for (const auto status : {RunStatus::finished, RunStatus::failed, RunStatus::cancelled}) {
    const auto id = new_run(conversation);
    must(write([&](Tx& tx) { return tx.finish_run(id, {.status = status}); }));
    const auto word = std::string(to_string(status));
    EXPECT_THAT(write([&](Tx& tx) { return tx.resume_run(id); }), FailsWith(ErrorCode::bad_state, word));
    EXPECT_THAT(write([&](Tx& tx) { return tx.finish_run(id, {}); }),
                FailsWith(ErrorCode::bad_state, "is " + word + " already"));
  }
  const auto id = new_run(conversation);
  must(write([&](Tx& tx) { return tx.finish_run(id, {.status = RunStatus::interrupted}); }));
  must(write([&](Tx& tx) { return tx.resume_run(id); }));
  must(write([&](Tx& tx) { return tx.resume_run(id); }));  // its process died and left it running
  EXPECT_EQ(must(store->read().run(id)).status, RunStatus::running);
  EXPECT_EQ(must(store->read().run(id)).finished_ms, 0);
  must(write([&](Tx& tx) { return tx.finish_run(id, {}); }));
}

TEST_F(Runs, DoNotFinishBeforeTheirCalls) {
  const auto id = new_run(new_conversation());
  must(write([&](Tx& tx) { return tx.plan_call({.run_id = id, .id = "call_0", .tool = "mail"}); }));
  EXPECT_THAT(write([&](Tx& tx) { return tx.finish_run(id, {}); }),
              FailsWith(ErrorCode::bad_state, "call call_0 of the run is still planned"));
  must(write([&](Tx& tx) { return tx.finish_run(id, {.status = RunStatus::interrupted}); }));
  must(write([&](Tx& tx) { return tx.cancel_call({id, "call_0"}); }));
  must(write([&](Tx& tx) { return tx.finish_run(id, {}); }));
}

TEST_F(Runs, RefuseWhatIsNoOutcomeAndWhatIsNoJson) {
  const auto conversation = new_conversation();
  const auto id = new_run(conversation);
  EXPECT_THAT(write([&](Tx& tx) { return tx.finish_run(id, {.status = RunStatus::running}); }),
              FailsWith(ErrorCode::bad_request, "running is no outcome"));
  EXPECT_THAT(write([&](Tx& tx) { return tx.finish_run(id, {.usage = "many"}); }),
              FailsWith(ErrorCode::bad_request, "usage is not JSON"));
  EXPECT_THAT(write([&](Tx& tx) { return tx.create_run({.conversation_id = conversation, .settings = "{"}); }),
              FailsWith(ErrorCode::bad_request, "settings is not JSON"));
  EXPECT_THAT(write([](Tx& tx) { return tx.finish_run("r_none", {}); }),
              FailsWith(ErrorCode::not_found, "run r_none: there is no such run"));
}

struct Messages : StoreTest {};

TEST_F(Messages, AreKeptByteForByteInOrderWithTheirCalls) {
  const auto conversation = new_conversation();
  const auto run = new_run(conversation);
  const std::string odd("nul \0, broken \xff\xfe, 鷲 🦅\r\n", 29);
  must(write([&](Tx& tx) -> Result<void> {
    // The second call closes before the first one is planned in no real run; order is by position.
    for (const std::uint32_t position : {1u, 0u}) {
      auto planned = tx.plan_call({.run_id = run, .id = "call_" + std::to_string(position), .position = position,
                                   .tool = "calculator", .effect = Effect::pure, .idempotency_key = {"k_" + std::to_string(position)}});
      if (!planned) return tl::unexpected(planned.error());
    }
    return {};
  }));
  const auto user = say(conversation, odd);
  now_ms = 2'000;
  const auto assistant = must(write([&](Tx& tx) {
    return tx.append_message({.conversation_id = conversation,
                              .run_id = run,
                              .role = Role::assistant,
                              .content = "let me see",
                              .reasoning = odd,
                              .ids = {0, 1, 128'815, -1, INT32_MIN, INT32_MAX},
                              .ids_fingerprint = "ab12",
                              .calls = {"call_1", "call_0"}});
  }));
  const auto tool = must(write([&](Tx& tx) {
    return tx.append_message({.conversation_id = conversation, .run_id = run, .role = Role::tool,
                              .content = "4", .call_id = "call_0"});
  }));
  reopen();
  const auto call = [&](std::uint32_t position) {
    return Call{.id = "call_" + std::to_string(position), .run_id = run, .message_id = assistant.id,
                .position = position, .tool = "calculator", .arguments = "{}", .effect = Effect::pure,
                .idempotency_key = "k_" + std::to_string(position)};
  };
  const std::vector<Message> expected = {
      {.id = user.id, .conversation_id = conversation, .position = 0, .role = Role::user, .content = odd, .created_ms = 1'000},
      {.id = assistant.id, .conversation_id = conversation, .position = 1, .run_id = run, .role = Role::assistant,
       .content = "let me see", .reasoning = odd, .ids = {0, 1, 128'815, -1, INT32_MIN, INT32_MAX},
       .ids_fingerprint = "ab12", .created_ms = 2'000, .calls = {call(0), call(1)}},
      {.id = tool.id, .conversation_id = conversation, .position = 2, .run_id = run, .role = Role::tool,
       .content = "4", .call_id = "call_0", .created_ms = 2'000},
  };
  EXPECT_EQ(must(store->read().messages(conversation)), expected);
  EXPECT_EQ(must(store->read().messages(conversation, 1)), std::vector(expected.begin() + 1, expected.end()));
  EXPECT_THAT(must(store->read().messages(conversation, 3)), ElementsAre());
}

TEST_F(Messages, WithDamagedTokenIdsAreReportedByNumber) {
  const auto conversation = new_conversation();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &other), SQLITE_OK);
  const auto sql = "INSERT INTO messages VALUES (7, '" + conversation +
                   "', 0, NULL, 'assistant', '', '', '', x'010203', '', NULL, 0)";
  ASSERT_EQ(sqlite3_exec(other, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(other);
  sqlite3_close(other);
  EXPECT_THAT(store->read().messages(conversation), FailsWith(ErrorCode::corrupt, "the token ids of message 7"));
}

TEST_F(Messages, OfOneMegabyteAreFineAndOfMoreThanTheLimitAreRefused) {
  const auto conversation = new_conversation();
  say(conversation, std::string(1 << 20, 'q'));
  EXPECT_EQ(must(store->read().messages(conversation)).at(0).content.size(), 1u << 20);
  EXPECT_THAT(write([&](Tx& tx) {
                return tx.append_message({.conversation_id = conversation, .content = std::string(kTextBytesMax + 1, 'q')});
              }),
              FailsWith(ErrorCode::too_large, "content has 67108865 bytes; the limit is 67108864 (memory.text_bytes_max)"));
}

TEST_F(Messages, RefuseWhatDoesNotBelongToTheirRole) {
  const auto conversation = new_conversation();
  const auto refused = [&](NewMessage message, const char* words) {
    message.conversation_id = conversation;
    EXPECT_THAT(write([&](Tx& tx) { return tx.append_message(message); }), FailsWith(ErrorCode::bad_request, words));
  };
  refused({.role = Role::user, .reasoning = "hm"}, "reasoning belongs to role assistant only, not to user");
  refused({.role = Role::tool, .call_id = "a", .ids = {1}}, "ids belongs to role assistant only");
  refused({.role = Role::system, .calls = {"a"}}, "calls belongs to role assistant only");
  refused({.role = Role::assistant, .call_id = "a"}, "call_id belongs to role tool only");
  refused({.role = Role::tool}, "needs the call_id");
  EXPECT_THAT(must(store->read().messages(conversation)), ElementsAre());
}

TEST_F(Messages, BelongToARunOfTheirOwnConversation) {
  const auto conversation = new_conversation(), other = new_conversation();
  const auto run = new_run(other);
  EXPECT_THAT(write([&](Tx& tx) { return tx.append_message({.conversation_id = conversation, .run_id = run}); }),
              FailsWith(ErrorCode::bad_request, "belongs to another conversation"));
  EXPECT_THAT(write([&](Tx& tx) { return tx.append_message({.conversation_id = conversation, .run_id = "r_none"}); }),
              FailsWith(ErrorCode::not_found, "no such run"));
}

TEST_F(Messages, TakeEachPlannedCallOnce) {
  const auto conversation = new_conversation();
  const auto run = new_run(conversation);
  for (const char* id : {"call_0", "call_1"})
    must(write([&](Tx& tx) { return tx.plan_call({.run_id = run, .id = id, .tool = "t"}); }));
  const auto append = [&](std::vector<std::string> calls) {
    return write([&](Tx& tx) {
      return tx.append_message({.conversation_id = conversation, .run_id = run, .role = Role::assistant, .calls = calls});
    });
  };
  EXPECT_THAT(append({"call_2"}), FailsWith(ErrorCode::not_found, "call call_2 of run " + run));
  EXPECT_THAT(append({"call_0", "call_1"}), FailsWith(ErrorCode::bad_request, "two calls of the message have position 0"));
  must(append({"call_0"}));
  EXPECT_THAT(append({"call_0"}), FailsWith(ErrorCode::bad_state, "call call_0 belongs to an earlier message"));
  EXPECT_EQ(must(store->read().messages(conversation)).size(), 1u);
}

}  // namespace
}  // namespace praxis::memory
