#include "agent/progress_gate.h"

#include <algorithm>

namespace praxis::agent {

std::optional<std::string> ProgressGate::add(std::string_view line, Clock::time_point now) {
  if (!waiting_.empty()) waiting_ += '\n';
  waiting_ += line;
  if (waiting_.size() > kBytesMax) {
    const std::size_t whole = waiting_.find('\n', waiting_.size() - kBytesMax);
    waiting_.erase(0, whole == std::string::npos ? waiting_.size() - line.size() : whole + 1);
  }
  const Clock::time_point free = std::max(free_, now);
  if (free - now > kInterval * (kAtOnceMax - 1)) return std::nullopt;
  free_ = free + kInterval;
  return std::exchange(waiting_, {});
}

}  // namespace praxis::agent
