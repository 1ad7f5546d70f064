#pragma once
#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace praxis::memory {

enum class ErrorCode : std::uint8_t {
  not_found,      // no such conversation, run, message, call, or no such file
  bad_request,    // a value that no row may hold: empty id, JSON that is not JSON, unknown role
  bad_state,      // a change that the row's status does not allow
  claimed,        // another claim holds the conversation
  too_large,      // a named limit was reached
  busy,           // locked by another process for longer than busy_timeout_ms, or readers_max snapshots are open: try again
  not_database,   // the file is something else, or another program's database
  newer_version,  // written by a newer build
  read_only,
  disk_full,
  io,             // the disk or the file system refused
  corrupt,        // the file was a database once
  internal,
};

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what;   // what was refused, which limit, what to do
  std::string where;  // file, or table and id
};

template <class T>
using Result = tl::expected<T, Error>;

}  // namespace praxis::memory
