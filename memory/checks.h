#pragma once
// Refusals shared by the files of this room.

#include <string>
#include <string_view>

#include "memory/error.h"

namespace praxis::memory {

inline tl::unexpected<Error> refuse(ErrorCode code, std::string what, std::string where) {
  return tl::unexpected(Error{code, std::move(what), std::move(where)});
}

template <class T>
tl::unexpected<Error> pass_on(Result<T>& result) {
  return tl::unexpected(std::move(result.error()));
}

/// At most kNameBytesMax; `field` names it.
Result<void> check_name(std::string_view value, std::string_view field, const std::string& where);
/// At most kTextBytesMax.
Result<void> check_text(std::string_view value, std::string_view field, const std::string& where);
/// At most kTextBytesMax, and one JSON value.
Result<void> check_json(std::string_view value, std::string_view field, const std::string& where);

/// `prefix` and 100 bits from the kernel as 20 characters of a-z2-7.
Result<std::string> random_id(std::string_view prefix);

}  // namespace praxis::memory
