#include "tools/dispatch.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <list>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "tools/text.h"

namespace praxis::tools {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t kCallsWaitingMax = 1024;
constexpr std::size_t kProgressBytesMax = 500;        // one line
constexpr std::string_view kErrorPrefix = "Error: ";  // the agent's; a result never brings its own

enum class Phase : std::uint8_t { waiting, running, settled };

struct Worker {
  std::thread thread;
};

/// One call on its way. `phase`, `give_up` and `worker` belong to the dispatcher's mutex.
struct Job {
  Call call;
  Effect effect = Effect::once;
  Limits limits;
  std::shared_ptr<Backend> backend;
  Dispatcher::Done done;

  Clock::time_point started, deadline;
  Clock::time_point give_up;  // when a running call is abandoned
  std::atomic<bool> cancelled{false};
  Phase phase = Phase::waiting;
  Worker* worker = nullptr;

  // Held while a progress line is delivered, so that none follows `done`.
  std::mutex progress_mutex;
  Dispatcher::Progress progress;

  bool late() const { return Clock::now() >= deadline; }
};

ToolResult failure(Status status, std::string text) {
  ToolResult result;
  result.status = status;
  result.text = std::move(text);
  return result;
}

std::string timeout_text(const Job& job) {
  return "stopped at its deadline of " + std::to_string(job.limits.deadline_ms) + " ms";
}

/// The text a caller may see: repaired, at most output_bytes_max bytes, cut between characters.
ToolResult finish(const Job& job, ToolResult result) {
  const std::size_t bytes_max = job.limits.output_bytes_max;
  // Repairing never shortens, and four spare bytes keep the last character that fits whole.
  if (result.text.size() > bytes_max + 4) {
    result.text.resize(bytes_max + 4);
    result.truncated = true;
  }
  result.text = repair_utf8(result.text);
  if (result.status != Status::ok) {
    while (result.text.starts_with(kErrorPrefix)) result.text.erase(0, kErrorPrefix.size());
    if (result.text.empty()) result.text = "the tool failed and did not say why";
  }
  if (result.text.size() > bytes_max) {
    result.text.resize(cut_utf8(result.text, bytes_max));
    result.truncated = true;
  }
  result.wall_ms = static_cast<std::uint32_t>(
      std::chrono::duration_cast<milliseconds>(Clock::now() - job.started).count());
  return result;
}

/// Ends a call towards its caller. No lock of the dispatcher is held.
void deliver(Job& job, ToolResult result) {
  result = finish(job, std::move(result));
  {
    std::lock_guard lock(job.progress_mutex);
    job.progress = nullptr;
  }
  Dispatcher::Done done = std::exchange(job.done, nullptr);
  done(std::move(result));
}

/// Runs the backend, which sees no arguments but good ones; whatever it throws becomes an error
/// result.
ToolResult run(const Toolbox& toolbox, const std::shared_ptr<Job>& job) {
  if (std::string why = toolbox.refuse_arguments(job->call.tool, job->call.arguments); !why.empty())
    return failure(Status::error, std::move(why));
  CallContext context;
  context.deadline = job->deadline;
  context.stop = [job] { return job->cancelled.load() || job->late(); };
  context.progress = [job](std::string_view line) {
    std::lock_guard lock(job->progress_mutex);
    if (job->progress) job->progress(one_line(line, kProgressBytesMax));
  };
  ToolResult result;
  try {
    result = job->backend->call(job->call, context);
  } catch (const std::exception& error) {
    result = failure(Status::error, std::string("the tool failed: ") + error.what());
  } catch (...) {
    result = failure(Status::error, "the tool failed with an exception of unknown type");
  }
  // A result that came a little late is still the truth about what happened; a failure after
  // stop() turned true is most likely the answer to it.
  if (result.status == Status::ok) return result;
  if (job->cancelled) return failure(Status::cancelled, "cancelled");
  if (job->late()) return failure(Status::timeout, timeout_text(*job));
  return result;
}

}  // namespace

struct Dispatcher::State {
  using Lock = std::unique_lock<std::mutex>;
  struct Verdict {
    std::shared_ptr<Job> job;
    ToolResult result;
  };

  Toolbox toolbox;
  Options options;

  std::mutex mutex;
  std::condition_variable work;  // a call waits, or the dispatcher closes
  std::condition_variable tick;  // verdicts, or an earlier time to wake
  Clock::time_point wakes = Clock::time_point::min();  // when the clock looks next by itself; min: it is awake
  std::deque<std::shared_ptr<Job>> waiting;
  std::vector<std::shared_ptr<Job>> running;  // at most calls_parallel_max
  std::deque<Verdict> verdicts;               // settled without a worker; the clock delivers them
  struct Disabled {
    std::uint32_t ms = 0;       // this time
    Clock::time_point until;
  };
  std::map<std::string, Disabled, std::less<>> disabled;  // tools that ignored their end, until a call of them ends
  std::list<Worker>
      workers;           // never more than calls_parallel_max; an abandoned one leaves the list
  std::size_t idle = 0;  // workers that wait
  bool waking = false;   // one of them was told of work and is not yet here
  std::size_t delivering = 0;  // workers inside `deliver`
  bool closing = false;
  std::thread clock;

