#include "memory/database.h"

#include <sqlite3.h>

#include <filesystem>

#include "memory/store.h"

namespace praxis::memory {
namespace {

/// Of the writer: the indexes grow in many places at once, and what it has not at hand it reads again.
constexpr int kWriterCacheKib = 16 * 1024;

struct Meaning {
  ErrorCode code;
  const char* what;
};

Meaning meaning_of(int rc) {
  switch (rc & 0xff) {
    case SQLITE_FULL: return {ErrorCode::disk_full, "the disk is full and nothing was written; free some space and try again"};
    case SQLITE_READONLY: return {ErrorCode::read_only, "the file is read-only; make it and its folder writable"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return {ErrorCode::busy, "another process kept the file locked longer than store.busy_timeout_ms; try again"};
    case SQLITE_NOTADB: return {ErrorCode::not_database, "the file is not a database; name another one"};
    case SQLITE_CORRUPT: return {ErrorCode::corrupt, "the file is damaged; restore it from a copy or name another one"};
    case SQLITE_TOOBIG: return {ErrorCode::too_large, "a row is larger than the file takes"};
    case SQLITE_CONSTRAINT: return {ErrorCode::bad_request, "the row breaks a rule of the schema"};
    case SQLITE_CANTOPEN: return {ErrorCode::io, "the file, or one beside it, cannot be opened; check its folder"};
    case SQLITE_PERM:
    case SQLITE_AUTH: return {ErrorCode::read_only, "access was denied; make the file and its folder writable"};
    case SQLITE_IOERR: return {ErrorCode::io, "the disk failed and nothing was written; check it and try again"};
    case SQLITE_NOMEM: return {ErrorCode::internal, "out of memory"};
    default: return {ErrorCode::internal, "the database refused a statement"};
  }
}

Error to_error(int rc, const char* detail, const std::string& path) {
  const auto meaning = meaning_of(rc);
  return {meaning.code, std::string(meaning.what) + " (" + detail + ")",
          std::filesystem::path(path).filename().string()};
}

}  // namespace

Query::Query(Database& database, std::string_view sql) : database_(database) {
  auto found = database.statements_.find(sql);
  if (found == database.statements_.end()) found = database.statements_.emplace(sql, Kept()).first;
  Kept& kept = found->second;
  if (!kept.in_use) {
    kept_ = &kept;
    kept.in_use = true;
    statement_ = kept.statement;
  }
  if (statement_) return;
  check(sqlite3_prepare_v3(database.handle_, sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
  if (kept_) kept.statement = statement_;
}

Query::~Query() {
  if (!kept_) {
    sqlite3_finalize(statement_);
    return;
  }
  kept_->in_use = false;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Query::check(int rc) {
  if (rc != SQLITE_OK && failed_ == SQLITE_OK) failed_ = rc;
}

Query& Query::bind(std::int64_t value) {
  if (failed_ == SQLITE_OK) check(sqlite3_bind_int64(statement_, ++bound_, value));
  return *this;
}

Query& Query::bind(std::string_view text) {
  // A null pointer would bind NULL; an empty text is not NULL.
  const char* data = text.data() ? text.data() : "";
  if (failed_ == SQLITE_OK)
    check(sqlite3_bind_text64(statement_, ++bound_, data, text.size(), SQLITE_STATIC, SQLITE_UTF8));
  return *this;
}

Query& Query::bind_null() {
  if (failed_ == SQLITE_OK) check(sqlite3_bind_null(statement_, ++bound_));
  return *this;
}

Query& Query::bind_blob(std::span<const std::byte> bytes) {
  const void* data = bytes.empty() ? static_cast<const void*>("") : bytes.data();
  if (failed_ == SQLITE_OK)
    check(sqlite3_bind_blob64(statement_, ++bound_, data, bytes.size(), SQLITE_STATIC));
  return *this;
}

Result<bool> Query::step() {
  if (failed_ != SQLITE_OK) return tl::unexpected(database_.last_error(failed_));
  const int rc = sqlite3_step(statement_);
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return tl::unexpected(database_.last_error(rc));
}

Result<void> Query::run() {
  for (;;) {
    auto row = step();
    if (!row) return tl::unexpected(std::move(row.error()));
    if (!*row) return {};
  }
}

std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_, column); }

double Query::real(int column) const { return sqlite3_column_double(statement_, column); }

std::string Query::text(int column) const {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data ? std::string(data, size) : std::string();
}

bool Query::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::span<const std::byte> Query::blob(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(statement_, column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return data ? std::span(data, size) : std::span<const std::byte>();
}

Result<std::unique_ptr<Database>> Database::open(const std::string& path, const Options& options) {
  sqlite3* handle = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int rc = sqlite3_open_v2(path.c_str(), &handle, flags,
                                 options.vfs.empty() ? nullptr : options.vfs.c_str());
  std::unique_ptr<Database> database(new Database(handle, path));
  if (rc != SQLITE_OK) return tl::unexpected(database->last_error(rc));
  sqlite3_busy_timeout(handle, static_cast<int>(options.busy_timeout_ms));
  sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, static_cast<int>(4 * kTextBytesMax));
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // synchronous=FULL: a commit is on the disk before it is acknowledged. recursive_triggers: a
  // REPLACE cannot slip past the triggers that keep the journal append-only.
  std::string pragmas =
      "PRAGMA foreign_keys=ON; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON;"
      "PRAGMA cell_size_check=ON;";
  if (options.mode == Mode::read) {
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    pragmas += "PRAGMA query_only=ON;";
  } else {
    pragmas += "PRAGMA cache_size=-" + std::to_string(kWriterCacheKib) + ";";
  }
  if (auto set = database->execute(pragmas); !set) return tl::unexpected(set.error());
  return database;
}

Database::~Database() {
  for (auto& [sql, kept] : statements_) sqlite3_finalize(kept.statement);
  sqlite3_close_v2(handle_);
}

Result<void> Database::execute(const std::string& sql) {
  const int rc = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return tl::unexpected(last_error(rc));
  return {};
}

Result<std::int64_t> Database::integer(std::string_view sql) {
  Query query(*this, sql);
  auto row = query.step();
  if (!row) return tl::unexpected(std::move(row.error()));
  return *row ? query.integer(0) : 0;
}

bool Database::in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }

void Database::rollback() {
  // Fails only when SQLite rolled back by itself, which is what is wanted.
  if (in_transaction()) sqlite3_exec(handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

std::int64_t Database::last_insert_id() const { return sqlite3_last_insert_rowid(handle_); }
std::int64_t Database::changes() const { return sqlite3_changes64(handle_); }
std::int64_t Database::changes_total() const { return sqlite3_total_changes64(handle_); }
bool Database::read_only() const { return sqlite3_db_readonly(handle_, "main") == 1; }

Error Database::last_error(int rc) const {
  // The connection's message belongs to its last call; when that was another one, the code speaks.
  const bool same = handle_ && (sqlite3_extended_errcode(handle_) & 0xff) == (rc & 0xff);
  return to_error(rc, same ? sqlite3_errmsg(handle_) : sqlite3_errstr(rc), path_);
}

}  // namespace praxis::memory
