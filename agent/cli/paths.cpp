#include "agent/cli/paths.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <sstream>
#include <system_error>

#include "agent/call_id.h"
#include "agent/cli/input.h"

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

Result<fs::path> data_folder(std::string_view flag) {
  fs::path folder;
  if (auto data = environment("XDG_DATA_HOME"))
    folder = *data / "praxis";
  else if (auto home = environment("HOME"))
    folder = *home / ".local" / "share" / "praxis";
  else
    return tl::unexpected(Error{ErrorCode::store, "neither $XDG_DATA_HOME nor $HOME is set; name a file with " + std::string(flag),
                                std::string(flag)});
  std::error_code error;
  fs::create_directories(folder, error);
  if (error)
    return tl::unexpected(Error{ErrorCode::store, "cannot create the folder: " + error.message() + "; name a file with " + std::string(flag),
                                folder.string()});
  return folder;
}

Result<fs::path> database_path(const Options& options) {
  if (!options.db.empty()) return options.db;
  if (auto path = environment("PRAXIS_DB")) return *path;
  auto folder = data_folder("--db");
  if (!folder) return tl::unexpected(folder.error());
  return *folder / "praxis.db";
}

namespace {

Result<std::vector<std::string>> keys_in(const fs::path& path) {
  auto text = read_file(path);
  if (!text) return tl::unexpected(text.error());
  std::vector<std::string> keys;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty() && line[0] != '#') keys.push_back(line);
  }
  if (keys.empty())
    return tl::unexpected(Error{ErrorCode::bad_request, "has no key; write one a line, or say --no-auth", path.string()});
  return keys;
}

/// Only its owner reads it. When two servers start at once, one of them makes it.
Result<void> make_key_file(const fs::path& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0 && errno == EEXIST) return {};
  const std::string line = unguessable_id("sk-praxis-") + "\n";
  const bool whole = file >= 0 && ::write(file, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const std::string why = std::generic_category().message(errno);
  if (file >= 0) ::close(file);
  if (!whole) return tl::unexpected(Error{ErrorCode::store, "cannot be written: " + why + "; name a key with --api-key", path.string()});
  return {};
}

}  // namespace

Result<std::vector<std::string>> server_keys(const Options& options) {
  if (options.no_auth) return std::vector<std::string>();
  if (!options.api_keys.empty()) return options.api_keys;
  if (!options.api_key_file.empty()) return keys_in(options.api_key_file);
  if (auto key = environment("PRAXIS_API_KEY")) return std::vector<std::string>{key->string()};
  auto folder = data_folder("--api-key-file");
  if (!folder) return tl::unexpected(folder.error());
  const fs::path path = *folder / "api_key";
  if (auto made = make_key_file(path); !made) return tl::unexpected(made.error());
  return keys_in(path);
}

}  // namespace praxis::agent::cli
