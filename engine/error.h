#pragma once
#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace praxis::engine {

enum class ErrorCode : std::uint8_t { not_found, bad_file, unsupported, bad_request, too_long, internal };

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what;   // what was refused, which limit, what to do
  std::string where;  // file and field, or request field
};

template <class T>
using Result = tl::expected<T, Error>;

}  // namespace praxis::engine
