#pragma once
// One SQLite file: conversations, runs, the journal, messages, calls. One thread writes, many read.
//
// A write is acknowledged when it is durable. Everything written in one write() becomes visible
// together or not at all. Any number of threads may use a Store; any number of processes may open
// the same file. Do not use a Store in a child after fork().
//
//   auto store = Store::open("chats.db");
//   std::string run;
//   auto written = (*store)->write([&](Tx& tx) -> Result<void> {
//     auto id = tx.create_run({.conversation_id = conversation});
//     if (!id) return tl::unexpected(id.error());
//     run = *id;
//     return {};
//   });
//   auto messages = (*store)->read().messages(conversation);

#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/error.h"
#include "memory/rows.h"

namespace praxis::memory {

class Database;

/// Longest content, reasoning, payload, arguments or result that a row takes. Ids, titles and other
/// names are limited to kNameBytesMax.
inline constexpr std::uint64_t kTextBytesMax = 64ull << 20;
inline constexpr std::uint64_t kNameBytesMax = 4096;
/// Only this much of a message, from its start, can be found by search().
inline constexpr std::uint64_t kSearchableBytesMax = 64 * 1024;

/// Which events of a run are read.
struct JournalFilter {
  std::int64_t after = 0;                // those with a greater seq
  std::vector<std::string_view> types = {};   // of these types; empty: of any
  std::uint32_t limit = 100'000;
  bool newest_first = false;
};

/// Typed reads. All reads of one object see one state of the file.
class Reads {
 public:
  /// not_found when there is none.
  Result<Conversation> conversation(std::string_view id);
  /// The one that was touched last; not_found when the file holds none.
  Result<Conversation> latest_conversation();
  /// Last touched first.
  Result<std::vector<Conversation>> conversations(std::uint32_t limit = 1000);

  /// In order of position, all columns, each with its calls; from `first_position` on. An unknown
  /// conversation is not_found.
  Result<std::vector<Message>> messages(std::string_view conversation_id, std::uint32_t first_position = 0);

  Result<Run> run(std::string_view id);
  /// Newest first; of one conversation when given.
  Result<std::vector<Run>> runs(std::optional<std::string_view> conversation_id = {}, std::uint32_t limit = 1000);
  /// Those with status running or interrupted, oldest first. A running one may be in work in this
  /// very moment: Store::claim() of its conversation tells.
  Result<std::vector<Run>> unfinished_runs(std::optional<std::string_view> conversation_id = {});

  /// Events of a run, in order.
  Result<std::vector<JournalEvent>> journal(std::string_view run_id, const JournalFilter& filter = {});

  Result<Call> call(const CallRef& ref);
  /// All calls of a run in the order they were planned, attached to a message or not.
  Result<std::vector<Call>> calls(std::string_view run_id);
  /// Those planned or started, in the order they were planned.
  Result<std::vector<Call>> unfinished_calls(std::string_view run_id);

  /// not_found when there is none, or it was forgotten.
  Result<Reply> reply(std::string_view id);
  /// The one that made this call, or has this item.
  Result<Reply> reply_of_call(std::string_view call_id);

  /// Messages that hold every word of `text`, best first. A word is what stands between white
  /// space and is found anywhere, inside longer words too, in upper or lower case. Any text is
  /// allowed: there are no operators. Words of one or two characters are looked for by a scan and
  /// fold case in ASCII only. No word: no hit. `text` has at most kNameBytesMax bytes.
  Result<std::vector<SearchHit>> search(std::string_view text, std::uint32_t limit = 20);

  Result<Counts> counts();

 protected:
  explicit Reads(Database* database) : database_(database) {}
  ~Reads() = default;
  Reads(Reads&&) = default;
  Reads& operator=(Reads&&) = default;
  /// The connection to read from; a failed one is reported by each read.
  virtual Result<Database*> database() { return database_; }

