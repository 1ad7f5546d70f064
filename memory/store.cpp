#include "memory/store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>

#include "memory/checks.h"
#include "memory/claims.h"
#include "memory/database.h"
#include "memory/migrate.h"
#include "memory/search.h"

namespace praxis::memory {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// The log is cut back to this once its content is in the main file.
constexpr std::uint64_t kLogBytesKept = 16ull << 20;
/// Read connections kept open while nobody uses them.
constexpr std::size_t kReadersIdleMax = 8;
/// The name, in the lock file, of the right to write; a conversation's begins otherwise.
constexpr std::string_view kWriteTurn = "write turn";

std::int64_t system_clock_ms() {
  return std::chrono::duration_cast<milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

tl::unexpected<Error> refuse_file(int number, const std::filesystem::path& path) {
  const std::string file = path.string();
  switch (number) {
    case ENOENT:
    case ENOTDIR:
      return refuse(ErrorCode::not_found, "the folder " + path.parent_path().string() + " does not exist; create it first", file);
    case EACCES:
    case EPERM:
    case EROFS:
      return refuse(ErrorCode::read_only, "the folder is read-only; make it writable or name another file", file);
    case ENOSPC:
    case EDQUOT:
      return refuse(ErrorCode::disk_full, "the disk is full; free some space and try again", file);
    default:
      return refuse(ErrorCode::io, "the file cannot be created: " + std::generic_category().message(number), file);
  }
}

/// Makes an empty file that only its owner reads, and its name durable. A file that is there stays
/// untouched and unopened: closing a descriptor of it would drop the locks that SQLite holds for
/// this process.
Result<void> create_file(const std::filesystem::path& path) {
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return errno == EEXIST ? Result<void>() : refuse_file(errno, path);
  close(file);
  const int folder = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return refuse_file(errno, path);
  const bool synced = fsync(folder) == 0;
  const int number = errno;
  close(folder);
  if (!synced) return refuse_file(number, path);
  return {};
}

/// The one absolute name of the file, through symbolic links, so that all processes meet at the
/// same lock file.
Result<std::filesystem::path> locate(const std::filesystem::path& path, bool create) {
  if (path.empty()) return refuse(ErrorCode::bad_request, "the database needs a file name", "store");
  std::error_code error;
  auto file = std::filesystem::canonical(path, error);
  if (error) {
    const auto folder = std::filesystem::canonical(std::filesystem::absolute(path).parent_path(), error);
    if (error) return refuse_file(error.value(), std::filesystem::absolute(path));
    file = folder / path.filename();
    if (!create) return refuse(ErrorCode::not_found, "there is no such file", file.string());
  }
  const auto type = std::filesystem::status(file, error).type();
  if (type != std::filesystem::file_type::regular && type != std::filesystem::file_type::not_found)
    return refuse(ErrorCode::not_database, "this is no plain file; name another one", file.string());
  return file;
}

template <class T>
Result<T> at_file(Result<T> result, const std::filesystem::path& path) {
  if (!result) result.error().where = path.string();
  return result;
}

/// Write-ahead log and schema, for a connection that nobody else can disturb.
Result<void> prepare(Database& database, std::uint32_t log_pages_max) {
  {
    auto mode = database.query("PRAGMA journal_mode = WAL");
    auto row = mode.step();
    if (!row) return pass_on(row);
    if (mode.text(0) != "wal")
      return refuse(ErrorCode::io, "the file cannot be kept with a write-ahead log here; move it to a local disk", "");
  }
  auto limited = database.execute("PRAGMA journal_size_limit = " + std::to_string(kLogBytesKept) +
                                  "; PRAGMA wal_autocheckpoint = " + std::to_string(log_pages_max));
  if (!limited) return limited;
  return migrate(database, schema_steps());
}

struct Job {
  Store::Work work;
  Store::Done done;
  Result<void> outcome;
};

}  // namespace

struct Store::State {
  std::filesystem::path path;
  Options options;
  std::shared_ptr<LockFile> locks;
  std::unique_ptr<Database> writer;  // the writer thread's own once it runs

  std::mutex mutex;  // guards what follows, up to the thread
  std::condition_variable work_came, space_came;
  std::deque<Job> queue;
  bool stopping = false;
  std::vector<std::unique_ptr<Database>> readers_idle;
  std::uint32_t readers_leased = 0;

  std::atomic<std::uint64_t> writes = 0, commits = 0;
  std::thread thread;

  void enqueue(Work work, Done done);
  void write_loop();
  void commit(std::deque<Job>& jobs);
  std::optional<std::size_t> run_jobs(std::deque<Job>& jobs, bool apart);
  Result<void> run_one(Job& job);
  Result<void> run_apart(Job& job);
  Result<void> take_turn();

