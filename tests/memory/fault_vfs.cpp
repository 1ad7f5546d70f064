#include "tests/memory/fault_vfs.h"

#include <sqlite3.h>

#include <atomic>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

namespace praxis::memory {

struct FaultVfs::State {
  sqlite3_vfs vfs = {};
  sqlite3_vfs* real = nullptr;
  std::string name;

  mutable std::mutex mutex;
  bool recording = false;
  std::vector<Operation> log;
  Kind kind = Kind::io;
  std::uint64_t left = 0;  // operations until the fault; 0: none is armed
  bool lasting = false, failing = false, fired = false;

  void note(Operation operation) {
    const std::scoped_lock lock(mutex);
    if (recording) log.push_back(std::move(operation));
  }
  /// One operation that `io` faults can hit and, when it needs space, the others too.
  bool fails(bool needs_space) {
    const std::scoped_lock lock(mutex);
    if (kind != Kind::io && !needs_space) return false;
    if (failing) return true;
    if (left == 0 || --left > 0) return false;
    fired = true;
    failing = lasting;
    return true;
  }
};

namespace {

using Operation = FaultVfs::Operation;
using State = FaultVfs::State;

/// What SQLite takes for the file. The real one stands behind it in memory.
struct File {
  sqlite3_file base;
  State* state;
  char name[64];  // empty: a temporary file, of no interest
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

File* of(sqlite3_file* file) { return reinterpret_cast<File*>(file); }
sqlite3_file* real(sqlite3_file* file) { return of(file)->real(); }

std::string name_of(const char* path) {
  if (!path) return {};
  const std::string_view whole(path);
  return std::string(whole.substr(whole.rfind('/') + 1));
}

int close_file(sqlite3_file* file) { return real(file)->pMethods->xClose(real(file)); }

int read_file(sqlite3_file* file, void* data, int size, sqlite3_int64 offset) {
  if (of(file)->state->fails(false)) return SQLITE_IOERR_READ;
  return real(file)->pMethods->xRead(real(file), data, size, offset);
}

int write_file(sqlite3_file* file, const void* data, int size, sqlite3_int64 offset) {
  auto& state = *of(file)->state;
  const auto write = [&](int bytes) {
    state.note({Operation::Kind::write, of(file)->name, offset,
                std::string(static_cast<const char*>(data), static_cast<std::size_t>(bytes)), false});
    return real(file)->pMethods->xWrite(real(file), data, bytes, offset);
  };
  if (!state.fails(true)) return write(size);
  if (state.kind == FaultVfs::Kind::short_write && size > 1) write(size / 2);
  return state.kind == FaultVfs::Kind::io ? SQLITE_IOERR_WRITE : SQLITE_FULL;
}

int truncate_file(sqlite3_file* file, sqlite3_int64 size) {
  if (of(file)->state->fails(false)) return SQLITE_IOERR_TRUNCATE;
  of(file)->state->note({Operation::Kind::truncate, of(file)->name, size, {}, false});
  return real(file)->pMethods->xTruncate(real(file), size);
}

int sync_file(sqlite3_file* file, int flags) {
  if (of(file)->state->fails(false)) return SQLITE_IOERR_FSYNC;
  // Noted first: what another thread writes meanwhile is not covered by this sync.
  of(file)->state->note({Operation::Kind::sync, of(file)->name, 0, {}, false});
  return real(file)->pMethods->xSync(real(file), flags);
}

int size_of_file(sqlite3_file* file, sqlite3_int64* size) { return real(file)->pMethods->xFileSize(real(file), size); }
int lock_file(sqlite3_file* file, int level) { return real(file)->pMethods->xLock(real(file), level); }
int unlock_file(sqlite3_file* file, int level) { return real(file)->pMethods->xUnlock(real(file), level); }
int check_lock(sqlite3_file* file, int* held) { return real(file)->pMethods->xCheckReservedLock(real(file), held); }
int control_file(sqlite3_file* file, int operation, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), operation, argument);
}
int sector_size(sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); }
int characteristics(sqlite3_file* file) { return real(file)->pMethods->xDeviceCharacteristics(real(file)); }
int map_shared(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
  if (extend && of(file)->state->fails(true)) return SQLITE_IOERR_SHMSIZE;
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, memory);
}
int lock_shared(sqlite3_file* file, int offset, int n, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, n, flags);
}
void shared_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
int unmap_shared(sqlite3_file* file, int remove) { return real(file)->pMethods->xShmUnmap(real(file), remove); }

const sqlite3_io_methods kMethods = {
    2,           close_file,  read_file,     write_file,      truncate_file, sync_file,   size_of_file,
    lock_file,   unlock_file, check_lock,    control_file,    sector_size,   characteristics,
    map_shared,  lock_shared, shared_barrier, unmap_shared,   nullptr,       nullptr};

State& state_of(sqlite3_vfs* vfs) { return *static_cast<State*>(vfs->pAppData); }

