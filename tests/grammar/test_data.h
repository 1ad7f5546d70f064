#pragma once
// Collections of schemas with verdicts that lie beside the project.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace praxis::grammar {

/// ../shared/data/NAME.tar.xz unpacked below the build folder, once; empty if it is not there. Tests
/// that run side by side may ask at once: whole folders appear by renaming.
inline std::filesystem::path unpacked(const std::string& name) {
  namespace fs = std::filesystem;
  const fs::path archive =
      fs::path(PRAXIS_SOURCE_DIR) / ".." / "shared" / "data" / (name + ".tar.xz");
  if (!fs::exists(archive)) return {};
  const fs::path data = fs::path(PRAXIS_BINARY_DIR) / "test-data";
  if (fs::exists(data / name)) return data / name;
  const fs::path own = data / (name + "." + std::to_string(getpid()));
  fs::create_directories(own);
  const std::string command = "tar -xf '" + archive.string() + "' -C '" + own.string() + "'";
  if (std::system(command.c_str()) != 0) return {};
  std::error_code another_was_first;
  fs::rename(own / name, data / name, another_was_first);
  fs::remove_all(own);
  return data / name;
}

}  // namespace praxis::grammar
