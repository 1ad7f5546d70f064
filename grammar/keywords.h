#pragma once
// The keywords of JSON Schema that constrain values or hold schemas, and the drafts that know them.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

namespace praxis::grammar {

/// By number or year, so that they compare: 4, 6, 7, 2019, 2020.
using Draft = std::uint16_t;
inline constexpr Draft kDraftNewest = 2020;

/// Where schemas lie in a keyword's value.
enum class Shape : std::uint8_t { none, schema, list, map, schema_or_list, map_of_schema_or_keys };

enum class Word : std::uint8_t {
  ref,
  dynamic_ref,
  recursive_ref,
  type,
  enum_,
  const_,
  minimum,
  maximum,
  exclusive_minimum,
  exclusive_maximum,
  multiple_of,
  length_min,
  length_max,
  pattern,
  format,
  items_min,
  items_max,
  prefix_items,
  items,
  additional_items,
  contains,
  contains_min,
  contains_max,
  unique_items,
  unevaluated_items,
  members_min,
  members_max,
  properties,
  pattern_properties,
  additional,
  property_names,
  required,
  dependencies,
  dependent_required,
  dependent_schemas,
  unevaluated_properties,
  all_of,
  any_of,
  one_of,
  not_,
  if_,
  then_,
  else_,
  definitions,
  content
};

struct Keyword {
  std::string_view name;
  Word word;
  Shape shape = Shape::none;
  Draft since = 4;
  Draft until = kDraftNewest;
};

/// In byte order of the names. `dependencies` left the standard in 2019, `definitions` changed its
/// name; both are kept as they are still written. `additionalItems` only counts beside a list.
inline constexpr std::array<Keyword, 46> kKeywords = {{
    {"$defs", Word::definitions, Shape::map},
    {"$dynamicRef", Word::dynamic_ref, Shape::none, 2020},
    {"$recursiveRef", Word::recursive_ref, Shape::none, 2019, 2019},
    {"$ref", Word::ref},
    {"additionalItems", Word::additional_items, Shape::schema},
    {"additionalProperties", Word::additional, Shape::schema},
    {"allOf", Word::all_of, Shape::list},
    {"anyOf", Word::any_of, Shape::list},
    {"const", Word::const_, Shape::none, 6},
    {"contains", Word::contains, Shape::schema, 6},
    {"contentSchema", Word::content, Shape::schema, 2019},
    {"definitions", Word::definitions, Shape::map},
    {"dependencies", Word::dependencies, Shape::map_of_schema_or_keys},
    {"dependentRequired", Word::dependent_required, Shape::none, 2019},
    {"dependentSchemas", Word::dependent_schemas, Shape::map, 2019},
    {"else", Word::else_, Shape::schema, 7},
    {"enum", Word::enum_},
    {"exclusiveMaximum", Word::exclusive_maximum},
    {"exclusiveMinimum", Word::exclusive_minimum},
    {"format", Word::format},
    {"if", Word::if_, Shape::schema, 7},
    {"items", Word::items, Shape::schema_or_list},
    {"maxContains", Word::contains_max, Shape::none, 2019},
    {"maxItems", Word::items_max},
    {"maxLength", Word::length_max},
    {"maxProperties", Word::members_max},
    {"maximum", Word::maximum},
    {"minContains", Word::contains_min, Shape::none, 2019},
    {"minItems", Word::items_min},
    {"minLength", Word::length_min},
    {"minProperties", Word::members_min},
    {"minimum", Word::minimum},
    {"multipleOf", Word::multiple_of},
    {"not", Word::not_, Shape::schema},
    {"oneOf", Word::one_of, Shape::list},
    {"pattern", Word::pattern},
    {"patternProperties", Word::pattern_properties, Shape::map},
    {"prefixItems", Word::prefix_items, Shape::list, 2020},
    {"properties", Word::properties, Shape::map},
    {"propertyNames", Word::property_names, Shape::schema, 6},
    {"required", Word::required},
    {"then", Word::then_, Shape::schema, 7},
    {"type", Word::type},
    {"unevaluatedItems", Word::unevaluated_items, Shape::schema, 2019},
    {"unevaluatedProperties", Word::unevaluated_properties, Shape::schema, 2019},
    {"uniqueItems", Word::unique_items},
}};

/// The keyword `name` of `draft`, or null: an annotation there.
inline const Keyword* find_keyword(std::string_view name, Draft draft) {
  const auto found = std::lower_bound(
      kKeywords.begin(), kKeywords.end(), name,
      [](const Keyword& keyword, std::string_view wanted) { return keyword.name < wanted; });
  const bool known = found != kKeywords.end() && found->name == name && draft >= found->since &&
                     draft <= found->until;
  return known ? &*found : nullptr;
}

}  // namespace praxis::grammar