  Result<std::unique_ptr<Database>> lease_reader();
  void give_back(std::unique_ptr<Database> reader);
};

// ---- writing

void Store::State::enqueue(Work work, Done done) {
  if (std::this_thread::get_id() == thread.get_id())
    return done(refuse(ErrorCode::bad_request, "a write cannot start another write; use its Tx", "store"));
  std::unique_lock lock(mutex);
  space_came.wait(lock, [&] { return queue.size() < options.writes_queued_max; });
  queue.push_back(Job{std::move(work), std::move(done), {}});
  work_came.notify_one();
}

void Store::State::write_loop() {
  std::deque<Job> jobs;
  for (;;) {
    {
      std::unique_lock lock(mutex);
      work_came.wait(lock, [&] { return stopping || !queue.empty(); });
      if (queue.empty()) return;
      while (!queue.empty() && jobs.size() < options.writes_grouped_max) {
        jobs.push_back(std::move(queue.front()));
        queue.pop_front();
      }
    }
    space_came.notify_all();
    while (!jobs.empty()) commit(jobs);
  }
}

/// One transaction for as many of the jobs, from the first on, as it can carry; those are answered
/// and gone afterwards. At least one.
void Store::State::commit(std::deque<Job>& jobs) {
  const auto answer = [&](std::size_t count, const Result<void>& ended) {
    for (; count > 0; --count) {
      auto& job = jobs.front();
      if (job.outcome && !ended) job.outcome = ended;
      if (job.outcome) ++writes;
      job.work = nullptr;  // what it captured goes before its writer goes on
      job.done(std::move(job.outcome));
      jobs.pop_front();
    }
  };
  if (auto turn = take_turn(); !turn) return answer(jobs.size(), turn);
  std::size_t count = jobs.size();
  Result<void> ended;
  for (const bool apart : {false, true}) {
    ended = writer->run("BEGIN IMMEDIATE");
    if (!ended) break;
    const auto ran = run_jobs(jobs, apart);
    if (ran) {
      count = *ran;
      break;
    }
    writer->rollback();
  }
  if (ended) {
    const bool wanted = std::any_of(jobs.begin(), jobs.begin() + static_cast<std::ptrdiff_t>(count),
                                    [](const Job& job) { return job.outcome.has_value(); });
    if (!wanted) {
      writer->rollback();
    } else if (writer->in_transaction()) {
      ended = index_messages(*writer);
      if (ended) ended = writer->run("COMMIT");
      if (ended) ++commits;
      if (!ended) writer->rollback();
    } else {
      // The last job ended it and should know why.
      ended = jobs[count - 1].outcome;
      if (ended) ended = refuse(ErrorCode::io, "the database ended the transaction and nothing was written; try again", "store");
    }
  }
  locks->unlock(kWriteTurn);
  answer(count, ended);
}

/// Runs the jobs one after the other and returns how many. It stops early after one that lost the
/// transaction: SQLite ends it by itself when the disk is full or fails. `apart`: each so that a failed
/// one takes back its own rows only. That costs a copy of every page that each job changes, so it is
/// done only where it was needed: without it nothing is returned after a failed job left rows behind.
std::optional<std::size_t> Store::State::run_jobs(std::deque<Job>& jobs, bool apart) {
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    const std::int64_t changes = writer->changes_total();
    jobs[i].outcome = apart ? run_apart(jobs[i]) : run_one(jobs[i]);
    if (!writer->in_transaction()) return i + 1;
    if (!apart && !jobs[i].outcome && jobs.size() > 1 && writer->changes_total() != changes) return std::nullopt;
  }
  return jobs.size();
}

Result<void> Store::State::run_one(Job& job) {
  try {
    Tx tx(writer.get(), options.clock());
    return job.work(tx);
  } catch (const std::exception& error) {
    return refuse(ErrorCode::internal, std::string("the work of a write threw: ") + error.what(), "store");
  } catch (...) {
    return refuse(ErrorCode::internal, "the work of a write threw", "store");
  }
}

Result<void> Store::State::run_apart(Job& job) {
  if (auto begun = writer->run("SAVEPOINT job"); !begun) return begun;
  auto outcome = run_one(job);
  if (!writer->in_transaction()) return outcome;
  auto closed = outcome ? Result<void>() : writer->run("ROLLBACK TO job");
  if (closed) closed = writer->run("RELEASE job");
  if (!closed) {
    writer->rollback();  // what is half undone must not be committed with the others
    if (outcome) outcome = closed;
  }
  return outcome;
}

