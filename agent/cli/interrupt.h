#pragma once
// Ctrl-C and SIGTERM stop the run, journalled; a second one ends the process at once.

#include <functional>
#include <thread>

namespace praxis::agent::cli {

/// Handles the signals while it lives; at most one lives at a time.
class OnInterrupt {
 public:
  /// `stop` is called on a thread of its own, at the first signal only.
  explicit OnInterrupt(std::function<void()> stop);
  ~OnInterrupt();

 private:
  std::thread thread_;
};

}  // namespace praxis::agent::cli
