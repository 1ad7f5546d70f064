#pragma once
// The one check that JSON from outside passes before anybody reads it.

#include <cstddef>
#include <string_view>

#include "tools/error.h"

namespace praxis::tools {

struct JsonLimits {
  std::size_t bytes_max = 1024 * 1024;
  std::size_t depth_max = 64;  // arrays and objects inside each other
};

enum class JsonShape { object, array };

/// `text` is exactly one JSON value of that shape (RFC 8259), within the limits, valid UTF-8, no
/// key twice in an object. The error's `where` is the path of what was refused: $.a[2].
Result<void> check_json(std::string_view text, JsonShape shape, JsonLimits limits = JsonLimits());

}  // namespace praxis::tools
