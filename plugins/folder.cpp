#include "plugins/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace praxis::plugins {
namespace {

constexpr std::size_t kEntriesMax = 20'000;  // of one folder
constexpr std::size_t kFilesMax = 20'000;    // of one walk
constexpr std::size_t kDepthMax = 32;        // folders inside each other
constexpr std::size_t kPathBytesMax = 1024;
constexpr int kRaceTriesMax = 16;  // openat2 asks to try again when a rename came between

tl::unexpected<std::string> refuse(std::string why) { return tl::unexpected(std::move(why)); }

int openat2(int folder, const char* path, int flags) {
  open_how how{};
  // A pipe or a terminal must not hold us up; O_PATH opens neither and takes no such flags.
  how.flags =
      static_cast<std::uint64_t>(flags | O_CLOEXEC | (flags & O_PATH ? 0 : O_NOCTTY | O_NONBLOCK));
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  int fd = -1;
  for (int i = 0; i < kRaceTriesMax; ++i) {
    fd = static_cast<int>(::syscall(SYS_openat2, folder, path, &how, sizeof how));
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return fd;
}

std::string why_not(int error, const std::string& path) {
  const std::string name = printable(path);
  switch (error) {
    case ENOENT:
      return "no such file or folder: " + name;
    case EXDEV:
      return name + " is outside the folder; use a path relative to it, as files are listed";
    case ELOOP:
      return name + " is or passes through a symbolic link; links are not followed";
    case ENOTDIR:
      return name + " is not a folder";
    case EACCES:
    case EPERM:
      return "no permission to read " + name;
    case ENAMETOOLONG:
      return "the path is too long";
    default:
      return "cannot open " + name + ": " + std::strerror(error);
  }
}

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

Stamp stamp_of(const struct stat& status) {
  Stamp stamp;
  stamp.size = static_cast<std::uint64_t>(status.st_size);
  stamp.inode = status.st_ino;
  stamp.modified_ns = nanoseconds(status.st_mtim);
  stamp.changed_ns = nanoseconds(status.st_ctim);
  return stamp;
}

FolderEntry::Kind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FolderEntry::Kind::file;
  if (S_ISDIR(mode)) return FolderEntry::Kind::folder;
  if (S_ISLNK(mode)) return FolderEntry::Kind::link;
  return FolderEntry::Kind::other;
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Folder::Result<Folder> Folder::open(const std::string& root) {
  const int fd = ::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return refuse("cannot open the folder " + root + ": " + std::strerror(errno));
  Folder folder{Descriptor(fd)};
  const Descriptor probe(openat2(fd, ".", O_PATH));
  if (probe.get() < 0)
    return refuse(
        std::string("this system cannot open files beneath a folder (openat2, Linux 5.6): ") +
        std::strerror(errno));
  return folder;
}

Folder::Result<Descriptor> Folder::open_beneath(const std::string& path, int flags) const {
  if (path.find('\0') != path.npos) return refuse("a path cannot hold a NUL");
  if (path.size() > kPathBytesMax) return refuse("the path is too long");
  Descriptor opened(openat2(root_.get(), path.empty() ? "." : path.c_str(), flags));
  if (opened.get() < 0) return refuse(why_not(errno, path));
  return opened;
}

Folder::Result<FolderEntry::Kind> Folder::kind(const std::string& path) const {
  const auto opened = open_beneath(path, O_PATH);
  if (!opened) return refuse(opened.error());
  struct stat status {};
  if (::fstat(opened->get(), &status) != 0) return refuse(why_not(errno, path));
  return kind_of(status.st_mode);
}

Folder::Result<std::vector<FolderEntry>> Folder::list(const std::string& path) const {
  auto opened = open_beneath(path, O_RDONLY | O_DIRECTORY);
  if (!opened) return refuse(opened.error());
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(::fdopendir(opened->get()), ::closedir);
  if (!folder) return refuse(why_not(errno, path));
  opened->release();  // closed with `folder`
  std::vector<FolderEntry> entries;
  while (const dirent* found = ::readdir(folder.get())) {
    FolderEntry entry;
    entry.name = found->d_name;
    if (entry.name == "." || entry.name == "..") continue;
    struct stat status {};
    if (::fstatat(::dirfd(folder.get()), found->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
      continue;  // just removed
    if (entries.size() == kEntriesMax)
      return refuse(printable(path) + " has more than 20000 entries (folder.entries_max)");
    entry.kind = kind_of(status.st_mode);
    entry.stamp = stamp_of(status);
    entries.push_back(std::move(entry));
  }
  std::sort(entries.begin(), entries.end(),
            [](const FolderEntry& a, const FolderEntry& b) { return a.name < b.name; });
  return entries;
}

Folder::Result<std::string> Folder::read_text(const std::string& path,
                                              std::size_t bytes_max) const {
  const auto opened = open_beneath(path, O_RDONLY);
  if (!opened) return refuse(opened.error());
  struct stat status {};
  if (::fstat(opened->get(), &status) != 0) return refuse(why_not(errno, path));
  if (S_ISDIR(status.st_mode)) return refuse(printable(path) + " is a folder");
  if (!S_ISREG(status.st_mode)) return refuse(printable(path) + " is not a regular file");
  // The size is a hint: the file may grow while it is read, and those of some file systems say 0.
  std::string bytes;
  for (;;) {
    const std::size_t before = bytes.size();
    bytes.resize(before + std::min<std::size_t>(64 * 1024, bytes_max + 1 - before));
    const ssize_t got = ::read(opened->get(), bytes.data() + before, bytes.size() - before);
    if (got < 0 && errno != EINTR) return refuse(why_not(errno, path));
    bytes.resize(before + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) break;
    if (bytes.size() > bytes_max)
      return refuse(printable(path) + " has more than " + std::to_string(bytes_max) +
                    " bytes (folder.file_bytes_max)");
  }
  if (bytes.find('\0') != bytes.npos) return refuse(printable(path) + " is not a text file");
  return bytes;
}

Folder::Result<std::string> Folder::walk(const std::string& path, const Visit& visit) const {
  struct Pending {
    std::string path;
    std::size_t depth;
  };
  std::string left_out;
  std::size_t files = 0;
  std::vector<Pending> pending;  // a stack; at most the entries of kDepthMax folders
  pending.push_back({path == "." ? "" : path, 0});
  while (!pending.empty()) {
    const Pending here = std::move(pending.back());
    pending.pop_back();
    const auto entries = list(here.path);
    if (!entries) {
      if (here.depth == 0) return refuse(entries.error());
      left_out = entries.error();
      continue;
    }
    std::vector<Pending> below;
    for (const FolderEntry& entry : *entries) {
      if (entry.name.starts_with('.')) continue;
      std::string name = here.path.empty() ? entry.name : here.path + "/" + entry.name;
      if (entry.kind == FolderEntry::Kind::folder) {
        if (here.depth + 1 < kDepthMax) below.push_back({std::move(name), here.depth + 1});
        else left_out = printable(name) + " lies deeper than 32 folders (folder.depth_max)";
      } else if (entry.kind == FolderEntry::Kind::file) {
        if (files++ == kFilesMax)
          return std::string("there are more than 20000 files (folder.files_max)");
        if (visit(name, entry.stamp) == Walk::stop) return left_out;
      }
    }
    pending.insert(pending.end(), std::make_move_iterator(below.rbegin()),
                   std::make_move_iterator(below.rend()));
  }
  return left_out;
}

std::string printable(std::string_view name) {
  std::string text(name.substr(0, 256));
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) c = '?';
  return text;
}

std::string passage_line(std::string_view file, std::uint64_t line, std::string_view text) {
  std::string name = printable(file);
  for (std::size_t colon = name.find(':'); colon != name.npos; colon = name.find(':', colon + 1)) {
    const std::size_t behind = name.find_first_not_of("0123456789", colon + 1);
    if (behind != name.npos && behind > colon + 1 && name.compare(behind, 2, ": ") == 0) name[colon] = '?';
  }
  return name + ":" + std::to_string(line) + ": " + std::string(text);
}

}  // namespace praxis::plugins
