// Runs Python code in a child, for evaluations: under limits, with an empty environment, in a
// folder of its own. Not a sandbox: what it runs can read what this process can read.

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "plugins/author.h"

namespace praxis::plugins {
namespace {

constexpr std::size_t kCodeBytesMax = 64 * 1024;
constexpr std::size_t kOutputBytesMax = 64 * 1024;
constexpr int kPollMs = 20;

constexpr std::string_view kTools = R"([{
  "name": "python",
  "description": "Run Python code and return what it prints.",
  "parameters": {"type": "object", "properties": {"code": {"type": "string"}}, "required": ["code"]},
  "effect": "pure",
  "deadline_ms": 10000
}])";

/// A folder that goes away with all that is in it.
struct Workplace {
  std::string path = (std::filesystem::temp_directory_path() / "praxis_python_XXXXXX").string();
  bool made = ::mkdtemp(path.data()) != nullptr;
  ~Workplace() {
    std::error_code failed;
    if (made) std::filesystem::remove_all(path, failed);
  }
};

struct Fd {
  int fd = -1;
  ~Fd() { reset(); }
  void reset() {
    if (fd >= 0) ::close(std::exchange(fd, -1));
  }
};

struct Pipe {
  Fd read, write;
  bool made = false;
  Pipe() {
    int ends[2];
    made = ::pipe2(ends, O_CLOEXEC) == 0;
    if (made) read.fd = ends[0], write.fd = ends[1];
  }
};

/// The code as a file in memory: a pipe could fill up before the child reads.
bool store(Fd& file, const std::string& code) {
  file.fd = ::memfd_create("code", MFD_CLOEXEC);
  return file.fd >= 0 &&
         ::write(file.fd, code.data(), code.size()) == static_cast<ssize_t>(code.size()) &&
         ::lseek(file.fd, 0, SEEK_SET) == 0;
}

/// Reads what is there; false at the end. Beyond the cap it is read and dropped.
bool drain(int fd, std::string& to) {
  char block[8192];
  const ssize_t got = ::read(fd, block, sizeof block);
  if (got > 0)
    to.append(block,
              std::min<std::size_t>(static_cast<std::size_t>(got), kOutputBytesMax - to.size()));
  return got > 0 || (got < 0 && errno == EINTR);
}

std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  const std::size_t end = text.rfind('\n');
  return end == text.npos ? text : text.substr(end + 1);
}

class Python final : public Plugin {
 public:
  std::string_view tools() const override { return kTools; }

  Answer call(const Request& request) override {
    const Answer code = request.string("code");
    if (!code) return code;
    if (code->size() > kCodeBytesMax)
      return refuse("the code has more than 65536 bytes (python.code_bytes_max)");
    const Workplace workplace;
    Pipe out, err;
    Fd source;
    if (!workplace.made || !out.made || !err.made || !store(source, *code))
      return refuse("no room to run code");

    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, source.fd, 0);
    posix_spawn_file_actions_adddup2(&files, out.write.fd, 1);
    posix_spawn_file_actions_adddup2(&files, err.write.fd, 2);
    posix_spawn_file_actions_addchdir_np(&files, workplace.path.c_str());
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    // Its own session, so that the whole group can be killed; no signal stays blocked or ignored.
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    sigset_t none, all;
    sigemptyset(&none), sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    // prlimit (util-linux) sets the limits between fork and exec: 5 s of processor, 512 MiB, files
    // of 1 MiB, 64 processes (not counted for root).
    const char* arguments[] = {"/usr/bin/prlimit",
                               "--cpu=5",
                               "--as=536870912",
                               "--fsize=1048576",
                               "--nproc=64",
                               "--core=0",
                               "--",
                               "/usr/bin/python3",
                               "-I",
                               "-",
                               nullptr};
    const char* environment[] = {nullptr};
    pid_t child = 0;
    const int error = ::posix_spawn(&child, arguments[0], &files, &attributes,
                                    const_cast<char**>(arguments), const_cast<char**>(environment));
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) return refuse(std::string("cannot start python: ") + std::strerror(error));
    out.write.reset(), err.write.reset();
    return watch(request, child, out.read, err.read);
  }

 private:
  /// Collects the child's output until it ends, or ends it.
  static Answer watch(const Request& request, pid_t child, Fd& out, Fd& err) {
    const Fd handle{static_cast<int>(::syscall(SYS_pidfd_open, child, 0))};
    std::string output, errors;
    bool ended = false, killed = false;
    while (!ended) {
      pollfd waits[3] = {{out.fd, POLLIN, 0}, {err.fd, POLLIN, 0}, {handle.fd, POLLIN, 0}};
      ::poll(waits, 3, kPollMs);
      if (waits[0].revents && !drain(out.fd, output)) out.reset();
      if (waits[1].revents && !drain(err.fd, errors)) err.reset();
      // The child may end with output still in the pipes: those are read first.
      ended = waits[2].revents && !waits[0].revents && !waits[1].revents;
      if (!killed && request.cancelled()) {
        ::kill(-child, SIGKILL);
        killed = true;
        out.reset(), err.reset();
      }
    }
    int status = 0;
    ::kill(-child, SIGKILL);  // what it left behind in its session
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (killed) return refuse("stopped");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      if (output.ends_with('\n')) output.pop_back();
      return output;
    }
    const std::string why = last_line(errors);
    if (!why.empty()) return refuse(why);
    if (WIFSIGNALED(status))
      return refuse(std::string("python was killed: ") + ::strsignal(WTERMSIG(status)));
    return refuse("python ended with status " + std::to_string(WEXITSTATUS(status)));
  }
};

Opened make(const Config& config) {
  if (!config.values.empty()) return refuse("the python plugin takes no configuration: {}");
  return std::make_unique<Python>();
}

}  // namespace
}  // namespace praxis::plugins

PRAXIS_PLUGIN(praxis::plugins::make, "python", "0.1")
