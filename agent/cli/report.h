#pragma once
// Errors on standard error, with the exit code that fits; times and JSON for listings.

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "agent/cli/options.h"
#include "agent/error.h"
#include "agent/loop.h"

namespace praxis::agent::cli {

/// "praxis: WHERE: WHAT" on standard error; returns the exit code.
int report(const Error& error);
/// "praxis: warning: TEXT" on standard error, for each.
void print_warnings(const std::vector<std::string>& warnings);
int exit_code(ErrorCode code);
int exit_code(const RunOutcome& outcome);

/// "2026-11-22 05:07:00" in UTC.
std::string time_text(std::int64_t ms);
/// One line; broken UTF-8 becomes U+FFFD.
std::string line(const nlohmann::ordered_json& json);
/// The first line of a text, at most `characters` long, printable.
std::string first_line(const std::string& text, std::size_t characters);

}  // namespace praxis::agent::cli
