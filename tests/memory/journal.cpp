#include <sqlite3.h>

#include "tests/memory/fixture.h"

namespace praxis::memory {
namespace {

using testing::HasSubstr;

struct Journal : StoreTest {
  std::string conversation = new_conversation();
  std::string run = new_run(conversation);
  std::int64_t append(const std::string& type, const std::string& payload = "{}") {
    return must(write([&](Tx& tx) { return tx.append_journal(run, type, payload); }));
  }
};

TEST_F(Journal, IsReadInOrderFromAnyEvent) {
  const auto first = append("run.started", R"({"question":"2+2?"})");
  now_ms = 2'000;
  const auto second = append("text.delta", R"("4")"), third = append("run.finished");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  const std::vector<JournalEvent> expected = {
      {.seq = first, .run_id = run, .type = "run.started", .payload = R"({"question":"2+2?"})", .at_ms = 1'000},
      {.seq = second, .run_id = run, .type = "text.delta", .payload = R"("4")", .at_ms = 2'000},
      {.seq = third, .run_id = run, .type = "run.finished", .payload = "{}", .at_ms = 2'000},
  };
  EXPECT_EQ(must(store->read().journal(run)), expected);
  EXPECT_EQ(must(store->read().journal(run, {.after = first})), std::vector(expected.begin() + 1, expected.end()));
  EXPECT_EQ(must(store->read().journal(run, {.after = first, .limit = 1})), std::vector({expected[1]}));
}

TEST_F(Journal, NeverGivesANumberTwice) {
  const auto last = append("a");
  must(write([&](Tx& tx) { return tx.delete_conversation(conversation); }));
  conversation = new_conversation();
  run = new_run(conversation);
  EXPECT_GT(append("b"), last);
}

TEST_F(Journal, RefusesWhatIsNoJsonAndUnknownRuns) {
  for (const std::string& bad : {std::string(), std::string("{"), std::string("{}\0", 3), std::string("\"\xff\"")})
    EXPECT_THAT(write([&](Tx& tx) { return tx.append_journal(run, "a", bad); }),
                FailsWith(ErrorCode::bad_request, "payload is not JSON"));
  EXPECT_THAT(write([](Tx& tx) { return tx.append_journal("r_none", "a", "{}"); }),
              FailsWith(ErrorCode::not_found, "journal of run r_none: there is no such run"));
}

TEST_F(Journal, IsAppendOnlyForEverybody) {
  append("a");
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &other), SQLITE_OK);
  for (const char* sql : {"PRAGMA foreign_keys = ON", "PRAGMA recursive_triggers = ON"})
    ASSERT_EQ(sqlite3_exec(other, sql, nullptr, nullptr, nullptr), SQLITE_OK);
  for (const char* sql : {"UPDATE journal SET payload = '{\"other\":1}'", "DELETE FROM journal",
                          "REPLACE INTO journal SELECT seq, run_id, 'b', payload, at_ms FROM journal"}) {
    EXPECT_EQ(sqlite3_exec(other, sql, nullptr, nullptr, nullptr), SQLITE_CONSTRAINT) << sql;
    EXPECT_THAT(sqlite3_errmsg(other), HasSubstr("append-only"));
  }
  EXPECT_EQ(sqlite3_exec(other, "DELETE FROM runs", nullptr, nullptr, nullptr), SQLITE_CONSTRAINT);
  EXPECT_EQ(sqlite3_exec(other, "UPDATE messages SET content = ''", nullptr, nullptr, nullptr), SQLITE_OK);  // none yet
  say(conversation, "hello");
  EXPECT_EQ(sqlite3_exec(other, "UPDATE messages SET content = ''", nullptr, nullptr, nullptr), SQLITE_CONSTRAINT);
  sqlite3_close(other);
  EXPECT_EQ(must(store->read().journal(run)).at(0).type, "a");
}

}  // namespace
}  // namespace praxis::memory
