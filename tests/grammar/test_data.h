#pragma once
// Collections of schemas with verdicts that lie beside the project.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace praxis::grammar {

/// ../shared/data/NAME.tar.xz unpacked below the build folder, once; empty if it is not there.
inline std::filesystem::path unpacked(const std::string& name) {
  namespace fs = std::filesystem;
  const fs::path archive =
      fs::path(PRAXIS_SOURCE_DIR) / ".." / "shared" / "data" / (name + ".tar.xz");
  if (!fs::exists(archive)) return {};
  const fs::path folder = fs::path(PRAXIS_BINARY_DIR) / "test-data";
  const fs::path done = folder / (name + ".unpacked");
  if (!fs::exists(done)) {
    fs::create_directories(folder);
    const std::string command = "tar -xf '" + archive.string() + "' -C '" + folder.string() + "'";
    if (std::system(command.c_str()) != 0) return {};
    std::ofstream(done) << "yes\n";
  }
  return folder / name;
}

}  // namespace praxis::grammar
