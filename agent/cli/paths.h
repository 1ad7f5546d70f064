#pragma once
// Where the binary, its model, its plugins and the user's data are.

#include <filesystem>
#include <optional>

#include "agent/cli/options.h"
#include "agent/error.h"

namespace praxis::agent::cli {

/// --model, else $PRAXIS_MODEL, else the tiny model shipped beside the binary.
Result<std::filesystem::path> model_path(const Options& options);
/// --db, else $PRAXIS_DB, else praxis/praxis.db under $XDG_DATA_HOME or ~/.local/share (that folder
/// is created when it is missing).
Result<std::filesystem::path> database_path(const Options& options);

}  // namespace praxis::agent::cli
