#pragma once
// How a row of `calls` becomes a Call. Inside memory/ only.

#include <string>

#include "memory/database.h"
#include "memory/rows.h"

namespace praxis::memory {

/// "SELECT … FROM calls " with the columns that call_of() reads.
extern const std::string kSelectCall;
Call call_of(const Query& row);

}  // namespace praxis::memory
