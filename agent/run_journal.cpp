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

/// Whether a write has failed: known to the writes behind it before they begin.
struct RunJournal::Fate {
  std::atomic<bool> failed = false;
};

RunJournal::RunJournal(memory::Store* store, std::string run_id, bool record_progress, EventSink sink, Report report)
    : store_(store),
      run_id_(std::move(run_id)),
      record_progress_(record_progress && store != nullptr),
      sink_(std::move(sink)),
      report_(std::move(report)),
      fate_(std::make_shared<Fate>()) {}

std::uint64_t RunJournal::write(memory::Store::Work work, std::vector<Told> told) {
  return enqueue(std::move(work), std::move(told), false);
}

std::uint64_t RunJournal::write_end(memory::Store::Work work, Told told) {
  return enqueue(std::move(work), {std::move(told)}, true);
}

std::uint64_t RunJournal::enqueue(memory::Store::Work work, std::vector<Told> told, bool even_after_failure) {
  if (!store_) return over_at_once(std::move(told));
  std::vector<Told> rows;
  for (Event& event : unwritten_) rows.push_back({std::move(event), ""});
  unwritten_.clear();
  for (Told& one : told) rows.push_back(std::move(one));
  const std::uint64_t number = ++written_;
  auto texts = std::make_shared<std::vector<std::pair<Event::Type, std::string>>>();
  for (Told& row : rows) {
    texts->emplace_back(row.event.type, row_of(row));
    waiting_.push_back({number, std::move(row.event)});
  }
  auto report = std::make_shared<Committed>();
  report->write = number;
  auto all = [fate = fate_, run_id = run_id_, work = std::move(work), texts, report,
              even_after_failure](memory::Tx& tx) -> memory::Result<void> {
    if (fate->failed && !even_after_failure)
      return tl::unexpected(memory::Error{memory::ErrorCode::bad_state, "an earlier write of this run failed", "run " + run_id});
    auto done = work ? work(tx) : memory::Result<void>();
    for (const auto& [type, text] : *texts) {
      if (!done) break;
      auto seq = tx.append_journal(run_id, to_string(type), text);
      if (seq) report->seqs.push_back(*seq);
      else done = tl::unexpected(seq.error());
    }
    if (!done) fate->failed = true;
    return done;
  };
  store_->write_then(std::move(all), [fate = fate_, send = report_, report](memory::Result<void> outcome) {
    if (!outcome) {
      fate->failed = true;
      report->error = from(outcome.error());
    }
    send(std::move(*report));
  });
  return number;
}

std::uint64_t RunJournal::over_at_once(std::vector<Told> told) {
  const std::uint64_t number = ++written_;
  for (Told& one : told) waiting_.push_back({number, std::move(one.event)});
  report_(Committed{number, {}, {}});
  return number;
}

void RunJournal::progress(Event event) {
  if (!record_progress_) {
    if (waiting_.empty()) tell(event);
    else waiting_.push_back({written_, std::move(event)});
    return;
  }
  if (unwritten_.empty() || !join(unwritten_.back(), event)) unwritten_.push_back(std::move(event));
  flush();
}

/// One write of progress at a time: while it is on its way, more of it gathers.
void RunJournal::flush() {
  if (!unwritten_.empty() && settled_ == written_) write({}, {});
}

void RunJournal::committed(Committed report) {
  settled_ = report.write;
  const bool stored = !report.error;
  if (!stored && !error_) error_ = std::move(report.error);
  auto seq = report.seqs.begin();
  while (!waiting_.empty() && waiting_.front().write <= settled_) {
    Waiting next = std::move(waiting_.front());
    waiting_.pop_front();
    const bool is_row = store_ && (record_progress_ || !is_progress(next.event.type));
    if (is_row && !stored) continue;  // it did not happen
    if (is_row) next.event.seq = *seq++;
    tell(next.event);
  }
  flush();
}

void RunJournal::tell(const Event& event) {
  if (sink_) sink_(event);
}

std::string told_json(const memory::JournalEvent& row) {
  if (row.payload.find("\"_\":") == std::string::npos) return row.payload;
  Json json = Json::parse(row.payload, nullptr, false);
  if (json.is_object()) json.erase(kKept);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json kept_json(const memory::JournalEvent& row) {
  Json json = Json::parse(row.payload, nullptr, false);
  return json.is_object() && json.contains(kKept) ? json[kKept] : Json::object();
}

}  // namespace praxis::agent
