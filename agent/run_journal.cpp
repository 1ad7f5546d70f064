#include "agent/run_journal.h"

#include <atomic>
#include <nlohmann/json.hpp>

namespace praxis::agent {

using Json = nlohmann::ordered_json;

Error from(const memory::Error& error) {
  ErrorCode code = ErrorCode::store;
  switch (error.code) {
    case memory::ErrorCode::not_found: code = ErrorCode::not_found; break;
    case memory::ErrorCode::claimed: code = ErrorCode::busy; break;
    case memory::ErrorCode::bad_state: code = ErrorCode::busy; break;
    case memory::ErrorCode::busy: code = ErrorCode::store_busy; break;
    case memory::ErrorCode::bad_request:
    case memory::ErrorCode::too_large: code = ErrorCode::bad_request; break;
    default: break;
  }
  return {code, error.what, error.where};
}

namespace {

constexpr const char* kKept = "_";

/// Progress of the same kind in one piece: what a slow disk joins needs fewer rows.
bool join(Event& into, const Event& next) {
  const bool text = next.type == Event::Type::reasoning_delta || next.type == Event::Type::text_delta;
  const bool arguments = next.type == Event::Type::call_arguments && into.call.id == next.call.id;
  if (into.type != next.type || into.step != next.step || !(text || arguments)) return false;
  into.text += next.text;
  into.logprobs.insert(into.logprobs.end(), next.logprobs.begin(), next.logprobs.end());
  return true;
}

/// The event's JSON, the kept object as its last member.
std::string row_of(const Told& told) {
  std::string json = to_json(told.event);
  if (told.kept.empty()) return json;
  json.pop_back();
  return json + ",\"" + kKept + "\":" + told.kept + "}";
}

}  // namespace

/// The first parcel that failed, 0: none; known to those behind it before they begin. A store may try
/// a parcel twice.
struct RunJournal::Fate {
  std::atomic<std::uint64_t> failed_at = 0;
  bool failed_before(std::uint64_t parcel) const { return failed_at != 0 && failed_at < parcel; }
};

RunJournal::RunJournal(memory::Store* store, std::string run_id, bool record_progress, EventSink sink, Report report)
    : store_(store),
      run_id_(std::move(run_id)),
      record_progress_(record_progress && store != nullptr),
      sink_(std::move(sink)),
      report_(std::move(report)),
      fate_(std::make_shared<Fate>()) {}

std::uint64_t RunJournal::write(memory::Store::Work work, std::vector<Told> told) {
  if (!store_) return over_at_once(std::move(told));
  const std::uint64_t number = sent_ + 1;
  Write& write = parcel_.writes.emplace_back();
  write.work = std::move(work);
  write.rows.reserve(unwritten_.size() + told.size());
  for (Event& event : unwritten_) {
    write.rows.push_back({to_string(event.type), to_json(event)});
    waiting_.push_back({number, std::move(event)});
  }
  unwritten_.clear();
  for (Told& one : told) {
    write.rows.push_back({to_string(one.event.type), row_of(one)});
    waiting_.push_back({number, std::move(one.event)});
  }
  return number;
}

/// Apart from the others, whose failure would undo it too.
std::uint64_t RunJournal::write_end(memory::Store::Work work, Told told) {
  if (!parcel_.writes.empty()) send_parcel();
  std::vector<Told> one;
  one.push_back(std::move(told));
  const std::uint64_t number = write(std::move(work), std::move(one));
  parcel_.is_end = true;
  awaited_ = number;
  return number;
}

std::uint64_t RunJournal::over_at_once(std::vector<Told> told) {
  for (Told& one : told) waiting_.push_back({sent_ + 1, std::move(one.event)});
  report_(Committed{++sent_, 0, {}, {}});
  return sent_;
}

memory::Result<void> RunJournal::carry_out(const Parcel& parcel, const std::string& run_id, Committed& report, memory::Tx& tx) {
  std::vector<memory::NewJournalRow> rows;
  for (const Write& write : parcel.writes) {
    if (write.work)
      if (auto done = write.work(tx); !done) return done;
    for (const Row& row : write.rows) rows.push_back({row.type, row.payload});
  }
  if (rows.empty()) return {};
  auto first = tx.append_journal(run_id, rows);
  if (!first) return tl::unexpected(first.error());
  report.first_seq = *first;
  return {};
}

void RunJournal::send() {
  if (settled_ == sent_ || awaited_ > sent_) send_all();
}

void RunJournal::send_all() {
  if (!unwritten_.empty()) write({}, {});
  if (!parcel_.writes.empty()) send_parcel();
}

void RunJournal::send_parcel() {
  struct Sent {
    Parcel parcel;
    std::string run_id;
    std::shared_ptr<Fate> fate;
    Report send;
    Committed report;
  };
  auto sent = std::make_shared<Sent>(Sent{std::exchange(parcel_, {}), run_id_, fate_, report_, {++sent_, 0, {}, {}}});
  auto work = [sent](memory::Tx& tx) -> memory::Result<void> {
    if (sent->fate->failed_before(sent->report.write) && !sent->parcel.is_end)
      return tl::unexpected(
          memory::Error{memory::ErrorCode::bad_state, "an earlier write of this run failed", "run " + sent->run_id});
    // Until it has succeeded: it may throw, and the next parcel's turn comes before anybody is told.
    if (!sent->fate->failed_before(sent->report.write)) sent->fate->failed_at = sent->report.write;
    auto done = carry_out(sent->parcel, sent->run_id, sent->report, tx);
    if (done && sent->fate->failed_at == sent->report.write) sent->fate->failed_at = 0;
    return done;
  };
  store_->write_then(std::move(work), [sent](memory::Result<void> outcome) {
    if (!outcome) {
      if (!sent->fate->failed_before(sent->report.write)) sent->fate->failed_at = sent->report.write;
      sent->report.error = from(outcome.error());
    }
    Committed report = std::move(sent->report);
    report.parcel = sent;
    sent->send(std::move(report));
  });
}

void RunJournal::progress(Event event) {
  if (!record_progress_) {
    if (waiting_.empty()) tell(event);
    else waiting_.push_back({waiting_.back().write, std::move(event)});
    return;
  }
  if (unwritten_.empty() || !join(unwritten_.back(), event)) unwritten_.push_back(std::move(event));
}

void RunJournal::committed(Committed report) {
  settled_ = report.write;
  const bool stored = !report.error;
  if (!stored && !error_) error_ = std::move(report.error);
  std::int64_t seq = report.first_seq;
  while (!waiting_.empty() && waiting_.front().write <= settled_) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    const bool is_row = store_ && (record_progress_ || !is_progress(next.event.type));
    if (is_row && !stored) continue;  // it did not happen
    if (is_row) next.event.seq = seq++;
    tell(next.event);
  }
}

void RunJournal::tell(const Event& event) {
  if (sink_) sink_(event);
}

std::string told_json(const memory::JournalEvent& row) {
  const std::string mark = std::string(",\"") + kKept + "\":";
  const std::string& json = row.payload;
  const auto at = json.rfind(mark);
  if (at == json.npos) return json;
  // What only the row keeps is the last member; a call's arguments may have one of that name too, and
  // then more than the event's own brace follows it.
  const auto begin = at + mark.size();
  if (!Json::accept(json.substr(begin, json.size() - 1 - begin))) return json;
  return json.substr(0, at) + "}";
}

Json kept_json(const memory::JournalEvent& row) {
  Json json = Json::parse(row.payload, nullptr, false);
  return json.is_object() && json.contains(kKept) ? json[kKept] : Json::object();
}

}  // namespace praxis::agent
