#pragma once
// One folder and what lies beneath it. Every open is resolved by the kernel below the folder's
// descriptor (openat2, Linux 5.6), so that neither "..", an absolute path, a symbolic link nor a
// rename in between leads out of it. Hard links are files of the folder like any other.
//
// Errors are texts that a model may read: they name paths as they were asked for, never the folder.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace praxis::plugins {

class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// What tells one state of a file from the next.
struct Stamp {
  std::uint64_t size = 0, inode = 0;
  std::int64_t modified_ns = 0, changed_ns = 0;
  bool operator==(const Stamp&) const = default;
};

struct FolderEntry {
  enum class Kind : std::uint8_t { file, folder, link, other };
  std::string name;
  Kind kind = Kind::other;
  Stamp stamp;
};

class Folder {
 public:
  template <class T>
  using Result = tl::expected<T, std::string>;

  /// `root` may be a symbolic link: whoever configures it is trusted. Refused where the kernel
  /// cannot open beneath a folder.
  static Result<Folder> open(const std::string& root);

  /// The entries of a folder, sorted by name; "" and "." are the root itself.
  Result<std::vector<FolderEntry>> list(const std::string& path) const;
  /// A whole regular file of at most `bytes_max` bytes without a NUL: with one it is not text.
  Result<std::string> read_text(const std::string& path, std::size_t bytes_max) const;
  Result<FolderEntry::Kind> kind(const std::string& path) const;

  enum class Walk : std::uint8_t { go_on, stop };
  using Visit = std::function<Walk(const std::string& path, const Stamp& stamp)>;
  /// Every regular file below `path`, folder by folder in the order of names; hidden ones and links
  /// are passed over. Bounded in files and depth: a folder that was left out because of that, or
  /// because it could not be read, is named in the result ("" when none was).
  Result<std::string> walk(const std::string& path, const Visit& visit) const;

 private:
  explicit Folder(Descriptor root) : root_(std::move(root)) {}
  Result<Descriptor> open_beneath(const std::string& path, int flags) const;

  Descriptor root_;
};

/// `name` for one line of text: control characters cannot break it or forge another line.
std::string printable(std::string_view name);

/// FILE:LINE: TEXT, as files_grep and search answer. Where a name itself holds ":LINE: " that
/// colon is shown as ?, or the line would count as another file's.
std::string passage_line(std::string_view file, std::uint64_t line, std::string_view text);

}  // namespace praxis::plugins
