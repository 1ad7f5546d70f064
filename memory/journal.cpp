// The journal: what happened, in order, never changed.

#include <algorithm>

#include "memory/checks.h"
#include "memory/database.h"
#include "memory/store.h"

namespace praxis::memory {

Result<std::vector<JournalEvent>> Reads::journal(std::string_view run_id, std::int64_t after, std::uint32_t limit) {
  auto database = this->database();
  if (!database) return pass_on(database);
  std::vector<JournalEvent> events;
  auto query = (*database)->query(
      "SELECT seq, run_id, type, payload, at_ms FROM journal WHERE run_id = ? AND seq > ? ORDER BY seq LIMIT ?");
  query.bind(run_id).bind(after).bind(limit);
  for (;;) {
    auto row = query.step();
    if (!row) return pass_on(row);
    if (!*row) return events;
    events.push_back(JournalEvent{.seq = query.integer(0),
                                  .run_id = query.text(1),
                                  .type = query.text(2),
                                  .payload = query.text(3),
                                  .at_ms = query.integer(4)});
  }
}

Result<std::int64_t> Tx::append_journal(std::string_view run_id, std::string_view type, std::string_view payload) {
  const auto where = "journal of run " + std::string(run_id);
  if (auto ok = check_name(type, "type", where); !ok) return pass_on(ok);
  if (auto ok = check_text(payload, "payload", where); !ok) return pass_on(ok);
  // The table checks JSON too, but up to a NUL only, and no encoding.
  if (std::any_of(payload.begin(), payload.end(), [](char c) { return static_cast<signed char>(c) <= 0; }))
    if (auto ok = check_json(payload, "payload", where); !ok) return pass_on(ok);
  auto insert = database_->query(
      "INSERT INTO journal (run_id, type, payload, at_ms) SELECT id, ?, ?, ? FROM runs WHERE id = ?");
  auto done = insert.bind(type).bind(payload).bind(now_ms_).bind(run_id).run();
  if (!done) {
    // The table's own check refused it; this one says why.
    if (auto ok = check_json(payload, "payload", where); !ok) return pass_on(ok);
    return pass_on(done);
  }
  if (database_->changes() == 0) return refuse(ErrorCode::not_found, "there is no such run", where);
  return database_->last_insert_id();
}

}  // namespace praxis::memory