  Database* database_ = nullptr;
};

struct NewConversation {
  std::string title;
  ThinkPolicy think_policy = ThinkPolicy::keep_in_loop;
  std::string model, model_fingerprint;
};

struct NewRun {
  std::string conversation_id;
  std::string settings = "{}";  // JSON
};

struct RunOutcome {
  RunStatus status = RunStatus::finished;  // any but running
  std::string answer;
  std::string usage = "{}";  // JSON
  std::string error;
};

struct NewMessage {
  std::string conversation_id;
  std::string run_id;  // empty, or a run of this conversation
  Role role = Role::user;
  std::string content, reasoning;
  std::string call_id;                  // tool only
  std::vector<std::int32_t> ids;
  std::string ids_fingerprint;
  std::vector<std::string> calls;       // assistant only: ids of calls planned in run_id, now attached
};

struct AppendedMessage {
  std::int64_t id = 0;
  std::uint32_t position = 0;
};

struct NewCall {
  std::string run_id, id;        // id: unique in its run
  std::uint32_t position = 0;    // among the calls of its message
  std::string tool;
  std::string arguments = "{}";  // any text: what a model wrote may be no JSON
  Effect effect = Effect::once;
  std::string idempotency_key;   // empty: a random one is made
};

struct CallResult {
  std::string status;  // not empty: "ok", "error", "timeout", …
  std::string text;
  bool truncated = false;
};

/// One transaction: reads that see its own writes, and the writes. Valid only inside the function
/// that Store::write() calls, on the thread that calls it.
class Tx final : public Reads {
 public:
  /// Returns the new id.
  Result<std::string> create_conversation(const NewConversation& conversation);
  /// Makes it the latest.
  Result<void> touch_conversation(std::string_view id);
  Result<void> rename_conversation(std::string_view id, std::string_view title);
  Result<void> set_think_policy(std::string_view id, ThinkPolicy policy);
  Result<void> set_model(std::string_view id, std::string_view model, std::string_view fingerprint);
  /// A new conversation that begins with this one's messages up to and with `last_position` (and the
  /// results of the calls made there), their runs (unfinished ones as cancelled) and calls; without the
  /// journal. Returns its id. An unknown position is not_found; one whose calls have no results yet is
  /// bad_state.
  Result<std::string> fork_conversation(std::string_view id, std::uint32_t last_position);
  /// With its runs, journal, messages, calls and search index. Claim it first: nothing here knows
  /// who works on it.
  Result<void> delete_conversation(std::string_view id);

  /// Returns the new id. Touches the conversation.
  Result<std::string> create_run(const NewRun& run);
  /// running or interrupted -> outcome.status. Touches the conversation. bad_state from a final status, and, unless the
  /// outcome is interrupted, while a call of the run is planned or started.
  Result<void> finish_run(std::string_view id, const RunOutcome& outcome);
  /// interrupted or running -> running; bad_state otherwise. Touches the conversation.
  Result<void> resume_run(std::string_view id);

  /// Returns its seq. `payload` is JSON.
  Result<std::int64_t> append_journal(std::string_view run_id, std::string_view type, std::string_view payload);
  /// At least one row. Returns the first one's seq; each one's is one more than that of the row before it.
  Result<std::int64_t> append_journal(std::string_view run_id, std::span<const NewJournalRow> rows);

  /// Takes the next position of its conversation. Touches it when no run does.
  Result<AppendedMessage> append_message(const NewMessage& message);

  /// Its run must be running. Returns the idempotency key. `start`: as start_call() right behind it.
  Result<std::string> plan_call(const NewCall& call, bool start = false);
  /// planned -> started. A tool may run only once this is durable.
  Result<void> start_call(const CallRef& ref);
  /// started -> started, one more attempt, same key: for pure and idempotent calls after a crash.
  /// A call with effect once is refused: it may have happened already.
  Result<void> restart_call(const CallRef& ref);
  /// started -> finished.
  Result<void> finish_call(const CallRef& ref, const CallResult& result);
  /// started -> unknown: it may or may not have happened.
  Result<void> mark_unknown(const CallRef& ref);
  /// planned -> cancelled: it never ran.
  Result<void> cancel_call(const CallRef& ref);

