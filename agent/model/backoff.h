#pragma once
// How long to wait before a server is asked again: full jitter (a random part of a bound that
// doubles), or what the server asks for (RFC 9110, section 10.2.3).

#include <cstdint>
#include <ctime>
#include <optional>
#include <random>
#include <string_view>

namespace praxis::agent {

struct BackoffLimits {
  std::uint32_t retries_max = 4;
  std::uint32_t base_ms = 500;               // bound of the first wait
  std::uint32_t wait_ms_max = 20'000;        // bound of each
  std::uint32_t retry_after_ms_max = 60'000; // a server that asks for more is not asked again
};

class Backoff {
 public:
  Backoff(const BackoffLimits& limits, std::uint64_t seed) : limits_(limits), random_(seed) {}
  /// Milliseconds until the next try; nothing: no more tries. `asked_ms`: what the server asks for.
  std::optional<std::uint32_t> next(std::optional<std::uint64_t> asked_ms);

 private:
  BackoffLimits limits_;
  std::mt19937_64 random_;
  std::uint32_t tries_ = 0;
};

/// A Retry-After header, seconds or a date, in milliseconds from `now`.
std::optional<std::uint64_t> read_retry_after(std::string_view text, std::time_t now);

}  // namespace praxis::agent
