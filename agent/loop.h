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
#include "memory/store.h"
#include "tools/dispatch.h"

namespace praxis::agent {

/// Whether a call that needs approval may run. Called on the loop's thread; may block for a human.
using Approve = std::function<bool(const tools::ToolSpec&, const ToolCall&)>;

/// What a run works with; all of it outlives the run.
struct Workplace {
  Model& model;
  tools::Dispatcher& dispatcher;
  memory::Store& store;
  Approve approve;   // empty: calls that need approval are denied
  EventSink sink;
};

/// A run's place in the store.
struct RunHandle {
  std::string run_id, conversation_id;
  Settings settings;
  bool resumed = false;
};

struct NewTurn {
  std::string conversation_id;   // empty: a new conversation
  std::string question;
  Settings settings;
  std::string model_name;
};

/// Stores the question and a run for it, durably, and says where. A new conversation is claimed
/// into `claim`; of an old one the caller holds the claim. Refuses an empty question.
Result<RunHandle> begin_run(memory::Store& store, const Model& model, const NewTurn& turn,
                            std::optional<memory::Claim>& claim);
/// Takes an unfinished run (left by a crash or an interruption) up again.
Result<RunHandle> resume_run(memory::Store& store, const std::string& run_id);

/// A conversation as the model's dialect takes it; ids made by another model are left out.
Result<std::vector<Message>> conversation_messages(memory::Store& store, const std::string& conversation_id,
                                                   std::string_view fingerprint);

struct RunOutcome {
  RunStatus status = RunStatus::completed;
  std::string answer;
  Usage usage;
  std::string error;                               // why it did not complete, in words
  ErrorCode code = ErrorCode::internal;            // of a failed run
};

/// Lets another thread or a signal handler stop a run: it journals, parks and returns `cancelled`.
class Interrupt {
 public:
  Interrupt();
  void request();   // any thread, any number of times
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

Error from(const memory::Error& error);

}  // namespace praxis::agent
