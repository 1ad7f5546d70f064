#include "agent/cli/interrupt.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "agent/cli/options.h"

namespace praxis::agent::cli {

namespace {

// The handler may only do what is async-signal-safe: it adds to an eventfd, a thread does the rest.
std::atomic<int> event{-1};
constexpr std::uint64_t kSignal = 1, kQuit = 1ull << 32;

void on_signal(int) {
  int saved = errno;
  (void)!write(event, &kSignal, sizeof kSignal);
  errno = saved;
}

void handle(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

}  // namespace

OnInterrupt::OnInterrupt(std::function<void()> stop) {
  event = eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([stop = std::move(stop)] {
    std::uint64_t signals = 0;
    while (true) {
      std::uint64_t value = 0;
      if (read(event, &value, sizeof value) != sizeof value) continue;
      if (value >= kQuit) return;
      if (signals == 0) stop();
      signals += value;
      if (signals > 1) _exit(kInterrupted);
    }
  });
  handle(on_signal);
}

OnInterrupt::~OnInterrupt() {
  handle(SIG_DFL);
  (void)!write(event, &kQuit, sizeof kQuit);
  thread_.join();
  close(event.exchange(-1));
}

}  // namespace praxis::agent::cli
