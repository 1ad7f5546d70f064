#pragma once
#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace praxis::grammar {

enum class ErrorCode : std::uint8_t {
  bad_json,
  bad_schema,
  unsupported,
  unsatisfiable,
  limit,
  budget
};

struct Error {
  ErrorCode code = ErrorCode::bad_schema;
  std::string what;   // keyword, what was refused, which limit, what to do
  std::string where;  // schema path, e.g. $.properties.email.pattern
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> refuse(ErrorCode code, std::string what, std::string where) {
  return tl::unexpected<Error>(Error{code, std::move(what), std::move(where)});
}

}  // namespace praxis::grammar
