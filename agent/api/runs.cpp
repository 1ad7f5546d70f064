#include "agent/api/runs.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>

#include "agent/recover.h"
#include "agent/run_journal.h"

namespace praxis::agent::api {

namespace asio = boost::asio;

struct Active {
  Active(memory::Claim taken, Service::Place given) : claim(std::move(taken)), place(std::move(given)) {}
  memory::Claim claim;
  Service::Place place;
  Interrupt interrupt;
  std::map<std::string, Runs::Asked> asked;   // by call id
  std::deque<RunEvent> events;                // the newest ones
  std::int64_t forgotten = 0;                 // the last event that is not among them
  std::list<Runs::Listener*> listeners;
};

RunEvent to_event(const memory::JournalEvent& row) {
  // A run that is taken up again begins anew for those who listen.
  const bool resumed = row.type == "run.resumed";
  return {row.seq, resumed ? std::string(to_string(Event::Type::run_started)) : row.type, told_json(row)};
}

Runs::Runs(Service& service, tools::Dispatcher& dispatcher, RunsOptions options)
    : service_(service), dispatcher_(dispatcher), options_(options) {}
Runs::~Runs() = default;

void Runs::start(RunHandle handle, memory::Claim claim, Service::Place place) {
  auto made = std::make_unique<Active>(std::move(claim), std::move(place));
  Active& active = *made;
  active.forgotten = handle.seq - 1;
  const std::string id = handle.run_id;
  active_[id] = std::move(made);

  Approve approve;
  if (handle.settings.approve == "always")
    approve = [](const tools::ToolSpec&, const ToolCall&, const std::function<void(bool)>& allow) { allow(true); };
  if (handle.settings.approve == "ask")
    approve = [&active](const tools::ToolSpec& spec, const ToolCall& call, std::function<void(bool)> answer) {
      active.asked[call.id] = {spec, call, std::move(answer)};
    };
  Workplace work{service_.model(), dispatcher_, &service_.store(), std::move(approve),
                 [this, &active](const Event& event) { told(active, event); }, service_.workers(), true};
  asio::co_spawn(service_.executor(), run(std::move(work), std::move(handle), active.interrupt),
                 [this, id](std::exception_ptr, const RunOutcome& outcome) {
                   service_.counters().add(outcome.usage);
                   ended(id);
                 });
}

void Runs::told(Active& active, const Event& event) {
  if (event.type == Event::Type::call_started || event.type == Event::Type::call_finished) active.asked.erase(event.call.id);
  if (event.seq == 0) return;  // what could not be stored has no place in the stream; the run's row says why
  active.events.push_back({event.seq, std::string(to_string(event.type)), to_json(event)});
  if (active.events.size() > options_.events_kept) {
    active.forgotten = active.events.front().seq;
    active.events.pop_front();
  }
  for (Listener* listener : active.listeners)
    if (!std::exchange(listener->woken_, true)) listener->wake_();
}

void Runs::ended(const std::string& run_id) {
  auto it = active_.find(run_id);
  for (Listener* listener : it->second->listeners) {
    listener->active_ = nullptr;
    listener->wake_();
  }
  active_.erase(it);
  take_up_next();
}

bool Runs::cancel(const std::string& run_id) {
  auto it = active_.find(run_id);
  if (it == active_.end()) return false;
  it->second->interrupt.cancel();
  return true;
}

void Runs::park_all() {
  parking_ = true;
  for (auto& [id, active] : active_) active->interrupt.request();
}

std::vector<const Runs::Asked*> Runs::asked(const std::string& run_id) const {
  std::vector<const Asked*> out;
  if (auto it = active_.find(run_id); it != active_.end())
    for (const auto& [id, asked] : it->second->asked) out.push_back(&asked);
  return out;
}

bool Runs::answer(const std::string& run_id, const std::string& call_id, bool allowed) {
  auto it = active_.find(run_id);
  if (it == active_.end()) return false;
  auto asked = it->second->asked.find(call_id);
  if (asked == it->second->asked.end()) return false;
  asked->second.answer(allowed);
  it->second->asked.erase(asked);
  return true;
}

Result<std::uint32_t> Runs::take_up_left_behind() {
  auto runs = service_.store().read().unfinished_runs();
  if (!runs) return tl::unexpected(from(runs.error()));
  for (const memory::Run& run : *runs)
    if (run.status == memory::RunStatus::interrupted) left_behind_.push_back(run.id);
  const auto count = static_cast<std::uint32_t>(left_behind_.size());
  for (std::size_t i = 0; i < count && !left_behind_.empty(); ++i) take_up_next();
  return count;
}

namespace {

/// How often the run was taken up since it last got anywhere. That a call began is no progress: it may
/// be what stops the process.
std::uint32_t resumes_in_vain(const std::vector<memory::JournalEvent>& journal) {
  std::uint32_t count = 0;
  for (const auto& row : journal) {
    if (row.type == "run.resumed") ++count;
    else if (row.type != to_string(Event::Type::call_started) && row.type != to_string(Event::Type::call_progress)) count = 0;
  }
  return count;
}

}  // namespace

/// One of those that an earlier process left. One that cannot go on stays as it is: it is listed, and
/// can be asked to continue.
void Runs::take_up_next() {
  while (!left_behind_.empty() && !parking_) {
    auto place = service_.enter();
    if (!place) return;
    const std::string id = std::move(left_behind_.front());
    left_behind_.pop_front();
    auto row = service_.store().read().run(id);
    if (!row || row->status != memory::RunStatus::interrupted || is_active(id)) continue;
    auto journal = service_.store().read().journal(id);
    if (!journal || resumes_in_vain(*journal) >= options_.resumes_max) continue;
    auto claim = service_.store().claim(row->conversation_id);
    if (!claim) continue;
    auto handle = resume_run(service_.store(), id);
    if (!handle) continue;
    start(std::move(*handle), std::move(*claim), std::move(*place));
    return;
  }
}

Runs::Listener::Listener(Runs& runs, std::string run_id, Wake wake) : active_(nullptr), wake_(std::move(wake)) {
  auto it = runs.active_.find(run_id);
  if (it == runs.active_.end()) return;
  active_ = it->second.get();
  self_ = active_->listeners.insert(active_->listeners.end(), this);
}

Runs::Listener::~Listener() {
  if (active_) active_->listeners.erase(self_);
}

std::optional<std::vector<RunEvent>> Runs::Listener::after(std::int64_t seq) const {
  const_cast<Listener*>(this)->woken_ = false;
  if (!active_ || seq < active_->forgotten) return std::nullopt;
  std::vector<RunEvent> out;
  auto it = std::find_if(active_->events.begin(), active_->events.end(), [&](const RunEvent& event) { return event.seq > seq; });
  out.assign(it, active_->events.end());
  return out;
}

}  // namespace praxis::agent::api
