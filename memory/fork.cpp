// A conversation's beginning as a conversation of its own.

#include <vector>

#include "memory/checks.h"
#include "memory/database.h"
#include "memory/store.h"

namespace praxis::memory {

namespace {

/// The copied runs and messages, by what they were copied from: lives as long as the copying.
constexpr const char* kPlaces =
    "CREATE TEMP TABLE IF NOT EXISTS forked_runs (old TEXT PRIMARY KEY, new TEXT NOT NULL) STRICT;"
    "CREATE TEMP TABLE IF NOT EXISTS forked_messages (old INTEGER PRIMARY KEY, new INTEGER NOT NULL) STRICT;"
    "DELETE FROM forked_runs; DELETE FROM forked_messages";

struct Copy {
  Database& database;
  std::string_view from;
  const std::string& to;
  std::uint32_t last_position;

  Result<void> runs() {
    auto query = database.query(
        "SELECT DISTINCT run_id FROM messages WHERE conversation_id = ? AND position <= ? AND run_id IS NOT NULL ORDER BY position");
    query.bind(from).bind(last_position);
    std::vector<std::string> ids;
    for (;;) {
      auto row = query.step();
      if (!row) return pass_on(row);
      if (!*row) break;
      ids.push_back(query.text(0));
    }
    for (const std::string& old : ids) {
      auto id = random_id("r_");
      if (!id) return pass_on(id);
      auto place = database.query("INSERT INTO forked_runs (old, new) VALUES (?, ?)");
      if (auto done = place.bind(old).bind(*id).run(); !done) return done;
      auto copy = database.query(
          "INSERT INTO runs (id, conversation_id, status, settings, answer, usage, error, created_ms, finished_ms)"
          " SELECT ?, ?, CASE WHEN status IN ('running', 'interrupted') THEN 'cancelled' ELSE status END, settings, answer,"
          " usage, error, created_ms, finished_ms FROM runs WHERE id = ?");
      if (auto done = copy.bind(*id).bind(to).bind(old).run(); !done) return done;
    }
    return {};
  }

  Result<void> messages() {
    auto query = database.query("SELECT id FROM messages WHERE conversation_id = ? AND position <= ? ORDER BY position");
    query.bind(from).bind(last_position);
    std::vector<std::int64_t> ids;
    for (;;) {
      auto row = query.step();
      if (!row) return pass_on(row);
      if (!*row) break;
      ids.push_back(query.integer(0));
    }
    for (const std::int64_t old : ids) {
      auto copy = database.query(
          "INSERT INTO messages (conversation_id, position, run_id, role, content, reasoning, call_id, ids,"
          " ids_fingerprint, search_text, created_ms)"
          " SELECT ?, position, (SELECT new FROM forked_runs WHERE old = run_id), role, content, reasoning, call_id, ids,"
          " ids_fingerprint, search_text, created_ms FROM messages WHERE id = ?");
      if (auto done = copy.bind(to).bind(old).run(); !done) return done;
      auto place = database.query("INSERT INTO forked_messages (old, new) VALUES (?, ?)");
      if (auto done = place.bind(old).bind(database.last_insert_id()).run(); !done) return done;
    }
    return {};
  }

  /// Those of the copied messages. Their keys are new ones: a key stands for one effect.
  Result<void> calls() {
    auto copy = database.query(
        "INSERT INTO calls (run_id, id, message_id, position, tool, arguments, effect, idempotency_key, status, attempts,"
        " result_status, result_text, truncated, started_ms, finished_ms)"
        " SELECT r.new, c.id, m.new, c.position, c.tool, c.arguments, c.effect, 'key_' || lower(hex(randomblob(16))),"
        " CASE WHEN c.status IN ('planned', 'started') THEN 'cancelled' ELSE c.status END, c.attempts,"
        " c.result_status, c.result_text, c.truncated, c.started_ms, c.finished_ms"
        " FROM calls c JOIN forked_messages m ON m.old = c.message_id JOIN forked_runs r ON r.old = c.run_id ORDER BY c.number");
    return copy.run();
  }
};

/// Calls whose results are not there yet would be copied without them.
Result<void> refuse_open_calls(Database& database, std::string_view id, std::uint32_t last_position, const std::string& where) {
  auto query = database.query(
      "SELECT m.position FROM messages m JOIN calls c ON c.message_id = m.id"
      " WHERE m.conversation_id = ?1 AND m.position = (SELECT max(position) FROM messages WHERE conversation_id = ?1"
      " AND position <= ?2 AND role = 'assistant') AND NOT EXISTS (SELECT 1 FROM messages r WHERE r.conversation_id = ?1"
      " AND r.position > m.position AND r.position <= ?2 AND r.role = 'tool' AND r.call_id = c.id) LIMIT 1");
  auto open = query.bind(id).bind(last_position).step();
  if (!open) return pass_on(open);
  if (!*open) return {};
  const std::int64_t position = query.integer(0);
  return refuse(ErrorCode::bad_state, "message " + std::to_string(position) + " made calls that have no results yet; " +
                    (position > 0 ? "fork at position " + std::to_string(position - 1) + ", or when" : "fork when") + " its run has ended", where);
}

}  // namespace

Result<std::string> Tx::fork_conversation(std::string_view id, std::uint32_t last_position) {
  const auto where = "conversation " + std::string(id);
  auto source = conversation(id);
  if (!source) return pass_on(source);
  auto there = database_->query("SELECT 1 FROM messages WHERE conversation_id = ? AND position = ?");
  auto row = there.bind(id).bind(last_position).step();
  if (!row) return pass_on(row);
  if (!*row) return refuse(ErrorCode::not_found, "it has no message at position " + std::to_string(last_position), where);
  // Calls never stand without their results: those come along.
  auto end = database_->query(
      "SELECT coalesce(min(position) - 1, (SELECT max(position) FROM messages WHERE conversation_id = ?1))"
      " FROM messages WHERE conversation_id = ?1 AND position > ?2 AND role <> 'tool'");
  auto found = end.bind(id).bind(last_position).step();
  if (!found) return pass_on(found);
  last_position = static_cast<std::uint32_t>(end.integer(0));
  if (auto closed = refuse_open_calls(*database_, id, last_position, where); !closed) return pass_on(closed);
  auto made = create_conversation({source->title, source->think_policy, source->model, source->model_fingerprint});
  if (!made) return made;
  Copy copy{*database_, id, *made, last_position};
  if (auto done = database_->execute(kPlaces); !done) return pass_on(done);
  if (auto done = copy.runs(); !done) return pass_on(done);
  if (auto done = copy.messages(); !done) return pass_on(done);
  if (auto done = copy.calls(); !done) return pass_on(done);
  return made;
}

}  // namespace praxis::memory
