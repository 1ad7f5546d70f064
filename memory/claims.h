#pragma once
// Locks by name between processes: byte ranges of the file beside the database, <database>.claims.
// Inside memory/ only.
//
// The kernel drops a process's record locks when it dies, however it dies, and children do not
// inherit them. It also drops them when the process closes any descriptor of the file, and never
// lets a process exclude itself: hence one table of open lock files per process, each with one
// descriptor and the set of ranges that it holds.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>

#include "memory/store.h"

namespace praxis::memory {

class LockFile {
 public:
  /// Creates the file when it is missing.
  static Result<std::shared_ptr<LockFile>> open(const std::filesystem::path& path);
  ~LockFile();

  /// claimed, naming the process, when somebody holds `name`. Never waits.
  Result<void> lock(std::string_view name);
  void unlock(std::string_view name);

 private:
  struct File;
  struct Table;
  explicit LockFile(File* file) : file_(file) {}
  File* file_;  // in the process's table, which counts its users
};

}  // namespace praxis::memory
