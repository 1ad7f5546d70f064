// The journal: what happened, in order, never changed.

#include "memory/checks.h"
#include "memory/database.h"
#include "memory/store.h"

namespace praxis::memory {

Result<std::vector<JournalEvent>> Reads::journal(std::string_view run_id, const JournalFilter& filter) {
  auto database = this->database();
  if (!database) return pass_on(database);
  std::string sql = "SELECT seq, run_id, type, payload, at_ms FROM journal WHERE run_id = ? AND seq > ?";
  for (std::size_t i = 0; i < filter.types.size(); ++i) sql += i == 0 ? " AND type IN (?" : ", ?";
  if (!filter.types.empty()) sql += ")";
  sql += filter.newest_first ? " ORDER BY seq DESC LIMIT ?" : " ORDER BY seq LIMIT ?";
  std::vector<JournalEvent> events;
  auto query = (*database)->query(sql);
  query.bind(run_id).bind(filter.after);
  for (const std::string_view type : filter.types) query.bind(type);
  query.bind(filter.limit);
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
  if (auto ok = check_json(payload, "payload", where); !ok) return pass_on(ok);
  auto insert = database_->query(
      "INSERT INTO journal (run_id, type, payload, at_ms) SELECT id, ?, ?, ? FROM runs WHERE id = ?");
  auto done = insert.bind(type).bind(payload).bind(now_ms_).bind(run_id).run();
  if (!done) return pass_on(done);
  if (database_->changes() == 0) return refuse(ErrorCode::not_found, "there is no such run", where);
  return database_->last_insert_id();
}

}  // namespace praxis::memory
