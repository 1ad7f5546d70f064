#pragma once
// Runs calls: in parallel, each under its deadline, its output cap and cancellation.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "tools/toolbox.h"

namespace praxis::tools {

class Dispatcher {
 public:
  struct Options {
    std::uint32_t calls_parallel_max = 8;
    std::uint32_t grace_ms = 500;  // after the deadline or a cancel, before a call is abandoned
    std::uint32_t disabled_ms = 60'000;  // a tool whose call was abandoned; twice as long each further time
    std::uint32_t disabled_ms_max = 3'600'000;
  };
  explicit Dispatcher(Toolbox toolbox) : Dispatcher(std::move(toolbox), Options{}) {}
  Dispatcher(Toolbox toolbox, Options options);
  /// Cancels what runs and waits at most the grace; an abandoned thread is detached. Not to be
  /// called from `done` or a progress line.
  ~Dispatcher();

  /// Called without a lock held, from one thread at a time for each call; keep them short: the
  /// clock that ends late calls may be the one that calls them.
  using Done = std::function<void(ToolResult)>;
  using Progress = std::function<void(std::string_view)>;
  /// Starts a call; `done` is called exactly once, on a thread of the dispatcher, at the latest
  /// deadline + grace after the start. Unknown tools, arguments that the toolbox refuses, failures,
  /// floods and hangs become error results. A tool that ignores its cancellation is abandoned and disabled for a
  /// while: calls of it are refused by name. Each further time in a row, without a call that ended in
  /// between, it is disabled for twice as long.
  void start(Call call, Done done, Progress progress = {});
  void cancel(std::string_view call_id);
  void cancel_all();
  const Toolbox& toolbox() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace praxis::tools
