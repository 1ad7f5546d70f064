#pragma once
// A file layer for SQLite that works on real files and remembers what a disk would forget: it logs
// every write with the syncs between them, and it can fail any operation.

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace praxis::memory {

class FaultVfs {
 public:
  struct Operation {
    enum class Kind : std::uint8_t { write, truncate, sync, remove };
    Kind kind = Kind::write;
    std::string file;         // its name without the folder
    std::int64_t offset = 0;  // truncate: the new size
    std::string data;
    bool durable = false;     // remove: the folder was synced too
  };

  enum class Kind : std::uint8_t {
    disk_full,    // a write finds no space
    short_write,  // it finds space for half
    io,           // any operation fails
  };

  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  /// For StoreOptions::vfs.
  const std::string& name() const;

  /// From now on every operation is logged.
  void record();
  std::size_t operations() const;
  std::vector<Operation> log() const;

  /// The n-th operation (from 1) that this kind can hit fails; with `lasting`, all later ones too.
  void arm(Kind kind, std::uint64_t n, bool lasting);
  /// Back to a healthy disk. Whether anything failed.
  bool disarm();

  struct State;

 private:
  std::unique_ptr<State> state_;
};

/// A disk that is cut from power: what was synced, and of the rest whatever chance keeps.
class Disk {
 public:
  void apply(const FaultVfs::Operation& operation);
  /// File contents after a power cut now. Each write since the last sync of its file is kept,
  /// lost, or torn between sectors of 512 bytes; any subset, so also reordered.
  std::map<std::string, std::string> after_power_cut(std::mt19937_64& random) const;

 private:
  struct File {
    std::string durable;
    std::vector<FaultVfs::Operation> pending;
    bool synced = false;   // at least once
    bool removed = false;  // from the folder as it is now, not yet for sure on the disk
  };
  std::map<std::string, File> files_;
};

}  // namespace praxis::memory
