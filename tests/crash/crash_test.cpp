// A run outlives its process: killed anywhere, it loses nothing that was announced, repeats no
// effect that may happen once, and goes on to its answer.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <random>

#include "tests/crash/world.h"

namespace praxis::crash {
namespace {

using std::chrono::microseconds;

struct Tally {
  std::size_t runs = 0, kills = 0, early = 0, acknowledged = 0, lost = 0, calls = 0, repeated = 0, unknown = 0, done_twice = 0;

  void count(const Life& life) {
    kills += life.killed;
    early += life.killed && life.events.empty();
  }

  /// Ends the run, judges it and counts. False, with the reasons printed, when a promise is broken.
  bool end(World& world) {
    ++runs;
    const bool complete = world.to_the_end();
    EXPECT_TRUE(complete) << "the run goes on to its answer";
    if (!complete) return false;
    const Verdict verdict = world.judge();
    for (const auto& promise : verdict.broken) ADD_FAILURE() << "broken promise: " << promise;
    acknowledged += verdict.acknowledged;
    calls += verdict.calls;
    unknown += verdict.unknown;
    repeated += verdict.repeated;
    lost += verdict.lost;
    done_twice += verdict.done_twice;
    return verdict.broken.empty();
  }
  void print(const char* how) const {
    std::printf("%s: %zu kills in %zu runs, %zu of them before the first event; %zu announced rows, %zu lost; "
                "%zu calls, %zu run again, %zu unknown, %zu once effects repeated\n",
                how, kills, runs, early, acknowledged, lost, calls, repeated, unknown, done_twice);
  }
};

TEST(Crash, KilledAtRandomTimes) {
  std::mt19937_64 random(20240601);
  microseconds whole{0}, working{0};  // how long a life takes that nobody ends; from its first event on
  {
    World calm;
    const Life life = calm.live(false, std::nullopt);
    ASSERT_EQ(life.exit_code, 0);
    const Verdict verdict = calm.judge();
    ASSERT_EQ(verdict.broken, std::vector<std::string>());
    ASSERT_EQ(verdict.calls, 6u);
    ASSERT_EQ(verdict.repeated, 0u);
    whole = life.lasted;
    working = life.lasted - life.until_first_event;
  }
  Tally tally;
  while (tally.kills < PRAXIS_CRASH_KILLS) {
    SCOPED_TRACE("after " + std::to_string(tally.kills) + " kills");
    World world;
    // The first life is killed, and half of those that go on, three at most.
    for (int kills = 0; kills < 4; ++kills) {
      if (kills > 0 && random() % 2) break;
      Moment moment;
      moment.of_first_event = random() % 4 != 0;  // a small run lives mostly to be started
      const auto range = static_cast<std::uint64_t>((moment.of_first_event ? working : whole).count());
      moment.after = microseconds(random() % (range + range / 10 + 1));
      const Life life = world.live(world.begun(), moment);
      tally.count(life);
      if (!life.killed) break;
    }
    ASSERT_TRUE(tally.end(world));
  }
  EXPECT_LT(tally.early, tally.kills / 2) << "most kills came before there was anything to lose";
  tally.print("at random times");
}

#ifdef CRASH_KILL_AT

World::Environment orders(std::uint64_t n, bool half = false) {
  World::Environment environment = {{"LD_PRELOAD", CRASH_KILL_AT}, {"PRAXIS_KILL_AT", std::to_string(n)}};
  if (half) environment["PRAXIS_KILL_HALF"] = "1";
  return environment;
}

TEST(Crash, KilledAtEveryWriteAndSync) {
  std::mt19937_64 random(20240602);
  Tally tally;
  std::size_t again = 0;
  // Threads meet differently each time, and so one run makes a few calls more than another: three
  // runs in a row that end unharmed are the end.
  for (std::uint64_t n = 1, unharmed = 0; unharmed < 3; ++n) {
    SCOPED_TRACE("killed at call " + std::to_string(n) + " that changes a file");
    World world;
    const Life life = world.live(false, std::nullopt, orders(n, random() % 2));
    unharmed = life.killed ? 0 : unharmed + 1;
    tally.count(life);
    // The one that goes on dies as well, now and then.
    if (life.killed && random() % 2) {
      const Life next = world.live(true, std::nullopt, orders(1 + random() % n, random() % 2));
      tally.count(next);
      again += next.killed;
    }
    ASSERT_TRUE(tally.end(world));
  }
  EXPECT_GT(tally.kills, 100u);
  EXPECT_GT(again, 10u);
  EXPECT_GT(tally.repeated, 0u);
  EXPECT_GT(tally.unknown, 0u);
  tally.print("at every write and sync");
}

/// The calls that strace sees are the calls that are counted: none goes past the kill.
TEST(Crash, NoWriteGoesUncounted) {
  memory::Folder folder;
  const std::string trace = folder / "trace", count = folder / "count";
  const std::string run = " -f -qq -o " + trace + " -e trace=write,pwrite64,pwritev,pwritev2,writev,fsync,fdatasync,sync_file_range,"
      "fallocate,ftruncate,truncate,rename,renameat,renameat2,unlink,unlinkat,sendfile,copy_file_range -E LD_PRELOAD=" CRASH_KILL_AT
      " -E PRAXIS_KILL_COUNT=" + count + " " CRASH_DRIVER " " + std::string(folder / "runs.db") + " " CRASH_PLUGIN " " +
      std::string(folder / "effects") + " >" + std::string(folder / "events") + " 2>&1";
  if (std::system(("strace -o /dev/null true >" + std::string(folder / "try") + " 2>&1").c_str()) != 0)
    GTEST_SKIP() << "strace is missing, or tracing is not allowed here";
  ASSERT_EQ(std::system(("strace" + run).c_str()), 0);
  std::ifstream lines(trace);
  std::size_t traced = 0;
  for (std::string line; std::getline(lines, line);)
    traced += line.find("resumed>") == std::string::npos && line.find("+++") == std::string::npos && line.find('(') != std::string::npos;
  std::size_t counted = 0;
  std::ifstream(count) >> counted;
  EXPECT_EQ(traced, counted + 1);  // and the one that left the count
  EXPECT_GT(counted, 100u);
}

#else

TEST(Crash, KilledAtEveryWriteAndSync) {
  GTEST_SKIP() << "a sanitizer's runtime must be the first to be preloaded; the release build runs this";
}

#endif

}  // namespace
}  // namespace praxis::crash
