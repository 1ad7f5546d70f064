// What was acknowledged is there: after a power cut, after a full or failing disk.

#include <sqlite3.h>

#include <fstream>
#include <latch>

#include "tests/memory/fault_vfs.h"
#include "tests/memory/fixture.h"

namespace praxis::memory {
namespace {

using testing::AnyOf;

/// "ok", or what SQLite and the search index find wrong.
std::string integrity(const std::filesystem::path& file) {
  sqlite3* database = nullptr;
  sqlite3_open(file.c_str(), &database);
  std::string found = "cannot be checked";
  sqlite3_stmt* check = nullptr;
  if (sqlite3_prepare_v2(database, "PRAGMA integrity_check", -1, &check, nullptr) == SQLITE_OK &&
      sqlite3_step(check) == SQLITE_ROW)
    found = reinterpret_cast<const char*>(sqlite3_column_text(check, 0));
  sqlite3_finalize(check);
  if (sqlite3_exec(database, "INSERT INTO messages_fts (messages_fts, rank) VALUES ('integrity-check', 1)", nullptr,
                   nullptr, nullptr) != SQLITE_OK)
    found += std::string("; search: ") + sqlite3_errmsg(database);
  sqlite3_close(database);
  return found;
}

/// The i-th message of the scripts below: some long enough for pages of their own.
std::string content(int i) {
  std::string text = "message " + std::to_string(i) + " ";
  text.append(static_cast<std::size_t>(i % 7) * 900, static_cast<char>('a' + i % 26));
  return text;
}

Result<void> append(Store& store, const std::string& conversation, int i) {
  return store.write([&](Tx& tx) -> Result<void> {
    auto appended = tx.append_message({.conversation_id = conversation, .content = content(i)});
    if (!appended) return tl::unexpected(appended.error());
    return {};
  });
}

/// All messages of the newest conversation are those of the script, from the first on, and at
/// least `acknowledged` of them are there.
void expect_script(Store& store, std::size_t acknowledged) {
  auto snapshot = store.read();
  auto conversation = snapshot.latest_conversation();
  if (!conversation) {
    EXPECT_EQ(conversation.error().code, ErrorCode::not_found) << conversation.error();
    EXPECT_EQ(acknowledged, 0u) << "the conversation is lost";
    return;
  }
  const auto messages = must(snapshot.messages(conversation->id));
  EXPECT_GE(messages.size(), acknowledged);
  for (std::size_t i = 0; i < messages.size(); ++i) ASSERT_EQ(messages[i].content, content(static_cast<int>(i)));
}

// One run is recorded; then the power goes at several hundred points of it, drawn from a seed.
TEST(PowerLoss, KeepsEveryAcknowledgedRow) {
  FaultVfs vfs;
  std::vector<std::size_t> acknowledged_at;  // operations logged when message i was acknowledged
  {
    Folder folder(Folder::fast);
    vfs.record();
    // A short log: the script goes through many rounds of moving it into the main file.
    auto store = must(Store::open(folder / "chats.db", {.log_pages_max = 20, .vfs = vfs.name()}));
    std::string conversation;
    must(store->write([&](Tx& tx) -> Result<void> {
      conversation = must(tx.create_conversation({}));
      return {};
    }));
    for (int i = 0; i < 60; ++i) {
      must(append(*store, conversation, i));
      acknowledged_at.push_back(vfs.operations());
    }
  }
  const auto log = vfs.log();
  ASSERT_GT(log.size(), 500u);
  std::mt19937_64 random(20260822);
  Disk disk;
  std::size_t acknowledged = 0;
  for (std::size_t cut = 0; cut <= log.size(); ++cut) {
    if (cut > 0) disk.apply(log[cut - 1]);
    while (acknowledged < acknowledged_at.size() && acknowledged_at[acknowledged] <= cut) ++acknowledged;
    if (random() % 6 != 0) continue;
    Folder folder(Folder::fast);
    for (const auto& [name, bytes] : disk.after_power_cut(random)) std::ofstream(folder / name, std::ios::binary) << bytes;
    const auto trace = "cut after operation " + std::to_string(cut) + " of " + std::to_string(log.size());
    SCOPED_TRACE(trace);
    auto store = Store::open(folder / "chats.db");
    ASSERT_TRUE(store) << store.error();
    expect_script(**store, acknowledged);
    store->reset();
    ASSERT_EQ(integrity(folder / "chats.db"), "ok");
  }
  EXPECT_EQ(acknowledged, 60u);
}

struct Faults : testing::TestWithParam<std::tuple<FaultVfs::Kind, bool>> {};

// The same short script again and again; each time the disk fails one operation later.
TEST_P(Faults, AreNamedLoseNothingAcknowledgedAndPass) {
  const auto [kind, lasting] = GetParam();
  testing::Matcher<ErrorCode> named = ErrorCode::io;
  if (kind != FaultVfs::Kind::io) named = AnyOf(ErrorCode::disk_full, ErrorCode::io);
  constexpr int kMessages = 4;
  std::uint64_t n = 1;
  for (bool fired = true; fired; ++n) {
    const auto trace = "operation " + std::to_string(n) + " fails";
    SCOPED_TRACE(trace);
    Folder folder(Folder::fast);
    FaultVfs vfs;
    const auto open = [&] { return Store::open(folder / "chats.db", {.log_pages_max = 8, .vfs = vfs.name()}); };
    std::string conversation;
    const auto create = [&](Store& store) {
      return store.write([&](Tx& tx) -> Result<void> {
        auto created = tx.create_conversation({});
        if (!created) return tl::unexpected(created.error());
        conversation = *created;
        return {};
      });
    };
    int next = 0;
    const auto go_on = [&](Store& store, int end, bool healthy) {
      const auto expect_named = [&](const Error& error) {
        EXPECT_FALSE(healthy) << error;
        EXPECT_THAT(error.code, named) << error;
      };
      if (conversation.empty()) {
        if (auto created = create(store); !created) {
          conversation.clear();
          return expect_named(created.error());
        }
      }
      for (int tries = 0; next < end && tries < end; ++tries) {
        if (auto appended = append(store, conversation, next)) ++next;
        else expect_named(appended.error());
        if (auto read = store.read().messages(conversation); !read) expect_named(read.error());
        else EXPECT_GE(read->size(), static_cast<std::size_t>(next));
      }
    };

    vfs.arm(kind, n, lasting);
    auto store = open();
    if (store) go_on(**store, kMessages, false);
    else EXPECT_THAT(store.error().code, named) << store.error();
    fired = vfs.disarm();

    if (!store) store = open();
    ASSERT_TRUE(store) << store.error();
    go_on(**store, kMessages + 1, true);
    EXPECT_EQ(next, kMessages + 1);
    store->reset();
    store = open();
    ASSERT_TRUE(store) << store.error();
    expect_script(**store, static_cast<std::size_t>(next));
    store->reset();
    ASSERT_EQ(integrity(folder / "chats.db"), "ok");
  }
  EXPECT_GT(n, 40u);
}

std::string fault_name(const testing::TestParamInfo<Faults::ParamType>& info) {
  constexpr std::string_view kKinds[] = {"Full", "ShortWrite", "InputOutput"};
  const auto [kind, lasting] = info.param;
  return std::string(kKinds[static_cast<int>(kind)]) + (lasting ? "Lasting" : "Once");
}

INSTANTIATE_TEST_SUITE_P(Disk, Faults,
                         testing::Combine(testing::Values(FaultVfs::Kind::disk_full, FaultVfs::Kind::short_write,
                                                          FaultVfs::Kind::io),
                                          testing::Bool()),
                         fault_name);

// A write too large for the cache meets a full disk while it runs; SQLite then ends the whole
// transaction. Those before it in the group are told, those after it get their own.
TEST(GroupCommit, GoesOnAfterOneWriteThatLostTheTransaction) {
  Folder folder;
  FaultVfs vfs;
  auto store = must(Store::open(folder / "chats.db", {.vfs = vfs.name()}));
  std::string conversation;
  must(store->write([&](Tx& tx) -> Result<void> {
    conversation = must(tx.create_conversation({}));
    return {};
  }));
  std::latch held_up(1), gathered(1);
  const auto say = [&](std::string text) {
    return store->write_async([&conversation, text = std::move(text)](Tx& tx) -> Result<void> {
      auto appended = tx.append_message({.conversation_id = conversation, .content = text});
      if (!appended) return tl::unexpected(appended.error());
      return {};
    });
  };
  auto held = store->write_async([&](Tx&) -> Result<void> {
    held_up.count_down();
    gathered.wait();
    return {};
  });
  held_up.wait();
  auto before = say("before"), large = say(std::string(16 << 20, 'x')), after = say("after");
  vfs.arm(FaultVfs::Kind::disk_full, 1, false);
  gathered.count_down();
  must(held.get());
  EXPECT_THAT(before.get(), FailsWith(ErrorCode::disk_full, "the disk is full and nothing was written"));
  EXPECT_THAT(large.get(), FailsWith(ErrorCode::disk_full, "the disk is full and nothing was written"));
  must(after.get());
  const auto messages = must(store->read().messages(conversation));
  ASSERT_EQ(messages.size(), 1u);
  EXPECT_EQ(messages[0].content, "after");
  EXPECT_EQ(messages[0].position, 0u);
}

}  // namespace
}  // namespace praxis::memory
