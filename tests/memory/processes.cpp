// Several processes on one file, and what kill -9 leaves.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <random>
#include <set>

#include "tests/memory/fixture.h"

namespace praxis::memory {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

/// memory_child, with pipes to its input and from its output.
class Child {
 public:
  explicit Child(std::vector<std::string> words) {
    words.insert(words.begin(), PRAXIS_MEMORY_CHILD);
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int input[2], output[2];
    if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) std::abort();
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    if (posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ) != 0) std::abort();
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    close(output[1]);
    input_ = input[1];
    output_ = output[0];
  }
  Child(const Child&) = delete;
  ~Child() {
    if (pid_ > 0) kill(), wait();
    close(output_);
  }

  pid_t pid() const { return pid_; }
  /// The next whole line, or nothing at the end of the output or at the deadline.
  std::optional<std::string> line(steady_clock::time_point deadline = steady_clock::time_point::max()) {
    for (;;) {
      if (const auto end = buffer_.find('\n'); end != buffer_.npos) {
        auto line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        return line;
      }
      if (deadline != steady_clock::time_point::max()) {
        const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(deadline - steady_clock::now()).count();
        const timespec timeout = {0, static_cast<long>(std::clamp<std::int64_t>(left, 0, 999'999'999))};
        pollfd waiting = {output_, POLLIN, 0};
        if (ppoll(&waiting, 1, &timeout, nullptr) <= 0) return std::nullopt;
      }
      char bytes[4096];
      const auto size = read(output_, bytes, sizeof bytes);
      if (size <= 0) return std::nullopt;
      buffer_.append(bytes, static_cast<std::size_t>(size));
    }
  }
  void kill() { ::kill(pid_, SIGKILL); }
  void end_input() {
    if (input_ >= 0) close(input_);
    input_ = -1;
  }
  /// The exit code, or 128 + the signal.
  int wait() {
    end_input();
    int status = 0;
    waitpid(pid_, &status, 0);
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  pid_t pid_ = -1;
  int input_ = -1, output_ = -1;
  std::string buffer_;
};

struct Processes : StoreTest {
  /// How many messages "thread row" of each thread a conversation holds; each thread's in order.
  std::map<int, int> rows(const std::string& conversation) {
    std::map<int, int> rows;
    for (const auto& message : must(store->read().messages(conversation))) {
      const int thread = std::stoi(message.content);
      EXPECT_EQ(message.content, std::to_string(thread) + " " + std::to_string(rows[thread]) + "\n");
      ++rows[thread];
    }
    return rows;
  }
  std::string integrity() {
    sqlite3* database = nullptr;
    sqlite3_open(file.c_str(), &database);
    sqlite3_stmt* check = nullptr;
    sqlite3_prepare_v2(database, "PRAGMA integrity_check", -1, &check, nullptr);
    const bool row = sqlite3_step(check) == SQLITE_ROW;
    std::string found = row ? reinterpret_cast<const char*>(sqlite3_column_text(check, 0)) : "cannot be checked";
    sqlite3_finalize(check);
    sqlite3_close(database);
    return found;
  }
};

TEST_F(Processes, TwoWriteFiveHundredRowsEachAndAllAreThere) {
  const auto one = new_conversation(), other = new_conversation(), ours = new_conversation();
  Child first({"write", file, one, "4", "125"}), second({"write", file, other, "4", "125"});
  for (int i = 0; i < 50; ++i) say(ours, "0 " + std::to_string(i) + "\n");  // a third writer, between them
  for (auto* child : {&first, &second}) {
    while (child->line()) {
    }
    EXPECT_EQ(child->wait(), 0);
  }
  const std::map<int, int> all = {{0, 125}, {1, 125}, {2, 125}, {3, 125}};
  EXPECT_EQ(rows(one), all);
  EXPECT_EQ(rows(other), all);
  EXPECT_EQ(rows(ours), (std::map<int, int>{{0, 50}}));
  EXPECT_EQ(integrity(), "ok");
}

TEST_F(Processes, ManyMayCreateTheFileAtOnce) {
  store.reset();
  for (int round = 0; round < 5; ++round) {
    const auto fresh = folder / ("fresh" + std::to_string(round) + ".db");
    std::vector<std::unique_ptr<Child>> children;
    for (int i = 0; i < 4; ++i)
      children.push_back(std::make_unique<Child>(std::vector<std::string>{"claim", fresh, "c_" + std::to_string(i)}));
    for (auto& child : children) EXPECT_EQ(child->line(), "held");
    for (auto& child : children) EXPECT_EQ(child->wait(), 0);
  }
}

