#include "memory/claims.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <set>
#include <system_error>

#include "memory/checks.h"

namespace praxis::memory {
namespace {

using FileId = std::pair<dev_t, ino_t>;

Error system_error(int number, const std::string& doing, const std::string& name) {
  const auto code = number == EACCES || number == EPERM || number == EROFS ? ErrorCode::read_only
                    : number == ENOSPC || number == EDQUOT                 ? ErrorCode::disk_full
                                                                           : ErrorCode::io;
  return {code, doing + ": " + std::generic_category().message(number), name};
}

/// Where in the lock file a name's byte is: FNV-1a, 62 bits, the same in every build. Two names on
/// one byte would refuse each other; at 2^62 that is no worry.
off_t offset_of(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (unsigned char byte : name) hash = (hash ^ byte) * 0x100000001b3u;
  return static_cast<off_t>(hash >> 2);
}

struct flock range(short type, off_t offset) {
  struct flock range = {};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = offset;
  range.l_len = 1;
  return range;
}

}  // namespace

struct LockFile::File {
  FileId id;
  std::string name;
  int descriptor = -1;
  int users = 0;
  std::set<off_t> held;
};

struct LockFile::Table {
  std::mutex mutex;  // guards all files and what is in them
  std::map<FileId, File> files;
  static Table& of_process() {
    static Table* const table = new Table;  // outlives every store, static ones too
    return *table;
  }
};

Result<std::shared_ptr<LockFile>> LockFile::open(const std::filesystem::path& path) {
  auto& table = Table::of_process();
  const std::scoped_lock lock(table.mutex);
  struct stat info = {};
  auto place = table.files.end();
  if (stat(path.c_str(), &info) == 0) place = table.files.find({info.st_dev, info.st_ino});
  if (place == table.files.end()) {
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (descriptor < 0 || fstat(descriptor, &info) != 0) {
      const int number = errno;
      if (descriptor >= 0) close(descriptor);
      return tl::unexpected(system_error(number, "the lock file cannot be opened", path.filename()));
    }
    const FileId id = {info.st_dev, info.st_ino};
    place = table.files.emplace(id, File{id, path.filename(), descriptor, 0, {}}).first;
  }
  ++place->second.users;
  return std::shared_ptr<LockFile>(new LockFile(&place->second));
}

LockFile::~LockFile() {
  auto& table = Table::of_process();
  const std::scoped_lock lock(table.mutex);
  if (--file_->users > 0) return;
  close(file_->descriptor);
  table.files.erase(FileId(file_->id));
}

Result<void> LockFile::lock(std::string_view name) {
  const std::scoped_lock lock(Table::of_process().mutex);
  const off_t offset = offset_of(name);
  const auto taken = [&](const std::string& by) {
    return refuse(ErrorCode::claimed, by + " holds it; end that one or wait for it", std::string(name));
  };
  if (file_->held.contains(offset)) return taken("this process");
  auto wanted = range(F_WRLCK, offset);
  if (fcntl(file_->descriptor, F_SETLK, &wanted) == 0) {
    file_->held.insert(offset);
    return {};
  }
  if (errno != EACCES && errno != EAGAIN)
    return tl::unexpected(system_error(errno, "the lock file cannot be locked", file_->name));
  auto holder = range(F_WRLCK, offset);
  const bool named =
      fcntl(file_->descriptor, F_GETLK, &holder) == 0 && holder.l_type != F_UNLCK && holder.l_pid > 0;
  return taken(named ? "process " + std::to_string(holder.l_pid) : "another process");
}

void LockFile::unlock(std::string_view name) {
  const std::scoped_lock lock(Table::of_process().mutex);
  auto released = range(F_UNLCK, offset_of(name));
  fcntl(file_->descriptor, F_SETLK, &released);
  file_->held.erase(released.l_start);
}

}  // namespace praxis::memory
