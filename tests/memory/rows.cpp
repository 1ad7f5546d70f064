// The names of the store's plain values.

#include "memory/rows.h"

#include <gtest/gtest.h>

namespace praxis::memory {
namespace {

TEST(Rows, NamesGoBothWays) {
  const auto round_trip = [](auto value, auto from) { EXPECT_EQ(from(to_string(value)), value); };
  for (int i = 0; i < 4; ++i) round_trip(static_cast<ThinkPolicy>(i), think_policy_from);
  for (int i = 0; i < 5; ++i) round_trip(static_cast<RunStatus>(i), run_status_from);
  for (int i = 0; i < 3; ++i) round_trip(static_cast<Effect>(i), effect_from);
  for (int i = 0; i < 5; ++i) round_trip(static_cast<CallStatus>(i), call_status_from);
  for (int i = 0; i < 4; ++i) round_trip(static_cast<Role>(i), role_from);
  EXPECT_EQ(think_policy_from("keep_in_loop"), ThinkPolicy::keep_in_loop);
  EXPECT_EQ(effect_from("twice"), std::nullopt);
}

}  // namespace
}  // namespace praxis::memory
