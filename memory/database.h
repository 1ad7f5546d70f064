#pragma once
// One SQLite connection, as this room uses it: cached statements, errors as values. Inside memory/
// only; the public face is store.h.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "memory/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace praxis::memory {

class Database;

/// One use of a prepared statement. Bound text must outlive it. A failure to prepare or bind is
/// reported by step() or run().
class Query {
 public:
  Query(Query&&) = delete;
  ~Query();

  Query& bind(std::int64_t value);      // the next parameter
  Query& bind(std::string_view text);
  Query& bind_null();
  Query& bind_blob(std::span<const std::byte> bytes);

  Result<bool> step();                  // true: a row is there
  Result<void> run();                   // to the end, ignoring rows

  std::int64_t integer(int column) const;
  double real(int column) const;
  std::string text(int column) const;
  bool is_null(int column) const;
  std::span<const std::byte> blob(int column) const;  // until the next step

 private:
  friend class Database;
  struct Kept;
  Query(Database& database, std::string_view sql);
  void check(int rc);
  Database& database_;
  Kept* kept_ = nullptr;  // whose statement this is; null: its own, another use has the kept one
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  int failed_ = 0;  // the first error code of prepare or bind
};

/// A statement that stays prepared.
struct Query::Kept {
  sqlite3_stmt* statement = nullptr;
  bool in_use = false;
};

class Database {
 public:
  enum class Mode : std::uint8_t { write, read };
  struct Options {
    Mode mode = Mode::write;
    std::uint32_t busy_timeout_ms = 0;
    std::string vfs;
  };
  /// The file must exist. Sets what holds for every connection (foreign keys, full sync, …) but
  /// neither journal mode nor schema.
  static Result<std::unique_ptr<Database>> open(const std::string& path, const Options& options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// One statement; prepared once per text and kept.
  Query query(std::string_view sql) { return Query(*this, sql); }
  /// The same for one that returns nothing and takes nothing.
  Result<void> run(std::string_view sql) { return query(sql).run(); }
  /// Any number of statements, not cached.
  Result<void> execute(const std::string& sql);
  /// The first column of the first row, 0 when there is no row.
  Result<std::int64_t> integer(std::string_view sql);

  bool in_transaction() const;
  void rollback();                       // no error is possible that matters
  std::int64_t last_insert_id() const;
  std::int64_t changes() const;          // rows changed by the last statement
  std::int64_t changes_total() const;    // since the connection was opened
  bool read_only() const;

  /// SQLite's last error on this connection in our words.
  Error last_error(int rc) const;

 private:
  friend class Query;
  Database(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  sqlite3* handle_;
  std::string path_;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  /// Statements by their text: as many as this room has.
  std::unordered_map<std::string, Query::Kept, Hash, std::equal_to<>> statements_;
};

}  // namespace praxis::memory
