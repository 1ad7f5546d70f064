#pragma once
// Brings a file's schema up to date. Inside memory/ only.

#include <string>
#include <string_view>
#include <vector>

#include "memory/database.h"

namespace praxis::memory {

/// The sections of schema.sql: the i-th takes a file from user_version i to i + 1.
const std::vector<std::string>& schema_steps();

/// The file's user_version. Refused: another program's database, and a newer version than `steps`
/// reach. Changes nothing.
Result<std::size_t> check_version(Database& database, const std::vector<std::string>& steps);

/// Checks the version and runs the missing steps, all in one transaction: after an error the file
/// is as it was.
Result<void> migrate(Database& database, const std::vector<std::string>& steps);

}  // namespace praxis::memory
