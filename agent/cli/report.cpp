#include "agent/cli/report.h"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "agent/cli/terminal.h"

namespace praxis::agent::cli {

int exit_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::bad_request: return kUsage;
    case ErrorCode::not_found:
    case ErrorCode::bad_model:
    case ErrorCode::bad_plugin: return kNotFound;
    case ErrorCode::store:
    case ErrorCode::store_busy: return kStore;
    case ErrorCode::busy: return kBusy;
    case ErrorCode::limit: return kLimit;
    case ErrorCode::unavailable:
    case ErrorCode::internal: return kFailed;
  }
  return kFailed;
}

int exit_code(const RunOutcome& outcome) {
  switch (outcome.status) {
    case RunStatus::completed: return kOk;
    case RunStatus::length:
    case RunStatus::limit: return kLimit;
    case RunStatus::cancelled: return kInterrupted;
    case RunStatus::failed: return exit_code(outcome.code);
  }
  return kFailed;
}

int report(const Error& error) {
  std::string text = "praxis: " + (error.where.empty() ? "" : error.where + ": ") + error.what + "\n";
  std::fputs(printable(text).c_str(), stderr);
  return exit_code(error.code);
}

void print_warnings(const std::vector<std::string>& warnings) {
  for (const auto& warning : warnings) std::fprintf(stderr, "praxis: warning: %s\n", printable(warning).c_str());
}

std::string time_text(std::int64_t ms) {
  std::time_t seconds = ms / 1000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &utc);
  return text;
}

std::string line(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string first_line(const std::string& text, std::size_t characters) {
  std::string out;
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size() && text[i] != '\n'; ++i) {
    bool starts = (text[i] & 0xC0) != 0x80;
    if (starts && count++ == characters) return printable(out) + "…";
    out += text[i];
  }
  return printable(out);
}

}  // namespace praxis::agent::cli
