#pragma once
// JSON as the room needs it: written key order, numbers as text, duplicate keys refused, depth and
// size counted. Values lie in one array and refer to each other by index, so nothing recurses.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/error.h"
#include "grammar/escapes.h"
#include "grammar/fuel.h"

namespace praxis::grammar {

using JsonId = std::uint32_t;
inline constexpr JsonId kNoJson = ~0u;

struct Json {
  enum class Kind : std::uint8_t { null, boolean, number, string, array, object };
  Kind kind = Kind::null;
  bool truth = false;       // boolean
  std::uint32_t count = 0;  // array, object: children
  JsonId child = kNoJson;   // array, object: the first one
  JsonId next = kNoJson;    // the next child of the same parent
  std::uint64_t byte = 0;   // of its first character in the text it was read from
  std::string key;          // child of an object
  std::string text;         // string: decoded UTF-8; number: as written
};

/// values[0] is the root.
struct JsonDocument {
  std::vector<Json> values;
  const Json& operator[](JsonId id) const { return values[id]; }
  /// The member named `key` of an object, or kNoJson.
  JsonId member(JsonId object, std::string_view key) const;
};

/// One whole JSON text (RFC 8259): no BOM, no NUL, no lone surrogates, no duplicate keys. Fails
/// with bad_json, or limit (grammar.depth_max, fuel, a number beyond the range of a double).
Result<JsonDocument> read_json(std::string_view text, std::uint32_t depth_max, Fuel& fuel);

/// `text` (UTF-8) inside quotes in its one canonical spelling: raw but for '"', '\\' and controls;
/// controls by their short escape, else \u00xx in lower case. Quotes are not added.
std::string spell_string(std::string_view text, Escapes escapes = Escapes::minimal);

/// The value as compact JSON, keys as written, strings canonical, numbers as written.
std::string spell(const JsonDocument& document, JsonId id);

/// Equal for two values exactly when JSON Schema calls them equal: keys sorted, 1.0 = 1 = 10e-1.
/// Fails on numbers whose exponent is beyond Decimal's.
Result<std::string> canonical(const JsonDocument& document, JsonId id);

/// `path` extended by a key: $.a, or $["b c"] where the key is no plain name.
std::string path_key(std::string_view path, std::string_view key);

}  // namespace praxis::grammar