  void settle(const std::shared_ptr<Job>& job, ToolResult result) {
    job->phase = Phase::settled;
    verdicts.push_back({job, std::move(result)});
    tick.notify_one();
  }

  void cancel(const std::shared_ptr<Job>& job) {
    job->cancelled = true;
    job->give_up = std::min(job->give_up, Clock::now() + milliseconds(options.grace_ms));
    tick.notify_one();
  }

  void cancel_where(const std::function<bool(const Job&)>& chosen) {
    std::erase_if(waiting, [&](const std::shared_ptr<Job>& job) {
      if (!chosen(*job)) return false;
      settle(job, failure(Status::cancelled, "cancelled before it began"));
      return true;
    });
    for (const auto& job : running)
      if (chosen(*job)) cancel(job);
  }

  /// A call that ignored its end: its thread is given up, its tool is not used again.
  void abandon(const std::shared_ptr<Job>& job) {
    const auto worker = std::find_if(workers.begin(), workers.end(),
                                     [&](const Worker& w) { return &w == job->worker; });
    worker->thread.detach();
    workers.erase(worker);
    std::erase(running, job);
    const std::uint32_t seconds = disable(job->call.tool);
    std::string text = (job->cancelled ? "cancelled" : timeout_text(*job)) +
                       ", but it did not stop within " + std::to_string(options.grace_ms) +
                       " ms: abandoned, and " + job->call.tool + " is disabled for " +
                       std::to_string(seconds) + " s";
    if (job->effect != Effect::pure) text += "; whether it took effect is not known";
    settle(job, failure(job->cancelled ? Status::cancelled : Status::timeout, std::move(text)));
    std::erase_if(waiting, [&](const std::shared_ptr<Job>& other) {
      if (other->call.tool != job->call.tool) return false;
      settle(other, failure(Status::error, disabled_text(other->call.tool)));
      return true;
    });
  }

  /// For so many seconds.
  std::uint32_t disable(const std::string& tool) {
    Disabled& entry = disabled[tool];
    entry.ms = entry.ms == 0 ? options.disabled_ms : std::min(2 * entry.ms, options.disabled_ms_max);
    entry.until = Clock::now() + milliseconds(entry.ms);
    return (entry.ms + 999) / 1000;
  }

  bool is_disabled(const std::string& tool) const {
    const auto it = disabled.find(tool);
    return it != disabled.end() && Clock::now() < it->second.until;
  }

  std::string disabled_text(const std::string& tool) const {
    const auto left = std::chrono::ceil<std::chrono::seconds>(disabled.at(tool).until - Clock::now());
    return tool + " is disabled for another " + std::to_string(std::max<std::int64_t>(1, left.count())) +
           " s: an earlier call of it did not stop when told to";
  }

  void expire() {
    const Clock::time_point now = Clock::now();
    std::erase_if(waiting, [&](const std::shared_ptr<Job>& job) {
      if (now < job->deadline) return false;
      settle(job, failure(Status::timeout, "did not begin within its deadline of " +
                                               std::to_string(job->limits.deadline_ms) +
                                               " ms: " + std::to_string(running.size()) +
                                               " other calls were running"));
      return true;
    });
    const std::vector<std::shared_ptr<Job>> candidates = running;
    for (const auto& job : candidates)
      if (now >= job->give_up) abandon(job);
  }

  Clock::time_point next_tick() const {
    Clock::time_point next = Clock::time_point::max();
    for (const auto& job : waiting) next = std::min(next, job->deadline);
    for (const auto& job : running) next = std::min(next, job->give_up);
    return next;
  }

  bool is_active(std::string_view call_id) const {
    const auto same = [&](const std::shared_ptr<Job>& job) { return job->call.id == call_id; };
    return std::any_of(waiting.begin(), waiting.end(), same) ||
           std::any_of(running.begin(), running.end(), same);
  }

  /// Wakes one worker at a time, which wakes the next: short calls are over before a second one comes.
  void wake_worker() {
    if (waiting.empty() || idle == 0 || waking) return;
    waking = true;
    work.notify_one();
  }

  /// One more worker when a call waits that no idle one will take. False: there is none at all.
  static bool staff(const std::shared_ptr<State>& state) {
    if (state->idle >= state->waiting.size() ||
        state->workers.size() >= state->options.calls_parallel_max)
      return true;
    Worker& worker = state->workers.emplace_back();
    try {
      worker.thread = std::thread([state, &worker] { serve(state, &worker); });
    } catch (const std::system_error&) {
      state->workers.pop_back();  // the system has no thread to give: those that run must do
    }
    return !state->workers.empty();
  }

