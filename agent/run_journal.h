#pragma once
// What a run writes and tells. Writes gather while the run has something to do or an earlier parcel of
// them is on its way, and leave together; they take effect in their order, on the store's own thread. An
// event is told once the write that it reports, and everything before it, is durable. After a write that
// failed all later ones fail, so that nothing is stored that builds on what is not.
//
// Every told event but the ones that merely show progress is a row of the journal; with
// `record_progress` those are too, so that a client which comes back can be told what it missed.
//
// Without a store nothing is kept: a write is over where it is made, and its events have no rows.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "agent/error.h"
#include "agent/event.h"
#include "memory/store.h"

// The store's errors become the run's.
namespace praxis::agent {
Error from(const memory::Error& error);
}

namespace praxis::agent {

/// An event with what its row keeps besides, for whoever takes the run up again.
struct Told {
  Event event;
  std::string kept;   // JSON object; empty: nothing
};

/// Writes that left together have become durable, or failed.
struct Committed {
  std::uint64_t write = 0;
  std::int64_t first_seq = 0;       // of the rows of its events; each one's is one more than that of the row before
  std::optional<Error> error;
  std::shared_ptr<const void> parcel; // let go on the run's own thread, whose heap its many pieces are from
};

/// Used on the thread of its run, but for the report of a write.
class RunJournal {
 public:
  /// `report` is called for the writes that left together, on the store's thread or, without one, before write()
  /// returns; it must not block.
  using Report = std::function<void(Committed)>;

  RunJournal(memory::Store* store, std::string run_id, bool record_progress, EventSink sink, Report report);
  RunJournal(const RunJournal&) = delete;
  RunJournal& operator=(const RunJournal&) = delete;

  /// Adds a write with the events that it makes true to those that leave next; returns their number.
  std::uint64_t write(memory::Store::Work work, std::vector<Told> told);
  /// The last one, which is tried even after another failed: how the run ended.
  std::uint64_t write_end(memory::Store::Work work, Told told);
  /// Tells of progress, in its place among the other events.
  void progress(Event event);
  /// Sends what has gathered, unless an earlier parcel is on its way and nobody awaits this one. To be
  /// called before every wait.
  void send();
  /// Sends what has gathered, at once.
  void send_all();
  /// The run waits for this write: what has gathered up to it goes at once.
  void await(std::uint64_t write) { awaited_ = write; }
  /// Takes a report: tells what may be told now.
  void committed(Committed report);

  /// Writes up to and with this number are durable, or have failed.
  std::uint64_t settled() const { return settled_; }
  /// Everything that was to be written and told has been.
  bool idle() const { return settled_ == sent_ && parcel_.writes.empty() && unwritten_.empty(); }
  /// Events that wait for their writes.
  std::size_t untold() const { return waiting_.size(); }
  const std::optional<Error>& error() const { return error_; }

 private:
  struct Waiting {
    std::uint64_t write = 0;
    Event event;
  };
  struct Row {
    std::string_view type;
    std::string payload;
  };
  struct Write {
    memory::Store::Work work;
    std::vector<Row> rows;   // of the events that it makes true
  };
  struct Parcel {
    std::vector<Write> writes;
    bool is_end = false;     // tried even after another failed
  };
  struct Fate;

  void send_parcel();
  std::uint64_t over_at_once(std::vector<Told> told);
  void tell(const Event& event);
  static memory::Result<void> carry_out(const Parcel& parcel, const std::string& run_id, Committed& report, memory::Tx& tx);

  memory::Store* const store_;
  const std::string run_id_;
  const bool record_progress_;
  EventSink sink_;
  Report report_;
  std::shared_ptr<Fate> fate_;        // shared with the writes under way
  std::deque<Waiting> waiting_;       // told when their write is durable
  std::vector<Event> unwritten_;      // progress that no write carries yet
  Parcel parcel_;                     // what leaves next
  std::uint64_t sent_ = 0, settled_ = 0;
  std::uint64_t awaited_ = 0;         // the last write that the run waits for
  std::optional<Error> error_;
};

/// A journal row's event as it was told: without what only the row keeps.
std::string told_json(const memory::JournalEvent& row);
/// What only the row keeps; an empty object if nothing.
nlohmann::ordered_json kept_json(const memory::JournalEvent& row);

}  // namespace praxis::agent
