#include "agent/api/runs.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "agent/mailbox.h"
#include "agent/recover.h"
#include "agent/run_journal.h"

namespace praxis::agent::api {

namespace asio = boost::asio;

struct Active {
  Active(std::string id, memory::Claim taken, Service::Place given)
      : run_id(std::move(id)), claim(std::move(taken)), place(std::move(given)) {}
  const std::string run_id;
  memory::Claim claim;
  Service::Place place;
  Interrupt interrupt;
  struct Asked {
    std::shared_ptr<const ToolCall> call;
    std::function<void(bool)> answer;         // empty: it was answered, and its row is on its way
  };
  std::map<std::string, Asked> asked;         // by call id
  std::deque<RunEvent> events;                // the newest ones
  std::int64_t forgotten = 0;                 // the last event that is not among them
};

namespace {

constexpr std::string_view kResumed = "run.resumed";

/// Events that show that a run got somewhere.
constexpr Event::Type kNews[] = {Event::Type::run_started,   Event::Type::warning,       Event::Type::step_started,
                                 Event::Type::reasoning_delta, Event::Type::text_delta,    Event::Type::call_arguments,
                                 Event::Type::call_approval, Event::Type::call_finished, Event::Type::step_finished,
                                 Event::Type::step_restarted, Event::Type::run_parked,   Event::Type::run_finished};

std::string what_of(const std::exception_ptr& thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace

RunEvent to_event(const memory::JournalEvent& row) {
  // A run that is taken up again begins anew for those who listen.
  const bool resumed = row.type == kResumed;
  return {row.seq, resumed ? std::string(to_string(Event::Type::run_started)) : row.type, told_json(row)};
}

Runs::Runs(Service& service, tools::Dispatcher& dispatcher, RunsOptions options)
    : service_(service), dispatcher_(dispatcher), options_(options) {}
Runs::~Runs() {
  // Who still follows a run goes with the event loop, later than this.
  for (auto& [id, listeners] : listeners_)
    for (Listener* listener : listeners) listener->runs_ = nullptr;
}

void Runs::start(RunHandle handle, memory::Claim claim, Service::Place place) {
  auto made = std::make_unique<Active>(handle.run_id, std::move(claim), std::move(place));
  Active& active = *made;
  active.forgotten = handle.seq - 1;
  if (parking_) active.interrupt.request();
  if (handle.run_id == taking_up_ && cancel_taken_up_) active.interrupt.cancel();
  active_[handle.run_id] = std::move(made);

  Approve approve;
  if (handle.settings.approve == "always")
    approve = [](const tools::ToolSpec&, const ToolCall&, const std::function<void(bool)>& allow) { allow(true); };
  if (handle.settings.approve == "ask")
    approve = [&active](const tools::ToolSpec&, const ToolCall& call, std::function<void(bool)> answer) {
      active.asked[call.id] = {std::make_shared<const ToolCall>(call), std::move(answer)};
    };
  Workplace workplace{service_.model(), dispatcher_, &service_.store(), std::move(approve),
                      [this, &active](const Event& event) { told(active, event); }, service_.workers(), true};
  asio::co_spawn(service_.executor(), work(std::move(workplace), std::move(handle), active.interrupt), asio::detached);
}

asio::awaitable<void> Runs::work(Workplace workplace, RunHandle handle, Interrupt interrupt) {
  const std::string id = handle.run_id;
  std::string thrown;
  try {
    auto going = run(std::move(workplace), std::move(handle), std::move(interrupt));
    const RunOutcome outcome = co_await std::move(going);
    service_.counters().add(outcome.usage);
  } catch (const std::exception& error) {
    thrown = *error.what() ? error.what() : "an exception without words";
  }
  if (!thrown.empty()) co_await fail(id, thrown);
  ended(id);
}

/// Its row must not stay `running`: nobody works on it any more.
asio::awaitable<void> Runs::fail(std::string run_id, std::string thrown) {
  service_.log("run " + run_id + " failed: " + thrown);
  auto end = [this, &run_id] {
    return abandon_run(service_.store(), run_id, RunStatus::failed, "the server failed at this run; its log says why");
  };
  try {
    auto stored = co_await elsewhere(service_.workers(), service_.executor(), end);
    if (!stored) service_.log("run " + run_id + ": " + stored.error().what);
  } catch (const std::exception& error) {
    service_.log("run " + run_id + ": " + error.what());
  }
}

void Runs::told(Active& active, const Event& event) {
  if (event.type == Event::Type::call_started || event.type == Event::Type::call_finished) active.asked.erase(event.call.id);
  if (event.seq == 0) return;  // what could not be stored has no place in the stream; the run's row says why
  active.events.push_back({event.seq, std::string(to_string(event.type)), to_json(event)});
  if (active.events.size() > options_.events_kept) {
    active.forgotten = active.events.front().seq;
    active.events.pop_front();
  }
  wake(active.run_id);
}

void Runs::ended(const std::string& run_id) {
  active_.erase(run_id);
  wake(run_id);
  take_up_next();
}

void Runs::wake(const std::string& run_id) {
  const auto listeners = listeners_.find(run_id);
  if (listeners == listeners_.end()) return;
  for (Listener* listener : listeners->second)
    if (!std::exchange(listener->woken_, true)) listener->wake_();
}

bool Runs::cancel(const std::string& run_id) {
  if (std::erase(left_behind_, run_id) > 0) wake(run_id);
  if (run_id == taking_up_) return cancel_taken_up_ = true;
  auto it = active_.find(run_id);
  if (it == active_.end()) return false;
  it->second->interrupt.cancel();
  return true;
}

void Runs::park_all() {
  parking_ = true;
  for (auto& [id, active] : active_) active->interrupt.request();
}

Runs::Waiting Runs::waiting() const {
  Waiting out;
  for (const auto& [run_id, active] : active_)
    for (const auto& [call_id, asked] : active->asked)
      if (asked.answer) out[run_id].push_back(asked.call);
  return out;
}

bool Runs::is_asked(const std::string& run_id, const std::string& call_id) const {
  const auto it = active_.find(run_id);
  return it != active_.end() && it->second->asked.count(call_id) > 0;
}

bool Runs::answer(const std::string& run_id, const std::string& call_id, bool allowed) {
  auto it = active_.find(run_id);
  if (it == active_.end()) return false;
  auto asked = it->second->asked.find(call_id);
  if (asked == it->second->asked.end() || !asked->second.answer) return false;
  std::exchange(asked->second.answer, nullptr)(allowed);
  return true;
}

Result<std::uint32_t> Runs::take_up_left_behind() {
  auto runs = service_.store().read().unfinished_runs();
  if (!runs) return tl::unexpected(from(runs.error()));
  for (const memory::Run& run : *runs)
    if (run.status == memory::RunStatus::interrupted) left_behind_.push_back(run.id);
  const auto count = static_cast<std::uint32_t>(left_behind_.size());
  take_up_next();
  return count;
}

void Runs::take_up_no_more() {
  for (const std::string& id : std::exchange(left_behind_, {})) wake(id);
}

bool Runs::is_left_behind(const std::string& run_id) const {
  return run_id == taking_up_ || std::find(left_behind_.begin(), left_behind_.end(), run_id) != left_behind_.end();
}

void Runs::take_up_next() {
  if (left_behind_.empty() || !taking_up_.empty()) return;
  auto place = service_.enter_run();
  if (!place) return;  // the next run that ends makes room
  cancel_taken_up_ = false;
  taking_up_ = std::move(left_behind_.front());
  left_behind_.pop_front();
  auto next = [this](std::exception_ptr thrown) {
    const std::string id = std::exchange(taking_up_, {});
    if (thrown) service_.log("run " + id + " could not be taken up: " + what_of(thrown));
    wake(id);
    take_up_next();
  };
  asio::co_spawn(service_.executor(), take_up(taking_up_, std::move(*place)), std::move(next));
}

namespace {

/// Whether the run was taken up `times` times since it last got anywhere. That a call began, or said how
/// far it is, is no progress: it may be what stops the process.
bool resumed_in_vain(memory::Store& store, const std::string& run_id, std::uint32_t times) {
  auto reads = store.read();
  auto resumed = reads.journal(run_id, {.types = {kResumed}, .limit = times, .newest_first = true});
  if (!resumed || resumed->size() < times) return !resumed;
  std::vector<std::string_view> news;
  for (const auto type : kNews) news.push_back(to_string(type));
  auto progress = reads.journal(run_id, {.after = resumed->back().seq, .types = std::move(news), .limit = 1});
  return !progress || progress->empty();
}

struct TakenUp {
  RunHandle handle;
  memory::Claim claim;
};

/// None: it is at work elsewhere, has ended, or gets nowhere.
std::optional<TakenUp> take_up_run(memory::Store& store, const std::string& run_id, std::uint32_t times) {
  auto claimed = claim_run(store, run_id);
  if (!claimed || !may_go_on(claimed->row)) return std::nullopt;
  if (resumed_in_vain(store, run_id, times)) return std::nullopt;
  auto handle = resume_run(store, run_id);
  if (!handle) return std::nullopt;
  return TakenUp{std::move(*handle), std::move(claimed->claim)};
}

}  // namespace

asio::awaitable<void> Runs::take_up(std::string run_id, Service::Place place) {
  auto prepare = [this, &run_id] { return take_up_run(service_.store(), run_id, options_.resumes_max); };
  auto taken = co_await elsewhere(service_.workers(), service_.executor(), prepare);
  if (taken) start(std::move(taken->handle), std::move(taken->claim), std::move(place));
}

Runs::Listener::Listener(Runs& runs, std::string run_id, Wake wake)
    : runs_(&runs), run_id_(std::move(run_id)), wake_(std::move(wake)) {
  auto& listeners = runs.listeners_[run_id_];
  self_ = listeners.insert(listeners.end(), this);
}

Runs::Listener::~Listener() {
  if (!runs_) return;
  const auto listeners = runs_->listeners_.find(run_id_);
  listeners->second.erase(self_);
  if (listeners->second.empty()) runs_->listeners_.erase(listeners);
}

bool Runs::Listener::live() const { return runs_ && (runs_->is_active(run_id_) || runs_->is_left_behind(run_id_)); }

std::optional<std::vector<RunEvent>> Runs::Listener::after(std::int64_t seq) {
  listen();
  if (!runs_ || !runs_->is_active(run_id_)) return std::nullopt;
  const Active& active = *runs_->active_.at(run_id_);
  if (seq < active.forgotten) return std::nullopt;
  const auto is_new = [&](const RunEvent& event) { return event.seq > seq; };
  const auto first = std::find_if(active.events.begin(), active.events.end(), is_new);
  return std::vector<RunEvent>(first, active.events.end());
}

}  // namespace praxis::agent::api
