// The journal: what happened, in order, never changed.

#include <algorithm>
#include <array>

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

namespace {

Result<void> check_row(const NewJournalRow& row, const std::string& where) {
  if (auto ok = check_name(row.type, "type", where); !ok) return ok;
  if (auto ok = check_text(row.payload, "payload", where); !ok) return ok;
  // The table checks JSON too, but up to a NUL only, and no encoding.
  const auto plain = [](char c) { return static_cast<signed char>(c) > 0; };
  if (std::all_of(row.payload.begin(), row.payload.end(), plain)) return {};
  return check_json(row.payload, "payload", where);
}

/// One statement for so many rows: what SQLite does once for each statement costs as much as a row.
constexpr std::size_t kRowsAtOnce = 16;

std::string insert_rows(std::size_t count) {
  std::string sql = "INSERT INTO journal (run_id, at_ms, type, payload) VALUES ";
  for (std::size_t i = 0; i < count; ++i) {
    const auto type = std::to_string(2 * i + 3), payload = std::to_string(2 * i + 4);
    sql += (i == 0 ? "(?1, ?2, ?" : ", (?1, ?2, ?") + type + ", ?" + payload + ")";
  }
  return sql;
}

const std::string& insert_of(std::size_t count) {
  static const auto statements = [] {
    std::array<std::string, kRowsAtOnce + 1> all;
    for (std::size_t i = 1; i < all.size(); ++i) all[i] = insert_rows(i);
    return all;
  }();
  return statements[count];
}

}  // namespace

Result<std::int64_t> Tx::append_journal(std::string_view run_id, std::string_view type, std::string_view payload) {
  const NewJournalRow row{type, payload};
  return append_journal(run_id, std::span(&row, 1));
}

Result<std::int64_t> Tx::append_journal(std::string_view run_id, std::span<const NewJournalRow> rows) {
  const auto where = "journal of run " + std::string(run_id);
  if (rows.empty()) return refuse(ErrorCode::bad_request, "there is no row to append", where);
  for (const NewJournalRow& row : rows)
    if (auto ok = check_row(row, where); !ok) return pass_on(ok);
  for (auto rest = rows; !rest.empty(); rest = rest.subspan(std::min(rest.size(), kRowsAtOnce))) {
    const auto some = rest.first(std::min(rest.size(), kRowsAtOnce));
    auto insert = database_->query(insert_of(some.size()));
    insert.bind(run_id).bind(now_ms_);
    for (const NewJournalRow& row : some) insert.bind(row.type).bind(row.payload);
    if (auto done = insert.run(); !done) {
      // The table's own checks refused them; these say why.
      for (const NewJournalRow& row : some)
        if (auto ok = check_json(row.payload, "payload", where); !ok) return pass_on(ok);
      if (auto there = run(run_id); !there && there.error().code == ErrorCode::not_found)
        return refuse(ErrorCode::not_found, "there is no such run", where);
      return pass_on(done);
    }
  }
  // Nobody else appends meanwhile, so their numbers follow each other.
  return database_->last_insert_id() - static_cast<std::int64_t>(rows.size()) + 1;
}

}  // namespace praxis::memory
