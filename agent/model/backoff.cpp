#include "agent/model/backoff.h"

#include <algorithm>
#include <charconv>
#include <string>

namespace praxis::agent {

std::optional<std::uint32_t> Backoff::next(std::optional<std::uint64_t> asked_ms) {
  if (tries_ >= limits_.retries_max) return std::nullopt;
  const std::uint64_t bound = std::min<std::uint64_t>(limits_.wait_ms_max, std::uint64_t{limits_.base_ms} << std::min(tries_, 20u));
  ++tries_;
  const auto jitter = static_cast<std::uint32_t>(random_() % (bound + 1));
  if (!asked_ms) return jitter;
  if (*asked_ms > limits_.retry_after_ms_max) return std::nullopt;
  return static_cast<std::uint32_t>(*asked_ms);
}

std::optional<std::uint64_t> read_retry_after(std::string_view text, std::time_t now) {
  std::uint32_t seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size()) return std::uint64_t{seconds} * 1000;
  std::tm date{};
  const std::string copy(text);
  const char* rest = strptime(copy.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (!rest || *rest) return std::nullopt;
  const std::time_t at = timegm(&date);
  return at > now ? static_cast<std::uint64_t>(at - now) * 1000 : 0;
}

}  // namespace praxis::agent