TEST_F(Processes, KillLosesNothingAcknowledged) {
  std::mt19937_64 random(9);
  const auto conversation = new_conversation();
  constexpr int kKills = 100, kThreads = 4;
  int acknowledged_in_all = 0;
  for (int i = 0; i < kKills; ++i) {
    const auto round = new_conversation();
    Child child({"write", file, round, std::to_string(kThreads), "0"});
    std::map<int, int> acknowledged;
    const auto note = [&](const std::string& line) {
      const int thread = std::stoi(line);
      EXPECT_EQ(line, std::to_string(thread) + " " + std::to_string(acknowledged[thread]));
      ++acknowledged[thread];
      ++acknowledged_in_all;
    };
    // At a random moment after a random number of rows, none included.
    for (auto rows = random() % 12; rows > 0; --rows) {
      const auto line = child.line();
      ASSERT_TRUE(line) << "the child ended by itself";
      note(*line);
    }
    const auto moment = steady_clock::now() + microseconds(random() % 4'000);
    while (auto line = child.line(moment)) note(*line);
    child.kill();
    while (auto line = child.line()) note(*line);  // what it had printed by then
    EXPECT_EQ(child.wait(), 128 + SIGKILL);
    auto there = rows(round);
    for (const auto& [thread, count] : acknowledged) EXPECT_GE(there[thread], count) << "kill " << i;
    for (const auto& [thread, count] : there) EXPECT_LE(count, acknowledged[thread] + 1) << "kill " << i;
    if (i % 10 == 0) { EXPECT_EQ(integrity(), "ok"); }
  }
  EXPECT_GT(acknowledged_in_all, kKills);
  EXPECT_EQ(integrity(), "ok");
}

// The same without anybody else on the file: the next one to open it finds the log as it was left.
TEST_F(Processes, TheNextOneRecoversALogThatNobodyClosed) {
  std::mt19937_64 random(10);
  const auto conversation = new_conversation();
  int acknowledged = 0;
  for (int i = 0; i < 10; ++i) {
    store.reset();
    Child child({"write", file, conversation, "1", "0"});
    for (auto rows = 1 + random() % 5; rows > 0; --rows) {
      ASSERT_TRUE(child.line());
      ++acknowledged;
    }
    child.kill();
    while (child.line()) ++acknowledged;
    child.wait();
    store = open();
    EXPECT_GE(static_cast<int>(must(store->read().messages(conversation)).size()), acknowledged);
  }
  EXPECT_EQ(integrity(), "ok");
}

struct Claims : StoreTest {
  const std::string conversation = "c_one";
};

TEST_F(Claims, AreHeldByOneAtATime) {
  auto held = store->claim(conversation);
  ASSERT_TRUE(held);
  EXPECT_THAT(store->claim(conversation), FailsWith(ErrorCode::claimed, "conversation c_one: this process holds it"));
  must(store->claim("c_other"));
  {
    const Claim moved = std::move(*held);
    EXPECT_THAT(store->claim(conversation), FailsWith(ErrorCode::claimed, "this process"));
  }
  must(store->claim(conversation));
}

TEST_F(Claims, CountBetweenStoresOfOneProcess) {
  auto other = must(Store::open(file, options()));
  auto held = store->claim(conversation);
  ASSERT_TRUE(held);
  EXPECT_THAT(other->claim(conversation), FailsWith(ErrorCode::claimed, "this process"));
}

TEST_F(Claims, AreRefusedToAnotherProcessByName) {
  auto held = store->claim(conversation);
  ASSERT_TRUE(held);
  const auto refused = "process " + std::to_string(getpid()) + " holds it; end that one or wait for it";
  EXPECT_EQ(Child({"claim", file, conversation}).line(), refused);
  EXPECT_EQ(Child({"claim", file, "c_other"}).line(), "held");
  // Closing a descriptor of a file drops a process's locks on it; another store that goes must not.
  must(Store::open(file, options())).reset();
  EXPECT_EQ(Child({"claim", file, conversation}).line(), refused);
  // Nor do writes, which take turns by the same file.
  new_conversation();
  EXPECT_EQ(Child({"claim", file, conversation}).line(), refused);
  { const Claim gone = std::move(*held); }
  EXPECT_EQ(Child({"claim", file, conversation}).line(), "held");
}

TEST_F(Claims, AreSeenThroughSymbolicLinks) {
  std::filesystem::create_symlink(file, folder / "link.db");
  auto held = store->claim(conversation);
  ASSERT_TRUE(held);
  EXPECT_EQ(Child({"claim", folder / "link.db", conversation}).line(),
            "process " + std::to_string(getpid()) + " holds it; end that one or wait for it");
}

TEST_F(Claims, AreLetGoWhenTheirProcessEndsOrIsKilled) {
  for (const bool killed : {false, true}) {
    Child child({"claim", file, conversation});
    ASSERT_EQ(child.line(), "held");
    EXPECT_THAT(store->claim(conversation),
                FailsWith(ErrorCode::claimed, "process " + std::to_string(child.pid()) + " holds it"));
    if (killed) child.kill();
    EXPECT_EQ(child.wait(), killed ? 128 + SIGKILL : 0);
    must(store->claim(conversation));
  }
}

TEST_F(Claims, OfAnyNameNeverHoldUpTheWriter) {
  auto held = store->claim("write turn");
  ASSERT_TRUE(held);
  new_conversation();
}

}  // namespace
}  // namespace praxis::memory
