#pragma once
// Runs of the server: the whole loop with the server's own tools, each event a row of the journal
// before it is told. Used on the event loop's thread.

#include <boost/asio/awaitable.hpp>
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

struct Active;   // a run at work

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

  /// Runs that an earlier process left go on, one after the other, while there is room. After
  /// settle_left_behind(); returns how many there are. One that cannot go on stays as it is: it is
  /// listed, and can be asked to continue.
  Result<std::uint32_t> take_up_left_behind();
  /// The server drains: what is left behind waits for the next one.
  void take_up_no_more();

  /// A run that is durable, with its claim, begins.
  void start(RunHandle handle, memory::Claim claim, Service::Place place);

  bool is_active(const std::string& run_id) const { return active_.count(run_id) > 0; }
  std::size_t active() const { return active_.size(); }

  /// It ends for good soon; one that was left behind is not taken up. False: it is not active, nor about
  /// to be.
  bool cancel(const std::string& run_id);
  /// Active runs journal where they stand and end here; they go on when asked or at the next start.
  void park_all();

  /// Calls that wait for somebody's word, by their runs: as it is now, to be read on any thread.
  using Waiting = std::map<std::string, std::vector<std::shared_ptr<const ToolCall>>>;
  Waiting waiting() const;
  /// False: no such call waits. What it says is durable once is_asked() is false, or the run has
  /// ended without it.
  bool answer(const std::string& run_id, const std::string& call_id, bool allowed);
  bool is_asked(const std::string& run_id, const std::string& call_id) const;

  /// Hears, on the event loop, that there is something new; the run tells no more when it is not live.
  class Listener {
   public:
    using Wake = std::function<void()>;
    Listener(Runs& runs, std::string run_id, Wake wake);
    ~Listener();
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    /// The run is active, or about to be taken up, and will tell more.
    bool live() const;
    /// Events after `seq`, if the run still has them in memory; else they are in the journal.
    std::optional<std::vector<RunEvent>> after(std::int64_t seq);
    /// From now on the next news wakes again; after() says so too.
    void listen() { woken_ = false; }

   private:
    friend class Runs;
    Runs* runs_;   // null once they have gone
    const std::string run_id_;
    Wake wake_;
    bool woken_ = false;
    std::list<Listener*>::iterator self_;
  };

 private:
  friend class Listener;
  boost::asio::awaitable<void> work(Workplace workplace, RunHandle handle, Interrupt interrupt);
  boost::asio::awaitable<void> fail(std::string run_id, std::string thrown);
  boost::asio::awaitable<void> take_up(std::string run_id, Service::Place place);
  void told(Active& active, const Event& event);
  void ended(const std::string& run_id);
  void wake(const std::string& run_id);
  bool is_left_behind(const std::string& run_id) const;
  void take_up_next();

  Service& service_;
  tools::Dispatcher& dispatcher_;
  const RunsOptions options_;
  std::map<std::string, std::unique_ptr<Active>> active_;
  std::map<std::string, std::list<Listener*>> listeners_;   // by run
  std::deque<std::string> left_behind_;   // wait for room
  std::string taking_up_;                 // one of them, while it is read
  bool cancel_taken_up_ = false;          // it ends as soon as it begins
  bool parking_ = false;
};

}  // namespace praxis::agent::api
