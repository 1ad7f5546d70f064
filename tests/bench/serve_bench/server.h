#pragma once
// The measured side: the chat API on a model that is a clock, and a bare Beast server beside it.

#include <sys/types.h>

#include <cstdint>

namespace praxis::bench {

inline constexpr int kTokenMs = 50;  // each stream gets a token that often

/// The servers' process; its threads are called "loop", "clock" and "bare".
struct ServerProcess {
  pid_t pid = -1;
  std::uint16_t chat_port = 0, bare_port = 0;
};

/// Forks; to be called before this process has threads. `core`: where all of it runs.
ServerProcess start_server(int core);

}  // namespace praxis::bench
