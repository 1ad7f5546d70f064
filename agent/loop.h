#pragma once
// The loop of a run: view, render, decode, parse, journal, act, observe; again, until an answer, a
// limit, or an interruption. One coroutine on one event loop thread; the model decodes on its own
// thread and tools run on theirs, both report here as signals.

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "agent/config.h"
#include "agent/error.h"
#include "agent/event.h"
#include "agent/model/model.h"
#include "agent/run.h"
#include "memory/store.h"
#include "tools/dispatch.h"

namespace praxis::agent {

/// Asks whether a call that needs approval may run. Called on the loop's thread; `answer` may be
/// called at once or later, from any thread, and counts once.
using Approve = std::function<void(const tools::ToolSpec&, const ToolCall&, std::function<void(bool)> answer)>;

/// What a run works with; all of it outlives the run.
struct Workplace {
  Model& model;
  tools::Dispatcher& dispatcher;
  memory::Store* store;   // null: nothing is kept, everything is told at once, nothing can be taken up again
  Approve approve;   // empty: calls that need approval are denied
  EventSink sink;
  /// Where work that would hold up other runs is done: reading the conversation, rendering and
  /// compiling. Unset: on the loop's own thread.
  std::optional<boost::asio::any_io_executor> workers = {};
  /// Every event becomes a row of the journal before it is told, progress too.
  bool record_progress = false;
};

struct RunOutcome {
  RunStatus status = RunStatus::completed;
  std::string answer;
  Usage usage;
  std::string error;                               // why it did not complete, in words
  ErrorCode code = ErrorCode::internal;            // of a failed run
};

/// Lets another thread stop a run, with status `cancelled`. Any thread, any number of times.
class Interrupt {
 public:
  Interrupt();
  void request();   // it journals and parks: it can go on later
  void cancel();    // it ends for good; what its calls did is recorded
  struct State;
  std::shared_ptr<State> state() const { return state_; }

 private:
  std::shared_ptr<State> state_;
};

/// Runs to the end. The conversation must be claimed by the caller. Everything a caller is told
/// about (events with results, the outcome) is in the store before the event is emitted.
boost::asio::awaitable<RunOutcome> run(Workplace workplace, RunHandle handle, Interrupt interrupt);

/// Runs the loop on a fresh event loop in this thread: what the command line and tests use.
RunOutcome run_blocking(Workplace workplace, RunHandle handle, Interrupt interrupt);

}  // namespace praxis::agent
