#include "memory/migrate.h"

#include <fstream>

#include "tests/memory/fixture.h"

namespace praxis::memory {
namespace {

struct Migrations : testing::Test {
  Folder folder;
  std::filesystem::path file = folder / "chats.db";

  /// A connection to the file, made empty when it is missing.
  std::unique_ptr<Database> connect() {
    std::ofstream(file, std::ios::app);
    return must(Database::open(file.string(), {}));
  }
  /// The whole schema as SQLite keeps it.
  std::string schema() {
    std::string all;
    auto database = connect();
    auto query = database->query("SELECT name, sql FROM sqlite_schema ORDER BY name");
    while (must(query.step())) all += query.text(0) + ": " + query.text(1) + "\n";
    return all;
  }
};

TEST_F(Migrations, AnEmptyFileGetsAllSteps) {
  ASSERT_GE(schema_steps().size(), 1u);
  must(Store::open(file));
  auto database = connect();
  EXPECT_EQ(must(database->integer("PRAGMA user_version")), static_cast<std::int64_t>(schema_steps().size()));
  EXPECT_EQ(must(database->integer("PRAGMA application_id")), 0x50525853);
}

// For every version that ever was: a file of that version, made by its own steps, ends up with the
// schema of a new one.
TEST_F(Migrations, EveryOlderVersionBecomesTheNewestOne) {
  must(Store::open(file));
  const auto newest = schema();
  for (std::size_t version = 0; version < schema_steps().size(); ++version) {
    file = folder / ("version" + std::to_string(version));
    {
      auto database = connect();
      const std::vector<std::string> older(schema_steps().begin(), schema_steps().begin() + static_cast<std::ptrdiff_t>(version));
      must(migrate(*database, older));
    }
    must(Store::open(file));
    EXPECT_EQ(schema(), newest);
  }
}

TEST_F(Migrations, KeepTheRows) {
  auto database = connect();
  const std::vector<std::string> first = {"CREATE TABLE t (a TEXT) STRICT; INSERT INTO t VALUES ('kept');"};
  must(migrate(*database, first));
  auto second = first;
  second.push_back("ALTER TABLE t ADD COLUMN b TEXT NOT NULL DEFAULT 'new';");
  second.push_back("UPDATE t SET b = a || b;");
  must(migrate(*database, second));
  auto query = database->query("SELECT a, b FROM t");
  ASSERT_TRUE(must(query.step()));
  EXPECT_EQ(query.text(0), "kept");
  EXPECT_EQ(query.text(1), "keptnew");
  EXPECT_EQ(must(database->integer("PRAGMA user_version")), 3);
}

TEST_F(Migrations, AFailedStepLeavesTheFileAsItWas) {
  auto database = connect();
  const std::vector<std::string> first = {"CREATE TABLE t (a TEXT) STRICT;"};
  must(migrate(*database, first));
  auto broken = first;
  broken.push_back("ALTER TABLE t ADD COLUMN b TEXT;");
  broken.push_back("ALTER TABLE nowhere ADD COLUMN b TEXT;");
  EXPECT_THAT(migrate(*database, broken), FailsWith(ErrorCode::internal, "no such table: nowhere"));
  EXPECT_EQ(must(database->integer("PRAGMA user_version")), 1);
  EXPECT_EQ(must(database->integer("SELECT count(*) FROM pragma_table_info('t')")), 1);
  must(migrate(*database, first));
}

TEST_F(Migrations, ANewerFileIsRefusedByNameAndNotTouched) {
  must(Store::open(file));
  const auto version = schema_steps().size();
  must(connect()->execute("PRAGMA user_version = " + std::to_string(version + 1)));
  EXPECT_THAT(Store::open(file), FailsWith(ErrorCode::newer_version,
                                           "schema version " + std::to_string(version + 1) + " and this build knows up to " +
                                               std::to_string(version)));
  EXPECT_EQ(must(connect()->integer("PRAGMA user_version")), static_cast<std::int64_t>(version + 1));
}

TEST_F(Migrations, AnotherProgramsDatabaseIsRefusedAndNotTouched) {
  must(connect()->execute("CREATE TABLE bookmarks (url TEXT)"));
  EXPECT_THAT(Store::open(file), FailsWith(ErrorCode::not_database, "another program's database"));
  EXPECT_EQ(must(connect()->integer("SELECT count(*) FROM sqlite_schema")), 1);
  EXPECT_FALSE(std::filesystem::exists(folder / "chats.db.claims"));
  must(connect()->execute("DROP TABLE bookmarks; PRAGMA application_id = 7"));
  EXPECT_THAT(Store::open(file), FailsWith(ErrorCode::not_database, "another program's database"));
}

}  // namespace
}  // namespace praxis::memory
