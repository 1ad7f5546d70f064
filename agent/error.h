#pragma once
#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace praxis::agent {

/// What went wrong, by what the caller can do about it; the command line maps it to an exit code.
enum class ErrorCode : std::uint8_t {
  bad_request,   // wrong flag, schema, tool name, empty question
  not_found,     // no such conversation, run, file
  bad_model,     // the model folder is missing or damaged
  bad_plugin,
  store,         // the database: unreadable, full, read-only
  store_busy,    // the database: locked for too long, or read by too many: try again
  busy,          // another process runs this conversation
  limit,         // a budget too small for any valid output
  internal,
  unavailable,   // the model's server cannot be reached, is overloaded or broke off
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what, where;
};

template <class T>
using Result = tl::expected<T, Error>;

}  // namespace praxis::agent
