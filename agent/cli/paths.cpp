#include "agent/cli/paths.h"

#include <cstdlib>

namespace praxis::agent::cli {

namespace fs = std::filesystem;

namespace {

std::optional<fs::path> environment(const char* name) {
  const char* value = std::getenv(name);
  if (!value || !*value) return std::nullopt;
  return fs::path(value);
}

}  // namespace

Result<fs::path> model_path(const Options& options) {
  if (!options.model.empty()) return options.model;
  if (auto path = environment("PRAXIS_MODEL")) return *path;
  std::error_code error;
  fs::path binary = fs::read_symlink("/proc/self/exe", error);
  fs::path shipped = binary.parent_path().parent_path() / "share" / "praxis" / "tiny_r1";
  if (!error && fs::exists(shipped / "config.json", error)) return shipped;
  return tl::unexpected(Error{ErrorCode::bad_model,
                              "the shipped model is not beside the binary; name a model folder with --model or $PRAXIS_MODEL",
                              "share/praxis/tiny_r1"});
}

Result<fs::path> database_path(const Options& options) {
  if (!options.db.empty()) return options.db;
  if (auto path = environment("PRAXIS_DB")) return *path;
  fs::path folder;
  if (auto data = environment("XDG_DATA_HOME"))
    folder = *data / "praxis";
  else if (auto home = environment("HOME"))
    folder = *home / ".local" / "share" / "praxis";
  else
    return tl::unexpected(Error{ErrorCode::store, "neither $XDG_DATA_HOME nor $HOME is set; name a file with --db", "--db"});
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return tl::unexpected(Error{ErrorCode::store, "cannot create the folder: " + error.message() + "; name a file with --db",
                                folder.string()});
  return folder / "praxis.db";
}

}  // namespace praxis::agent::cli
