#pragma once
// ECMA-262 patterns, the "unicode" flavour that JSON Schema means (2020-12 core, section 6.4).

#include <string_view>

#include "grammar/error.h"
#include "grammar/fuel.h"
#include "grammar/languages.h"

namespace praxis::grammar {

/// All texts in which `pattern` matches somewhere (anchors bind it). Classes, \d \w \s \b, \p{...}
/// for general categories and common scripts, escapes, groups (also named), lazy quantifiers (no
/// difference here), lookahead anywhere; lookbehind where it is anchored by the pattern's start.
/// Backreferences are refused (unsupported), as is what the syntax does not know (bad_schema);
/// limits: nesting, counted repetition, fuel. `where`: the schema path of the pattern.
Result<LanguageId> pattern(Languages& languages, std::string_view pattern, const std::string& where,
                           Fuel& fuel);

}  // namespace praxis::grammar
