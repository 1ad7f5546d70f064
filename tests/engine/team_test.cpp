#include "engine/cpu/team.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace praxis::engine::cpu {
namespace {

TEST(Team, EveryUnitIsDoneExactlyOnceInEveryRound) {
  for (const unsigned threads : {1u, 2u, 5u}) {
    Team team(threads);
    ASSERT_EQ(team.size(), threads);
    for (std::size_t round = 0; round < 2000; ++round) {
      const std::size_t units = round % 37;
      std::vector<std::atomic<int>> done(units);
      std::atomic<bool> thread_in_range{true};
      team.run(units, Team::kWorkMin, [&](std::size_t begin, std::size_t end, unsigned thread) {
        if (thread >= threads) thread_in_range = false;
        for (std::size_t u = begin; u < end; ++u) ++done[u];
      });
      for (const auto& d : done) ASSERT_EQ(d.load(), 1) << threads << " " << round;
      ASSERT_TRUE(thread_in_range.load());
    }
  }
}

TEST(Team, WritesOfARoundAreSeenByTheNext) {
  Team team(3);
  std::vector<std::uint64_t> cells(64);
  for (int round = 0; round < 500; ++round) {
    team.run(cells.size(), Team::kWorkMin, [&](std::size_t begin, std::size_t end, unsigned) {
      for (std::size_t i = begin; i < end; ++i) cells[i] += i;
    });
  }
  for (std::size_t i = 0; i < cells.size(); ++i) EXPECT_EQ(cells[i], 500 * i);
}

TEST(Team, SmallWorkStaysWithTheCaller) {
  Team team(2);
  unsigned calls = 0;
  team.run(100, Team::kWorkMin - 1, [&](std::size_t begin, std::size_t end, unsigned thread) {
    ++calls;
    EXPECT_EQ(begin, 0u);
    EXPECT_EQ(end, 100u);
    EXPECT_EQ(thread, 0u);
  });
  EXPECT_EQ(calls, 1u);
}

}  // namespace
}  // namespace praxis::engine::cpu
