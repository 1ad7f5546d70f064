#include "memory/migrate.h"

#include "memory/checks.h"

namespace praxis::memory {

extern const char* const kSchemaSql;  // schema.sql, embedded by the build

namespace {

constexpr std::int64_t kApplicationId = 0x50525853;  // "PRXS", in the file's header

}  // namespace

const std::vector<std::string>& schema_steps() {
  static const std::vector<std::string> steps = [] {
    std::vector<std::string> found;
    const std::string_view all = kSchemaSql;
    const auto mark = [](std::size_t number) { return "\n-- version " + std::to_string(number) + "\n"; };
    for (auto at = all.find(mark(1)); at != all.npos;) {
      const auto next = all.find(mark(found.size() + 2), at);
      found.emplace_back(all.substr(at, next == all.npos ? next : next - at));
      at = next;
    }
    return found;
  }();
  return steps;
}

Result<std::size_t> check_version(Database& database, const std::vector<std::string>& steps) {
  // One snapshot for all the marks: another process may be creating the file in this very moment,
  // and then they are there together or not at all.
  if (!database.in_transaction()) {
    if (auto begun = database.execute("BEGIN"); !begun) return pass_on(begun);
    auto version = check_version(database, steps);
    database.rollback();
    return version;
  }
  const auto known = steps.size();
  auto application = database.integer("PRAGMA application_id");
  if (!application) return pass_on(application);
  auto version = database.integer("PRAGMA user_version");
  if (!version) return pass_on(version);
  auto tables = database.integer("SELECT count(*) FROM sqlite_schema");
  if (!tables) return pass_on(tables);
  if (*application != kApplicationId && (*application != 0 || *version != 0 || *tables != 0))
    return refuse(ErrorCode::not_database, "the file is another program's database; name another one", "database");
  if (*version < 0 || static_cast<std::size_t>(*version) > known)
    return refuse(ErrorCode::newer_version,
                  "the file has schema version " + std::to_string(*version) + " and this build knows up to " +
                      std::to_string(known) + "; use the newer build that wrote it",
                  "database");
  return static_cast<std::size_t>(*version);
}

Result<void> migrate(Database& database, const std::vector<std::string>& steps) {
  auto version = check_version(database, steps);
  if (!version) return pass_on(version);
  if (*version == steps.size()) return {};

  if (auto begun = database.execute("BEGIN IMMEDIATE"); !begun) return begun;
  // Another process may have been faster.
  version = check_version(database, steps);
  if (!version) return database.rollback(), pass_on(version);
  for (std::size_t i = *version; i < steps.size(); ++i) {
    if (auto done = database.execute(steps[i]); !done) return database.rollback(), done;
  }
  auto stamped = database.execute("PRAGMA application_id = " + std::to_string(kApplicationId) +
                                  "; PRAGMA user_version = " + std::to_string(steps.size()) + "; COMMIT");
  if (!stamped) database.rollback();
  return stamped;
}

}  // namespace praxis::memory
