#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "plugins/host.h"

namespace praxis::plugins {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kSuffix = ".so";

/// The folder of the running executable and who owns the file; empty when /proc is not there.
struct Home {
  fs::path folder;
  uid_t owner = 0;
};

Home home() {
  std::error_code failed;
  const fs::path executable = fs::read_symlink("/proc/self/exe", failed);
  struct stat status {};
  if (failed || ::stat(executable.c_str(), &status) != 0) return {};
  return {executable.parent_path(), status.st_uid};
}

/// Code is loaded from here: /tmp/plugins beside a binary in /tmp/bin may be anybody's.
bool trusted(const fs::path& folder, uid_t owner) {
  struct stat status {};
  if (::stat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  const bool ours = status.st_uid == 0 || status.st_uid == ::geteuid() || status.st_uid == owner;
  return ours && !(status.st_mode & S_IWOTH);
}

}  // namespace

std::vector<fs::path> plugin_folders() {
  std::vector<fs::path> folders;
  const auto add = [&](const fs::path& folder) {
    if (std::find(folders.begin(), folders.end(), folder) == folders.end())
      folders.push_back(folder);
  };
  std::error_code failed;
  if (const char* path = std::getenv("PRAXIS_PLUGIN_PATH")) {
    std::string_view rest = path;
    while (!rest.empty()) {
      const std::size_t colon = std::min(rest.find(':'), rest.size());
      const fs::path folder(rest.substr(0, colon));
      rest.remove_prefix(std::min(colon + 1, rest.size()));
      if (folder.is_absolute() && fs::is_directory(folder, failed)) add(folder.lexically_normal());
    }
  }
  const Home beside = home();
  if (beside.folder.empty()) return folders;
  for (const char* place : {"../" PRAXIS_PLUGIN_DIR, "../lib/praxis/plugins", "../plugins"}) {
    const fs::path folder = (beside.folder / place).lexically_normal();
    if (trusted(folder, beside.owner)) add(folder);
  }
  return folders;
}

std::vector<fs::path> list_plugins() {
  std::map<std::string, fs::path> found;  // by name; an earlier folder wins
  std::error_code failed;
  for (const fs::path& folder : plugin_folders())
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, failed))
      if (entry.path().extension() == kSuffix && entry.is_regular_file(failed))
        found.emplace(entry.path().stem().string(), entry.path());
  std::vector<fs::path> files;
  for (auto& [name, file] : found) files.push_back(std::move(file));
  return files;
}

tools::Result<fs::path> find_plugin(std::string_view name) {
  std::string there;
  for (const fs::path& file : list_plugins()) {
    if (file.stem() == name) return file;
    there += (there.empty() ? "" : ", ") + file.stem().string();
  }
  std::string searched;
  for (const fs::path& folder : plugin_folders())
    searched += (searched.empty() ? "" : ", ") + folder.string();
  return tl::unexpected(tools::Error{tools::ErrorCode::not_found,
                                     "no plugin " + std::string(name) + "; there is " +
                                         (there.empty() ? "none" : there) +
                                         " (PRAXIS_PLUGIN_PATH names more folders)",
                                     searched});
}

}  // namespace praxis::plugins