  /// Its created_ms is set here. `call_ids`: of its calls, and of its items if it has any; unique in the file.
  Result<void> keep_reply(const Reply& reply, std::span<const std::string> call_ids);
  Result<void> delete_reply(std::string_view id);
  /// Of those written before, the `limit` oldest; returns how many.
  Result<std::int64_t> forget_replies(std::int64_t before_ms, std::uint32_t limit);

 private:
  friend class Store;
  Tx(Database* database, std::int64_t now_ms) : Reads(database), now_ms_(now_ms) {}
  std::int64_t now_ms_;
};

/// Reads of one moment. Opened at its first read, closed when it goes; keep it short, since the
/// log cannot be trimmed past it. Must not outlive its Store; one thread at a time.
class Snapshot final : public Reads {
 public:
  Snapshot(Snapshot&& other) noexcept;
  Snapshot& operator=(Snapshot&&) = delete;
  ~Snapshot();

 private:
  friend class Store;
  explicit Snapshot(class Store* store) : Reads(nullptr), store_(store) {}
  Result<Database*> database() override;
  class Store* store_;
};

/// The right to run one conversation. Let go when destroyed, or by the kernel when the process dies.
class Claim {
 public:
  Claim(Claim&& other) noexcept;
  Claim& operator=(Claim&& other) noexcept;
  ~Claim();

 private:
  friend class Store;
  struct Held;
  explicit Claim(std::unique_ptr<Held> held);
  std::unique_ptr<Held> held_;
};

struct StoreOptions {
  bool create = true;                       // false: a missing file is not_found
  std::uint32_t busy_timeout_ms = 10'000;   // how long to wait for another process's write
  std::uint32_t writes_queued_max = 4096;   // more wait in write() until the writer catches up
  std::uint32_t writes_grouped_max = 256;   // into one transaction
  std::uint32_t readers_max = 64;           // snapshots at the same time
  std::uint32_t log_pages_max = 4000;       // of 4 KiB; then the log is moved into the main file
  std::function<std::int64_t()> clock;      // now, in ms since the epoch; empty: the system's
  std::string vfs;                          // SQLite's file layer, by name; empty: the system's
};

class Store {
 public:
  using Options = StoreOptions;
  using Work = std::function<Result<void>(Tx&)>;
  using Done = std::function<void(Result<void>)>;

  /// Opens or creates the file (mode 0600) and brings its schema up to date. Its folder must exist.
  /// Refused by name: a missing folder, something that is no database or another program's, a file
  /// of a newer build, a read-only file or folder, a full disk.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& path, Options options = {});
  /// Finishes the queued writes.
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Runs `work` on the writer thread and returns when what it wrote is durable. Its error, or an
  /// exception, undoes what it wrote and nothing else; writes of other threads may share its
  /// transaction. After disk_full, io or busy nothing is written; the store stays usable. `work` must
  /// not call write(). It is called a second time when the failure of another that shared its
  /// transaction undid what it wrote. Writes take effect in the order of the calls.
  Result<void> write(Work work);
  /// The same without waiting.
  std::future<Result<void>> write_async(Work work);
  /// The same without waiting: `done` is called once, on the writer thread, when what was written is
  /// durable or undone. It must not block and must not throw.
  void write_then(Work work, Done done);

  /// A snapshot of what is durable now: `store.read().conversation(id)`, or keep it for several
  /// reads of one moment.
  Snapshot read();

  /// At most one claim per conversation among all processes that use this file. Refused at once,
  /// naming the process, when there is one. The conversation need not exist.
  Result<Claim> claim(std::string_view conversation_id);

  const std::filesystem::path& path() const;
  struct Stats {
    std::uint64_t writes = 0;   // acknowledged
    std::uint64_t commits = 0;  // transactions, each at most one sync of the log
  };
  Stats stats() const;

 private:
  friend class Snapshot;
  struct State;
  explicit Store(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace praxis::memory
