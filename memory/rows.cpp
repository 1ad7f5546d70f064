#include "memory/rows.h"

#include <array>

namespace praxis::memory {
namespace {

// The names as the schema and the API spell them, in the order of the enums.
constexpr std::array<std::string_view, 4> kThinkPolicies = {"strip_always", "keep_in_loop", "keep_if_tools", "keep_all"};
constexpr std::array<std::string_view, 5> kRunStatuses = {"running", "finished", "failed", "cancelled", "interrupted"};
constexpr std::array<std::string_view, 3> kEffects = {"pure", "idempotent", "once"};
constexpr std::array<std::string_view, 5> kCallStatuses = {"planned", "started", "finished", "unknown", "cancelled"};
constexpr std::array<std::string_view, 4> kRoles = {"system", "user", "assistant", "tool"};

template <class Enum, std::size_t size>
std::optional<Enum> find(const std::array<std::string_view, size>& names, std::string_view text) {
  for (std::size_t i = 0; i < size; ++i)
    if (names[i] == text) return static_cast<Enum>(i);
  return std::nullopt;
}

}  // namespace

std::string_view to_string(ThinkPolicy policy) { return kThinkPolicies.at(static_cast<std::size_t>(policy)); }
std::string_view to_string(RunStatus status) { return kRunStatuses.at(static_cast<std::size_t>(status)); }
std::string_view to_string(Effect effect) { return kEffects.at(static_cast<std::size_t>(effect)); }
std::string_view to_string(CallStatus status) { return kCallStatuses.at(static_cast<std::size_t>(status)); }
std::string_view to_string(Role role) { return kRoles.at(static_cast<std::size_t>(role)); }

std::optional<ThinkPolicy> think_policy_from(std::string_view text) { return find<ThinkPolicy>(kThinkPolicies, text); }
std::optional<RunStatus> run_status_from(std::string_view text) { return find<RunStatus>(kRunStatuses, text); }
std::optional<Effect> effect_from(std::string_view text) { return find<Effect>(kEffects, text); }
std::optional<CallStatus> call_status_from(std::string_view text) { return find<CallStatus>(kCallStatuses, text); }
std::optional<Role> role_from(std::string_view text) { return find<Role>(kRoles, text); }

}  // namespace praxis::memory
