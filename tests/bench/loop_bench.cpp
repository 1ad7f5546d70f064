// What one step of the loop costs the CPU: a model says one call, its tool returns at once, the result
// becomes a message. Model and tool cost next to nothing, so what is left is the loop's own.
//   bench_loop [--steps N] [--repeats N] [--idempotent] [--all-cores] [--folder PATH] [--only NAME]
// Time is that of all threads, the kernel's part included, on one core: to wake another one costs what
// the machine, virtual or not, makes of it. The machine may be busy with other things.
// The baseline is what a step cannot do without: in memory the two changes of thread to the tool and
// back, journalled also two commits of the rows' bytes to a plain table of one SQLite file.

#include <sched.h>
#include <sqlite3.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "agent/loop.h"
#include "memory/store.h"

namespace {

using namespace praxis;
using namespace praxis::agent;

constexpr std::string_view kArguments = R"({"city":"Reykjavik","unit":"celsius"})";
constexpr std::string_view kResult = R"({"temperature":7.5,"sky":"clear","wind":"light"})";
constexpr double kMemoryUsMax = 25, kJournalledUsMax = 60;

/// Says one call in every step but the last, from within start().
class Instant final : public Model {
 public:
  explicit Instant(std::uint32_t steps) : steps_(steps) {}
  std::string_view fingerprint() const override { return "instant"; }
  Recommended recommended() const override { return {}; }
  std::string refuse_tool(const ToolText&) override { return {}; }
  Result<std::unique_ptr<Step>> start(const StepInput& input, OnDelta delta, OnDone done) override {
    using Kind = ParsedDelta::Kind;
    const std::size_t step = input.messages.size() / 2;  // behind the question: a call and its result each
    if (step + 1 < steps_) {
      delta({Kind::reasoning, "The weather there is not known yet.", 0, {}});
      delta({Kind::call_name, "weather", 0, {}});
      delta({Kind::call_arguments, std::string(kArguments), 0, {}});
      delta({Kind::call_end, "", 0, {}});
    } else {
      delta({Kind::text, "It is clear and cold.", 0, {}});
    }
    done(StepOutput());
    return std::make_unique<Over>();
  }

 private:
  struct Over final : Step {
    void cancel() override {}
  };
  const std::uint32_t steps_;
};

class NoOp final : public tools::Backend {
 public:
  tools::ToolResult call(const tools::Call&, const tools::CallContext&) override {
    tools::ToolResult result;
    result.text = kResult;
    return result;
  }
  std::optional<Settled> status(std::string_view, std::string_view) override { return std::nullopt; }
};

tools::Toolbox weather(tools::Effect effect) {
  tools::ToolSpec spec;
  spec.name = "weather";
  spec.description = "the weather of a city";
  spec.schema = R"({"type":"object"})";
  spec.effect = effect;
  tools::Toolbox box;
  if (!box.add(spec, std::make_shared<NoOp>())) std::abort();
  return box;
}

double seconds(clockid_t clock) {
  timespec now = {};
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

void stay_on_one_core() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<std::size_t>(sched_getcpu()), &cores);
  sched_setaffinity(0, sizeof cores, &cores);
}

struct Cost {
  double cpu_us = 0, wall_us = 0, commits = 0;  // of one step
};

/// The best of several: what disturbs only adds.
template <class Work>
Cost best_of(std::uint32_t repeats, std::uint32_t steps, Work work) {
  Cost best;
  for (std::uint32_t i = 0; i < repeats; ++i) {
    const double wall = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    const double commits = work();
    const Cost cost = {(seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu) * 1e6 / steps,
                       (seconds(CLOCK_MONOTONIC) - wall) * 1e6 / steps, commits / steps};
    if (i == 0 || cost.cpu_us < best.cpu_us) best = cost;
  }
  return best;
}

struct Setup {
  std::uint32_t steps = 100;  // of one run
  std::uint32_t runs = 1;     // at once
  memory::Store* store = nullptr;
  tools::Effect effect = tools::Effect::pure;
};

RunHandle begin(const Setup& setup, const Model& model, std::optional<memory::Claim>& claim) {
  NewTurn turn;
  turn.question = "What is the weather like?";
  turn.settings.budgets.steps_max = setup.steps;
  auto handle = setup.store ? begin_run(*setup.store, model, turn, claim) : begin_unkept_run(model, turn);
  if (!handle) std::fprintf(stderr, "%s\n", handle.error().what.c_str()), std::exit(1);
  return *handle;
}

/// All runs from their first step to their ends.
class Crowd {
 public:
  explicit Crowd(const Setup& setup) : setup_(setup), model_(setup.steps), claims_(setup.runs) {
    for (auto& claim : claims_) handles_.push_back(begin(setup_, model_, claim));
    // The workers' threads are there before the time is taken.
  }
  void run() {
    boost::asio::io_context context(1);
    for (const RunHandle& handle : handles_) {
      Workplace work{model_, dispatcher_, setup_.store, {}, [this](const Event&) { ++events_; }, {}, setup_.store != nullptr};
      boost::asio::co_spawn(context, agent::run(std::move(work), handle, Interrupt()),
                            [](std::exception_ptr, const RunOutcome& outcome) {
                              if (outcome.status == agent::RunStatus::completed) return;
                              std::fprintf(stderr, "a run failed: %s\n", outcome.error.c_str());
                              std::exit(1);
                            });
    }
    context.run();
  }

 private:
  Setup setup_;
  Instant model_;
  tools::Dispatcher dispatcher_{weather(setup_.effect)};
  std::vector<std::optional<memory::Claim>> claims_;
  std::vector<RunHandle> handles_;
  std::uint64_t events_ = 0;
};