/// Waits, at most busy_timeout_ms, until no other process writes or moves the log into the main
/// file: SQLite before 3.51.3 could damage a file when a commit restarted the log while another
/// connection checkpointed it. Here both happen inside a turn.
Result<void> Store::State::take_turn() {
  const auto deadline = steady_clock::now() + milliseconds(options.busy_timeout_ms);
  for (auto pause = std::chrono::microseconds(100);; pause = std::min(pause * 2, std::chrono::microseconds(5'000))) {
    auto turn = locks->lock(kWriteTurn);
    if (turn || turn.error().code != ErrorCode::claimed) return turn;
    if (steady_clock::now() >= deadline)
      return refuse(ErrorCode::busy, "the file could not be written for " + std::to_string(options.busy_timeout_ms) +
                        " ms (store.busy_timeout_ms): " + turn.error().what, "store");
    std::this_thread::sleep_for(pause);
  }
}

// ---- reading

Result<std::unique_ptr<Database>> Store::State::lease_reader() {
  {
    const std::scoped_lock lock(mutex);
    if (readers_leased >= options.readers_max)
      return refuse(ErrorCode::busy, std::to_string(readers_leased) +
                        " snapshots are open; the limit is reached (store.readers_max): let some go", "store");
    ++readers_leased;
    if (!readers_idle.empty()) {
      auto reader = std::move(readers_idle.back());
      readers_idle.pop_back();
      return reader;
    }
  }
  auto reader = Database::open(path.string(), {.mode = Database::Mode::read,
                                               .busy_timeout_ms = options.busy_timeout_ms,
                                               .vfs = options.vfs});
  if (!reader) {
    const std::scoped_lock lock(mutex);
    --readers_leased;
  }
  return reader;
}

void Store::State::give_back(std::unique_ptr<Database> reader) {
  reader->rollback();
  const std::scoped_lock lock(mutex);
  --readers_leased;
  if (readers_idle.size() < kReadersIdleMax) readers_idle.push_back(std::move(reader));
}

Snapshot::Snapshot(Snapshot&& other) noexcept : Reads(other.database_), store_(other.store_) {
  other.database_ = nullptr;
}

Snapshot::~Snapshot() {
  if (database_) store_->state_->give_back(std::unique_ptr<Database>(database_));
}

Result<Database*> Snapshot::database() {
  if (database_) return database_;
  auto reader = store_->state_->lease_reader();
  if (!reader) return pass_on(reader);
  // A deferred transaction: its first read fixes the moment, the end of the snapshot lets it go.
  if (auto begun = (*reader)->run("BEGIN"); !begun) {
    store_->state_->give_back(std::move(*reader));
    return pass_on(begun);
  }
  database_ = reader->release();
  return database_;
}

// ---- claims

struct Claim::Held {
  std::shared_ptr<LockFile> locks;
  std::string name;
  ~Held() { locks->unlock(name); }
};

Claim::Claim(std::unique_ptr<Held> held) : held_(std::move(held)) {}
Claim::Claim(Claim&& other) noexcept = default;
Claim& Claim::operator=(Claim&& other) noexcept = default;
Claim::~Claim() = default;

Result<Claim> Store::claim(std::string_view conversation_id) {
  auto name = "conversation " + std::string(conversation_id);
  if (auto locked = state_->locks->lock(name); !locked) return pass_on(locked);
  return Claim(std::unique_ptr<Claim::Held>(new Claim::Held{state_->locks, std::move(name)}));
}

// ---- opening

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& path, Options options) {
  // Two threads that open one file take turns: the one that creates it closes a descriptor of it.
  static std::mutex opening;
  const std::scoped_lock lock(opening);

  if (!options.clock) options.clock = system_clock_ms;
  auto file = locate(path, options.create);
  if (!file) return pass_on(file);
  if (options.create)
    if (auto created = create_file(*file); !created) return pass_on(created);

  auto state = std::make_unique<State>();
  state->path = *file;
  state->options = std::move(options);
  auto writer = at_file(Database::open(file->string(), {.mode = Database::Mode::write,
                                                        .busy_timeout_ms = state->options.busy_timeout_ms,
                                                        .vfs = state->options.vfs}), *file);
  if (!writer) return pass_on(writer);
  state->writer = std::move(*writer);
  auto version = at_file(check_version(*state->writer, schema_steps()), *file);
  if (!version) return pass_on(version);
  if (state->writer->read_only())
    return refuse(ErrorCode::read_only, "the file is read-only; make it writable or name another one", file->string());

  auto locks = at_file(LockFile::open(file->string() + ".claims"), *file);
  if (!locks) return pass_on(locks);
  state->locks = std::move(*locks);

  if (auto turn = at_file(state->take_turn(), *file); !turn) return pass_on(turn);
  const auto prepared = at_file(prepare(*state->writer, state->options.log_pages_max), *file);
  state->locks->unlock(kWriteTurn);
  if (!prepared) return tl::unexpected(prepared.error());

  state->thread = std::thread([state = state.get()] { state->write_loop(); });
  return std::unique_ptr<Store>(new Store(std::move(state)));
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}

Store::~Store() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->stopping = true;
  }
  state_->work_came.notify_one();
  state_->thread.join();
}

Result<void> Store::write(Work work) { return write_async(std::move(work)).get(); }

std::future<Result<void>> Store::write_async(Work work) {
  auto promise = std::make_shared<std::promise<Result<void>>>();
  auto future = promise->get_future();
  write_then(std::move(work), [promise](Result<void> outcome) { promise->set_value(std::move(outcome)); });
  return future;
}

void Store::write_then(Work work, Done done) { state_->enqueue(std::move(work), std::move(done)); }
Snapshot Store::read() { return Snapshot(this); }
const std::filesystem::path& Store::path() const { return state_->path; }
Store::Stats Store::stats() const { return {.writes = state_->writes, .commits = state_->commits}; }

}  // namespace praxis::memory
