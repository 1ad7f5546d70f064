// How often a call's progress is told.

#include "agent/progress_gate.h"

#include <gtest/gtest.h>

namespace praxis::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ProgressGate, AFewLinesAreToldAsTheyCome) {
  ProgressGate gate;
  const auto now = ProgressGate::Clock::now();
  for (std::uint32_t i = 0; i < ProgressGate::kAtOnceMax; ++i) EXPECT_EQ(gate.add("line", now), "line");
  EXPECT_EQ(gate.rest(), "");
}

TEST(ProgressGate, AFloodIsJoinedAndToldAtItsRate) {
  ProgressGate gate;
  auto now = ProgressGate::Clock::now();
  std::uint32_t told = 0;
  std::size_t bytes_max = 0;
  for (int i = 0; i < 10'000; ++i, now += milliseconds(1)) {  // ten seconds
    const auto piece = gate.add(std::to_string(i), now);
    told += piece.has_value();
    bytes_max = std::max(bytes_max, piece.value_or("").size());
  }
  EXPECT_LE(told, ProgressGate::kAtOnceMax + 10 * ProgressGate::kPerSecondMax);
  EXPECT_GE(told, 10 * ProgressGate::kPerSecondMax);
  EXPECT_LE(bytes_max, ProgressGate::kBytesMax);
  const std::string rest = gate.rest();
  EXPECT_EQ(rest.substr(rest.rfind('\n') + 1), "9999") << "the last line is never lost";
}

TEST(ProgressGate, WhatWaitsIsBoundedAndKeepsTheNewestWholeLines) {
  ProgressGate gate;
  const auto now = ProgressGate::Clock::now();
  for (std::uint32_t i = 0; i < ProgressGate::kAtOnceMax; ++i) gate.add("x", now);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(gate.add("line " + std::to_string(i) + std::string(100, '.'), now));
  const auto piece = gate.add("the end", now + seconds(60));
  ASSERT_TRUE(piece);
  EXPECT_LE(piece->size(), ProgressGate::kBytesMax);
  EXPECT_EQ(piece->substr(0, 5), "line ");
  EXPECT_EQ(piece->substr(piece->size() - 7), "the end");
}

}  // namespace
}  // namespace praxis::agent