Cost measure(std::uint32_t repeats, const Setup& setup) {
  std::deque<Crowd> crowds;  // begun before the time is taken
  for (std::uint32_t i = 0; i < repeats; ++i) crowds.emplace_back(setup);
  return best_of(repeats, setup.steps * setup.runs, [&] {
    const auto before = setup.store ? setup.store->stats().commits : 0;
    crowds.front().run();
    const auto after = setup.store ? setup.store->stats().commits : 0;
    crowds.pop_front();
    return static_cast<double>(after - before);
  });
}

/// A ball between two threads: `count` times there and back.
void play(std::uint32_t count) {
  std::mutex mutex;
  std::condition_variable changed;
  bool there = false;
  const auto side = [&](bool mine) {
    for (std::uint32_t i = 0; i < count; ++i) {
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return there == mine; });
      there = !mine;
      changed.notify_one();
    }
  };
  std::thread other(side, true);
  side(false);
  other.join();
}

/// `count` times two synced commits of what a step stores, three rows each, to a file that is emptied first.
void commit_plainly(const std::string& file, std::uint32_t count) {
  sqlite3* db = nullptr;
  const auto sql = [&](const char* text) {
    if (sqlite3_exec(db, text, nullptr, nullptr, nullptr) == SQLITE_OK) return;
    std::fprintf(stderr, "%s: %s\n", file.c_str(), sqlite3_errmsg(db));
    std::exit(1);
  };
  if (sqlite3_open(file.c_str(), &db) != SQLITE_OK) std::exit(1);
  sql("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; DROP TABLE IF EXISTS rows;"
      "CREATE TABLE rows (number INTEGER PRIMARY KEY, payload TEXT)");
  sqlite3_stmt* insert = nullptr;
  sqlite3_prepare_v2(db, "INSERT INTO rows (payload) VALUES (?)", -1, &insert, nullptr);
  const std::string payload(200, 'x');
  for (std::uint32_t i = 0; i < 2 * count; ++i) {
    sql("BEGIN IMMEDIATE");
    for (int row = 0; row < 3; ++row) {
      sqlite3_bind_text(insert, 1, payload.data(), static_cast<int>(payload.size()), SQLITE_STATIC);
      sqlite3_step(insert);
      sqlite3_reset(insert);
    }
    sql("COMMIT");
  }
  sqlite3_finalize(insert);
  sqlite3_close(db);
}

std::string commit() {
  std::string out;
  if (FILE* git = popen("git -C '" PRAXIS_SOURCE_DIR "' rev-parse --short HEAD 2>/dev/null", "r")) {
    for (int c; (c = std::fgetc(git)) > ' ';) out += static_cast<char>(c);
    pclose(git);
  }
  return out.empty() ? "unknown" : out;
}

std::string machine() {
  std::string processor = "unknown processor";
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) {
      processor = line.substr(line.find(": ") + 2);
      break;
    }
  utsname kernel = {};
  uname(&kernel);
  return processor + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores, " + kernel.sysname + " " + kernel.release;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("what a step of the loop costs the CPU");
  std::uint32_t steps = 100, repeats = 20;
  bool all_cores = false;
  bool idempotent = false;
  std::string folder = std::filesystem::temp_directory_path(), only;
  app.add_option("--steps", steps, "of one run")->check(CLI::Range(2, 100'000));
  app.add_option("--repeats", repeats, "the best counts")->check(CLI::Range(1, 1'000));
  app.add_option("--folder", folder, "where the files are made; a real disk");
  app.add_option("--only", only, "only cases whose name holds this");
  app.add_flag("--all-cores", all_cores, "threads where the system puts them");
  app.add_flag("--idempotent", idempotent, "of that effect is the tool: each step waits for the disk before it runs");
  CLI11_PARSE(app, argc, argv);
  if (!all_cores) stay_on_one_core();

  std::string place = folder + "/praxis-loop-XXXXXX";
  if (!mkdtemp(place.data())) return std::perror(place.c_str()), 2;
  std::printf("%s; commit %s; %s; %u steps a run\n", machine().c_str(), commit().c_str(), folder.c_str(), steps);
  std::printf("%-24s %8s %8s %8s %8s %8s %6s\n", "", "CPU us", "floor", "bare us", "ratio", "wall us", "commits");
  auto store = memory::Store::open(place + "/runs.db");
  if (!store) return std::fprintf(stderr, "%s\n", store.error().what.c_str()), 2;
  const auto effect = idempotent ? tools::Effect::idempotent : tools::Effect::pure;
  bool good = true;
  for (const bool kept : {false, true}) {
    for (const std::uint32_t runs : {1u, 64u}) {
      const std::string name = std::string(kept ? "journalled" : "in memory") + (runs == 1 ? ", one run" : ", 64 runs at once");
      if (name.find(only) == std::string::npos) continue;
      const Cost cost = measure(repeats, {steps, runs, kept ? store->get() : nullptr, effect});
      const Cost bare = best_of(repeats, steps, [&] {
        play(steps);
        if (kept) commit_plainly(place + "/bare.db", steps);
        return 0.0;
      });
      const double floor = kept ? kJournalledUsMax : kMemoryUsMax;
      good = good && cost.cpu_us <= floor;
      std::printf("%-24s %8.1f %8.0f %8.1f %8.2f %8.1f %6.2f\n", name.c_str(), cost.cpu_us, floor, bare.cpu_us,
                  cost.cpu_us / bare.cpu_us, cost.wall_us, cost.commits);
      std::fflush(stdout);
    }
  }
  store->reset();
  std::filesystem::remove_all(place);
  return good ? 0 : 1;
}
