#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <latch>
#include <stdexcept>
#include <thread>

#include "tests/memory/fixture.h"

namespace praxis::memory {
namespace {

using testing::ElementsAre;

struct Opening : testing::Test {
  Folder folder;
};

TEST_F(Opening, MakesAFileThatOnlyItsOwnerReads) {
  auto store = must(Store::open(folder / "chats.db"));
  for (const char* name : {"chats.db", "chats.db-wal", "chats.db-shm", "chats.db.claims"}) {
    struct stat info = {};
    ASSERT_EQ(stat((folder / name).c_str(), &info), 0) << name;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << name;
  }
  EXPECT_EQ(store->path(), std::filesystem::canonical(folder / "chats.db"));
}

TEST_F(Opening, NeedsTheFolder) {
  EXPECT_THAT(Store::open(folder / "no" / "chats.db"), FailsWith(ErrorCode::not_found, "does not exist; create it first"));
  EXPECT_THAT(Store::open(""), FailsWith(ErrorCode::bad_request, "needs a file name"));
}

TEST_F(Opening, ReportsAMissingFileWhenItMayNotMakeOne) {
  EXPECT_THAT(Store::open(folder / "chats.db", {.create = false}), FailsWith(ErrorCode::not_found, "there is no such file"));
  EXPECT_FALSE(std::filesystem::exists(folder / "chats.db"));
  must(Store::open(folder / "chats.db"));
  must(Store::open(folder / "chats.db", {.create = false}));
}

TEST_F(Opening, RefusesWhatIsNoDatabase) {
  std::ofstream(folder / "notes.txt") << std::string(5'000, 'x');
  std::ofstream(folder / "short.txt") << "hello";
  EXPECT_THAT(Store::open(folder / "notes.txt"), FailsWith(ErrorCode::not_database, "not a database"));
  EXPECT_THAT(Store::open(folder / "short.txt"), FailsWith(ErrorCode::not_database, "not a database"));
  EXPECT_THAT(Store::open(folder.path()), FailsWith(ErrorCode::not_database, "no plain file"));
  EXPECT_THAT(Store::open("/dev/null"), FailsWith(ErrorCode::not_database, "no plain file"));
}

// Each byte of the header set to something else, and the file cut at many lengths: opened and
// readable, or refused by name. Never a crash.
TEST_F(Opening, SurvivesDamagedFiles) {
  const auto file = folder / "chats.db";
  {
    auto store = must(Store::open(file));
    must(store->write([](Tx& tx) -> Result<void> {
      auto id = tx.create_conversation({.title = "x"});
      if (!id) return tl::unexpected(id.error());
      return {};
    }));
  }
  std::ifstream in(file, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), {});
  int refused = 0;
  const auto attempt = [&](const std::string& bytes) {
    Folder other;
    std::ofstream(other / "chats.db", std::ios::binary) << bytes;
    auto store = Store::open(other / "chats.db");
    if (!store) {
      EXPECT_FALSE(store.error().what.empty());
      ++refused;
    } else {
      auto snapshot = (*store)->read();
      auto conversations = snapshot.conversations();
      if (conversations && !conversations->empty()) (void)snapshot.messages(conversations->front().id);
      (void)snapshot.search("x");
    }
  };
  for (std::size_t at = 0; at < 100; ++at) {
    auto bytes = whole;
    bytes[at] = static_cast<char>(~bytes[at]);
    attempt(bytes);
  }
  for (std::size_t size = 1; size < whole.size(); size += 4096 / 2 + 13) attempt(whole.substr(0, size));
  EXPECT_GT(refused, 20);
}

TEST_F(Opening, RefusesReadOnlyFilesAndFoldersByName) {
  must(Store::open(folder / "chats.db"));
  std::filesystem::create_directory(folder / "locked");
  ASSERT_EQ(chmod((folder / "chats.db").c_str(), 0444), 0);
  ASSERT_EQ(chmod((folder / "locked").c_str(), 0555), 0);
  ASSERT_EQ(chmod(folder.path().c_str(), 0755), 0);
  // Root may write anything, so a child that is nobody looks.
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && setuid(65534) != 0) _exit(100);
    const auto file = Store::open(folder / "chats.db");
    if (file || file.error().code != ErrorCode::read_only) _exit(1);
    const auto inside = Store::open(folder / "locked" / "chats.db");
    if (inside || inside.error().code != ErrorCode::read_only) _exit(2);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

struct Writing : StoreTest {
  std::int64_t pragma(const char* sql) {
    sqlite3* other = nullptr;
    sqlite3_open(file.c_str(), &other);
    sqlite3_stmt* statement = nullptr;
    sqlite3_prepare_v2(other, sql, -1, &statement, nullptr);
    sqlite3_step(statement);
    const auto value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(other);
    return value;
  }
};

TEST_F(Writing, UsesAWriteAheadLogAndStrictTables) {
  EXPECT_EQ(pragma("SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
  EXPECT_EQ(pragma("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN"
                   " ('conversations', 'runs', 'journal', 'messages', 'calls') AND sql LIKE '%) STRICT'"), 5);
}

TEST_F(Writing, ReadersSeeOnlyWhatIsCommittedAndASnapshotStaysAsItIs) {
  auto before = store->read();
  EXPECT_EQ(must(before.counts()).conversations, 0);
  std::string id;
  must(store->write([&](Tx& tx) -> Result<void> {
    id = must(tx.create_conversation({}));
    EXPECT_EQ(must(tx.counts()).conversations, 1);                // its own write
    EXPECT_EQ(must(store->read().counts()).conversations, 0);     // nobody else's
    return {};
  }));
  EXPECT_EQ(must(before.counts()).conversations, 0);
  EXPECT_EQ(must(store->read().counts()).conversations, 1);
}

TEST_F(Writing, AFailedWriteLeavesNothing) {
  const auto refused = [](Tx& tx) -> Result<void> {
    must(tx.create_conversation({}));
    return tl::unexpected(Error{ErrorCode::bad_request, "changed my mind", "test"});
  };
  EXPECT_THAT(store->write(refused), FailsWith(ErrorCode::bad_request, "test: changed my mind"));
  EXPECT_THAT(store->write([](Tx& tx) -> Result<void> {
                must(tx.create_conversation({}));
                throw std::runtime_error("oops");
              }),
              FailsWith(ErrorCode::internal, "threw: oops"));
  EXPECT_THAT(store->write([](Tx&) -> Result<void> { throw 7; }), FailsWith(ErrorCode::internal, "threw"));
  EXPECT_EQ(must(store->read().counts()).conversations, 0);
  EXPECT_EQ(store->stats().commits, 0u);
}

TEST_F(Writing, CannotStartAnotherWrite) {
  Result<void> inner;
  must(store->write([&](Tx&) -> Result<void> {
    inner = store->write([](Tx&) -> Result<void> { return {}; });
    return {};
  }));
  EXPECT_THAT(inner, FailsWith(ErrorCode::bad_request, "cannot start another write"));
}

// While the writer is held up by one write, ninety-nine more gather: they share one commit, every
// tenth fails alone, and those that are acknowledged are there.
TEST_F(Writing, ManyShareOneCommitAndAFailedOneSpoilsNone) {
  std::latch held_up(1), gathered(1);
  const auto create = [](Tx& tx) -> Result<void> {
    auto id = tx.create_conversation({});
    if (!id) return tl::unexpected(id.error());
    return {};
  };
  std::vector<std::future<Result<void>>> futures;
  futures.push_back(store->write_async([&](Tx& tx) {
    held_up.count_down();
    gathered.wait();
    return create(tx);
  }));
  held_up.wait();
  for (int i = 1; i < 100; ++i) {
    futures.push_back(store->write_async([&create, i](Tx& tx) -> Result<void> {
      auto made = create(tx);
      if (i % 10 == 0) return tl::unexpected(Error{ErrorCode::bad_request, "every tenth", "test"});
      return made;
    }));
  }
  gathered.count_down();
  int acknowledged = 0;
  for (auto& future : futures) acknowledged += future.get().has_value();
  EXPECT_EQ(acknowledged, 91);
  EXPECT_EQ(must(store->read().counts()).conversations, 91);
  EXPECT_EQ(store->stats().writes, 91u);
  EXPECT_EQ(store->stats().commits, 2u);
}

TEST_F(Writing, TakesEffectInTheOrderOfTheCallsOfAThread) {
  const auto conversation = new_conversation();
  std::vector<std::future<Result<void>>> futures;
  for (int i = 0; i < 300; ++i) {
    futures.push_back(store->write_async([&conversation, i](Tx& tx) -> Result<void> {
      auto appended = tx.append_message({.conversation_id = conversation, .content = std::to_string(i)});
      if (!appended) return tl::unexpected(appended.error());
      return {};
    }));
  }
  for (auto& future : futures) must(future.get());
  const auto messages = must(store->read().messages(conversation));
  ASSERT_EQ(messages.size(), 300u);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(messages[static_cast<std::size_t>(i)].content, std::to_string(i));
}

TEST_F(Writing, AQueuedWriteIsDoneBeforeTheStoreGoes) {
  auto future = store->write_async([](Tx& tx) -> Result<void> {
    must(tx.create_conversation({}));
    return {};
  });
  store.reset();
  must(future.get());
  store = open();
  EXPECT_EQ(must(store->read().counts()).conversations, 1);
}

TEST_F(Writing, WaitsWhenTheQueueIsFull) {
  store.reset();
  auto options = this->options();
  options.writes_queued_max = 2;
  store = must(Store::open(file, options));
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 20; ++n) new_conversation();
    });
  threads.clear();
  EXPECT_EQ(must(store->read().counts()).conversations, 160);
}

TEST_F(Writing, ManyThreadsWriteAndReadAtOnce) {
  const auto conversation = new_conversation();
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) say(conversation, "hello");
    });
    threads.emplace_back([&] {
      for (int n = 0; n < 50; ++n) {
        auto snapshot = store->read();
        const auto messages = must(snapshot.messages(conversation));
        EXPECT_EQ(static_cast<std::int64_t>(messages.size()), must(snapshot.counts()).messages);
        for (std::size_t p = 0; p < messages.size(); ++p) EXPECT_EQ(messages[p].position, p);
      }
    });
  }
  threads.clear();
  EXPECT_EQ(must(store->read().counts()).messages, 200);
}

TEST_F(Writing, SnapshotsHaveALimitWithAName) {
  store.reset();
  auto options = this->options();
  options.readers_max = 3;
  store = must(Store::open(file, options));
  std::vector<Snapshot> snapshots;
  for (int i = 0; i < 3; ++i) {
    snapshots.push_back(store->read());
    must(snapshots.back().counts());
  }
  EXPECT_THAT(store->read().counts(), FailsWith(ErrorCode::busy, "3 snapshots are open; the limit is reached (store.readers_max)"));
  snapshots.pop_back();
  must(store->read().counts());
}

TEST_F(Writing, AnotherWriterThatNeverEndsIsReportedAsBusy) {
  store.reset();
  auto options = this->options();
  options.busy_timeout_ms = 20;
  store = must(Store::open(file, options));
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const auto create = [](Tx& tx) { return tx.create_conversation({}); };
  EXPECT_THAT(write(create), FailsWith(ErrorCode::busy, "store.busy_timeout_ms"));
  must(store->read().counts());
  sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr);
  sqlite3_close(other);
  must(write(create));
}

}  // namespace
}  // namespace praxis::memory
