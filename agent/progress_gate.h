#pragma once
// How often a call's progress is heard of: lines that come too fast are joined, and what is joined is
// bounded. They are for people who watch; a call's result never passes here.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace praxis::agent {

class ProgressGate {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::uint32_t kAtOnceMax = 16;          // pieces before the rate counts
  static constexpr std::uint32_t kPerSecondMax = 4;        // pieces, from then on
  static constexpr std::size_t kBytesMax = 4096;           // of one piece; the oldest lines go first

  /// What is to be told now: the line, with those that waited before it. None: it waits too, for the
  /// next line or rest().
  std::optional<std::string> add(std::string_view line, Clock::time_point now);
  /// What still waits, once the call is over.
  std::string rest() { return std::move(waiting_); }

 private:
  static constexpr auto kInterval = std::chrono::milliseconds(1000 / kPerSecondMax);
  std::string waiting_;
  Clock::time_point free_ = Clock::time_point::min();   // when all kAtOnceMax pieces may be told again
};

}  // namespace praxis::agent
