#include "agent/call_id.h"

#include <sys/random.h>

namespace praxis::agent {

std::string unguessable_id(std::string_view prefix) {
  constexpr std::string_view kAlphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  unsigned char random[22] = {};
  // getrandom of so few bytes neither blocks nor fails once the machine has booted.
  (void)!getrandom(random, sizeof random, 0);
  std::string id(prefix);
  for (unsigned char byte : random) id += kAlphabet[byte % kAlphabet.size()];
  return id;
}

std::string new_call_id(std::size_t index) {
  return unguessable_id((index < 10 ? "call_0" : "call_") + std::to_string(index) + "_");
}

}  // namespace praxis::agent
