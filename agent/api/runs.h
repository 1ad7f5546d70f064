#pragma once
// Runs of the server: the whole loop with the server's own tools, each event a row of the journal
// before it is told. Used on the event loop's thread.

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/api/service.h"
#include "agent/loop.h"
#include "agent/mailbox.h"
#include "tools/dispatch.h"

namespace praxis::agent::api {

/// An event as clients get it: its number in the journal, its type, its JSON.
struct RunEvent {
  std::int64_t seq = 0;
  std::string type, json;
};
/// The event of a row; `type` is the event's own.
RunEvent to_event(const memory::JournalEvent& row);

struct RunsOptions {
  std::uint32_t events_kept = 256;      // of each run, for listeners that keep up; others read the journal
  /// How often a run is taken up by itself without telling anything new: it may be what stops the
  /// process. A run that only waited its turn each time is innocent, hence so many.
  std::uint32_t resumes_max = 20;
};

class Runs {
 public:
  /// `service` and `dispatcher` outlive it.
  Runs(Service& service, tools::Dispatcher& dispatcher, RunsOptions options = {});
  ~Runs();

  /// Runs that an earlier process left go on, as many at a time as there is room. After
  /// settle_left_behind().
  Result<std::uint32_t> take_up_left_behind();

  /// A run that is durable, with its claim, begins. busy: too many are under way.
  void start(RunHandle handle, memory::Claim claim, Service::Place place);

  bool is_active(const std::string& run_id) const { return active_.count(run_id) > 0; }
  std::size_t active() const { return active_.size(); }

  /// False: it is not active.
  bool cancel(const std::string& run_id);
  /// Active runs journal where they stand and end here; they go on when asked or at the next start.
  void park_all();

  struct Asked {
    tools::ToolSpec spec;
    ToolCall call;
    std::function<void(bool)> answer;
  };
  /// Calls that wait for somebody's word.
  std::vector<const Asked*> asked(const std::string& run_id) const;
  /// False: no such call waits.
  bool answer(const std::string& run_id, const std::string& call_id, bool allowed);

  /// Hears, on the event loop, that there is something new; the run ended when `active` is false.
  class Listener {
   public:
    using Wake = std::function<void()>;
    Listener(Runs& runs, std::string run_id, Wake wake);
    ~Listener();
    Listener(const Listener&) = delete;
    /// The run is active and will tell more.
    bool live() const { return active_ != nullptr; }
    /// Events after `seq`, if the run still has them in memory; else they are in the journal.
    std::optional<std::vector<RunEvent>> after(std::int64_t seq) const;

   private:
    friend class Runs;
    struct Active* active_;
    Wake wake_;
    bool woken_ = false;
    std::list<Listener*>::iterator self_;
  };

 private:
  friend class Listener;
  void told(Active& active, const Event& event);
  void ended(const std::string& run_id);
  void take_up_next();

  Service& service_;
  tools::Dispatcher& dispatcher_;
  const RunsOptions options_;
  std::map<std::string, std::unique_ptr<Active>> active_;
  std::deque<std::string> left_behind_;   // wait for room
  bool parking_ = false;
};

}  // namespace praxis::agent::api
