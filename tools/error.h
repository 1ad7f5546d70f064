#pragma once
#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace praxis::tools {

enum class ErrorCode : std::uint8_t { not_found, bad_plugin, bad_schema, duplicate, bad_arguments, internal };

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string what, where;
};

template <class T>
using Result = tl::expected<T, Error>;

}  // namespace praxis::tools
