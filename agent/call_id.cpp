#include "agent/call_id.h"

#include <sys/random.h>

#include <array>
#include <chrono>
#include <cstdio>

namespace praxis::agent {

std::string unguessable_id(std::string_view prefix) {
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr std::size_t kCharacters = 22;
  // Of each thread, for several ids: a system call for each would cost more than all the rest of it.
  thread_local std::array<unsigned char, 8 * kCharacters> random = {};
  thread_local std::size_t used = random.size();
  if (used == random.size()) {
    // getrandom of so few bytes neither blocks nor fails once the machine has booted.
    (void)!getrandom(random.data(), random.size(), 0);
    used = 0;
  }
  std::string id(prefix);
  id.reserve(prefix.size() + kCharacters);
  for (std::size_t i = 0; i < kCharacters; ++i) id += kAlphabet[random[used++] % kAlphabet.size()];
  return id;
}

std::string new_call_key() {
  using namespace std::chrono;
  const auto ms = duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count();
  std::array<char, 32> text = {};  // 12 hexadecimal digits last until the year 10889
  std::snprintf(text.data(), text.size(), "key_%012llx_", static_cast<unsigned long long>(ms));
  return unguessable_id(text.data());
}

std::string new_call_id(std::size_t index) {
  return unguessable_id((index < 10 ? "call_0" : "call_") + std::to_string(index) + "_");
}

}  // namespace praxis::agent