int open_file(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* flags_out) {
  auto& state = state_of(vfs);
  auto* wrapped = new (file) File{};
  if (state.fails(false)) return SQLITE_CANTOPEN;
  const int rc = state.real->xOpen(state.real, path, wrapped->real(), flags, flags_out);
  if (wrapped->real()->pMethods) {
    wrapped->base.pMethods = &kMethods;
    wrapped->state = &state;
    std::strncpy(wrapped->name, name_of(path).c_str(), sizeof wrapped->name - 1);
  }
  return rc;
}

int remove_file(sqlite3_vfs* vfs, const char* path, int sync_folder) {
  auto& state = state_of(vfs);
  if (state.fails(false)) return SQLITE_IOERR_DELETE;
  state.note({Operation::Kind::remove, name_of(path), 0, {}, sync_folder != 0});
  return state.real->xDelete(state.real, path, sync_folder);
}

}  // namespace

FaultVfs::FaultVfs() : state_(std::make_unique<State>()) {
  static std::atomic<int> number = 0;
  state_->name = "fault" + std::to_string(++number);
  state_->real = sqlite3_vfs_find(nullptr);
  state_->vfs = *state_->real;
  // The other methods are the real ones and look only at the object that they are given.
  state_->vfs.szOsFile = static_cast<int>(sizeof(File)) + state_->real->szOsFile;
  state_->vfs.pNext = nullptr;
  state_->vfs.zName = state_->name.c_str();
  state_->vfs.pAppData = state_.get();
  state_->vfs.xOpen = open_file;
  state_->vfs.xDelete = remove_file;
  sqlite3_vfs_register(&state_->vfs, 0);
}

FaultVfs::~FaultVfs() { sqlite3_vfs_unregister(&state_->vfs); }

const std::string& FaultVfs::name() const { return state_->name; }

void FaultVfs::record() {
  const std::scoped_lock lock(state_->mutex);
  state_->recording = true;
}

std::size_t FaultVfs::operations() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->log.size();
}

std::vector<Operation> FaultVfs::log() const {
  const std::scoped_lock lock(state_->mutex);
  return state_->log;
}

void FaultVfs::arm(Kind kind, std::uint64_t n, bool lasting) {
  const std::scoped_lock lock(state_->mutex);
  state_->kind = kind;
  state_->left = n;
  state_->lasting = lasting;
  state_->failing = state_->fired = false;
}

bool FaultVfs::disarm() {
  const std::scoped_lock lock(state_->mutex);
  state_->left = 0;
  state_->failing = false;
  return state_->fired;
}

namespace {

void write_into(std::string& content, std::int64_t offset, std::string_view data) {
  const auto begin = static_cast<std::size_t>(offset);
  if (content.size() < begin + data.size()) content.resize(begin + data.size(), '\0');
  content.replace(begin, data.size(), data);
}

}  // namespace

void Disk::apply(const Operation& operation) {
  auto& file = files_[operation.file];
  switch (operation.kind) {
    case Operation::Kind::write:
    case Operation::Kind::truncate:
      if (file.removed) file = {};  // a new file of the same name
      file.pending.push_back(operation);
      return;
    case Operation::Kind::sync:
      for (const auto& done : file.pending) {
        if (done.kind == Operation::Kind::write) write_into(file.durable, done.offset, done.data);
        else file.durable.resize(static_cast<std::size_t>(done.offset), '\0');
      }
      file.pending.clear();
      // With the first sync of a log that it made, SQLite's unix layer syncs the folder.
      if (operation.file.find('-') != std::string::npos && !std::exchange(file.synced, true))
        std::erase_if(files_, [](const auto& entry) { return entry.second.removed; });
      return;
    case Operation::Kind::remove:
      file.removed = true;
      if (operation.durable) files_.erase(operation.file);
      return;
  }
}

std::map<std::string, std::string> Disk::after_power_cut(std::mt19937_64& random) const {
  std::map<std::string, std::string> contents;
  for (const auto& [name, file] : files_) {
    if (file.removed && random() % 2) continue;
    auto content = file.durable;
    // Some cuts keep nearly all, some nearly nothing.
    const auto keep = random() % 5;
    for (const auto& operation : file.pending) {
      if (random() % 4 >= keep) continue;
      if (operation.kind == Operation::Kind::truncate) {
        content.resize(static_cast<std::size_t>(operation.offset), '\0');
        continue;
      }
      std::string_view data = operation.data;
      if (random() % 8 == 0) {
        const auto sectors = data.size() / 512;
        const auto cut = sectors ? random() % (sectors + 1) * 512 : 0;
        if (random() % 2) {
          data = data.substr(0, cut);
          write_into(content, operation.offset, data);
        } else {
          data = data.substr(cut);
          write_into(content, operation.offset + static_cast<std::int64_t>(cut), data);
        }
        continue;
      }
      write_into(content, operation.offset, data);
    }
    contents[name] = std::move(content);
  }
  return contents;
}

}  // namespace praxis::memory
