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
/// praxis under $XDG_DATA_HOME or ~/.local/share; created when it is missing. `flag` names a file
/// instead.
Result<std::filesystem::path> data_folder(std::string_view flag);
/// The server's bearer tokens: --api-key, else --api-key-file, else $PRAXIS_API_KEY, else those of
/// praxis/api_key in the data folder, where one is made at the first start. None with --no-auth.
Result<std::vector<std::string>> server_keys(const Options& options);

}  // namespace praxis::agent::cli
