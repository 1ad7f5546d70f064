// A process of its own for tests that share a file or kill: `memory_child write FILE CONVERSATION
// THREADS ROWS` appends ROWS messages from each thread (0: for ever) and prints "thread row" once a
// row is acknowledged; `memory_child claim FILE CONVERSATION` prints "held", or why not, and stays
// until its input ends.

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "memory/store.h"

using namespace praxis::memory;

namespace {

void print(const std::string& line) {
  // One write of one short line reaches a pipe whole.
  if (write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::_Exit(3);
}

int fail(const Error& error) {
  std::fprintf(stderr, "%s: %s\n", error.where.c_str(), error.what.c_str());
  return 1;
}

int append(Store& store, const std::string& conversation, int threads, int rows) {
  std::vector<std::jthread> writers;
  for (int thread = 0; thread < threads; ++thread) {
    writers.emplace_back([&, thread] {
      for (int row = 0; rows == 0 || row < rows; ++row) {
        const auto name = std::to_string(thread) + " " + std::to_string(row) + "\n";
        auto written = store.write([&](Tx& tx) -> Result<void> {
          auto message = tx.append_message({.conversation_id = conversation, .content = name});
          if (!message) return tl::unexpected(message.error());
          return {};
        });
        if (!written) std::_Exit(fail(written.error()));
        print(name);
      }
    });
  }
  return 0;
}

int claim(Store& store, const std::string& conversation) {
  auto held = store.claim(conversation);
  print(held ? "held\n" : held.error().what + "\n");
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  const std::vector<std::string> words(arguments, arguments + count);
  if (count < 4) return 2;
  auto store = Store::open(words[2]);
  if (!store) return fail(store.error());
  if (words[1] == "claim") return claim(**store, words[3]);
  if (words[1] == "write" && count == 6) return append(**store, words[3], std::stoi(words[4]), std::stoi(words[5]));
  return 2;
}
