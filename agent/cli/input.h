#pragma once
// Text that the user names: a file, or standard input.

#include <cstddef>
#include <filesystem>
#include <string>

#include "agent/error.h"

namespace praxis::agent::cli {

inline constexpr std::size_t kInputBytesMax = 16u << 20;

/// The whole file, pipes included. Refuses (bad_request) what cannot be read or has more than
/// kInputBytesMax bytes.
Result<std::string> read_file(const std::filesystem::path& path);
/// Standard input to its end, under the same limit.
Result<std::string> read_standard_input();

}  // namespace praxis::agent::cli
