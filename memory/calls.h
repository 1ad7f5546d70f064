#pragma once
// How a row of `calls` becomes a Call. Inside memory/ only.

#include "memory/database.h"
#include "memory/rows.h"

namespace praxis::memory {

/// What call_of() reads, for "SELECT <columns> FROM calls".
inline constexpr const char* kCallColumns =
    "calls.id, calls.run_id, calls.message_id, calls.position, calls.tool, calls.arguments, calls.effect, "
    "calls.idempotency_key, calls.status, calls.attempts, calls.result_status, calls.result_text, "
    "calls.truncated, calls.started_ms, calls.finished_ms";
Call call_of(const Query& row);

}  // namespace praxis::memory
