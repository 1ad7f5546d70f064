#pragma once
// A JSON Schema document as written: one plain struct per schema object, refused where it uses what
// the room does not cover.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "grammar/decimal.h"
#include "grammar/error.h"
#include "grammar/fuel.h"
#include "grammar/json.h"

namespace praxis::grammar {

using SchemaId = std::uint32_t;

/// JSON types as bits.
enum TypeBit : std::uint8_t {
  kNull = 1,
  kBoolean = 2,
  kNumber = 4,
  kString = 8,
  kArray = 16,
  kObject = 32,
  kAllTypes = 63,
};

inline constexpr std::uint32_t kUnlimited = ~0u;

/// One end of a number range.
struct Limit {
  Decimal value;
  bool open = false;  // the value itself is outside
};

/// One schema. Every constraint holds by itself: a value must satisfy all of them.
struct Schema {
  struct Property {
    std::string key;
    SchemaId schema = 0;
  };

  std::string path;    // $.properties.a
  bool never = false;  // the schema `false`
  std::uint8_t types = kAllTypes;
  bool integral = false;  // numbers must be integers
  std::optional<Limit> minimum, maximum;
  std::uint32_t length_min = 0, length_max = kUnlimited;  // code points
  std::uint32_t items_min = 0, items_max = kUnlimited;
  std::optional<SchemaId> items;
  std::vector<Property> properties;  // in the order written
  std::unordered_map<std::string, SchemaId> by_key;
  std::vector<std::string> required;
  std::optional<SchemaId> additional;
  bool listed = false;                     // enum or const: only `values`
  std::vector<JsonId> values;              // in Schemas::document
  std::vector<std::string> value_keys;     // canonical texts of `values`, sorted
  std::vector<SchemaId> all;               // allOf and $ref
  std::vector<std::vector<SchemaId>> any;  // each: at least one of
};

/// schemas[0] is the root; only schemas reachable from it are here.
struct Schemas {
  JsonDocument document;
  std::vector<Schema> schemas;
  const Schema& operator[](SchemaId id) const { return schemas[id]; }
};

struct SchemaLimits {
  std::uint32_t depth_max = 64;
  bool strict = false;
};

/// Reads a schema document. Beyond 2020-12's own words: `id`, `definitions` and a boolean
/// exclusiveMinimum/Maximum of older drafts are understood, and a $schema of draft 7 or older makes
/// $ref hide its siblings, as those drafts say. Names that begin with "x-" are annotations.
Result<Schemas> read_schema(std::string_view text, const SchemaLimits& limits, Fuel& fuel);

/// Is the JSON value admitted? `id` with everything it refers to.
Result<bool> admits(const Schemas& schemas, SchemaId id, const JsonDocument& document, JsonId value,
                    Fuel& fuel);
/// Of the values that `listed` lists: those that satisfy what each of `together` states by itself
/// (neither through `all` nor through `any`).
Result<std::vector<JsonId>> listed_values(const Schemas& schemas, SchemaId listed,
                                          const std::vector<SchemaId>& together, Fuel& fuel);

}  // namespace praxis::grammar