  /// A worker's life: take a call, run it, deliver it.
  static void serve(std::shared_ptr<State> state, Worker* self) {
    Lock lock(state->mutex);
    for (;;) {
      ++state->idle;
      while (!state->closing && state->waiting.empty()) {
        state->work.wait(lock);
        state->waking = false;
      }
      --state->idle;
      if (state->waiting.empty()) return;
      std::shared_ptr<Job> job = std::move(state->waiting.front());
      state->waiting.pop_front();
      job->phase = Phase::running;
      job->worker = self;
      state->running.push_back(job);
      state->wake_worker();  // for the next one: this call may take its time
      lock.unlock();
      ToolResult result = run(state->toolbox, job);
      lock.lock();
      if (job->phase == Phase::settled)
        return;  // abandoned: `self` is gone, and so is the place here
      job->phase = Phase::settled;
      std::erase(state->running, job);
      if (!state->is_disabled(job->call.tool)) state->disabled.erase(job->call.tool);  // it behaves again
      ++state->delivering;
      lock.unlock();
      deliver(*job, std::move(result));
      job.reset();  // outside the lock: it may be the last owner of a backend
      lock.lock();
      --state->delivering;
      if (state->closing) state->tick.notify_one();
    }
  }

  /// The clock's life: delivers what was settled without a worker, ends what is past its time. It
  /// outlives every call, so that `done` comes even at shutdown.
  static void keep_time(std::shared_ptr<State> state) {
    Lock lock(state->mutex);
    for (;;) {
      while (!state->verdicts.empty()) {
        Verdict verdict = std::move(state->verdicts.front());
        state->verdicts.pop_front();
        lock.unlock();
        deliver(*verdict.job, std::move(verdict.result));
        verdict.job.reset();
        lock.lock();
      }
      state->expire();
      staff(state);  // an abandoned worker is replaced
      if (!state->verdicts.empty()) continue;
      if (state->closing && state->waiting.empty() && state->running.empty() &&
          state->delivering == 0)
        return;
      state->wakes = state->next_tick();
      if (state->wakes == Clock::time_point::max()) state->tick.wait(lock);
      else state->tick.wait_until(lock, state->wakes);
      state->wakes = Clock::time_point::min();
    }
  }
};

Dispatcher::Dispatcher(Toolbox toolbox, Options options) : state_(std::make_shared<State>()) {
  options.calls_parallel_max = std::max(1u, options.calls_parallel_max);
  state_->toolbox = std::move(toolbox);
  state_->options = options;
  state_->clock = std::thread([state = state_] { State::keep_time(state); });
}

Dispatcher::~Dispatcher() {
  {
    std::lock_guard lock(state_->mutex);
    state_->closing = true;
    state_->cancel_where([](const Job&) { return true; });
    state_->work.notify_all();
    state_->tick.notify_one();
  }
  // The clock leaves when every call is settled; after it nobody changes the list of workers.
  state_->clock.join();
  for (Worker& worker : state_->workers) worker.thread.join();
}

void Dispatcher::start(Call call, Done done, Progress progress) {
  auto job = std::make_shared<Job>();
  job->call = std::move(call);
  job->done = std::move(done);
  job->progress = std::move(progress);
  job->started = Clock::now();

  std::lock_guard lock(state_->mutex);
  const auto refuse = [&](Status status, std::string text) {
    state_->settle(job, failure(status, std::move(text)));
  };
  const std::string& tool = job->call.tool;
  const ToolSpec* spec = state_->toolbox.find(tool);
  if (!spec) return refuse(Status::error, "no tool " + one_line(tool, 64));
  job->effect = spec->effect;
  job->limits = spec->limits;
  job->backend = state_->toolbox.backend(tool);
  job->deadline = job->started + milliseconds(spec->limits.deadline_ms);
  job->give_up = job->deadline + milliseconds(state_->options.grace_ms);
  if (state_->closing) return refuse(Status::cancelled, "cancelled before it began");
  if (state_->is_disabled(tool)) return refuse(Status::error, state_->disabled_text(tool));
  if (state_->is_active(job->call.id))
    return refuse(Status::error,
                  "a call with the id " + one_line(job->call.id, 64) + " is running");
  if (state_->waiting.size() >= kCallsWaitingMax)
    return refuse(Status::error,
                  "too many calls wait; the limit is 1024 (tools.calls_waiting_max)");
  state_->waiting.push_back(job);
  if (!State::staff(state_)) {
    state_->waiting.pop_back();
    return refuse(Status::error, "the system has no thread left for a call; try again later");
  }
  // The clock is left alone when it looks early enough by itself: most calls are over by then.
  if (job->deadline < state_->wakes) state_->tick.notify_one();
  state_->wake_worker();
}

void Dispatcher::cancel(std::string_view call_id) {
  std::lock_guard lock(state_->mutex);
  state_->cancel_where([&](const Job& job) { return job.call.id == call_id; });
}

void Dispatcher::cancel_all() {
  std::lock_guard lock(state_->mutex);
  state_->cancel_where([](const Job&) { return true; });
}

const Toolbox& Dispatcher::toolbox() const { return state_->toolbox; }

}  // namespace praxis::tools
