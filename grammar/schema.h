#pragma once
// A JSON Schema document as written: one plain struct per schema object, with every keyword of
// 2020-12 and what 2019-09, 7, 6 and 4 spell differently (by $schema).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "grammar/decimal.h"
#include "grammar/error.h"
#include "grammar/fuel.h"
#include "grammar/json.h"
#include "grammar/numbers.h"

namespace praxis::grammar {

using SchemaId = std::uint32_t;
inline constexpr SchemaId kNoSchema = ~0u;

/// JSON types as bits. kInteger beside an absent kNumber: numbers of integral value only.
enum TypeBit : std::uint8_t {
  kNull = 1,
  kBoolean = 2,
  kNumber = 4,
  kString = 8,
  kArray = 16,
  kObject = 32,
  kAllTypes = 63,
  kInteger = 64,
};

inline constexpr std::uint32_t kUnlimited = ~0u;

/// One schema. Every field is a constraint by itself: a value must satisfy all of them. A keyword
/// that is absent has the value that admits everything. Draft differences are gone: `items` as a
/// list is `prefix_items`, `additionalItems` is `items`, `dependencies` is split, an old $ref has
/// no siblings, $dynamicRef and $recursiveRef are resolved.
struct Schema {
  struct Property {
    std::string key;
    SchemaId schema = kNoSchema;
  };
  struct PatternProperty {
    std::string pattern;
    SchemaId schema = kNoSchema;
  };
  struct Requirement {  // dependentRequired
    std::string key;
    std::vector<std::string> required;
  };

  std::string path;    // $.properties.a
  bool never = false;  // the schema `false`

  std::uint8_t types = kAllTypes;
  bool listed = false;         // enum or const: only `values`
  std::vector<JsonId> values;  // in Schemas::document; enum and const together: their intersection

  std::optional<Limit> minimum, maximum, exclusive_minimum, exclusive_maximum;
  std::optional<Decimal> multiple_of;

  std::uint32_t length_min = 0, length_max = kUnlimited;  // code points
  std::optional<std::string> pattern;
  std::optional<std::string> format;

  std::uint32_t items_min = 0, items_max = kUnlimited;
  std::vector<SchemaId> prefix_items;
  SchemaId items = kNoSchema;  // behind the prefix
  SchemaId contains = kNoSchema;
  std::uint32_t contains_min = 1, contains_max = kUnlimited;
  bool unique_items = false;
  SchemaId unevaluated_items = kNoSchema;

  std::uint32_t members_min = 0, members_max = kUnlimited;
  std::vector<Property> properties;  // in the order written
  std::vector<PatternProperty> pattern_properties;
  SchemaId additional = kNoSchema;
  SchemaId property_names = kNoSchema;
  std::vector<std::string> required;
  std::vector<Requirement> dependent_required;
  std::vector<Property> dependent_schemas;
  SchemaId unevaluated_properties = kNoSchema;

  std::vector<SchemaId> all_of;  // and $ref
  std::vector<std::vector<SchemaId>> any_of;
  std::vector<std::vector<SchemaId>> one_of;
  SchemaId negated = kNoSchema;
  SchemaId if_ = kNoSchema, then_ = kNoSchema, else_ = kNoSchema;
};

/// schemas[0] is the root; only schemas reachable from it are here.
struct Schemas {
  JsonDocument document;
  std::vector<Schema> schemas;
  const Schema& operator[](SchemaId id) const { return schemas[id]; }
};

struct SchemaLimits {
  std::uint32_t depth_max = 64;
  std::uint32_t schemas_max = 32'768;  // some 1.6 KiB each
  bool strict = false;  // additionalProperties closed where the schema is silent
};

/// Reads a schema document. References resolve inside it: JSON pointers, $id (with relative URIs),
/// $anchor, $dynamicRef (one Schema for each dynamic scope that makes a difference). Unknown
/// keywords are annotations (core, section 4.3.1); a known one with a value of the wrong type or an unresolved
/// reference is refused by path and keyword.
Result<Schemas> read_schema(std::string_view text, const SchemaLimits& limits, Fuel& fuel);

}  // namespace praxis::grammar
