#include "agent/turn.h"

namespace praxis::agent {

std::string_view to_string(ThinkPolicy policy) {
  switch (policy) {
    case ThinkPolicy::strip_always: return "strip_always";
    case ThinkPolicy::keep_in_loop: return "keep_in_loop";
    case ThinkPolicy::keep_if_tools: return "keep_if_tools";
    case ThinkPolicy::keep_all: return "keep_all";
  }
  return "keep_in_loop";
}

std::optional<ThinkPolicy> think_policy_from(std::string_view text) {
  for (auto policy : {ThinkPolicy::strip_always, ThinkPolicy::keep_in_loop, ThinkPolicy::keep_if_tools,
                      ThinkPolicy::keep_all})
    if (to_string(policy) == text) return policy;
  return std::nullopt;
}

}  // namespace praxis::agent
