#include "agent/dialect/views.h"

namespace praxis::agent {

std::vector<bool> reasoning_visible(std::span<const Message> messages, ThinkPolicy policy) {
  std::vector<bool> visible(messages.size(), false);
  // From the back, one turn at a time: [begin, end) begins at a user message or at the very first.
  bool current = true;
  for (std::size_t end = messages.size(); end > 0;) {
    std::size_t begin = end - 1;
    bool calls = !messages[begin].calls.empty();
    while (begin > 0 && messages[begin].role != SenderRole::user) calls |= !messages[--begin].calls.empty();
    const bool keep = policy == ThinkPolicy::keep_all ||
                      (policy == ThinkPolicy::keep_in_loop && current) ||
                      (policy == ThinkPolicy::keep_if_tools && (current || calls));
    for (std::size_t i = begin; i < end; ++i) visible[i] = keep && messages[i].role == SenderRole::assistant;
    current = false;
    end = begin;
  }
  return visible;
}

}  // namespace praxis::agent
